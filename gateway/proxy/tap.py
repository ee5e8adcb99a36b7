"""The tap: bytes of one response to facts; a fault switches it off for that exchange and is counted.

Not here: the bytes' way to the client, times' origin, records (exchange.py).
Promise: no call raises, whatever the bytes and whatever the bugs.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType

import structlog

from gateway.proxy.decode import Decoder, decoder_for
from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader

PLACES = ("sse", "skim", "tracker", "records")  # where a fault can be: the label of tap_faults_total

_log = structlog.get_logger()
_PLACE_OF_MODULE = {
    "gateway.wire.sse": "sse",
    "gateway.wire.fastlane": "sse",
    "gateway.wire.skim": "skim",
    "gateway.wire.whole": "skim",
    "gateway.proxy.decode": "sse",
    "gateway.records": "records",
}


class Tap:
    """Reads one response beside its way to the client. faults: how many, by place."""

    __slots__ = ("_decoder", "_on", "faults", "reader")

    def __init__(
        self, route: Route, http_status: int, body: Body, content_encoding: str | None, *, stall_ns: int
    ) -> None:
        self.faults: dict[str, int] = {}
        self.reader = ResponseReader(route, http_status, body, stall_ns=stall_ns)
        self._on = True
        self._decoder: Decoder | None = None
        try:
            self._decoder = decoder_for(content_encoding)
        except LookupError:
            self._unreadable()

    @property
    def is_blind(self) -> bool:
        """Whether it was switched off: what came after is not known."""
        return not self._on

    def feed(self, chunk: bytes, t_ns: int) -> None:
        """Read the next chunk of the body as it travels; t_ns since the exchange's start."""
        if not self._on:
            return
        try:
            if self._decoder is None:
                self.reader.feed(chunk, t_ns)
                return
            pieces = self._decoder.feed(chunk)
            while (piece := self._unpacked(pieces)) is not None:
                self.reader.feed(piece, t_ns)
        except Exception as exc:
            self.fault(exc)

    def finish(self, end: End, t_ns: int) -> StreamFacts:
        """The body is over; what is known of it."""
        tracker = self.reader.tracker
        try:
            return self.reader.finish(end, t_ns) if self._on else tracker.finish(t_ns)
        except Exception as exc:
            self.fault(exc)
            return tracker.facts

    def fault(self, exc: Exception) -> None:
        """Count a fault of our own and switch off; the client never feels it."""
        self._on = False
        where = _place(exc.__traceback__)
        self.faults[where] = self.faults.get(where, 0) + 1
        # names and lines only: the exception's text may hold what the stream said
        frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(exc.__traceback__)[-4:]]
        _log.error("tap_switched_off", where=where, error=type(exc).__name__, frames=frames)

    def _unpacked(self, pieces: Iterator[bytes]) -> bytes | None:
        """The next decompressed piece; only its own ValueError means that the encoding can't be read."""
        try:
            return next(pieces, None)
        except ValueError:
            self._unreadable()
            return None

    def _unreadable(self) -> None:
        self._on = False
        self.reader.unreadable()


def _place(tb: TracebackType | None) -> str:
    """Where in the tap an exception came from: the deepest frame of ours that has a name for it."""
    place = "tracker"
    while tb is not None:
        place = _PLACE_OF_MODULE.get(tb.tb_frame.f_globals.get("__name__", ""), place)
        tb = tb.tb_next
    return place
