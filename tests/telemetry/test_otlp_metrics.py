"""Metrics over real OTLP/HTTP: the same numbers as in the scrape, and a collector that is slow or gone."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import MetricSettings, Settings
from gateway.telemetry import environment, names
from gateway.telemetry.pipeline import Telemetry
from gateway.wire.outcome import Outcome
from tests.otlp_metrics import Point, Sample, samples
from tests.otlp_receiver import OtlpReceiver, receiving
from tests.telemetry.factories import EVEN_PRICES, MS, Bench, create, hello, step, usage

ASKED = ("OTEL_METRICS_EXPORTER", "otlp")
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "20"}

WISHES: list[Any] = [
    pytest.param({}, False, 60.0, (), id="nothing set, nothing sent"),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, False, 60.0, (), id="an endpoint is no wish"),
    pytest.param(dict([ASKED]), True, 60.0, (), id="asked for by name"),
    pytest.param(dict([ASKED, ("OTEL_METRIC_EXPORT_INTERVAL", "500")]), True, 0.5, (), id="more often"),
    pytest.param({"OTEL_METRICS_EXPORTER": "none"}, False, 60.0, (), id="none"),
    pytest.param({"OTEL_METRICS_EXPORTER": "prometheus"}, False, 60.0, (), id="the scrape is always there"),
    pytest.param({"OTEL_METRICS_EXPORTER": "prometheus,otlp"}, True, 60.0, (), id="both"),
    pytest.param({"OTEL_METRICS_EXPORTER": "console"}, False, 60.0, ("OTEL_METRICS_EXPORTER",), id="another exporter"),
    pytest.param(dict([ASKED, ("OTEL_SDK_DISABLED", "true")]), False, 60.0, (), id="disabled"),
    pytest.param(
        dict([ASKED, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]),
        False,
        60.0,
        ("OTEL_EXPORTER_OTLP_PROTOCOL",),
        id="a protocol we don't speak",
    ),
    pytest.param(
        dict(
            [
                ASKED,
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
            ]
        ),
        True,
        60.0,
        (),
        id="the metrics' own protocol wins",
    ),
    pytest.param(
        dict([ASKED, ("OTEL_METRIC_EXPORT_INTERVAL", "1m")]),
        True,
        60.0,
        ("OTEL_METRIC_EXPORT_INTERVAL",),
        id="no number",
    ),
    pytest.param(
        dict([ASKED, ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")]),
        True,
        60.0,
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",),
        id="sums that start anew",
    ),
    pytest.param(
        dict([ASKED, ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Cumulative")]),
        True,
        60.0,
        (),
        id="what there is",
    ),
    pytest.param(
        dict([ASKED, ("OTEL_METRIC_EXPORT_TIMEOUT", "1000"), ("OTEL_METRICS_EXEMPLAR_FILTER", "always_on")]),
        True,
        60.0,
        ("OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_METRIC_EXPORT_TIMEOUT"),
        id="what can't be had",
    ),
]


@pytest.mark.parametrize(("variables", "exports", "every_s", "refused"), WISHES)
def test_what_the_environment_asks_for(
    variables: dict[str, str], exports: bool, every_s: float, refused: tuple[str, ...]
) -> None:
    wishes = environment.read_metrics(variables)

    assert (wishes.exports, wishes.every_s) == (exports, every_s)
    assert tuple(refusal.variable for refusal in wishes.refusals) == refused


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with receiving() as running:
        yield running


def pushing(monkeypatch: pytest.MonkeyPatch, endpoint: str, **more: str) -> Bench:
    """A bench that pushes its metrics, from the running loop."""
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none", **dict([ASKED]), **OFTEN}
    variables |= more
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    bench = Bench(traced=False)
    bench.telemetry = Telemetry(
        Settings(metrics=MetricSettings(semconv="both"), pricing=EVEN_PRICES),
        variables=variables,
        log_stream=bench.log,
    )
    bench.session = bench.telemetry.connected(hello())
    bench.telemetry.start(asyncio.get_running_loop().call_soon_threadsafe)
    return bench


def scraped(bench: Bench) -> dict[Sample, float]:
    """The scrape, but for the resource, which OTLP has elsewhere; empty labels left out."""
    body, _ = bench.telemetry.render("text/plain")
    return {
        (
            sample.name,
            frozenset((name, _word(name, value)) for name, value in sample.labels.items() if value),
        ): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name != "target_info"
    }


def _word(label: str, text: str) -> str:
    return text if label != "le" or text == "+Inf" else repr(float(text))


async def ended(bench: Bench, timeout_s: float = 5.0) -> None:
    """Shut down as a process does: off the loop, which goes on."""
    await asyncio.to_thread(bench.telemetry.shutdown, timeout_s)


async def test_what_is_pushed_is_what_is_scraped(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last sample, and with the last exchange; times are this process's."""
    began_ns = time.time_ns()
    bench = pushing(monkeypatch, receiver.endpoint, OTEL_RESOURCE_ATTRIBUTES="service.instance.id=one")
    bench.apply(
        create(usage=usage(30, input=20, output=10), stream_steps=[step(0, "model_output", 1, 9)]),
        create(Outcome.HTTP_ERROR, http_status=429, interaction_id=None),
    )
    await ended(bench)
    last = receiver.metrics[-1]

    assert samples(last) == scraped(bench)
    assert {point.resource["service.name"] for point in last} == {"interactions-gateway"}
    assert {point.resource["service.instance.id"] for point in last} == {"one"}
    assert {began_ns <= point.start_ns <= point.time_ns for point in last if point.kind != "gauge"} == {True}
    assert bench.lines()[0]["event"] == "exchange"
    assert value(last, "interactions_gateway_cost_usd_total", type="input") == 20e-6


async def test_names_units_and_numbers_are_those_of_the_catalogue(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = pushing(monkeypatch, receiver.endpoint)
    bench.apply(create(usage=usage(30, input=20, output=10), stream_first_event_ns=3 * MS))
    await ended(bench)
    told = {(point.name, point.unit, point.help, point.scope[2]) for point in receiver.metrics[-1]}
    known = {
        (family.dotted or family.name, family.unit, family.help, family.schema_url)
        for family in (*names.FAMILIES, *names.SEMCONV_FAMILIES["both"])
    }
    statuses = [
        point.attributes["http.response.status_code"]
        for point in receiver.metrics[-1]
        if point.name == "http.server.request.duration"
    ]

    assert told <= known
    assert ("gen_ai.client.inference.usage.input_tokens", "{token}") in {(name, unit) for name, unit, *_ in told}
    assert ("interactions_gateway_request_duration_seconds", "s") in {(name, unit) for name, unit, *_ in told}
    assert statuses == [200]


async def test_exemplars_lead_to_kept_traces(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = pushing(monkeypatch, receiver.endpoint, OTEL_TRACES_EXPORTER="otlp")
    bench.apply(create(Outcome.FAILED))
    await ended(bench)
    (main,) = [span for span in receiver.spans if span.name.startswith("generate_content")]
    led = {point.name: point.exemplars for point in receiver.metrics[-1] if point.exemplars}

    assert led == {
        "interactions_gateway_request_duration_seconds": ((main.trace_id, main.span_id, 1.0),),
        "interactions_gateway_errors_total": ((main.trace_id, main.span_id, 1.0),),
    }
    assert value(receiver.metrics[-1], "interactions_gateway_spans_total", result="exported") == len(receiver.spans)


def value(points: Sequence[Point], name: str, **attributes: str) -> float:
    """The sum of a metric's points that have these attributes."""
    return sum(
        point.value for point in points if point.name == name and attributes.items() <= dict(point.attributes).items()
    )


def counted(requests: int) -> Callable[[Sequence[Point]], bool]:
    """Whether an export has counted that many requests."""
    return lambda points: value(points, "interactions_gateway_requests_total") == requests


async def test_numbers_go_out_each_interval(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = pushing(monkeypatch, receiver.endpoint)
    for number in range(1, 4):
        bench.apply(create(exchange_id=str(number)))
        await asyncio.to_thread(receiver.wait_for_metrics, counted(number))
    await ended(bench)

    starts = {point.start_ns for export in receiver.metrics for point in export if point.kind == "counter"}
    assert len(starts) == 1


async def test_a_new_observer_begins_at_zero_with_a_later_start(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody takes its smaller sums for a mistake, or its first for growth since the old start."""
    first = pushing(monkeypatch, receiver.endpoint)
    first.apply(create(exchange_id="1"), create(exchange_id="2"))
    await ended(first)
    before = receiver.metrics[-1]
    second = pushing(monkeypatch, receiver.endpoint)
    second.apply(create(exchange_id="3"))
    await ended(second)
    after = receiver.metrics[-1]

    assert value(before, "interactions_gateway_requests_total") == 2
    assert value(after, "interactions_gateway_requests_total") == 1
    assert min(point.start_ns for point in after if point.kind == "counter") > max(point.time_ns for point in before)


async def test_a_collector_that_refuses_is_told_of_once(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once again when it works; what it missed is in the next export."""
    bench = pushing(monkeypatch, receiver.endpoint)
    receiver.refuse(400)
    bench.apply(create())
    await asyncio.to_thread(_until, lambda: len(receiver.requests) >= 3)
    receiver.accept()
    found = await asyncio.to_thread(receiver.wait_for_metrics, bool)
    await ended(bench)

    assert value(found, "interactions_gateway_requests_total") == 1
    events = [line["event"] for line in bench.lines() if line["event"].startswith("metric_")]
    assert events == ["metric_export_failing", "metric_export_recovered"]


async def test_a_collector_that_hangs_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are applied meanwhile, and the end keeps its deadline."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        bench = pushing(monkeypatch, f"http://127.0.0.1:{deaf.getsockname()[1]}", OTEL_EXPORTER_OTLP_TIMEOUT="60")
        connected, _ = await asyncio.to_thread(deaf.accept)  # the sender waits for an answer now
        began_s = time.thread_time()
        for number in range(500):
            bench.apply(create(exchange_id=str(number)))
        spent_s = time.thread_time() - began_s
        began_s = time.monotonic()
        await ended(bench, timeout_s=0.5)
        ended_s = time.monotonic() - began_s
        connected.close()

    assert bench.value("requests_total") == 500
    assert spent_s < 1.0
    assert ended_s < 2.0


def _until(condition: Any) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
