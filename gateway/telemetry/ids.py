"""Trace and span ids: from the client's traceparent, from the interaction's id, or from the exchange's own id.

Not here: spans (tree.py, exporter.py), which traces are kept (sampling.py).
Source: accounting.md 7, W3C Trace Context (version 00).
Promise: nothing is drawn here. Every replica derives the same ids from the same interaction id; and an observer that
takes over gives an exchange and its steps the ids that the one before it gave them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from gateway.records import ExchangeClosed, ExchangeOpened
from gateway.wire.outcome import Route
from gateway.wire.tracecontext import read_traceparent

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
        return replace(self, parent=SpanRef(self.trace_id, self.main), is_inner=True)

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
    own = anonymous(record.exchange_id)
    parent = parse_traceparent(record.traceparent)
    injected = parse_traceparent(record.injected)
    if injected is not None:
        # settled before the interaction had an id, so that nothing follows from that
        return Identity(injected.trace_id, parent, own.server, own.main, injected.span_id)
    if parent is not None:
        return Identity(parent.trace_id, parent, own.server, own.main)
    if record.route is not Route.CREATE or is_repeated:
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
    """The span that a header names, None for a header that is missing or not valid. Its flags decide nothing here."""
    given = read_traceparent(header)
    return None if given is None else SpanRef(int(given.trace_id, 16), int(given.span_id, 16))


def _digest(text: str) -> bytes:
    # surrogatepass: an id is opaque text of the wire, and an odd one must not cost the exchange its trace
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
