"""Exchanges with captured content, made of real bytes; and a bench whose capture is on.

Not here: any expectation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter

from gateway.config import CaptureSettings, Settings, TraceSettings
from gateway.records import ContentCaptured, ExchangeClosed
from gateway.telemetry import names
from gateway.wire.capture import CapturingReader, CapturingRequestReader
from gateway.wire.content import Content
from gateway.wire.outcome import Body, End, Route
from tests.telemetry.factories import Bench
from tests.wire.pieces import STALL_NS

CONTENT_NAMES = (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS, names.TOOL_DEFINITIONS)


def answer(data: bytes, body: Body = Body.STREAM, end: End = End.CLEAN, wanted: int = 32 * 1024) -> CapturingReader:
    """A reader that took an answer, and is over."""
    reader = CapturingReader(Route.CREATE, 200, body, stall_ns=STALL_NS, wanted_bytes=wanted)
    reader.feed(data, 1_000_000)
    reader.finish(end, 2_000_000)
    assert reader.fault is None
    return reader


def content(
    data: bytes = b"",
    body: Body = Body.STREAM,
    end: End = End.CLEAN,
    request: Mapping[str, Any] | None = None,
    wanted: int = 32 * 1024,
) -> Content:
    """What a forwarder captures of a request and its answer."""
    found = Content()
    if request is not None:
        asking = CapturingRequestReader(wanted)
        asking.feed(json.dumps(request).encode())
        found.request, found.request_bytes = asking.excerpt(), asking.size
    reader = answer(data, body, end, wanted)
    found.steps = reader.content.taken()
    found.beyond_parts, found.beyond_bytes = reader.content.beyond_parts, reader.content.beyond_bytes
    return found


class CapturingBench(Bench):
    """A bench with capture on, its log events kept in memory."""

    def __init__(
        self,
        where: Any = "SPAN_AND_EVENT",
        *,
        traced: bool = True,
        traces: TraceSettings | None = None,
        **capture: Any,
    ) -> None:
        self.events: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        wanted = CaptureSettings(content=where, **capture)
        super().__init__(Settings(capture=wanted, traces=traces or TraceSettings()), traced)

    def exporters(self) -> dict[str, Any]:
        """Part of Bench."""
        return {"log_exporter": self.events}

    def close(self, record: ExchangeClosed, captured: Content | None) -> None:
        """An exchange ends, its content right before it."""
        if captured is not None:
            self.apply(ContentCaptured(record.exchange_id, captured))
        self.apply(record)

    def on_spans(self) -> dict[str, dict[str, Any]]:
        """Content attributes that are there, by span name; of spans that have any."""
        self.flush()
        wanted = {*CONTENT_NAMES, names.TOOL_CALL_ARGUMENTS, names.TOOL_CALL_RESULT}
        found: dict[str, dict[str, Any]] = {}
        for span in self.spans.get_finished_spans():
            has = {name: value for name, value in (span.attributes or {}).items() if name in wanted}
            if has:
                found.setdefault(span.name, {}).update(has)
        return found

    def messages(self) -> dict[str, Any]:
        """The four attributes of the one interaction span, decoded."""
        [found] = [has for has in self.on_spans().values() if set(has) & set(CONTENT_NAMES)]
        return {name: json.loads(value) for name, value in found.items() if name in CONTENT_NAMES}

    def told(self) -> list[Any]:
        """The log records that left."""
        self.flush()
        return [one.log_record for one in self.events.get_finished_logs()]
