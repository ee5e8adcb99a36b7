"""Any bytes in any split: nothing raises, the facts are the same, small, and can always be written down."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.facts import Anomaly, DeltaKind, Invalid, StreamFacts, Unknown
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader
from gateway.wire.steps import MAX_STEPS
from tests.wire.pieces import STALL_NS, STREAMS, cuts, facts_of, reader_of, split_at

EVENT_TYPES = [
    "interaction.created",
    "interaction.status_update",
    "step.start",
    "step.delta",
    "step.stop",
    "interaction.completed",
    "error",
    "content.delta",
    "new.event",
]
WORDS = st.sampled_from(
    [
        "completed",
        "in_progress",
        "failed",
        "text",
        "thought",
        "model_output",
        "function_call",
        "arguments_delta",
        "image",
    ]
) | st.text(max_size=3)
INDICES = st.integers(-1, 4) | st.sampled_from([None, True, 1.0, "1", 1 << 40])
COUNTS = st.integers(-2, 40) | st.sampled_from([None, "3", 1.5, True, (1 << 63) - 1, 1 << 64])
USAGES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "total_tokens": COUNTS,
        "total_input_tokens": COUNTS,
        "total_output_tokens": COUNTS,
        "input_tokens_by_modality": st.lists(st.fixed_dictionaries({"modality": WORDS, "tokens": COUNTS}), max_size=3),
        "grounding_tool_count": st.lists(st.fixed_dictionaries({"type": WORDS, "count": COUNTS}), max_size=2),
    },
)
INTERACTIONS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", 5]),
        "status": WORDS,
        "model": WORDS,
        "usage": USAGES,
        "service_tier": WORDS,
    },
)
WIRES = st.fixed_dictionaries(
    {"event_type": st.sampled_from(EVENT_TYPES)},
    optional={
        "index": INDICES,
        "step": st.none() | st.fixed_dictionaries({}, optional={"type": WORDS, "id": WORDS, "name": WORDS}),
        "delta": st.none()
        | st.fixed_dictionaries(
            {}, optional={"type": WORDS, "text": WORDS, "arguments": WORDS, "is_error": st.booleans()}
        ),
        "interaction": INTERACTIONS,
        "interaction_id": WORDS,
        "status": WORDS,
        "usage": USAGES,
        "step_usage": USAGES,
        "metadata": st.none() | st.fixed_dictionaries({"total_usage": USAGES}),
        "error": st.none() | st.fixed_dictionaries({}, optional={"code": COUNTS | WORDS}),
    },
)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def block(wire: dict[str, Any], end: str, ascii_only: bool) -> bytes:
    """An event of the wire, with one sort of line ends."""
    return f"data: {json.dumps(wire, ensure_ascii=ascii_only)}{end}{end}".encode("utf-8", "surrogatepass")


BLOCKS = st.builds(block, WIRES, LINE_ENDS, st.booleans())
NOISE = st.sampled_from(
    [
        b"data: [DONE]\n\n",
        b": c\n",
        b"event: step.delta\n",
        b'{"error":{"code":"a"}}\n',
        b"{\n",
        b"foo: 1\n",
        b"data: {\n\n",
        b'data: {"a":"\xff"}\n\n',
        b"\xef\xbb\xbf",
        b"data: 5\n\n",
        b"\r",
        b"data: " + b"[" * 2_000 + b"\n\n",
        b'data: {"event_type":"step.delta","index":0,"delta":{"type":"arguments_delta","arguments":"'
        + b"x" * 70_000
        + b'"}}\n\n',
    ]
) | st.binary(max_size=12)
STREAM_BODIES = st.lists(st.one_of(BLOCKS, BLOCKS, BLOCKS, NOISE), max_size=25).map(b"".join)
RECORDED = sorted(path.read_bytes() for path in STREAMS.iterdir())


def check(facts: StreamFacts) -> None:
    """The bounds that hold for every answer, whatever it was."""
    assert len(facts.steps) <= MAX_STEPS
    assert (len(facts.error_codes) <= 16, len(facts.unknown_names) <= 16) == (True, True)
    assert set(facts.anomalies) <= set(Anomaly)
    assert set(facts.unknown) <= set(Unknown)
    assert set(facts.invalid) <= set(Invalid)
    assert set(facts.first_delta_ns) <= set(DeltaKind)
    assert sum(facts.gaps.counts) == max(0, facts.deltas - 1)
    assert len(orjson.dumps(facts, option=orjson.OPT_NON_STR_KEYS)) < 2 * 1024 * 1024


@settings(deadline=None, max_examples=300)
@given(STREAM_BODIES, cuts(), st.sampled_from([End.CLEAN, End.CUT, End.LEFT]))
def test_events_in_any_order(body: bytes, places: list[int], end: End) -> None:
    """Events of any sort with fields of any sort, between noise of any sort."""
    facts = facts_of([body], end=end)

    check(facts)
    assert facts_of(split_at(body, places), end=end) == facts


@settings(deadline=None, max_examples=60)
@given(STREAM_BODIES)
def test_events_byte_by_byte(body: bytes) -> None:
    """The smallest pieces there are."""
    assert facts_of([body[at : at + 1] for at in range(len(body))]) == facts_of([body])


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), cuts(), st.sampled_from(Body), st.sampled_from(Route), st.sampled_from([200, 204, 404]))
def test_any_bytes(body: bytes, places: list[int], kind: Body, route: Route, status: int) -> None:
    """Bytes that mean nothing, under every promise of what they are."""
    whole = reader_of([body], route=route, status=status, body=kind)
    again = reader_of(split_at(body, places), route=route, status=status, body=kind)

    check(whole.tracker.facts)
    assert again.tracker.facts == whole.tracker.facts
    assert again.http_error_code == whole.http_error_code


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(RECORDED), st.data())
def test_recorded_bytes_with_damage(body: bytes, data: st.DataObject) -> None:
    """Real bytes, some of them changed, lost or doubled."""
    broken = bytearray(body)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(broken) - 1))
        what = data.draw(st.sampled_from(["change", "lose", "double"]))
        if what == "change":
            broken[at] = data.draw(st.integers(0, 255))
        elif what == "lose":
            del broken[at : at + data.draw(st.integers(1, 40))]
        else:
            broken[at:at] = broken[at : at + data.draw(st.integers(1, 400))]
        broken = broken or bytearray(b"x")
    for kind in (Body.STREAM, Body.JSON):
        facts = facts_of([bytes(broken)], body=kind)
        check(facts)
        assert facts_of(split_at(bytes(broken), data.draw(cuts())), body=kind) == facts


def hostile(index: int) -> bytes:
    """A step whose every text is as long and as hard to write down as it can be."""
    bad = "\\u0001" * 600
    names = ",".join(f'{{"modality":"{bad[:360]}{n}","tokens":9}}' for n in range(20))
    lists = ",".join(f'"{kind}_tokens_by_modality":[{names}]' for kind in ("input", "output", "cached", "tool_use"))
    step = f'"step":{{"type":"{bad}","id":"{bad}","call_id":"{bad}","name":"{bad}"}}'
    return (
        f'data: {{"event_type":"step.start","index":{index},{step}}}\n\n'
        f'data: {{"event_type":"step.stop","index":{index},"step_usage":{{"total_tokens":{(1 << 63) - 1},{lists}}},'
        f'"usage":{{"total_tokens":1,{lists}}}}}\n\n'
        f'data: {{"event_type":"{bad}{index}"}}\n\ndata: {{"error":{{"code":"{bad}{index}"}}}}\n\n'
        f'data: {{"event_type":"interaction.created","interaction":{{"id":"{index}{bad}","model":"{bad}"}}}}\n\n'
    ).encode()


@pytest.mark.parametrize("texts", [True, False])
def test_a_hostile_stream_leaves_small_facts(texts: bool) -> None:
    """Two thousand steps with the worst texts there are, or with the largest numbers: below 2 MiB written down."""
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
    late, numbers = 1 << 60, {"total_tokens": (1 << 63) - 1, "total_input_tokens": (1 << 63) - 1}
    for index in range(2_000):
        if texts:
            reader.feed(hostile(index), late + index)
        else:
            wire = {"index": (1 << 31) - 1 - index, "step": {"type": "mcp_server_tool_result"}, "step_usage": numbers}
            for kind in ("start", "delta", "stop"):
                reader.feed(block({"event_type": f"step.{kind}", **wire}, "\n", True), late + index)
    facts = reader.finish(End.CLEAN, 2 * late)

    check(facts)
    assert sum(sum(counts) for counts in facts.steps_beyond.values()) + len(facts.steps) == 2_000
    assert facts.anomalies[Anomaly.TOO_MANY_STEPS] == 2_000 - len(facts.steps)
