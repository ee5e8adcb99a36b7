"""What we take of the OpenTelemetry SDK: its way to the collector, its resource.

Not here: queue, batches and counts (exporter.py), bytes (otlp.py). Imported only where spans leave: it brings 25 MB.
Source: telemetry-conventions.md 4.6. The SDK's OTLP exporter reads its own environment variables (endpoint, headers,
certificates, timeout, compression) and retries. Its client takes ready bytes but is not public: where it isn't found
in the exporter, spans go through the public `export`, as the SDK's objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from gateway import __version__
from gateway.telemetry import names, otlp
from gateway.telemetry.http_attributes import Whole
from gateway.telemetry.ids import Identity
from gateway.telemetry.nodes import CLIENT, INTERNAL, SERVER, Node
from gateway.telemetry.resource import resource
from gateway.wire.tracecontext import read_tracestate

_KINDS = {SERVER: SpanKind.SERVER, CLIENT: SpanKind.CLIENT, INTERNAL: SpanKind.INTERNAL}
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Way(Protocol):
    """To a collector: spans made ready a tree at a time, sent in batches. Called from one thread, never the loop's."""

    def ready(self, root: Node, identity: Identity, tracestate: str | None) -> list[Any]:
        """The spans of a tree in whatever form they travel, children first."""

    def send(self, spans: Sequence[Any]) -> bool:
        """Whether the collector took them. May raise."""

    def close(self) -> None:
        """Let go of the connection."""


def way(exporter: SpanExporter | None = None) -> Way:
    """The cheapest way there is. exporter: None is OTLP over HTTP as the environment describes it."""
    exporter = OTLPSpanExporter() if exporter is None else exporter
    if isinstance(exporter, OTLPSpanExporter):
        send = getattr(getattr(exporter, "_client", None), "export", None)
        if send is not None:
            return AsBytes(exporter, send)
    return ThroughObjects(exporter)


class AsBytes:
    """Bytes of our own making, through the client inside the SDK's OTLP exporter."""

    def __init__(self, exporter: SpanExporter, send: Callable[[bytes], Any]) -> None:
        self._exporter = exporter
        self._send = send
        self._resource = [(name, _plain(value)) for name, value in resource().attributes.items()]

    def ready(self, root: Node, identity: Identity, tracestate: str | None) -> list[bytes]:
        """Part of Way."""
        return list(otlp.spans(root, identity, _state(identity, tracestate)))

    def send(self, spans: Sequence[bytes]) -> bool:
        """Part of Way."""
        return bool(self._send(otlp.request(self._resource, names.SCOPE, __version__, spans)).success)

    def close(self) -> None:
        """Part of Way."""
        self._exporter.shutdown()


class ThroughObjects:
    """The SDK's span objects, for any exporter."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._resource = resource()
        self._scope = InstrumentationScope(names.SCOPE, __version__)
        self._ids = RandomIdGenerator()

    def ready(self, root: Node, identity: Identity, tracestate: str | None) -> list[ReadableSpan]:
        """Part of Way."""
        text = _state(identity, tracestate)
        state = TraceState.from_header([text]) if text else TraceState()
        parent = None
        if identity.parent is not None:
            remote = not identity.is_inner
            parent = SpanContext(identity.trace_id, identity.parent.span_id, remote, SAMPLED, state)
        made: list[ReadableSpan] = []
        self._make(root, identity.trace_id, parent, state, made)
        return made

    def _make(
        self, node: Node, trace_id: int, parent: SpanContext | None, state: TraceState, made: list[ReadableSpan]
    ) -> None:
        span_id = node.span_id or self._ids.generate_span_id()
        context = SpanContext(trace_id, span_id, False, SAMPLED, state)
        for child in node.children:
            self._make(child, trace_id, context, state, made)
        error = {} if node.error is None else {names.ERROR_TYPE: node.error}
        made.append(
            ReadableSpan(
                node.name,
                context,
                parent,
                self._resource,
                {name: _cut(value) for name, value in (node.attributes | error).items()},
                [
                    Event(event.name, {name: _cut(value) for name, value in event.attributes.items()}, event.unix_ns)
                    for event in node.events
                ],
                [
                    Link(SpanContext(link.to.trace_id, link.to.span_id, True, SAMPLED), dict(link.attributes))
                    for link in node.links
                ],
                _KINDS[node.kind],
                status=Status(StatusCode.UNSET if node.error is None else StatusCode.ERROR),
                start_time=node.start_unix_ns,
                end_time=node.end_unix_ns,
                instrumentation_scope=self._scope,
            )
        )

    def send(self, spans: Sequence[ReadableSpan]) -> bool:
        """Part of Way."""
        return self._exporter.export(spans) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Part of Way."""
        self._exporter.shutdown()


def _state(identity: Identity, tracestate: str | None) -> str:
    return "" if identity.parent is None else read_tracestate(tracestate)


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if type(value) is Whole else value[: otlp.ATTRIBUTE_MAX_CHARS]
    return tuple(map(_cut, value)) if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
