"""What becomes of a request's trace context: whose trace it is in, what of it goes upstream, what the client is told.

Not here: reading the headers (wire/tracecontext.py, wire/baggage.py), what spans there are (telemetry).
Source: W3C Trace Context 3 and 4, W3C Baggage; telemetry-conventions.md 2.8.
Promise: where the settings ask for nothing, no byte of a head is other than it came, and nothing is done for it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from gateway.proxy.exchange import ClientFacts
from gateway.wire.baggage import members
from gateway.wire.tracecontext import SAMPLED, TraceParent, read_traceparent

if TYPE_CHECKING:
    from gateway.config import TraceSettings
    from gateway.proxy.http1.heads import Fields

TRACE_ID_HEADER = b"x-interactions-trace-id"
TRACEPARENT, TRACESTATE, BAGGAGE = b"traceparent", b"tracestate", b"baggage"
TOLD = frozenset({TRACE_ID_HEADER})  # of a gateway behind this one
CONTEXT = frozenset({TRACEPARENT, TRACESTATE, BAGGAGE})
_PARENT, _PARENT_AND_STATE = frozenset({TRACEPARENT}), frozenset({TRACEPARENT, TRACESTATE})
_NONE: frozenset[bytes] = frozenset()


class Propagation:
    """The settings, ready for use. acts: something is to be done to requests; tells: to responses."""

    def __init__(self, settings: TraceSettings | None = None) -> None:
        """settings: None is their defaults."""
        self._trusted = settings is None or settings.inbound == "trusted"
        self._strips = settings is not None and settings.upstream_headers == "strip"
        self._injects = settings is not None and settings.upstream_headers == "inject"
        self._keys = frozenset(settings.baggage_keys if settings is not None else ())
        self.tells = settings is not None and settings.response_header
        self.acts = bool(not self._trusted or self._strips or self._injects or self._keys)

    def settle(self, client: ClientFacts, baggage: str) -> None:
        """Complete what a request's head told. baggage: the value of that header, of several lines joined by commas."""
        if not self._trusted:
            client.linked, client.traceparent, client.tracestate = client.traceparent, None, None
        if self._keys and baggage:
            client.baggage = members((baggage,), self._keys)
        if self._injects:
            given = read_traceparent(client.traceparent)
            trace_id = f"{random.getrandbits(128) or 1:032x}" if given is None else given.trace_id
            flags = SAMPLED if given is None else given.flags
            client.injected = str(TraceParent(trace_id, f"{random.getrandbits(64) or 1:016x}", flags))

    def rewrite_lines(self, client: ClientFacts, fields: Fields) -> None:
        """Make the head of a request what goes upstream."""
        names, value = self._rewritten(client)
        if names:
            fields.replace(names, None if value is None else TRACEPARENT + b": " + value)

    def rewrite_pairs(self, client: ClientFacts, pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The same, of a head in names and values."""
        names, value = self._rewritten(client)
        if not names:
            return pairs
        at = next((at for at, (name, _) in enumerate(pairs) if name.lower() in names), len(pairs))
        kept = [pair for pair in pairs if pair[0].lower() not in names]
        return kept if value is None else [*kept[:at], (TRACEPARENT, value), *kept[at:]]

    def told(self, client: ClientFacts) -> list[bytes]:
        """The line that tells a client its trace id; none where it isn't told, or not known before the answer."""
        if not self.tells:
            return []
        known = read_traceparent(client.injected or client.traceparent)
        return [] if known is None else [TRACE_ID_HEADER + b": " + known.trace_id.encode("ascii")]

    def _rewritten(self, client: ClientFacts) -> tuple[frozenset[bytes], bytes | None]:
        """Names of the headers that don't go upstream, and the value of the traceparent that goes in their place."""
        if self._strips:
            return CONTEXT, None
        if client.injected is None:
            return _NONE, None
        # a tracestate belongs to the traceparent that it came with
        continues = read_traceparent(client.traceparent) is not None
        return _PARENT if continues else _PARENT_AND_STATE, client.injected.encode("ascii")
