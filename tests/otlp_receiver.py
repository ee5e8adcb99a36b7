"""A real OTLP/HTTP trace receiver: takes protobuf exports on a port of its own, and can be told to be unavailable.

Not here: what the spans ought to be. It runs in a thread with its own event loop, so that tests of any kind share it.
Source: OTLP 1.x over HTTP: POST /v1/traces, ExportTraceServiceRequest, optionally gzipped.
Promise: what `spans` returns was decoded by the official protobuf classes; nothing was dropped or merged.
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
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

Value: TypeAlias = str | bool | int | float | bytes | tuple["Value", ...] | None

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


@dataclass(slots=True)
class Received:
    """One request to the receiver, refused ones too."""

    at_ns: int
    path: str
    headers: Mapping[str, str]
    status: int
    spans: int
    body_bytes: int


@dataclass(slots=True)
class _State:
    lock: threading.Lock = field(default_factory=threading.Lock)
    spans: list[Span] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    refuse_with: int = 0
    refusals_left: int | None = None


class OtlpReceiver:
    """A receiver; use it as a context manager. `endpoint` is what OTEL_EXPORTER_OTLP_ENDPOINT wants."""

    def __init__(self) -> None:
        self._state = _State()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="otlp-receiver", daemon=True)
        self.port = 0

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
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(runner.addresses[0][1])
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        spans: list[Span] = []
        with self._state.lock:
            status = self._refusal()
        if not status:
            status, spans = _decode(request, body)
        with self._state.lock:
            self._state.spans += spans
            self._state.requests.append(
                Received(time.time_ns(), request.path, dict(request.headers), status, len(spans), len(body))
            )
        answer = ExportTraceServiceResponse().SerializeToString() if status == 200 else b""
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


def _decode(request: web.Request, body: bytes) -> tuple[int, list[Span]]:
    """The status that the request deserves, and its spans."""
    if request.path != "/v1/traces":
        return 404, []
    if request.content_type != "application/x-protobuf":
        return 415, []
    try:
        if request.headers.get("Content-Encoding", "").lower() == "gzip":
            body = gzip.decompress(body)
        export = ExportTraceServiceRequest.FromString(body)
    except Exception:
        return 400, []
    return 200, list(_spans(export))


def _spans(export: ExportTraceServiceRequest) -> Iterator[Span]:
    for of_resource in export.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
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
                    attributes=_attributes(span.attributes),
                    links=tuple(
                        Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
                        for link in span.links
                    ),
                    events=tuple(event.name for event in span.events),
                    resource=resource,
                    trace_state=span.trace_state,
                )


def _attributes(pairs: Sequence[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return tuple(_value(item) for item in value.array_value.values)
    if kind == "kvlist_value":
        return tuple((pair.key, _value(pair.value)) for pair in value.kvlist_value.values)
    plain: Value = getattr(value, kind)
    return plain


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
