"""Spans over real OTLP/HTTP to a receiver, what the OTEL_* variables ask for, and a collector that is slow or gone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from gateway.config import Settings
from gateway.telemetry import environment
from gateway.telemetry.pipeline import Telemetry
from tests.otlp_receiver import OtlpReceiver, receiving
from tests.telemetry.factories import MODEL, Bench, create, hello, step

OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")

WISHES: list[Any] = [
    pytest.param({}, False, (), id="nothing set, nothing sent"),
    pytest.param(dict([OTLP]), True, (), id="an endpoint"),
    pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True, (), id="of traces"),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, (), id="empty is unset"),
    pytest.param({"OTEL_TRACES_EXPORTER": "otlp"}, True, (), id="asked for by name"),
    pytest.param(dict([OTLP, ("OTEL_TRACES_EXPORTER", "none")]), False, (), id="none"),
    pytest.param(dict([OTLP, ("OTEL_SDK_DISABLED", "True")]), False, (), id="disabled"),
    pytest.param(
        dict([OTLP, ("OTEL_TRACES_EXPORTER", "console")]), False, ("OTEL_TRACES_EXPORTER",), id="another exporter"
    ),
    pytest.param(
        dict([OTLP, ("OTEL_TRACES_EXPORTER", "otlp,console")]), True, ("OTEL_TRACES_EXPORTER",), id="one of two"
    ),
    pytest.param(
        dict([OTLP, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]),
        False,
        ("OTEL_EXPORTER_OTLP_PROTOCOL",),
        id="a protocol we don't speak",
    ),
    pytest.param(
        dict(
            [
                OTLP,
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ]
        ),
        True,
        (),
        id="the traces' own protocol wins",
    ),
    pytest.param(
        dict([OTLP, ("OTEL_TRACES_SAMPLER", "always_off")]), True, ("OTEL_TRACES_SAMPLER",), id="the SDK's sampler"
    ),
]


@pytest.mark.parametrize(("variables", "exports", "refused"), WISHES)
def test_what_the_environment_asks_for(variables: dict[str, str], exports: bool, refused: tuple[str, ...]) -> None:
    wishes = environment.read(variables)

    assert wishes.exports is exports
    assert tuple(refusal.variable for refusal in wishes.refusals) == refused


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with receiving() as running:
        yield running


def exporting(monkeypatch: pytest.MonkeyPatch, endpoint: str, **more: str) -> Bench:
    """A bench whose pipeline reads the real environment."""
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "20", **more}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    bench = Bench(traced=False)
    bench.telemetry = Telemetry(Settings(), variables=variables, log_stream=bench.log)
    bench.session = bench.telemetry.connected(hello())
    return bench


def test_a_trace_arrives_as_protobuf(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = exporting(monkeypatch, receiver.endpoint, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test")
    bench.apply(create(stream_steps=[step(0, "model_output", 100, 900)]))
    bench.flush()

    spans = {span.name: span for span in receiver.spans}
    server, main = spans["POST /v1beta/interactions"], spans[f"generate_content {MODEL}"]
    assert (server.kind, main.kind, spans["step model_output"].kind) == ("SERVER", "CLIENT", "INTERNAL")
    assert main.parent_id == server.span_id
    assert spans["step model_output"].parent_id == spans["POST"].parent_id == main.span_id
    assert main.resource["service.name"] == "interactions-gateway"
    assert main.resource["deployment.environment.name"] == "test"
    assert bench.value("spans_total", result="exported") == len(receiver.spans) == 4


def test_the_services_name_is_the_operators(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = exporting(monkeypatch, receiver.endpoint, OTEL_SERVICE_NAME="edge")
    bench.apply(create())
    bench.flush()

    assert {span.resource["service.name"] for span in receiver.spans} == {"edge"}


def test_a_collector_that_refuses_costs_spans_only(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted as failed; said once, and once again when it works."""
    bench = exporting(monkeypatch, receiver.endpoint)
    receiver.refuse(400)
    bench.apply(create())
    _until(lambda: bench.value("spans_total", result="failed") == 3)
    receiver.accept()
    bench.apply(create(exchange_id="x2"))
    bench.flush()

    assert bench.value("spans_total", result="exported") == 3
    events = [line["event"] for line in bench.lines() if line["event"].startswith("span_")]
    assert events == ["span_export_failing", "span_export_recovered"]


def test_a_collector_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never answers: applying goes on, shutdown keeps its deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bench = exporting(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        started_s = time.monotonic()
        bench.apply(*(create(exchange_id=str(number)) for number in range(50)))
        applied_s = time.monotonic() - started_s
        bench.telemetry.shutdown(0.3)
        ended_s = time.monotonic() - started_s - applied_s

    assert applied_s < 1
    assert 0.2 < ended_s < 1
    assert bench.value("spans_total", result="dropped") == 150
    assert bench.value("requests_total") == 50


def test_a_collector_that_is_not_there_costs_spans_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port refuses: the spans failed, said once, and the numbers go on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    bench = exporting(monkeypatch, f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT="0.2")
    bench.apply(create())
    _until(lambda: bench.value("spans_total", result="failed") == 3)
    bench.apply(create(exchange_id="x2"))
    bench.flush()

    assert bench.value("requests_total") == 2
    assert [line["event"] for line in bench.lines() if line["event"].startswith("span_")] == ["span_export_failing"]


class Slow(SpanExporter):
    """An exporter that takes its time over each batch. spans: how many it took at once."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        time.sleep(0.1)
        self.batches.append(len(spans))
        return SpanExportResult.SUCCESS


def test_a_slow_collector_gets_fuller_batches_and_holds_up_nobody() -> None:
    slow = Slow()
    bench = Bench(traced=False)
    variables = {"OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "300"}
    bench.telemetry = Telemetry(Settings(), variables=variables, span_exporter=slow, log_stream=bench.log)
    bench.session = bench.telemetry.connected(hello())
    bench.apply(create())
    _until(lambda: slow.batches)
    began_s = time.thread_time()
    bench.apply(*(create(exchange_id=str(number)) for number in range(300)))
    applied_s = time.thread_time() - began_s
    bench.flush()

    assert applied_s < 0.3
    assert slow.batches[0] == 3
    assert sum(slow.batches) == 903
    assert len(slow.batches) <= 6
    assert bench.value("spans_total", result="exported") == 903


class Gate(SpanExporter):
    """An exporter that waits until it is told to go on."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.open.wait(10)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.open.set()


def test_a_full_queue_drops_whole_traces_and_counts_them() -> None:
    gate = Gate()
    bench = Bench(traced=False)
    bench.telemetry = Telemetry(
        Settings(), variables={"OTEL_BSP_MAX_QUEUE_SIZE": "10"}, span_exporter=gate, log_stream=bench.log
    )
    bench.session = bench.telemetry.connected(hello())
    bench.apply(*(create(exchange_id=str(number)) for number in range(5)))
    gate.open.set()
    bench.flush()

    assert bench.value("spans_total", result="dropped") == 6
    assert bench.value("spans_total", result="exported") == 9


class Broken(SpanExporter):
    """An exporter that raises."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError("broken")


def test_an_exporters_exception_is_a_failure() -> None:
    bench = Bench(traced=False)
    bench.telemetry = Telemetry(Settings(), variables={}, span_exporter=Broken(), log_stream=bench.log)
    bench.session = bench.telemetry.connected(hello())
    bench.apply(create())
    bench.flush()

    assert bench.value("spans_total", result="failed") == 3


def test_settings_that_are_not_followed_are_said_once_at_start() -> None:
    bench = Bench(traced=False)
    Telemetry(
        Settings(),
        variables={"OTEL_TRACES_SAMPLER": "always_off", "OTEL_TRACES_EXPORTER": "zipkin"},
        log_stream=bench.log,
    )

    assert [(line["event"], line["variable"]) for line in bench.lines()] == [
        ("setting_not_followed", "OTEL_TRACES_SAMPLER"),
        ("setting_not_followed", "OTEL_TRACES_EXPORTER"),
    ]


def _until(condition: Any, timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)
