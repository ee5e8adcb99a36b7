"""Trace and span ids: from the client's traceparent, from the interaction's id, or random; and which traces are kept.

Not here: spans (tree.py, exporter.py). Source: accounting.md 7, W3C Trace Context (version 00).
Promise: every replica derives the same ids from the same interaction id.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from gateway.records import ExchangeClosed
from gateway.wire.outcome import Route
from gateway.wire.tracecontext import read_traceparent

_KEEP_BITS = 64  # the low half decides, as in the SDK's own ratio sampler


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
    """

    trace_id: int
    parent: SpanRef | None
    server: int
    main: int
    upstream: int | None = None

    @property
    def trace_hex(self) -> str:
        return f"{self.trace_id:032x}"


def identify(record: ExchangeClosed, *, is_repeated: bool = False) -> Identity:
    """Settle the ids of an exchange.

    is_repeated: another create was answered with this interaction's id before: what follows from it is taken.
    """
    parent = parse_traceparent(record.traceparent)
    injected = parse_traceparent(record.injected)
    if injected is not None:
        # settled before the interaction had an id, so that nothing follows from that
        return Identity(injected.trace_id, parent, _random_span_id(), _random_span_id(), injected.span_id)
    if parent is not None:
        return Identity(parent.trace_id, parent, _random_span_id(), _random_span_id())
    interaction_id = record.stream.interaction.id
    if record.route is Route.CREATE and interaction_id and not is_repeated:
        derived = derive(interaction_id)
        return Identity(derived.trace_id, None, _random_span_id(), derived.span_id)
    return anonymous()


def anonymous() -> Identity:
    """Ids that say nothing."""
    return Identity(_random_nonzero(128), None, _random_span_id(), _random_span_id())


def derive(interaction_id: str) -> SpanRef:
    """The ids an interaction's create takes from its id when it has no traceparent."""
    # surrogatepass: an id is opaque text of the wire, and an odd one must not cost the exchange its trace
    digest = hashlib.sha256(interaction_id.encode("utf-8", "surrogatepass")).digest()
    return SpanRef(int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1)


def parse_traceparent(header: str | None) -> SpanRef | None:
    """The span that a header names, None for a header that is missing or not valid."""
    given = read_traceparent(header)
    return None if given is None else SpanRef(int(given.trace_id, 16), int(given.span_id, 16))


def is_kept(trace_id: int, keep_ratio: float) -> bool:
    """Whether a trace is kept: the same answer for all its exchanges, here and in every replica."""
    return trace_id & ((1 << _KEEP_BITS) - 1) < round(keep_ratio * (1 << _KEEP_BITS))


def _random_span_id() -> int:
    return _random_nonzero(64)


def _random_nonzero(bits: int) -> int:
    return random.getrandbits(bits) or 1
