"""Span events of an interaction's span, for who asks for them: `spans.detail = "full"`.

Not here: attributes, which say the same of most of it (attributes.py).
Source: telemetry-conventions.md 2.7 (events are being phased out there: so none by default), design.md 5 (the ring).
Promise: in the order of time, within the exchange's time, bounded; no content.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.http_attributes import Attributes
from gateway.telemetry.nodes import SpanEvent
from gateway.wire.ring import unpack

MAX_CODE_CHARS = 64


class SpanEvents:
    """The events of an exchange, unpacked when they are read: that may be late, and most are small numbers."""

    def __init__(self, record: ExchangeClosed) -> None:
        self._zero_ns = record.started_unix_ns
        self._end_ns = record.times.end_ns
        self._packed = record.stream.packed_events
        self._marks = list(_marks(record))

    def __iter__(self) -> Iterator[SpanEvent]:
        found = [*self._marks, *_wire_events(self._packed)]
        for at_ns, name, attributes in sorted(found, key=lambda event: event[0]):
            yield SpanEvent(name, self._zero_ns + min(max(0, at_ns), self._end_ns), attributes)


def _marks(record: ExchangeClosed) -> Iterator[tuple[int, str, Attributes]]:
    """What stands out: time since the start, name, attributes."""
    stream = record.stream
    end_ns = record.times.end_ns  # what a whole body says, it says at its end
    for kind, at_ns in stream.first_delta_ns.items():
        yield at_ns, names.EVENT_FIRST_DELTA, {names.DELTA_KIND: kind}
    for code, at_ns in zip(stream.error_codes, chain(stream.errors_ns, repeat(end_ns)), strict=False):
        yield at_ns, names.EVENT_ERROR, {names.ERROR_CODE: code[:MAX_CODE_CHARS]} if code else {}
    for name, at_ns in zip(stream.unknown_names, chain(stream.unknown_names_ns, repeat(end_ns)), strict=False):
        yield at_ns, names.EVENT_UNKNOWN, {names.UNKNOWN_NAME: name}
    if stream.stall_ns is not None:
        yield stream.stall_ns, names.EVENT_STALL, {}
    if stream.terminal_ns is not None:
        status = stream.interaction.status
        yield stream.terminal_ns, names.EVENT_TERMINAL, {names.EVENT_STATUS: status} if status else {}


def _wire_events(packed: str) -> Iterator[tuple[int, str, Attributes]]:
    for entry in unpack(packed):
        attributes: Attributes = {names.EVENT_SIZE: entry.size_bytes}
        if entry.index is not None:
            attributes[names.EVENT_INDEX] = entry.index
        if entry.count > 1:
            attributes[names.EVENT_COUNT] = entry.count
        yield entry.t_ns, entry.type, attributes
