"""Trees of planned spans to OTLP/HTTP through the SDK, never waiting, every span's fate counted.

Not here: what spans there are (tree.py), whether there is an exporter at all (environment.py).
Source: telemetry-conventions.md 4.6: the SDK drops silently, ignores flush timeouts and joins for 30 s at exit.
Promise: `send` never blocks and drops whole trees only; `shutdown` keeps its deadline whatever the collector does.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from gateway import __version__
from gateway.telemetry import names
from gateway.telemetry.ids import Identity
from gateway.telemetry.tree import CLIENT, INTERNAL, SERVER, Node

QUEUE_SPANS = 8192  # waiting for the collector; more means it is slow or gone
BATCH_SPANS = 128  # encoding holds the GIL: short bursts disturb the observer less
DELAY_MS = 1000
ATTRIBUTE_MAX_CHARS = 1024

_KINDS = {SERVER: SpanKind.SERVER, CLIENT: SpanKind.CLIENT, INTERNAL: SpanKind.INTERNAL}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

Counted = Callable[[str, int], None]  # a result of names.SPAN_RESULTS, and how many spans


class SpanSender:
    """The SDK's pipeline with bounds and counts of our own. `counted` and `log` are called from its thread too."""

    def __init__(
        self,
        counted: Counted,
        log: Callable[[str], object],
        *,
        exporter: SpanExporter | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        # Its failures are in our log and counts; without a handler the SDK's own lines would go to stderr.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        self._counted = counted
        self._lock = threading.Lock()
        self._waiting = 0
        self._closing = False
        self._ids = _GivenIds()
        self._limit = _number(environment, "OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_SPANS)
        processor = BatchSpanProcessor(
            _CountingExporter(exporter or OTLPSpanExporter(), self._done, log),
            # Never full: we drop before the SDK would, and whole trees instead of first children.
            max_queue_size=self._limit,
            max_export_batch_size=min(_number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH_SPANS), self._limit),
            schedule_delay_millis=_number(environment, "OTEL_BSP_SCHEDULE_DELAY", DELAY_MS),
        )
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=_resource(),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=SpanLimits(max_span_attribute_length=ATTRIBUTE_MAX_CHARS),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(names.SCOPE, __version__)

    def send(self, root: Node, identity: Identity, tracestate: str | None) -> None:
        """Make the spans of one tree and queue them, or drop all of them when the queue has no room."""
        size = root.count()
        with self._lock:
            fits = not self._closing and self._waiting + size <= self._limit
            if fits:
                self._waiting += size
        if not fits:
            self._counted("dropped", size)
            return
        context = trace.set_span_in_context(trace.INVALID_SPAN)  # never what happens to be current around us
        if identity.parent is not None:
            state = TraceState.from_header([tracestate]) if tracestate else TraceState()
            parent = SpanContext(identity.trace_id, identity.parent.span_id, True, _SAMPLED, state)
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        self._ids.trace_id = identity.trace_id
        self._emit(root, context)

    def _emit(self, node: Node, context: Context) -> None:
        self._ids.span_id = node.span_id
        span = self._tracer.start_span(
            node.name,
            context,
            _KINDS[node.kind],
            dict(node.attributes),
            [
                trace.Link(SpanContext(link.to.trace_id, link.to.span_id, True, _SAMPLED), dict(link.attributes))
                for link in node.links
            ],
            node.start_unix_ns,
        )
        if node.error is not None:
            span.set_attribute(names.ERROR_TYPE, node.error)
            span.set_status(Status(StatusCode.ERROR))
        if node.children:
            inside = trace.set_span_in_context(span)
            for child in node.children:
                self._emit(child, inside)
        span.end(node.end_unix_ns)

    def _done(self, result: str, spans: int) -> None:
        with self._lock:
            # What the deadline of shutdown gave up is counted already, even if it gets through later.
            spans = min(spans, self._waiting)
            self._waiting -= spans
        self._counted(result, spans)

    def shutdown(self, timeout_s: float) -> None:
        """Send what waits, for at most timeout_s; what is left then is dropped. Blocks: call it off the loop."""
        with self._lock:
            self._closing = True
        # A thread of ours, since the SDK's own shutdown may take 30 s; a daemon can be left behind at exit.
        thread = threading.Thread(target=self._provider.shutdown, name="span-shutdown", daemon=True)
        thread.start()
        thread.join(max(0.0, timeout_s))
        with self._lock:
            left, self._waiting = self._waiting, 0
        if left > 0:
            self._counted("dropped", left)


class _CountingExporter(SpanExporter):
    """Passes batches on, counts their fate, and says once when exporting starts to fail and when it works again."""

    def __init__(self, inner: SpanExporter, done: Counted, log: Callable[[str], object]) -> None:
        self._inner = inner
        self._done = done
        self._log = log
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._inner.export(spans)
        except Exception:  # an exporter's fault costs its batch, not the thread
            result = SpanExportResult.FAILURE
        failed = result is not SpanExportResult.SUCCESS
        self._done("failed" if failed else "exported", len(spans))
        if failed != self._failing:
            self._failing = failed
            self._log("span_export_failing" if failed else "span_export_recovered")
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class _GivenIds(RandomIdGenerator):
    """Hands out the ids it was given, once each; random span ids otherwise."""

    trace_id: int = 0
    span_id: int | None = None

    def generate_trace_id(self) -> int:
        return self.trace_id or super().generate_trace_id()

    def generate_span_id(self) -> int:
        given, self.span_id = self.span_id, None
        return given or super().generate_span_id()

    def is_trace_id_random(self) -> bool:
        return False  # some are hashes


def _resource() -> Resource:
    resource = Resource.create({"service.version": __version__})
    name = resource.attributes.get("service.name", "")
    if str(name).startswith("unknown_service"):  # neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES gave one
        resource = resource.merge(Resource({"service.name": names.SERVICE}))
    return resource


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip()
    return int(text) if text.isdecimal() and int(text) > 0 else default
