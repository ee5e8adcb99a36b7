"""The tap: bytes of one response to facts; a fault switches it off for that exchange and is counted.

Not here: the bytes' way to the client, times' origin, records (exchange.py).
Promise: no call raises, whatever the bytes and whatever the bugs. A call holds the loop for a bounded time: what is
left of a large chunk waits, with its times, until the owner goes on with it; what waits is bounded, and none is lost.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import structlog

from gateway.proxy.decode import Decoder, decoder_for
from gateway.wire.capture import CapturingReader
from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader

SLICE_NS = 250_000  # of one call, and the time of what one step of the reader costs at the worst
WAITING_MAX_BYTES = 1024 * 1024  # of one response; beyond it a call reads on until no more than this is left

# Where a fault can be: the label of tap_faults_total. One of `capture` ends the capture of content, not the tap.
PLACES = ("sse", "skim", "tracker", "records", "capture")

_log = structlog.get_logger()
_PLACE_OF_MODULE = {
    "gateway.wire.sse": "sse",
    "gateway.wire.fastlane": "sse",
    "gateway.wire.skim": "skim",
    "gateway.wire.whole": "skim",
    "gateway.proxy.decode": "sse",
    "gateway.records": "records",
}


@dataclass(slots=True)
class _Chunk:
    """A chunk that waits. pieces: what is left of it, decompressed as it is asked for."""

    pieces: Iterator[bytes]
    size: int
    t_ns: int
    blocked_ns: int


class Tap:
    """Reads one response beside its way to the client. faults: how many, by place."""

    __slots__ = ("_at", "_decoder", "_on", "_piece", "_waiting", "_waiting_bytes", "capturing", "faults", "reader")

    def __init__(
        self,
        route: Route,
        http_status: int,
        body: Body,
        content_encoding: str | None,
        *,
        stall_ns: int,
        capture_bytes: int = 0,
        detail: bool = False,
    ) -> None:
        """capture_bytes: of content that is wanted; 0: none is captured. detail: keep the last events too."""
        self.faults: dict[str, int] = {}
        self.capturing: CapturingReader | None = None  # the reader, where it captures
        if capture_bytes:
            self.capturing = CapturingReader(
                route, http_status, body, stall_ns=stall_ns, wanted_bytes=capture_bytes, detail=detail
            )
        self.reader: ResponseReader = self.capturing or ResponseReader(
            route, http_status, body, stall_ns=stall_ns, detail=detail
        )
        self._on = True
        self._decoder: Decoder | None = None
        self._waiting: deque[_Chunk] = deque()
        self._waiting_bytes = 0
        self._piece = b""  # of the first waiting chunk, read up to _at
        self._at = 0
        try:
            self._decoder = decoder_for(content_encoding)
        except LookupError:
            self._unreadable()

    @property
    def is_blind(self) -> bool:
        """Whether it was switched off: what came after is not known."""
        return not self._on

    def feed(self, chunk: bytes, t_ns: int) -> bool:
        """Read the next chunk of the body as it travels; t_ns since the exchange's start.

        True: some of it waits, call `go_on` soon. It counts at its own time, whenever it is read; so does
        `tracker.blocked_ns`, as it was at this call.
        """
        if not self._on:
            return False
        try:
            pieces: Iterator[bytes]
            if self._decoder is not None:
                pieces = self._decoder.feed(chunk)
            elif self._waiting:
                pieces = iter((chunk,))
            else:
                at = self.reader.feed_some(chunk, 0, t_ns)
                if at >= len(chunk):
                    return False
                self._piece, self._at, pieces = chunk, at, iter(())
            self._waiting.append(_Chunk(pieces, len(chunk), t_ns, self.reader.tracker.blocked_ns))
            self._waiting_bytes += len(chunk)
            return self._work_off(WAITING_MAX_BYTES)
        except Exception as exc:
            self.fault(exc)
            return False

    def go_on(self) -> bool:
        """Read more of what waits, for a bounded time; whether some still waits."""
        try:
            return bool(self._waiting) and self._work_off(WAITING_MAX_BYTES)
        except Exception as exc:
            self.fault(exc)
            return False

    def finish(self, end: End, t_ns: int) -> StreamFacts:
        """The body is over; what is known of it. Reads all that waits: go on before, where time matters."""
        tracker = self.reader.tracker
        try:
            self._work_off(-1)
            return self.reader.finish(end, t_ns) if self._on else tracker.finish(t_ns)
        except Exception as exc:
            self.fault(exc)
            return tracker.facts

    def fault(self, exc: Exception) -> None:
        """Count a fault of our own and switch off; the client never feels it."""
        self._switch_off()
        where = _place(exc.__traceback__)
        self.faults[where] = self.faults.get(where, 0) + 1
        _log.error("tap_switched_off", where=where, error=type(exc).__name__, frames=frames_of(exc))

    def _work_off(self, waiting_max_bytes: int) -> bool:
        """Read what waits until SLICE_NS have passed, and longer while more waits than that; whether some is left."""
        tracker, waiting = self.reader.tracker, self._waiting
        now_blocked_ns = tracker.blocked_ns
        until_ns = time.perf_counter_ns() + SLICE_NS
        try:
            while waiting:
                first = waiting[0]
                tracker.blocked_ns = first.blocked_ns
                if self._next_piece(first):
                    self._at = self.reader.feed_some(self._piece, self._at, first.t_ns)
                elif self._on:
                    waiting.popleft()
                    self._waiting_bytes -= first.size
                if time.perf_counter_ns() > until_ns and self._waiting_bytes <= waiting_max_bytes:
                    break
        finally:
            tracker.blocked_ns = now_blocked_ns
        return bool(waiting)

    def _next_piece(self, chunk: _Chunk) -> bool:
        """Whether something is left of a chunk; only the decoder's own ValueError means that it can't be read."""
        if self._at < len(self._piece):
            return True
        self._at = 0
        try:
            self._piece = next(chunk.pieces, b"")
        except ValueError:
            self._unreadable()
        return bool(self._piece)

    def _unreadable(self) -> None:
        self._switch_off()
        self.reader.unreadable()

    def _switch_off(self) -> None:
        self._on = False
        self._waiting.clear()
        self._waiting_bytes, self._piece, self._at = 0, b"", 0


def frames_of(exc: Exception) -> list[str]:
    """Where a fault was: names and lines only, for the exception's text may hold what the stream said."""
    return [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(exc.__traceback__)[-4:]]


def _place(tb: TracebackType | None) -> str:
    """Where in the tap an exception came from: the deepest frame of ours that has a name for it."""
    place = "tracker"
    while tb is not None:
        place = _PLACE_OF_MODULE.get(tb.tb_frame.f_globals.get("__name__", ""), place)
        tb = tb.tb_next
    return place
