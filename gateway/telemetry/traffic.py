"""What passed through, and what the gateway itself did to it: bytes, events, refusals, clients that left, added time.

Not here: outcomes, steps and tokens (metrics.py), what processes tell of themselves (processes.py).
Source: telemetry-conventions.md 3.3. Promise: every label value is of a closed set; an exchange moves its metrics once,
when it closes.
"""

from __future__ import annotations

from gateway.records import ExchangeClosed, Times
from gateway.telemetry import names
from gateway.telemetry.labels import Overflow, closed
from gateway.telemetry.registry import Counter, Histogram, Registry
from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import End, Outcome

_REASONS = {"body_too_large": "body_size"}  # where the code of the answer is another word


class Traffic:
    """The families of what passes."""

    def __init__(self, registry: Registry, overflow: Overflow) -> None:
        self._overflow = overflow
        self._bytes = Counter(names.STREAM_BYTES, registry, [(direction,) for direction in names.DIRECTIONS])
        self._events = Counter(names.STREAM_EVENTS, registry, [(type_,) for type_ in names.EVENT_TYPES])
        self._left = Counter(names.CLIENT_DISCONNECTS, registry, [(phase,) for phase in names.LEFT_PHASES])
        self._rejected = Counter(names.REJECTED, registry, [(reason,) for reason in names.REJECTIONS])
        self._added = Histogram(names.ADDED_LATENCY, registry)

    def closed(self, record: ExchangeClosed) -> None:
        """Count an ended exchange."""
        up, down = names.DIRECTIONS
        self._bytes.inc((up,), record.bytes_up)
        self._bytes.inc((down,), record.bytes_down)
        for type_, times in events_by_type(record.stream, done_seen=record.done_seen).items():
            if times:
                self._events.inc((type_,), times)
        if record.end is End.LEFT or record.outcome is Outcome.CLIENT_ABORT:
            self._left.inc((left_phase(record),))
        if record.outcome is Outcome.REJECTED:
            reason = _REASONS.get(record.code or "", record.code or "")
            self._rejected.inc((closed(reason, names.REJECTIONS, "reason", self._overflow),))
        for path, added_ns in zip(names.ADDED_PATHS, added(record.times), strict=True):
            if added_ns is not None:
                self._added.observe((path,), added_ns)


def events_by_type(stream: StreamFacts, *, done_seen: bool) -> dict[str, int]:
    """Events of a stream by type, in the order of EVENT_TYPES; what isn't of a known one is the rest of them all."""
    known = (
        stream.created,
        stream.status_updates,
        stream.step_starts,
        stream.deltas,
        stream.step_stops,
        stream.completed,
        stream.errors if stream.events else 0,  # a whole body may be an error too, and has no events
        int(done_seen),
    )
    return dict(zip(names.EVENT_TYPES, (*known, max(0, stream.events - sum(known))), strict=True))


def left_phase(record: ExchangeClosed) -> str:
    """How far the response had come when the client went."""
    before, streaming, after = names.LEFT_PHASES
    if record.done_seen or record.stream.terminal_ns is not None:
        return after
    return streaming if record.stream.deltas else before


def added(times: Times) -> tuple[int | None, int | None]:
    """What the gateway added to the request and to the first bytes of the response, ns; None where it was not so far.

    The request: from its head to its writing upstream, without the wait for a connection. Its body is sent as it
    comes, so no wait for the client is in it.
    """
    request_ns = None
    if times.sent_ns is not None and times.connected_ns is not None and times.upstream_start_ns is not None:
        request_ns = max(0, times.upstream_start_ns + times.sent_ns - times.connected_ns)
    return request_ns, times.first_event_delay_ns
