"""Steps that leave before their exchange ends: design.md 6, accounting.md 7. Each step has one span, always."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan

from gateway.config import Settings, TraceSettings
from gateway.proxy.exchange import ClientFacts, Exchange, Upstream
from gateway.records import ExchangeOpened, Heartbeat, Record, StepFinished, StepStarted
from gateway.telemetry.ids import derive, identify
from gateway.wire.facts import Mode, RequestFacts, Step
from gateway.wire.outcome import End, Outcome, Route
from tests.telemetry.factories import AGENT, ID, MODEL, MS, STARTED_NS, Bench, S, create, opened, resume, step

AFTER_S = 10.0
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def bench_with(**traces: Any) -> Bench:
    return Bench(Settings(traces=TraceSettings(**{"early_export_after_s": AFTER_S, **traces})))


def ended(step: Step, interaction_id: str | None = ID) -> StepFinished:
    return StepFinished("x1", interaction_id, step)


def sent(bench: Bench) -> list[ReadableSpan]:
    """What is out by now."""
    sender = bench.telemetry._traces._sender
    assert sender is not None
    while sender._waiting:
        sender._some.set()
        sender._full.set()
        time.sleep(0.001)
    return list(bench.spans.get_finished_spans())


def names_of(spans: list[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]


def facts_of(span: ReadableSpan) -> tuple[Any, ...]:
    """All of a span that must be the same whenever it was made; the upstream request's id means nothing."""
    context, parent = span.context, span.parent
    assert context is not None
    span_id = 0 if span.name == "POST" else context.span_id
    attributes = tuple(sorted((name, str(value)) for name, value in (span.attributes or {}).items()))
    above = (parent.trace_id, parent.span_id, parent.is_remote) if parent is not None else None
    times = (span.start_time, span.end_time)
    return (span.name, context.trace_id, span_id, above, *times, span.status.status_code, attributes)


def dangling(spans: list[ReadableSpan]) -> list[str]:
    """Spans whose parent is ours and isn't there."""
    ids = {span.context.span_id for span in spans if span.context is not None}
    return [span.name for span in spans if span.parent and not span.parent.is_remote and span.parent.span_id not in ids]


STEPS = [step(0, "thought", 1000, 12_000), step(1, "model_output", 12_100, 20_000)]


def test_a_finished_step_leaves_before_the_end_and_the_rest_at_it() -> None:
    bench = bench_with()
    bench.apply(opened(), ended(STEPS[0]))
    early = sent(bench)
    bench.apply(create(stream_steps=STEPS, times_end_ns=21 * S))

    assert names_of(early) == ["step thought"]
    assert early[0].context is not None
    assert early[0].parent is not None
    assert early[0].parent.span_id == derive(ID).span_id
    assert early[0].context.trace_id == derive(ID).trace_id
    server, main = "POST /v1beta/interactions", f"generate_content {MODEL}"
    everything = sent(bench)
    assert sorted(names_of(everything)) == sorted([server, main, "POST", "step thought", "step model_output"])
    assert dangling(everything) == []
    assert bench.value("spans_total", result="exported") == 5
    assert bench.value("steps_total") == 2  # metrics move at the end, for all of them


def test_a_step_waits_until_its_exchange_is_old_enough() -> None:
    bench = bench_with()
    bench.apply(opened(), ended(step(0, "thought", 1000, 2000)))
    for age_s, expected in ((3, []), (9.9, []), (10.0, []), (10.4, ["step thought"]), (11, ["step thought"])):
        bench.now_ns = STARTED_NS + int(age_s * S)
        bench.apply(Heartbeat(1))

        assert names_of(sent(bench)) == expected


NOTHING_LEAVES: list[Any] = [
    pytest.param({"keep_ratio": 0.0}, STEPS[0], ID, id="no rule keeps it already"),
    pytest.param({"keep_ratio": 0.0, "keep_slower_than_s": 1}, STEPS[0], ID, id="a rule of the end doesn't count yet"),
    pytest.param({"early_export_after_s": None}, STEPS[0], ID, id="switched off"),
    pytest.param({}, STEPS[0], None, id="its ids aren't settled yet"),
    pytest.param({}, dataclasses.replace(STEPS[0], start_ns=None), ID, id="a step without a start"),
    pytest.param({}, step(0, "google_search_call", 1, 12_000, id="a"), ID, id="a call without a result"),
    pytest.param({}, step(0, "google_search_call", 1, 12_000), ID, id="a call without an id"),
]


@pytest.mark.parametrize(("wishes", "first", "interaction_id"), NOTHING_LEAVES)
def test_what_waits_for_the_end_has_its_span_then(wishes: dict[str, Any], first: Step, interaction_id: str) -> None:
    bench = bench_with(**wishes)
    bench.apply(opened(), ended(first, interaction_id))
    before = sent(bench)
    bench.apply(create(Outcome.FAILED, stream_steps=[first]))

    assert before == []
    assert names_of(sent(bench)).count(f"step {first.type}") == 1
    assert dangling(sent(bench)) == []


def test_a_named_model_or_agent_is_kept_already() -> None:
    bench = bench_with(keep_ratio=0.0, keep_models=("deep-*",))
    agent = ExchangeOpened("x1", STARTED_NS, Route.CREATE, Mode.BACKGROUND, RequestFacts(agent=AGENT))
    bench.apply(agent, ended(STEPS[0]))

    assert names_of(sent(bench)) == ["step thought"]
    bench.apply(create(request_agent=AGENT, stream_steps=STEPS))
    (server,) = [span for span in sent(bench) if span.kind.name == "SERVER"]
    assert dict(server.attributes or {})["interactions.kept_by"] == "model"


CALL, RESULT = "google_search_call", "google_search_result"
TOOLS = [
    step(0, CALL, 100, 11_000, id="a"),
    step(1, RESULT, 11_000, 12_000, call_id="a", is_error=True),
    step(2, CALL, 12_000, 13_000, id="a"),
    step(3, RESULT, 13_000, 14_000, call_id="a"),
    step(4, "url_context_result", 14_000, 15_000, call_id="b"),
    step(5, "url_context_call", 14_000, 16_000, id="b"),
]


@pytest.mark.parametrize(
    ("order", "early"),
    [
        ([0], []),
        ([0, 1], [RESULT, CALL]),
        ([1, 0], [RESULT, CALL]),
        ([0, 2], []),
        ([0, 1, 2, 3], [RESULT, CALL]),
        ([4], []),
        ([4, 5], ["url_context_result", "url_context_call"]),
    ],
)
def test_a_tool_leaves_when_both_its_steps_are_over(order: list[int], early: list[str]) -> None:
    """With the span of its execution above them; an id that comes again waits for the end, which sees all."""
    bench = bench_with()
    bench.apply(opened(), *(ended(TOOLS[number]) for number in order))
    before = [name for name in names_of(sent(bench)) if name.startswith("step ")]
    bench.apply(create(stream_steps=TOOLS, times_end_ns=20 * S))
    without = bench_with(early_export_after_s=None)
    without.apply(create(stream_steps=TOOLS, times_end_ns=20 * S))

    assert sorted(before) == sorted(f"step {name}" for name in early)
    assert sorted(map(facts_of, sent(bench))) == sorted(map(facts_of, sent(without)))


def test_an_exchange_of_a_dead_forwarder_has_each_step_once() -> None:
    """The one that left, one that waited, one that was open."""
    bench = bench_with()
    call = step(5, CALL, 300, 400, id="a")
    bench.apply(opened(), ended(STEPS[0]), ended(call), StepStarted("x1", ID, 1, "model_output", 12_100 * MS, 1))
    early = names_of(sent(bench))
    bench.now_ns = STARTED_NS + 5 * S  # the wall clock was set back since
    bench.telemetry.disconnected(bench.session)
    spans = sent(bench)

    assert early == ["step thought"]
    steps = sorted(name for name in names_of(spans) if name.startswith(("step", "exec")))
    assert steps == ["execute_tool google_search", f"step {CALL}", "step model_output", "step thought"]
    assert dangling(spans) == []
    (main,) = [span for span in spans if span.name.startswith("generate_content")]
    assert all(span.end_time <= main.end_time for span in spans if span.end_time and main.end_time)
    assert bench.value("steps_total") == 3


@pytest.mark.parametrize("traceparent", [None, PARENT])
def test_an_observer_that_takes_over_gives_the_same_spans(traceparent: str | None) -> None:
    """It can't know what has left, and sends it with the rest: to the last attribute the same spans, no second ones."""
    begin = dataclasses.replace(opened(), traceparent=traceparent, tracestate="a=b")
    end = create(stream_steps=STEPS, times_end_ns=21 * S, traceparent=traceparent, tracestate="a=b")
    first, second = bench_with(), bench_with()
    first.apply(begin, ended(STEPS[0]))
    second.apply(begin, ended(STEPS[1]), end)
    before, after = sent(first), sent(second)

    assert names_of(before) == ["step thought"]
    assert [facts_of(span) for span in before] == [facts_of(one) for one in after if one.name == "step thought"]
    assert [span.context.trace_state for span in before if span.context] == [
        one.context.trace_state for one in after if one.context and one.name == "step thought"
    ]
    assert dangling([*before, *after]) == []


def test_a_resumed_stream_shows_its_steps_early_too() -> None:
    bench = bench_with()
    request = RequestFacts(interaction_id=ID, last_event_id="e7")
    bench.apply(ExchangeOpened("x1", STARTED_NS, Route.GET, Mode.STREAM, request), ended(STEPS[0]))
    early = sent(bench)
    end = resume(stream_steps=STEPS, times_end_ns=21 * S)
    bench.apply(end)

    assert names_of(early) == ["step thought"]
    assert [span.parent.span_id for span in early if span.parent] == [identify(end).main]
    assert Counter(names_of(sent(bench)))["step thought"] == 1
    assert dangling(sent(bench)) == []


def test_ids_stay_when_a_second_interaction_comes_in_the_same_answer() -> None:
    bench = bench_with()
    bench.apply(opened(), ended(STEPS[0]), create(stream_steps=STEPS, interaction_id="v1_another"))

    spans = sent(bench)
    assert dangling(spans) == []
    assert {span.context.trace_id for span in spans if span.context} == {derive(ID).trace_id}


def test_what_has_begun_to_leave_is_kept_whole_under_other_settings_too() -> None:
    bench = bench_with()
    bench.apply(opened(), ended(STEPS[0]))
    bench.telemetry._traces.update(TraceSettings(keep_ratio=0), Settings().spans)
    bench.apply(create(stream_steps=STEPS), create(exchange_id="x2", interaction_id="other"))

    spans = sent(bench)
    assert dangling(spans) == []
    assert len(spans) == 5
    assert bench.value("spans_total", result="sampled_out") == 3


def test_a_refusal_in_the_midst_of_an_answer_leaves_no_step_alone() -> None:
    """An upload that breaks its framing while the answer streams: the tree has an interaction's span all the same."""
    bench = bench_with()
    bench.apply(opened(), ended(STEPS[0]), create(Outcome.REJECTED, code="bad_request", stream_steps=STEPS))

    assert dangling(sent(bench)) == []


def test_where_the_queue_is_full_a_step_waits_and_is_not_counted_as_dropped() -> None:
    bench = bench_with()
    bench.apply(opened(), ended(STEPS[0]), ended(STEPS[1]))
    sender = bench.telemetry._traces._sender
    assert sender is not None
    sent(bench)
    sender._limit = 2
    bench.apply(opened("x2"), *(StepFinished("x2", "other", one) for one in (*STEPS, STEPS[0])))
    sender._limit = 100
    bench.apply(create(exchange_id="x2", interaction_id="other", stream_steps=STEPS), create(stream_steps=STEPS))

    assert Counter(names_of(sent(bench))) == {
        "step thought": 2,
        "step model_output": 2,
        "POST": 2,
        "POST /v1beta/interactions": 2,
        f"generate_content {MODEL}": 2,
    }
    assert bench.value("spans_total", result="dropped") == 0


class Both:
    """A sink that gives the same records to two pipelines."""

    def __init__(self, *benches: Bench) -> None:
        self.benches = benches

    def begun(self) -> None:
        """Not told here."""

    def put(self, record: Record) -> None:
        for bench in self.benches:
            bench.apply(record)


TYPES = ["thought", "model_output", CALL, RESULT, "url_context_call", "url_context_result", "hologram"]
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.integers(0, 3), st.sampled_from(TYPES), st.sampled_from([None, "a", "b"])),
        st.tuples(st.sampled_from(["delta", "stop"]), st.integers(0, 3)),
        st.tuples(st.just("pass"), st.integers(1, 3)),
    ),
    max_size=25,
)


def block(move: tuple[Any, ...]) -> bytes:
    what, index, *more = move
    event: dict[str, Any] = {"event_type": f"step.{what}", "index": index}
    if what == "start":
        event["step"] = {"type": more[0], "id": more[1], "call_id": more[1]}
    if what == "delta":
        event["delta"] = {"type": "text", "text": "x"}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


@settings(max_examples=80)
@given(MOVES, st.sampled_from(["clean", "cut", "died"]), st.booleans(), st.booleans())
def test_a_trace_is_the_same_whether_its_steps_left_early_or_not(
    moves: list[tuple[Any, ...]], end: str, is_named: bool, in_one_chunk: bool
) -> None:
    """Whatever the steps do: reopened, unmatched, crossed, without a start; whoever dies."""
    early, late = bench_with(early_export_after_s=0.5), bench_with(early_export_after_s=None)
    exchange = Exchange(
        "7-abc-1",
        "POST",
        "/v1beta/interactions",
        ClientFacts(traceparent=None if is_named else PARENT),
        Upstream("https", "generativelanguage.googleapis.com", 443),
        Both(early, late),
        stall_ns=1 << 40,
    )
    exchange.request_chunk(json.dumps({"model": MODEL, "stream": True}).encode())
    exchange.request_whole()
    exchange.response_head(200, "text/event-stream", None)
    created = b'data: {"event_type":"interaction.created","interaction":{"id":"%b"}}\n\n' % ID.encode()
    now_ns = exchange.started_ns + 100 * MS
    exchange.response_chunk(created, now_ns)
    held = b""
    for move in moves:
        if move[0] == "pass":
            now_ns += move[1] * 200 * MS
            for bench in (early, late):
                bench.now_ns = exchange.started_unix_ns + now_ns - exchange.started_ns
                bench.apply(Heartbeat(1))
            continue
        held += block(move)
        if not in_one_chunk:
            exchange.response_chunk(held, now_ns)
            held = b""
    if held:
        exchange.response_chunk(held, now_ns)
    if end == "died":
        for bench in (early, late):
            bench.now_ns = exchange.started_unix_ns + now_ns - exchange.started_ns + S
            bench.telemetry.disconnected(bench.session)
    else:
        exchange.times.end_ns = now_ns - exchange.started_ns + S
        exchange.ended(End.CLEAN if end == "clean" else End.CUT)
    left, stayed = sent(early), sent(late)

    assert dangling(left) == []
    assert sorted(map(facts_of, left)) == sorted(map(facts_of, stayed))
    assert len({span.context.span_id for span in left if span.context}) == len(left)
    assert early.value("spans_total", result="exported") == late.value("spans_total", result="exported") == len(left)


def test_an_interactions_id_that_comes_twice_gives_its_ids_once() -> None:
    """Two creates are answered with one id, both open; whichever ends first."""
    for order in ("first", "second"), ("second", "first"):
        bench = bench_with()
        for name in ("first", "second"):
            bench.apply(opened(name), StepFinished(name, ID, STEPS[0]))
        bench.apply(*(create(exchange_id=name, stream_steps=STEPS) for name in order))
        bench.apply(create(exchange_id="third", stream_steps=STEPS))

        spans = sent(bench)
        ids = [(span.context.trace_id, span.context.span_id) for span in spans if span.context]
        assert len(set(ids)) == len(ids) == 15
        assert dangling(spans) == []
        assert Counter(trace_id == derive(ID).trace_id for trace_id, _ in ids) == {True: 5, False: 10}
