"""Trace and span ids: from the client's traceparent, from the interaction's id, or from the exchange's own id.

Not here: spans (tree.py, exporter.py), which traces are kept (sampling.py).
Source: accounting.md 7, W3C Trace Context (version 00).
Promise: nothing is drawn here. Every replica derives the same ids from the same interaction id; and an observer that
takes over gives an exchange and its steps the ids that the one before it gave them.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from gateway.records import ExchangeClosed, ExchangeOpened
from gateway.wire.outcome import Route
from gateway.wire.tracecontext import read_traceparent

_SPAN_MASK = (1 << 64) - 1
_PARTS = struct.Struct("!16sQQ").unpack
_STRIDE = 0x9E37_79B9_7F4A_7C15  # odd: its multiples are distinct


class SpanRef(NamedTuple):
    """A span, by its ids."""

    trace_id: int
    span_id: int


class Identity(NamedTuple):
    """The ids of an exchange's trace, settled before any span is made.

    parent: the client's span. server, main: the SERVER span and, below it, the interaction's (or the upstream
    request's, where there is no interaction span). upstream: the upstream request's, where the upstream was told it.
    is_inner: of a part of the trace, whose parent is a span of ours.
    """

    trace_id: int
    parent: SpanRef | None
    server: int
    main: int
    upstream: int | None = None
    is_inner: bool = False

    @property
    def trace_hex(self) -> str:
        return f"{self.trace_id:032x}"

    def below_main(self) -> Identity:
        """Of what is sent before the interaction's span, and hangs below it."""
        return self._replace(parent=SpanRef(self.trace_id, self.main), is_inner=True)

    def step_span(self, number: int) -> int | None:
        """The span of a step, by its place in the response; None, which is any, where that isn't known."""
        return None if number < 0 else (self.main + _STRIDE * (2 * number + 1)) & _SPAN_MASK or 1

    def tool_span(self, number: int) -> int | None:
        """The span of a tool's execution, by the place of its first step."""
        return None if number < 0 else (self.main + _STRIDE * (2 * number + 2)) & _SPAN_MASK or 1


def identify(record: ExchangeClosed, *, is_repeated: bool = False) -> Identity:
    """The ids of an exchange that has ended. is_repeated: see `settled`."""
    found = settled(record, record.stream.interaction.id, is_repeated=is_repeated)
    return anonymous(record.exchange_id) if found is None else found


def settled(
    record: ExchangeOpened | ExchangeClosed, interaction_id: str | None, *, is_repeated: bool = False
) -> Identity | None:
    """The ids of an exchange; None while only the interaction's id, which isn't known yet, can settle them.

    is_repeated: another create was answered with this interaction's id before: what follows from it is taken.
    """
    trace_id, server, main = _three_ids(record.exchange_id)
    parent = parse_traceparent(record.traceparent) if record.traceparent else None
    injected = parse_traceparent(record.injected) if record.injected else None
    if injected is not None:
        # settled before the interaction had an id, so that nothing follows from that
        return Identity(injected.trace_id, parent, server, main, injected.span_id)
    if parent is not None:
        return Identity(parent.trace_id, parent, server, main)
    if record.route is not Route.CREATE or is_repeated:
        return Identity(trace_id, None, server, main)
    if not interaction_id:
        return None
    derived = derive(interaction_id)
    return Identity(derived.trace_id, None, server, derived.span_id)


def anonymous(exchange_id: str) -> Identity:
    """Ids that say nothing: an exchange's id is drawn at random, and so are they."""
    trace_id, server, main = _three_ids(exchange_id)
    return Identity(trace_id, None, server, main)


def derive(interaction_id: str) -> SpanRef:
    """The ids an interaction's create takes from its id when it has no traceparent."""
    trace_id, span_id, _ = _three_ids(interaction_id)
    return SpanRef(trace_id, span_id)


def parse_traceparent(header: str | None) -> SpanRef | None:
    """The span that a header names, None for a header that is missing or not valid. Its flags decide nothing here."""
    given = read_traceparent(header)
    return None if given is None else SpanRef(int(given.trace_id, 16), int(given.span_id, 16))


def _three_ids(text: str) -> tuple[int, int, int]:
    """Of a trace and of two spans, from what follows from a text. None is zero."""
    # surrogatepass: an id is opaque text of the wire, and an odd one must not cost the exchange its trace
    trace_id, one, two = _PARTS(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return int.from_bytes(trace_id) or 1, one or 1, two or 1
