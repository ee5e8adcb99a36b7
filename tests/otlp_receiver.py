"""A real OTLP/HTTP receiver: takes protobuf exports on a port of its own, and can be told to be unavailable.

Not here: what spans, metrics and logs ought to be, metrics in plain values (otlp_metrics.py). It runs in a thread with
an event loop of its own, so that tests of any kind share it.
Source: OTLP 1.x over HTTP: POST /v1/traces, /v1/metrics and /v1/logs, Export…ServiceRequest, optionally gzipped.
Promise: what it returns was decoded by the official protobuf classes; nothing was dropped or merged.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

import pytest
from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from tests.otlp_metrics import Point, points
from tests.otlp_values import Value as Value
from tests.otlp_values import attributes, value_of

KINDS: Final = {
    WireSpan.SPAN_KIND_INTERNAL: "INTERNAL",
    WireSpan.SPAN_KIND_SERVER: "SERVER",
    WireSpan.SPAN_KIND_CLIENT: "CLIENT",
    WireSpan.SPAN_KIND_PRODUCER: "PRODUCER",
    WireSpan.SPAN_KIND_CONSUMER: "CONSUMER",
}
STATUSES: Final = {0: "UNSET", 1: "OK", 2: "ERROR"}
START_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a span; ids in hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it arrived. Ids in hex, parent_id empty for none; times are wall clock ns."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    status: str
    status_message: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    links: tuple[Link, ...]
    events: tuple[str, ...]
    resource: Mapping[str, Value]
    trace_state: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """One log record as it arrived. Ids in hex; values as they are, a list of pairs as a tuple of pairs."""

    trace_id: str
    span_id: str
    event_name: str
    severity: int
    time_ns: int
    body: Value
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]


@dataclass(slots=True)
class Received:
    """One request to the receiver, refused ones too."""

    at_ns: int
    path: str
    headers: Mapping[str, str]
    status: int
    spans: int
    body_bytes: int
    logs: int = 0


@dataclass(slots=True)
class _State:
    lock: threading.Lock = field(default_factory=threading.Lock)
    spans: list[Span] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    metrics: list[list[Point]] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    refuse_with: int = 0
    refusals_left: int | None = None


class OtlpReceiver:
    """A receiver; use it as a context manager. `endpoint` is what OTEL_EXPORTER_OTLP_ENDPOINT wants.

    port: where it listens; 0 for a free one, which is known once it runs.
    """

    def __init__(self, port: int = 0) -> None:
        self._state = _State()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="otlp-receiver", daemon=True)
        self.port = port

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise TimeoutError("the OTLP receiver did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_TIMEOUT_S)

    @property
    def endpoint(self) -> str:
        """The base address, without /v1/traces."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        """All spans taken so far, in order of arrival."""
        with self._state.lock:
            return list(self._state.spans)

    @property
    def logs(self) -> list[Log]:
        """All log records taken so far, in order of arrival."""
        with self._state.lock:
            return list(self._state.logs)

    @property
    def metrics(self) -> list[list[Point]]:
        """The points of each export of metrics that was taken so far."""
        with self._state.lock:
            return list(self._state.metrics)

    @property
    def requests(self) -> list[Received]:
        """All requests so far, refused ones too."""
        with self._state.lock:
            return list(self._state.requests)

    def refuse(self, status: int = 503, times: int | None = None) -> None:
        """Answer the next requests (None: all, until `accept`) with this status and take nothing of them."""
        with self._state.lock:
            self._state.refuse_with, self._state.refusals_left = status, times

    def accept(self) -> None:
        """Take exports again."""
        with self._state.lock:
            self._state.refuse_with = 0

    def clear(self) -> None:
        """Forget what has come."""
        with self._state.lock:
            self._state.spans.clear()
            self._state.logs.clear()
            self._state.metrics.clear()
            self._state.requests.clear()

    def wait_for(self, condition: Callable[[Sequence[Span]], bool], timeout_s: float = 20.0) -> list[Span]:
        """Wait until the spans satisfy a condition; raises TimeoutError with their number."""
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while not condition(spans := self.spans):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(spans)} spans came within {timeout_s:g} s, and they are not what is awaited")
            pause.wait(0.02)
        return spans

    def wait_for_logs(self, count: int, timeout_s: float = 20.0) -> list[Log]:
        """Wait until so many log records are there; raises TimeoutError with their number."""
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while len(logs := self.logs) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(logs)} log records came within {timeout_s:g} s, {count} are awaited")
            pause.wait(0.02)
        return logs

    def wait_for_metrics(
        self, condition: Callable[[Sequence[Point]], bool], timeout_s: float = 20.0
    ) -> Sequence[Point]:
        """Wait until the last export satisfies a condition, and give it back; raises TimeoutError with its size."""
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while not condition(last := (self.metrics or [[]])[-1]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(last)} points came last within {timeout_s:g} s, and are not what is awaited")
            pause.wait(0.02)
        return last

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(runner.addresses[0][1])
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        spans: list[Span] = []
        logs: list[Log] = []
        metrics: list[Point] | None = None
        with self._state.lock:
            status = self._refusal()
        if not status:
            status, spans, logs, metrics = _decode(request, body)
        with self._state.lock:
            self._state.spans += spans
            self._state.logs += logs
            if metrics is not None:
                self._state.metrics.append(metrics)
            self._state.requests.append(
                Received(time.time_ns(), request.path, dict(request.headers), status, len(spans), len(body), len(logs))
            )
        of_logs = request.path == _LOGS
        answered = ExportLogsServiceResponse() if of_logs else ExportTraceServiceResponse()
        answer = answered.SerializeToString() if status == 200 else b""
        return web.Response(status=status, body=answer, content_type="application/x-protobuf")

    def _refusal(self) -> int:
        state = self._state
        if not state.refuse_with:
            return 0
        if state.refusals_left is None:
            return state.refuse_with
        if state.refusals_left <= 0:
            state.refuse_with = 0
            return 0
        state.refusals_left -= 1
        return state.refuse_with


_TRACES, _LOGS, _METRICS = "/v1/traces", "/v1/logs", "/v1/metrics"

_Decoded: TypeAlias = tuple[int, list[Span], list[Log], list[Point] | None]


def _decode(request: web.Request, body: bytes) -> _Decoded:
    """The status that the request deserves; its spans, its log records, or its points."""
    if request.path not in {_TRACES, _LOGS, _METRICS}:
        return 404, [], [], None
    if request.content_type != "application/x-protobuf":
        return 415, [], [], None
    try:
        if request.headers.get("Content-Encoding", "").lower() == "gzip":
            body = gzip.decompress(body)
        if request.path == _LOGS:
            return 200, [], list(_logs(ExportLogsServiceRequest.FromString(body))), None
        if request.path == _METRICS:
            return 200, [], [], list(points(ExportMetricsServiceRequest.FromString(body)))
        return 200, list(_spans(ExportTraceServiceRequest.FromString(body))), [], None
    except Exception:
        return 400, [], [], None


def _logs(export: ExportLogsServiceRequest) -> Iterator[Log]:
    for of_resource in export.resource_logs:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                yield Log(
                    trace_id=record.trace_id.hex(),
                    span_id=record.span_id.hex(),
                    event_name=record.event_name,
                    severity=record.severity_number,
                    time_ns=record.time_unix_nano,
                    body=value_of(record.body),
                    attributes=attributes(record.attributes),
                    resource=resource,
                )


def _spans(export: ExportTraceServiceRequest) -> Iterator[Span]:
    for of_resource in export.resource_spans:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    kind=KINDS.get(span.kind, "UNSPECIFIED"),
                    status=STATUSES[span.status.code],
                    status_message=span.status.message,
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=attributes(span.attributes),
                    links=tuple(
                        Link(link.trace_id.hex(), link.span_id.hex(), attributes(link.attributes))
                        for link in span.links
                    ),
                    events=tuple(event.name for event in span.events),
                    resource=resource,
                    trace_state=span.trace_state,
                )


@contextmanager
def receiving() -> Iterator[OtlpReceiver]:
    """A running receiver."""
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """A receiver of the test's own; import it into a conftest to use it."""
    with receiving() as receiver:
        yield receiver
