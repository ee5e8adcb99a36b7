"""Captured content as log events over OTLP: the conventions' event `gen_ai.client.inference.operation.details`.

Not here: what is in it (content.py), queue, batches and counts (exporter.py). Imported only where events leave: it
brings the SDK. Source: telemetry-conventions.md 2.7. The SDK's exporter reads its own environment variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from gateway import __version__
from gateway.telemetry import names
from gateway.telemetry.ids import Identity
from gateway.telemetry.nodes import Node
from gateway.telemetry.resource import resource
from gateway.telemetry.sdk import SAMPLED


class AsLogRecords:
    """A Way for events: each a node without children, with its content as values."""

    def __init__(self, exporter: LogRecordExporter | None = None) -> None:
        """exporter: None is OTLP over HTTP as the environment describes it."""
        self._exporter = OTLPLogExporter() if exporter is None else exporter
        self._resource = resource()
        self._scope = InstrumentationScope(names.SCOPE, __version__)

    def ready(self, root: Node, identity: Identity, tracestate: str | None) -> list[ReadableLogRecord]:
        """Part of Way."""
        span = NonRecordingSpan(SpanContext(identity.trace_id, root.span_id or 0, False, SAMPLED))
        record = LogRecord(
            timestamp=root.end_unix_ns,
            observed_timestamp=root.end_unix_ns,
            context=set_span_in_context(span),
            severity_text="DEBUG",
            severity_number=SeverityNumber.DEBUG,
            event_name=root.name,
            attributes=cast(Any, root.attributes),
        )
        return [ReadableLogRecord(record, self._resource, self._scope)]

    def send(self, spans: Sequence[ReadableLogRecord]) -> bool:
        """Part of Way."""
        return self._exporter.export(spans) is LogRecordExportResult.SUCCESS

    def close(self) -> None:
        """Part of Way."""
        cast(Any, self._exporter).shutdown()  # the SDK gives it no types
