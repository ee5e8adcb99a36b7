"""Readers that capture content beside what the plain ones read: chosen where an exchange begins, never asked about.

Not here: whether it is captured (gateway/capture.py), what becomes of it. Where it is off, none of this runs.
Promise: the facts are those of the plain readers. A fault of the capture is kept in `fault` and ends the capture alone;
memory is bounded by a few times the bytes that are wanted and what an excerpt keeps beside them, whatever passes.
"""

from __future__ import annotations

from gateway.wire.excerpt import Excerpter
from gateway.wire.facts import Invalid, StreamFacts
from gateway.wire.jsontext import load_json
from gateway.wire.outcome import Body, End, Route, is_interaction_answer
from gateway.wire.request import RequestReader
from gateway.wire.response import ResponseReader
from gateway.wire.room import Room
from gateway.wire.skim import Skimmer
from gateway.wire.sse import BOM, DONE, Gathered, SSEEvent, SSEParser
from gateway.wire.steps_content import StepsContent

ROOMS = 2  # times the wanted bytes: what the observer cuts it to it must first search for secrets
SHARE_BYTES = 16 * 1024  # of a chunk at once: a share is read twice here


class _Excerpted(Gathered):
    """Data bytes of one event, kept while small, then as an excerpt."""

    __slots__ = ("_room_bytes",)

    def __init__(self, room_bytes: int) -> None:
        super().__init__()
        self._room_bytes = room_bytes

    def _large(self) -> Skimmer:
        return Excerpter(Room(self._room_bytes))


class _ContentParser(SSEParser):
    """Gives the data of large events as excerpts."""

    __slots__ = ("_room_bytes",)

    def __init__(self, room_bytes: int) -> None:
        super().__init__()
        self._room_bytes = room_bytes

    def _add_data(self, line: bytes) -> None:
        if self._data is None:
            self._data = _Excerpted(self._room_bytes)
        else:
            self._data.add(b"\n")
        self._data.add(line[6 if line[5:6] == b" " else 5 :])


class CapturingRequestReader(RequestReader):
    """Takes a create's body as it passes, twice: for what it tells of itself, and for an excerpt of its content."""

    def __init__(self, wanted_bytes: int) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.size = 0
        self._excerpter = Excerpter(Room(ROOMS * wanted_bytes))

    def feed(self, piece: bytes) -> None:
        """The next bytes of the request body."""
        super().feed(piece)
        self.size += len(piece)
        if self.fault is None:
            try:
                self._excerpter.feed(piece)
            except Exception as exc:
                self.fault = exc

    def excerpt(self) -> str | None:
        """Of the whole body, as JSON text; None when there is no body, or no excerpt of it."""
        data = None if self.fault is not None else self._excerpter.result()
        return data.removeprefix(BOM).decode("utf-8", "replace") if data else None


class CapturingReader(ResponseReader):
    """Reads a response twice: for the facts, and for its content."""

    def __init__(
        self, route: Route, http_status: int, body: Body, *, stall_ns: int, wanted_bytes: int, detail: bool = False
    ) -> None:
        super().__init__(route, http_status, body, stall_ns=stall_ns, detail=detail)
        self.fault: Exception | None = None
        self.size = 0
        self.content = StepsContent(ROOMS * wanted_bytes)
        reads = is_interaction_answer(route, http_status, body)
        self._content_parser: SSEParser | None = None
        self._excerpter: Excerpter | None = None
        if reads and body is Body.STREAM:
            self._content_parser = _ContentParser(ROOMS * wanted_bytes)
        elif reads:
            self._excerpter = Excerpter(Room(ROOMS * wanted_bytes))

    def feed_some(self, piece: bytes, at: int, t_ns: int) -> int:
        """The same for a share of the piece that begins at `at`; where it ends."""
        if len(piece) - at > SHARE_BYTES:
            return at + self._share(piece[at : at + SHARE_BYTES], 0, t_ns)
        return self._share(piece, at, t_ns)

    def finish(self, end: End, t_ns: int) -> StreamFacts:
        """The body is over, in this way. Call it once."""
        facts = super().finish(end, t_ns)
        if self.fault is None:
            try:
                self._finish_content(end)
            except Exception as exc:
                self.fault = exc
        return facts

    def unreadable(self) -> None:
        """The body is in an encoding that can't be read: nothing more is captured of it."""
        super().unreadable()
        self._content_parser = self._excerpter = None

    def _share(self, piece: bytes, at: int, t_ns: int) -> int:
        stop = super().feed_some(piece, at, t_ns)
        if self.fault is None:
            try:
                self._take(piece[at:stop])
            except Exception as exc:
                self.fault = exc
        return stop

    def _take(self, share: bytes) -> None:
        if self._content_parser is not None:
            for sse in self._content_parser.feed(share):
                self._event(sse)
        elif self._excerpter is not None:
            self.size += len(share)
            self._excerpter.feed(share)

    def _event(self, sse: SSEEvent) -> None:
        if sse.bare or sse.data == DONE:
            return
        if sse.data is None:
            self.content.unread(sse.size)
        else:
            self.content.event(load_json(sse.data), sse.name)

    def _finish_content(self, end: End) -> None:
        if self._content_parser is not None and end is End.CLEAN and not self._content_parser.done:
            for sse in self._content_parser.finish():
                self._event(sse)
        elif self._excerpter is not None:
            data = self._excerpter.result()
            wire = Invalid.SIZE if data is None else load_json(data.removeprefix(BOM))
            if isinstance(wire, dict):
                self.content.steps(wire.get("steps"))
            elif data is None:
                self.content.unread(self.size)
