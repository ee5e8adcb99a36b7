"""Trace and span ids: from the client's traceparent, from the interaction's id, or from the exchange's own id.

Not here: spans (tree.py, exporter.py), which traces are kept (sampling.py).
Source: accounting.md 7, W3C Trace Context (version 00).
Promise: nothing is drawn here. Every replica derives the same ids from the same interaction id; and an observer that
takes over gives an exchange and its steps the ids that the one before it gave them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

from gateway.records import ExchangeClosed, ExchangeOpened
from gateway.wire.outcome import Route

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SPAN_MASK = (1 << 64) - 1
_STRIDE = 0x9E37_79B9_7F4A_7C15  # odd: its multiples are distinct


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span, by its ids."""

    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of an exchange's trace, settled before any span is made.

    parent: the client's span. server, main: the SERVER span and, below it, the interaction's (or the upstream
    request's, where there is no interaction span). is_inner: of a part of the trace, whose parent is a span of ours.
    """

    trace_id: int
    parent: SpanRef | None
    server: int
    main: int
    is_inner: bool = False

    @property
    def trace_hex(self) -> str:
        return f"{self.trace_id:032x}"

    def below_main(self) -> Identity:
        """Of what is sent before the interaction's span, and hangs below it."""
        return replace(self, parent=SpanRef(self.trace_id, self.main), is_inner=True)

    def step_span(self, number: int) -> int | None:
        """The span of a step, by its place in the response; None, which is any, where that isn't known."""
        return None if number < 0 else (self.main + _STRIDE * (2 * number + 1)) & _SPAN_MASK or 1

    def tool_span(self, number: int) -> int | None:
        """The span of a tool's execution, by the place of its first step."""
        return None if number < 0 else (self.main + _STRIDE * (2 * number + 2)) & _SPAN_MASK or 1


def identify(record: ExchangeClosed) -> Identity:
    """The ids of an exchange that has ended."""
    return settled(record, record.stream.interaction.id) or anonymous(record.exchange_id)


def settled(record: ExchangeOpened | ExchangeClosed, interaction_id: str | None) -> Identity | None:
    """The ids of an exchange; None while only the interaction's id, which isn't known yet, can settle them."""
    own = anonymous(record.exchange_id)
    parent = parse_traceparent(record.traceparent)
    if parent is not None:
        return Identity(parent.trace_id, parent, own.server, own.main)
    if record.route is not Route.CREATE:
        return own
    if not interaction_id:
        return None
    derived = derive(interaction_id)
    return Identity(derived.trace_id, None, own.server, derived.span_id)


def anonymous(exchange_id: str) -> Identity:
    """Ids that say nothing: an exchange's id is drawn at random, and so are they."""
    digest = _digest(exchange_id)
    trace_id, server, main = (int.from_bytes(part) or 1 for part in (digest[:16], digest[16:24], digest[24:]))
    return Identity(trace_id, None, server, main)


def derive(interaction_id: str) -> SpanRef:
    """The ids an interaction's create takes from its id when it has no traceparent."""
    digest = _digest(interaction_id)
    return SpanRef(int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1)


def parse_traceparent(header: str | None) -> SpanRef | None:
    """The client's span, None for a header that is missing or not valid. Its sampled flag decides nothing here."""
    match = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    version, trace, span, _, more = match.groups()
    if version == "ff" or (version == "00" and more):
        return None
    ref = SpanRef(int(trace, 16), int(span, 16))
    return ref if ref.trace_id and ref.span_id else None


def _digest(text: str) -> bytes:
    # surrogatepass: an id is opaque text of the wire, and an odd one must not cost the exchange its trace
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
