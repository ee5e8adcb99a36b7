"""Which traces are kept, by which rule, and what follows: design.md 6, telemetry-conventions.md 3.5."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.samples import Exemplar

from gateway.config import Settings, TraceSettings
from gateway.records import ExchangeClosed, ExchangeOpened
from gateway.telemetry.books import Account
from gateway.telemetry.cost import Cost
from gateway.telemetry.ids import derive
from gateway.telemetry.sampling import Sampler
from gateway.wire.outcome import Outcome
from tests.telemetry.factories import AGENT, EVEN_PRICES, MODEL, MS, Bench, cancel, create, poll, resume, step, usage

LOW, HIGH = 1 << 64, (1 << 64) - 1  # trace ids whose low half is 0 and all ones: the first and the last to be kept
TOOL_FAILED = [step(0, "google_search_call", 1, 2, id="a"), step(1, "google_search_result", 3, 4, call_id="a")]
TOOL_FAILED[1].is_error = True

RULES: list[Any] = [
    # The ratio, which is asked first.
    pytest.param({"keep_ratio": 1.0}, HIGH, create(), "ratio", id="a ratio of 1 keeps all"),
    pytest.param({"keep_ratio": 1.0}, HIGH, create(Outcome.FAILED), "ratio", id="whatever else would keep it"),
    pytest.param({"keep_ratio": 0.5}, LOW, create(), "ratio", id="the low half decides"),
    pytest.param({"keep_ratio": 0.5}, (1 << 63) - 1, create(), "ratio", id="just below the ratio"),
    pytest.param({"keep_ratio": 0.5}, 1 << 63, create(), None, id="just not"),
    pytest.param({}, LOW, create(), None, id="a ratio of 0 keeps none"),
    # Errors.
    *(
        pytest.param({}, HIGH, create(outcome, http_status=status), "error", id=f"an error: {outcome.value} {status}")
        for outcome, status in (
            (Outcome.FAILED, 200),
            (Outcome.STREAM_ERROR, 200),
            (Outcome.HTTP_ERROR, 429),
            (Outcome.HTTP_ERROR, 503),
            (Outcome.UPSTREAM_ABORT, 200),
            (Outcome.TRUNCATED, 200),
            (Outcome.GATEWAY_ERROR, 502),
        )
    ),
    *(
        pytest.param({}, HIGH, create(outcome), None, id=f"no error: {outcome.value}")
        for outcome in (
            Outcome.CANCELLED,
            Outcome.UNKNOWN_STATUS,
            Outcome.IN_PROGRESS,
            Outcome.CLIENT_ABORT,
            Outcome.REJECTED,
            Outcome.FORWARDED,
            Outcome.INCOMPLETE,
        )
    ),
    pytest.param({}, HIGH, create(stream_errors=1), "error", id="an error event that the end took back"),
    pytest.param(
        {}, HIGH, create(stream_steps=TOOL_FAILED), None, id="a server tool's failure is not the interaction's"
    ),
    pytest.param({"keep_errors": False}, HIGH, create(Outcome.FAILED), None, id="errors are not asked for"),
    # Stalls.
    pytest.param({}, HIGH, create(stream_stalled=True), "stall", id="a stall"),
    pytest.param({"keep_stalls": False}, HIGH, create(stream_stalled=True), None, id="stalls are not asked for"),
    # How long it took.
    pytest.param({"keep_slower_than_s": 1.0}, HIGH, create(times_end_ns=1001 * MS), "slow", id="slower"),
    pytest.param({"keep_slower_than_s": 1.0}, HIGH, create(times_end_ns=1000 * MS), None, id="as slow as allowed"),
    pytest.param({}, HIGH, create(times_end_ns=10**15), None, id="nothing is slow by default"),
    pytest.param(
        {"keep_first_delta_slower_than_s": 0.5},
        HIGH,
        create(stream_first_delta_ns={"any": 501 * MS, "text": 900 * MS}),
        "first_delta",
        id="a slow first delta",
    ),
    pytest.param(
        {"keep_first_delta_slower_than_s": 0.5},
        HIGH,
        create(stream_first_delta_ns={"any": 500 * MS, "text": 900 * MS}),
        None,
        id="of any kind",
    ),
    pytest.param({"keep_first_delta_slower_than_s": 0.5}, HIGH, create(), None, id="no delta is no slow one"),
    pytest.param(
        {"keep_first_delta_slower_than_s": 0.5},
        HIGH,
        resume(stream_first_delta_ns={"any": 501 * MS}),
        None,
        id="nor is one of a resumed stream",
    ),
    # Names.
    pytest.param({"keep_models": (MODEL,)}, HIGH, create(), "model", id="a model by its name"),
    pytest.param({"keep_models": ("gemini-3*",)}, HIGH, create(), "model", id="by a prefix"),
    pytest.param({"keep_models": ("deep-*",)}, HIGH, create(request_agent=AGENT), "model", id="an agent"),
    pytest.param({"keep_models": ("gemini-3",)}, HIGH, create(), None, id="a name is no prefix"),
    pytest.param(
        {"keep_models": ("gemini-3-pro*",)},
        HIGH,
        create(request_model="gemini-flagship", interaction_model="gemini-3-pro-preview"),
        "model",
        id="the model that answered",
    ),
    pytest.param({"keep_models": (MODEL,)}, HIGH, poll(), "model", id="a poll tells it too"),
    # Order.
    pytest.param(
        {"keep_models": (MODEL,), "keep_slower_than_s": 0.1},
        HIGH,
        create(Outcome.FAILED, stream_stalled=True),
        "model",
        id="what holds from the beginning is asked first",
    ),
    pytest.param(
        {"keep_slower_than_s": 0.1}, HIGH, create(Outcome.FAILED, stream_stalled=True), "error", id="then errors"
    ),
    pytest.param({"keep_slower_than_s": 0.1}, HIGH, create(stream_stalled=True), "stall", id="then stalls"),
]


COSTS: list[Any] = [
    pytest.param(Cost("standard", {"input": Decimal("0.07"), "output": Decimal("0.030001")}), "cost", id="costlier"),
    pytest.param(Cost("standard", {"input": Decimal("0.07"), "output": Decimal("0.03")}), None, id="just as costly"),
    pytest.param(Cost("standard", {}, unpriced={"input": 10**9}), None, id="what has no price is not known to be dear"),
    pytest.param(None, None, id="nothing was counted"),
]


@pytest.mark.parametrize(("cost", "rule"), COSTS)
def test_a_costly_exchange_is_kept(cost: Cost | None, rule: str | None) -> None:
    sampler = Sampler(TraceSettings(keep_ratio=0, keep_costlier_than_usd=0.1))

    assert sampler.rule(dataclasses.replace(account_of(create()), cost=cost), HIGH) == rule


def account_of(record: ExchangeClosed) -> Account:
    return Account(record, MODEL, shown=record.stream.steps)


@pytest.mark.parametrize(("wishes", "trace_id", "record", "rule"), RULES)
def test_rules(wishes: dict[str, Any], trace_id: int, record: ExchangeClosed, rule: str | None) -> None:
    sampler = Sampler(TraceSettings(**{"keep_ratio": 0.0, **wishes}))

    assert sampler.rule(account_of(record), trace_id) == rule


@pytest.mark.parametrize(
    ("patterns", "rule"), [(("search",), "team"), (("se*",), "team"), (("1c4a",), None), ((), None)]
)
def test_a_team_is_kept_by_the_name_that_is_shown(patterns: tuple[str, ...], rule: str | None) -> None:
    """Whether or not the label has room for it."""
    sampler = Sampler(TraceSettings(keep_ratio=0, keep_teams=patterns), {"1c4a": "search"}.__getitem__)

    assert sampler.rule(account_of(create(tags={"team": "1c4a"})), HIGH) == rule
    assert sampler.rule(account_of(create()), HIGH) is None


@pytest.mark.parametrize(
    ("input_", "rule"), [(300_001, "cost"), (300_000, None), (299_999, None), (None, None)], ids=str
)
def test_a_trace_is_kept_that_cost_more(input_: int | None, rule: str | None) -> None:
    """At a dollar a million tokens, more than exactly 0.3, which no float is; what has no usage costs nothing."""
    wishes = TraceSettings(keep_ratio=0, keep_costlier_than_usd=0.3)
    bench = Bench(Settings(traces=wishes, pricing=EVEN_PRICES))
    bench.apply(create(usage=usage(input=input_)) if input_ is not None else create())
    bench.flush()

    kept = {dict(span.attributes or {}).get("interactions.kept_by") for span in bench.spans.get_finished_spans()}
    assert kept - {None} == {rule} - {None}
    assert bench.value("telemetry_faults_total") == 0


def test_a_trace_without_a_price_is_not_costly() -> None:
    bench = Bench(Settings(traces=TraceSettings(keep_ratio=0, keep_costlier_than_usd=0.000001)))
    bench.apply(create(request_model="nobody's", interaction_model="nobody's", usage=usage(input=10**9)))
    bench.flush()

    assert bench.spans.get_finished_spans() == ()
    assert bench.value("cost_unpriced_tokens_total") == 10**9
    assert bench.value("telemetry_faults_total") == 0


def test_other_settings_hold_from_the_next_exchange_on() -> None:
    sampler = Sampler(TraceSettings(keep_ratio=0))
    slow = account_of(create())
    before = sampler.rule(slow, HIGH)
    sampler.update(TraceSettings(keep_ratio=0, keep_slower_than_s=0.5))

    assert (before, sampler.rule(slow, HIGH)) == (None, "slow")


def test_keeping_by_ratio_is_decided_by_the_trace_id_alone() -> None:
    ids = [derive(f"id-{number}").trace_id for number in range(2000)]
    ended = account_of(create())
    kept = {
        ratio: {trace_id for trace_id in ids if Sampler(TraceSettings(keep_ratio=ratio)).rule(ended, trace_id)}
        for ratio in (0.0, 0.1, 0.5, 1.0)
    }

    assert kept[0.0] == set()
    assert kept[1.0] == set(ids)
    assert kept[0.1] < kept[0.5]
    assert 150 < len(kept[0.1]) < 250


SETTINGS = st.builds(
    TraceSettings,
    keep_ratio=st.sampled_from([0.0, 0.3, 1.0]),
    keep_models=st.sampled_from([(), (MODEL,), ("deep*",)]),
    keep_errors=st.booleans(),
    keep_slower_than_s=st.sampled_from([None, 0.5]),
)


@given(
    SETTINGS,
    st.sampled_from([create(), create(Outcome.FAILED), create(request_agent=AGENT), poll()]),
    st.integers(0, HIGH),
)
def test_what_is_kept_already_is_kept_by_the_same_rule_at_the_end(
    wishes: TraceSettings, record: ExchangeClosed, trace_id: int
) -> None:
    """So an early step is never without the rest, and never says another reason."""
    opened = ExchangeOpened("x1", 0, record.route, record.mode, record.request)
    sampler = Sampler(wishes)
    already = sampler.rule_already(opened, trace_id)

    assert already is None or already == sampler.rule(account_of(record), trace_id)
    assert already in {None, "ratio", "model"}


MIXED = [
    create(interaction_id="a", stream_first_delta_ns={"any": 70 * MS, "text": 80 * MS}),
    create(Outcome.FAILED, interaction_id="b", times_end_ns=2000 * MS, stream_first_delta_ns={"any": 90 * MS}),
    create(Outcome.CLIENT_ABORT, interaction_id="c"),
    create(Outcome.STREAM_ERROR, interaction_id="d", stream_errors=2, stream_error_codes=["aborted", "odd"]),
    create(Outcome.REJECTED, interaction_id=None, code="max_streams", http_status=503, times_upstream_start_ns=None),
    create(interaction_id="e", stream_stalled=True, stream_steps=TOOL_FAILED, stream_first_delta_ns={"any": 95 * MS}),
    create(
        Outcome.HTTP_ERROR,
        interaction_id=None,
        http_status=429,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    ),
    poll(interaction_id="a"),
    cancel(interaction_id="b"),
    poll(Outcome.UPSTREAM_ABORT, interaction_id="f", exchange_id="x8"),
]


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_exemplars_name_kept_traces_only_and_every_span_is_counted(ratio: float) -> None:
    """Metrics count everything; what is left out is counted in spans_total to the last span."""
    everything = Bench()
    everything.apply(*MIXED)
    everything.flush()
    bench = Bench(Settings(traces=TraceSettings(keep_ratio=ratio)))
    bench.apply(*MIXED)
    bench.flush()

    spans = bench.spans.get_finished_spans()
    kept = {f"{span.context.trace_id:032x}": span for span in spans if span.context is not None}
    exemplars = exemplars_of(bench)
    assert {labels["trace_id"] for _, labels in exemplars} <= kept.keys()
    assert {(labels["trace_id"], labels["span_id"]) for _, labels in exemplars} <= {
        (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}") for span in spans if span.context is not None
    }
    assert {name for name, _ in exemplars} <= EXEMPLAR_FAMILIES
    assert {name for name, _ in exemplars} >= {"request_duration_seconds_bucket", "errors_total"}
    assert bench.samples("requests_total") == everything.samples("requests_total")
    assert bench.value("spans_total", result="exported") == len(spans)
    assert bench.value("spans_total") == everything.value("spans_total")
    assert {span.name for span in spans if span.kind.name == "SERVER" and not span.attributes} == set()


EXEMPLAR_FAMILIES = {
    "time_to_first_delta_seconds_bucket",
    "request_duration_seconds_bucket",
    "stream_max_gap_seconds_bucket",
    "errors_total",
}


def exemplars_of(bench: Bench) -> list[tuple[str, dict[str, str]]]:
    """Each exemplar's sample, without the prefix, and its labels, which are checked on the way."""
    found = []
    for family in bench.families().values():
        for sample in family.samples:
            if isinstance(sample.exemplar, Exemplar):
                labels = sample.exemplar.labels
                assert labels.keys() == {"trace_id", "span_id"}
                assert sum(len(name) + len(value) for name, value in labels.items()) <= 128
                assert re.fullmatch("[0-9a-f]{32}", labels["trace_id"])
                assert re.fullmatch("[0-9a-f]{16}", labels["span_id"])
                found.append((sample.name.removeprefix("interactions_gateway_"), labels))
    return found


def test_the_rule_that_kept_a_trace_is_on_its_server_span() -> None:
    bench = Bench(Settings(traces=TraceSettings(keep_ratio=0, keep_slower_than_s=0.9)))
    bench.apply(create(Outcome.FAILED, interaction_id="a"), create(interaction_id="b"), create(times_end_ns=MS))
    bench.flush()

    said = [
        (span.name, dict(span.attributes or {}).get("interactions.kept_by"))
        for span in bench.spans.get_finished_spans()
    ]
    assert [one for one in said if one[1]] == [
        ("POST /v1beta/interactions", "error"),
        ("POST /v1beta/interactions", "slow"),
    ]


def test_a_clients_sampled_flag_decides_nothing() -> None:
    """It was set before anything was known: neither does it keep, nor keep out."""
    parent = "00-{}-b7ad6b7169203331-{}"
    low, high = f"{1:016x}{0:016x}", f"{1:016x}{HIGH:016x}"
    bench = Bench(Settings(traces=TraceSettings(keep_ratio=0.5)))
    bench.apply(*(create(traceparent=parent.format(trace, flag)) for trace in (low, high) for flag in ("00", "01")))
    bench.flush()

    servers = [span for span in bench.spans.get_finished_spans() if span.kind.name == "SERVER"]
    assert [f"{span.context.trace_id:032x}" for span in servers if span.context is not None] == [low, low]
