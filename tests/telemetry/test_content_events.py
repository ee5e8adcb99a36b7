"""Content as log events over real OTLP/HTTP; what the OTEL_* variables ask for; a collector that is slow or gone."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from gateway import capture
from gateway.config import CaptureSettings, Settings
from gateway.records import ContentCaptured
from gateway.telemetry import environment, exporter, names
from gateway.telemetry.pipeline import Telemetry
from gateway.wire.content import Content
from gateway.wire.outcome import Body
from tests.otlp_receiver import OtlpReceiver, Value, receiving
from tests.telemetry.captured import CapturingBench, content
from tests.telemetry.factories import ID, STARTED_NS, create, hello
from tests.wire.pieces import STREAMS

OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
LOGS = "OTEL_LOGS_EXPORTER"

WISHES: list[Any] = [
    pytest.param({}, False, (), id="nothing set, nothing sent"),
    pytest.param(dict([OTLP]), True, (), id="an endpoint"),
    pytest.param({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:1/v1/logs"}, True, (), id="of logs"),
    pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, False, (), id="of traces alone"),
    pytest.param({LOGS: "otlp"}, True, (), id="asked for by name"),
    pytest.param(dict([OTLP, (LOGS, "none")]), False, (), id="none"),
    pytest.param(dict([OTLP, ("OTEL_SDK_DISABLED", "true")]), False, (), id="disabled"),
    pytest.param(dict([OTLP, (LOGS, "console")]), False, (LOGS,), id="another exporter"),
    pytest.param(
        dict([OTLP, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), False, ("OTEL_EXPORTER_OTLP_PROTOCOL",), id="protocol"
    ),
    pytest.param(
        dict([OTLP, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf")]),
        True,
        (),
        id="the logs' own protocol wins",
    ),
]


@pytest.mark.parametrize(("variables", "exports", "refused"), WISHES)
def test_what_the_environment_asks_for(variables: dict[str, str], exports: bool, refused: tuple[str, ...]) -> None:
    wishes = environment.read_logs(variables)

    assert wishes.exports is exports
    assert tuple(refusal.variable for refusal in wishes.refusals) == refused


WORDS: list[Any] = [  # setting, variable, where content goes, what is told of the variable
    pytest.param("auto", None, "", None, id="nothing set, nothing captured"),
    pytest.param("auto", "", "", None, id="empty is unset"),
    pytest.param("auto", "NO_CONTENT", "", None, id="no content"),
    pytest.param("auto", "SPAN_ONLY", "spans", None, id="spans"),
    pytest.param("auto", " event_only ", "events", None, id="events, in small letters"),
    pytest.param("auto", "SPAN_AND_EVENT", "spans events", None, id="both"),
    pytest.param("auto", "true", "events", "true taken as EVENT_ONLY", id="the older yes"),
    pytest.param("auto", "False", "", "False taken as NO_CONTENT", id="the older no"),
    pytest.param("auto", "everything", "", "everything taken as NO_CONTENT", id="a word that isn't known"),
    pytest.param("NO_CONTENT", "SPAN_AND_EVENT", "", None, id="the setting forbids what the variable asks for"),
    pytest.param("SPAN_ONLY", "NO_CONTENT", "spans", None, id="and asks for what the variable forbids"),
    pytest.param("SPAN_ONLY", "everything", "spans", None, id="then nobody reads the variable"),
]


@pytest.mark.parametrize(("setting", "variable", "where", "told"), WORDS)
def test_who_decides_where_content_goes(setting: str, variable: str | None, where: str, told: str | None) -> None:
    found = capture.wanted(setting, {} if variable is None else {capture.VARIABLE: variable})

    assert " ".join(name for name in ("spans", "events") if getattr(found, name)) == where
    assert found.on is bool(where)
    assert told == (None if found.refused is None else f"{found.refused} taken as {found.taken_as}")


def pipeline(variables: dict[str, str], where: Any = "auto") -> tuple[Telemetry, io.StringIO]:
    log = io.StringIO()
    settings = Settings(capture=CaptureSettings(content=where))
    return Telemetry(settings, variables=variables, log_stream=log), log


def events(log: io.StringIO, name: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == name]


def test_a_word_that_is_not_known_is_told() -> None:
    telemetry, log = pipeline({capture.VARIABLE: "all"})
    [line] = events(log, "setting_not_followed")

    assert (line["level"], line["variable"], line["value"]) == ("warning", capture.VARIABLE, "all")
    assert line["allowed"] == "NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT; taken as NO_CONTENT"
    assert events(log, "content_is_captured") == []
    telemetry.shutdown(1.0)


def test_content_that_has_no_way_out_is_told() -> None:
    telemetry, log = pipeline({capture.VARIABLE: "SPAN_AND_EVENT"})

    assert {line["wanted"] for line in events(log, "content_goes_nowhere")} == {"spans", "log events"}
    telemetry.shutdown(1.0)


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with receiving() as running:
        yield running


def plain(value: Value) -> Any:
    """A structured value as JSON has it."""
    if isinstance(value, tuple):
        if value and all(isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) for item in value):
            return {name: plain(item) for name, item in value}  # type: ignore[misc, str-unpack]
        return [plain(item) for item in value]
    return value


def test_an_event_arrives_as_values_beside_its_span(monkeypatch: pytest.MonkeyPatch, receiver: OtlpReceiver) -> None:
    """Over the real exporters: structured, at level DEBUG, with the ids of the interaction's span."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    telemetry, _ = pipeline({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}, "SPAN_AND_EVENT")
    session = telemetry.connected(hello())
    captured = content((STREAMS / "function_call_turn1.sse").read_bytes(), request={"input": "Weather?"})
    telemetry.apply(session, ContentCaptured("x1", captured))
    telemetry.apply(session, create())
    telemetry.shutdown(10.0)
    [log] = receiver.logs
    [span] = [one for one in receiver.spans if one.name.startswith("generate_content")]

    assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id)
    assert (log.event_name, log.severity, log.body) == (names.CONTENT_EVENT, 5, None)
    assert log.time_ns == span.end_ns == STARTED_NS + 1_000_000_000
    assert log.resource["service.name"] == "interactions-gateway"
    assert log.attributes["gen_ai.response.id"] == ID
    assert plain(log.attributes[names.INPUT_MESSAGES]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}
    ]
    for name in (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES):
        assert json.loads(str(span.attributes[name])) == plain(log.attributes[name])


@pytest.mark.parametrize("value", ['{"a":' * 60 + "1" + "}" * 60, "[" * 60 + "]" * 60], ids=["objects", "lists"])
def test_a_value_that_nests_deep_arrives(monkeypatch: pytest.MonkeyPatch, receiver: OtlpReceiver, value: str) -> None:
    """Protobuf has a bound to it: what lies deeper is a text."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    telemetry, _ = pipeline({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}, "SPAN_AND_EVENT")
    steps = [{"type": "google_search_result", "call_id": "c", "result": json.loads(value)}]
    wire = json.dumps({"status": "completed", "steps": steps}).encode()
    session = telemetry.connected(hello())
    telemetry.apply(session, ContentCaptured("x1", content(wire, Body.JSON)))
    telemetry.apply(session, create())
    telemetry.shutdown(10.0)
    [log] = receiver.logs
    [span] = [one for one in receiver.spans if one.name.startswith("generate_content")]
    told = json.loads(str(span.attributes[names.OUTPUT_MESSAGES]))
    found = told[0]["parts"][0]["server_tool_call_response"]["result"]
    while not isinstance(found, str):
        [found] = found.values() if isinstance(found, dict) else found

    assert names.OUTPUT_MESSAGES in log.attributes
    assert len(found) > 60
    assert found in value


class Deaf(LogRecordExporter):
    """A collector that takes nothing until it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.let.wait(30)
        return LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Part of LogRecordExporter."""

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        """Part of LogRecordExporter."""
        return True


LARGE = json.dumps({"status": "completed", "steps": [{"type": "model_output", "content": "word " * 6_000}]}).encode()


def test_a_dead_collector_delays_no_record_and_costs_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events beyond the bytes that may wait are dropped whole, and each has its fate."""
    monkeypatch.setattr(exporter, "CONTENT_QUEUE_BYTES", 10 * 31_000)
    deaf = Deaf()
    bench = _bench(deaf)
    captured = content(LARGE, Body.JSON)
    slowest_s = 0.0
    for number in range(60):
        begun_s = time.monotonic()
        bench.close(create(exchange_id=str(number)), captured)
        slowest_s = max(slowest_s, time.monotonic() - begun_s)
    waiting = bench.value("content_events_total", result="dropped")
    deaf.let.set()
    bench.flush()

    assert slowest_s < 2.0
    assert 35 <= waiting < 60
    assert bench.value("content_events_total", result="failed") == 60 - waiting
    assert [line["event"] for line in bench.lines() if "export" in line["event"]] == ["content_event_export_failing"]


def test_shutdown_keeps_its_deadline() -> None:
    deaf = Deaf()
    bench = _bench(deaf)
    bench.close(create(), content(LARGE, Body.JSON))
    begun_s = time.monotonic()
    bench.telemetry.shutdown(0.3)
    took_s = time.monotonic() - begun_s
    deaf.let.set()

    assert took_s < 5.0
    assert bench.value("content_events_total", result="dropped") == 1


def _bench(collector: LogRecordExporter) -> CapturingBench:
    class Calling(CapturingBench):
        def exporters(self) -> dict[str, Any]:
            return {"log_exporter": collector}

    return Calling("EVENT_ONLY", traced=False)


def test_spans_that_wait_hold_content_for_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound a trace leaves without its content, which is counted."""
    monkeypatch.setattr("gateway.telemetry.contents.CONTENT_QUEUE_BYTES", 1000)
    bench = CapturingBench("SPAN_ONLY")
    bench.close(create(), content(LARGE, Body.JSON))

    assert bench.on_spans() == {}
    assert bench.value("spans_total", result="exported") == 3
    assert bench.value("content_withheld_total", reason="queue_full") == 1


def test_a_batch_of_content_is_bounded(monkeypatch: pytest.MonkeyPatch, receiver: OtlpReceiver) -> None:
    """Collectors bound what they take at once: large contents leave in several requests."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    monkeypatch.setattr(exporter, "CONTENT_BATCH_BYTES", 100_000)
    telemetry, _ = pipeline({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}, "SPAN_AND_EVENT")
    session = telemetry.connected(hello())
    captured: Content = content(LARGE, Body.JSON)
    for number in range(12):
        telemetry.apply(session, ContentCaptured(str(number), captured))
        telemetry.apply(session, create(exchange_id=str(number)))
    telemetry.shutdown(20.0)

    assert (len(receiver.spans), len(receiver.logs)) == (36, 12)
    for span in receiver.spans:
        if span.name.startswith("generate_content"):
            [message] = json.loads(str(span.attributes[names.OUTPUT_MESSAGES]))
            assert message["parts"] == [{"type": "text", "content": "word " * 6_000}]
    assert max(request.body_bytes for request in receiver.requests) < 160_000
