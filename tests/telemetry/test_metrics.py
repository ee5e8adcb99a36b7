"""The text of /metrics: official parsers, fixed names, closed starts, exemplars; histograms by their true values."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import ProxySettings, Settings
from gateway.records import Hello
from gateway.telemetry import names
from gateway.telemetry.metrics import prefers_openmetrics
from gateway.telemetry.pipeline import Telemetry
from gateway.wire.facts import GAP_BOUNDS_NS, Gaps, Mode
from gateway.wire.outcome import Outcome
from tests.telemetry.factories import MODEL, MS, Bench, cancel, create, poll, resume, step, usage


def test_every_family_of_the_catalogue_is_there_as_declared(bench: Bench) -> None:
    """Name, type and labels are public: names.py and the registry must say the same."""
    families = bench.families()

    assert {family.name.removesuffix("_total") for family in names.FAMILIES} == set(families)
    for declared in names.FAMILIES:
        family = families[declared.name.removesuffix("_total")]
        assert family.type == declared.kind.value
        assert family.documentation == declared.help
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(declared.labels)


def test_closed_domains_start_at_zero(bench: Bench) -> None:
    """Else rate() misses the first increment."""
    families = bench.families()

    for declared, labels in (
        (names.UNKNOWN_EVENTS, len(names.UNKNOWNS)),
        (names.INVALID_EVENTS, len(names.INVALIDS)),
        (names.ANOMALIES, len(names.ANOMALY_DOMAIN)),
        (names.TAP_FAULTS, len(names.TAP_PLACES)),
        (names.RECORDS_LOST, len(names.LOST_DOMAIN)),
        (names.LABEL_OVERFLOW, len(names.OVERFLOWING_LABELS)),
        (names.SPANS, len(names.SPAN_RESULTS)),
        (names.TELEMETRY_FAULTS, len(names.SINKS)),
        (names.TOOL_CALLS, len(names.TOOL_CALL_DOMAIN)),
        (names.UPSTREAM_ATTEMPTS, len(names.ATTEMPT_DOMAIN)),
        (names.GROUNDING_QUERIES, len(names.GROUNDING_TOOLS)),
        (names.PHASE, len(names.PHASES) * (len(names.PHASE.bounds) + 3)),
        (names.CONTENT_EVENTS, len(names.CONTENT_EVENT_RESULTS)),
        (names.CONTENT_WITHHELD, len(names.WITHHELD_REASONS)),
    ):
        samples = families[declared.name.removesuffix("_total")].samples
        assert len(samples) == labels, declared.name
        assert {sample.value for sample in samples} == {0}


def test_the_classic_text_parses_and_has_no_created_series(bench: Bench) -> None:
    bench.apply(create(usage=usage(10, input=10)))
    body, content_type = bench.telemetry.render("*/*")

    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = {sample.name for family in text_string_to_metric_families(body.decode()) for sample in family.samples}
    assert "interactions_gateway_requests_total" in found
    assert not [name for name in found if name.endswith("_created")]


ACCEPTS: list[Any] = [
    ("", False),
    ("*/*", False),
    ("text/plain", False),
    ("application/openmetrics-text", True),
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,*/*;q=0.1", True),
    (
        "application/vnd.google.protobuf;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "text/plain;version=0.0.4;q=0.4",
        True,
    ),
    ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.5", False),
    ("application/openmetrics-text;q=0", False),
    ("application/openmetrics-text;q=high", False),
]


@pytest.mark.parametrize(("accept", "expected"), ACCEPTS)
def test_openmetrics_for_who_prefers_it(accept: str, expected: bool) -> None:
    assert prefers_openmetrics(accept) is expected


def test_exemplars_name_the_interaction_span_of_a_kept_trace(bench: Bench) -> None:
    gaps = Gaps([1] * (len(GAP_BOUNDS_NS) + 1), 70 * MS, 60 * MS)
    bench.apply(create(Outcome.FAILED, stream_first_delta_ns={"any": 300 * MS}, stream_gaps=gaps))
    bench.flush()

    span = next(span for span in bench.spans.get_finished_spans() if span.name.startswith("generate_content"))
    assert span.context is not None
    wanted = {"trace_id": f"{span.context.trace_id:032x}", "span_id": f"{span.context.span_id:016x}"}
    with_exemplar = {
        sample.name: sample.exemplar.labels
        for family in bench.families().values()
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert with_exemplar == {
        "interactions_gateway_request_duration_seconds_bucket": wanted,
        "interactions_gateway_time_to_first_delta_seconds_bucket": wanted,
        "interactions_gateway_stream_max_gap_seconds_bucket": wanted,
        "interactions_gateway_errors_total": wanted,
    }


def test_without_traces_there_are_no_exemplars() -> None:
    bench = Bench(traced=False)
    bench.apply(create(Outcome.FAILED))

    exemplars = [sample.exemplar for family in bench.families().values() for sample in family.samples]
    assert not any(exemplars)


def test_an_exchange_in_numbers(bench: Bench) -> None:
    gaps = Gaps(sum_ns=70 * MS, max_ns=60 * MS)
    gaps.counts[0], gaps.counts[6] = 2, 1
    bench.apply(
        create(
            times_end_ns=2500 * MS,
            stream_first_delta_ns={"any": 300 * MS, "text": 700 * MS},
            stream_steps=[step(0, "thought", 100, 600), step(1, "model_output", 700)],
            stream_gaps=gaps,
            stream_unknown={"delta_type": 3},
            stream_invalid={"json": 1},
            stream_anomalies={"bad_usage": 2},
            faults={"tracker": 1},
        )
    )

    labels = {"model": MODEL}
    assert bench.value("requests_total", route="create", mode="stream", outcome="completed", **labels) == 1
    assert bench.value("request_duration_seconds_sum", mode="stream", **labels) == 2.5
    assert bench.value("time_to_first_delta_seconds_sum", kind="any", **labels) == 0.3
    assert bench.value("time_to_first_delta_seconds_sum", kind="text", **labels) == 0.7
    assert bench.value("step_duration_seconds_sum", step_type="thought") == 0.5
    assert bench.value("step_duration_seconds_count") == 1
    assert bench.value("inter_delta_gap_seconds_sum", **labels) == 0.07
    assert bench.value("inter_delta_gap_seconds_count", **labels) == 3
    assert bench.value("inter_delta_gap_seconds_bucket", le="0.05", **labels) == 2
    assert bench.value("inter_delta_gap_seconds_bucket", le="0.1", **labels) == 3
    assert bench.value("unknown_events_total", what="delta_type") == 3
    assert bench.value("invalid_events_total", reason="json") == 1
    assert bench.value("anomalies_total", anomaly="bad_usage") == 2
    assert bench.value("tap_faults_total", where="tracker") == 1


def test_only_created_streams_observe_first_deltas(bench: Bench) -> None:
    """And routes other than create have no model."""
    bench.apply(resume(stream_first_delta_ns={"any": MS}), poll(), cancel())

    assert bench.samples("time_to_first_delta_seconds_count") == {}
    assert {dict(labels)["model"] for labels in bench.samples("requests_total")} == {"none"}
    assert {dict(labels)["model"] for labels in bench.samples("request_duration_seconds_count")} == {"none"}


def test_foreign_words_from_a_forwarder_are_folded(bench: Bench) -> None:
    bench.apply(create(stream_unknown={"mood": 2}, faults={"moon": 1}, stream_steps=[step(0, "dance", 1, 2)]))

    assert bench.value("unknown_events_total", what="other") == 2
    assert bench.value("tap_faults_total", where="other") == 1
    assert bench.value("steps_total", step_type="other") == 1
    assert bench.value("label_overflow_total") == 3


def test_build_info_comes_with_the_first_forwarder(bench: Bench) -> None:
    assert bench.value("build_info", path="plain", aiohttp="3.14.5", semconv=names.SEMCONV_REVISION) == 1


@pytest.mark.parametrize(
    ("wanted", "path", "unexpected"), [("auto", "plain", 1), ("auto", "fast", 0), ("plain", "plain", 0)]
)
def test_a_plain_path_that_nobody_asked_for_shows(wanted: Literal["auto", "plain"], path: str, unexpected: int) -> None:
    telemetry = Telemetry(Settings(proxy=ProxySettings(path=wanted)))
    telemetry.connected(Hello(3, 1, 0, path, "3.14.5"))

    text, _ = telemetry.render("text/plain")
    assert f'interactions_gateway_unexpected_plain_path{{worker="3"}} {unexpected}.0\n'.encode() in text


def test_final_tokens_of_creates_add_up_to_the_apis_totals(bench: Bench) -> None:
    """accounting.md 8: exact over any mix of usages whose total isn't exceeded."""
    usages = [usage(total, input=total // 3, output=total // 5, thought=total // 7) for total in (7, 346, 1117031)]
    bench.apply(*(create(exchange_id=str(i), interaction_id=str(i), usage=u) for i, u in enumerate(usages)))

    assert bench.value("tokens_total", basis="final", via="create") == 7 + 346 + 1117031


def test_gap_buckets_are_those_of_the_records(bench: Bench) -> None:
    assert tuple(round(bound_s * 1e9) for bound_s in names.BOUNDS_GAP_S) == GAP_BOUNDS_NS
    assert {mode.value for mode in names.MODES} == {mode.value for mode in Mode}
