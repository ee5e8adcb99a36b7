"""Requests to the upstream, its head's delay, silences, sizes, grounding: each counted by its rule, once."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.wire.facts import GAP_BOUNDS_NS, Basis, Gaps, Mode
from gateway.wire.outcome import Body, End, Outcome, Route
from tests.telemetry.factories import MODEL, MS, OLD, Bench, cancel, create, poll, resume, usage

FINAL = usage(100, input=60, output=30, thought=10, grounding={"google_search": 5, "crystal_ball": 2})
RUNNING = usage(40, input=30, output=10, grounding={"google_search": 3})


ATTEMPTS: list[Any] = [
    pytest.param(create(), ("first", "ok"), id="a create"),
    pytest.param(create(request_previous_interaction_id="a"), ("first", "ok"), id="a next turn"),
    pytest.param(create(request_continuation=True), ("continuation", "ok"), id="a hop"),
    pytest.param(poll(), ("first", "ok"), id="a poll"),
    pytest.param(resume(), ("resume", "ok"), id="a resume"),
    pytest.param(poll(mode=Mode.STREAM, body=Body.JSON), ("resume", "ok"), id="a resume that is answered with JSON"),
    pytest.param(cancel(), ("first", "ok"), id="a cancel that cancelled"),
    pytest.param(poll(Outcome.FORWARDED, route=Route.PASSTHROUGH), ("first", "ok"), id="another route"),
    pytest.param(create(Outcome.CLIENT_ABORT), ("first", "cancelled"), id="a client that left"),
    pytest.param(
        create(Outcome.REJECTED, code="body_too_large"), ("first", "cancelled"), id="a body that grew too large"
    ),
    pytest.param(resume(Outcome.UPSTREAM_ABORT, end=End.CUT), ("resume", "error"), id="a resume that was cut"),
    pytest.param(create(Outcome.HTTP_ERROR, http_status=429), ("first", "error"), id="a refusal"),
    pytest.param(create(Outcome.UNKNOWN_STATUS), ("first", "ok"), id="an unknown status"),
    pytest.param(create(Outcome.REJECTED, code="draining", times_upstream_start_ns=None), None, id="never asked"),
]


@pytest.mark.parametrize(("record", "expected"), ATTEMPTS)
def test_an_attempt(bench: Bench, record: ExchangeClosed, expected: tuple[str, str] | None) -> None:
    bench.apply(record)

    found = [(dict(labels)["kind"], dict(labels)["result"]) for labels in bench.samples("upstream_attempts_total")]
    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize("outcome", Outcome)
def test_an_attempt_is_an_error_where_its_span_is(bench: Bench, outcome: Outcome) -> None:
    """Every outcome has its result, and that of the span of the same request."""
    bench.apply(create(outcome, http_status=500 if outcome is Outcome.HTTP_ERROR else 200))
    bench.flush()
    spans = [span for span in bench.spans.get_finished_spans() if span.name == "POST"]
    is_error = any(not span.status.is_ok for span in spans)

    assert bench.value("upstream_attempts_total", result="error") == is_error
    assert bench.value("upstream_attempts_total") == 1


def test_the_delay_of_the_upstreams_head(bench: Bench) -> None:
    """From the start of its request, where there was a head; only creates have a model."""
    bench.apply(create(times_upstream_start_ns=2 * MS, times_head_ns=42 * MS), poll(times_head_ns=12 * MS))
    bench.apply(create(Outcome.UPSTREAM_ABORT, times_head_ns=None, http_status=None))

    assert bench.samples("upstream_headers_seconds_sum") == {
        (("model", MODEL),): 0.04,
        (("model", "none"),): 0.01,
    }
    assert bench.value("upstream_headers_seconds_count") == 2


def test_the_longest_silence_of_a_stream_is_one_value(bench: Bench) -> None:
    gaps = Gaps([0] * (len(GAP_BOUNDS_NS) + 1), 90 * MS, 60 * MS)
    gaps.counts[0] = 7
    bench.apply(create(stream_gaps=gaps), create(interaction_id="v1_b"))

    assert bench.value("stream_max_gap_seconds_count", model=MODEL) == 1
    assert bench.value("stream_max_gap_seconds_sum", model=MODEL) == 0.06


def test_stalls_are_counted_one_by_one(bench: Bench) -> None:
    bench.apply(create(stream_stalled=True, stream_stalls=3), create(interaction_id="v1_b"))

    assert bench.samples("stalls_total") == {(("model", MODEL),): 3}


GROUNDING: list[Any] = [
    pytest.param([create(usage=FINAL)], {"google_search": 5, "other": 2}, 1, id="with a create's usage"),
    pytest.param([create(usage=usage(grounding={"google_search": 5}))], {}, 0, id="not without a usage that counts"),
    pytest.param([poll(usage=FINAL), poll(usage=FINAL)], {"google_search": 5, "other": 2}, 1, id="a poll's once"),
    pytest.param([poll(usage=FINAL, interaction_updated=OLD)], {}, 0, id="not an old poll's"),
    pytest.param(
        [create(Outcome.CLIENT_ABORT, usage=RUNNING, basis=Basis.RUNNING), poll(usage=FINAL)],
        {"google_search": 5, "other": 2},
        1,
        id="a running usage, then its growth",
    ),
    pytest.param([create(Outcome.CLIENT_ABORT, usage=RUNNING, basis=Basis.RUNNING)], {"google_search": 3}, 0, id="cut"),
]


@pytest.mark.parametrize(("records", "queries", "folded"), GROUNDING)
def test_grounding_queries(bench: Bench, records: list[ExchangeClosed], queries: dict[str, float], folded: int) -> None:
    """They are counted with the usage that states them, growth as growth."""
    bench.apply(*records)

    found = {dict(labels)["tool"]: value for labels, value in bench.samples("grounding_queries_total").items()}
    assert found == queries
    assert bench.value("label_overflow_total", label="tool") == folded


SIZES: list[Any] = [
    pytest.param([create(usage=FINAL)], {"input": (1, 60), "output": (1, 30)}, id="a final usage"),
    pytest.param([create(Outcome.CLIENT_ABORT, usage=RUNNING, basis=Basis.RUNNING)], {}, id="not a running one"),
    pytest.param(
        [create(Outcome.CLIENT_ABORT, usage=RUNNING, basis=Basis.RUNNING), poll(usage=FINAL), poll(usage=FINAL)],
        {"input": (1, 60), "output": (1, 30)},
        id="the whole of it, once, though a part was counted before",
    ),
    pytest.param([create(usage=usage(9, output=0))], {"output": (1, 0)}, id="what is stated, be it 0"),
    pytest.param([create()], {}, id="no usage"),
]


@pytest.mark.parametrize(("records", "expected"), SIZES)
def test_sizes_of_interactions(
    bench: Bench, records: list[ExchangeClosed], expected: dict[str, tuple[float, float]]
) -> None:
    """One value an interaction."""
    bench.apply(*records)
    sizes = {
        type_: (
            bench.value("interaction_tokens_count", type=type_, model=MODEL),
            bench.value("interaction_tokens_sum", type=type_, model=MODEL),
        )
        for type_ in ("input", "output")
    }

    assert {type_: size for type_, size in sizes.items() if size[0]} == expected


def test_token_buckets_are_numbers_of_tokens(bench: Bench) -> None:
    bench.apply(create(usage=usage(90_000, input=70_000, output=16)))

    assert bench.value("interaction_tokens_bucket", type="input", le="65536.0") == 0
    assert bench.value("interaction_tokens_bucket", type="input", le="262144.0") == 1
    assert bench.value("interaction_tokens_bucket", type="output", le="16.0") == 1
    assert names.INTERACTION_TOKENS.bounds[-1] == 4**11
