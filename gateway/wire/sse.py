"""Event-stream framing: bytes of a response body to SSEEvent values.

Not here: JSON, what an event means (events.py), sockets, clocks.
Source: WHATWG HTML 9.2.6; where the SDKs differ, interactions-api.md 3.1 and 8.1.
Promise: the same bytes in any split give the same events, in linear time and bounded memory.

Beside the standard, since the API's SDKs do so or the books ask for it: the last block of a body that ends without
its blank line is given out by `finish`, marked; a line that begins with `{` is given out as a bare line.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.wire.skim import Skimmer

SKIM_OVER_BYTES = 16 * 1024  # more data in one event is an image or audio: skim it, decoding would hold the loop
_HOLD_MAX_BYTES = 8 * 1024  # an unfinished line beyond this is sorted by its field at once, not held until it ends
_NAME_MAX_BYTES = 256

BOM = b"\xef\xbb\xbf"
DONE = b"[DONE]"  # as the whole data of an event, whatever its name: nothing after it is read
_UNUSED_FIELDS = frozenset({b"id", b"retry"})
_KNOWN_FIELDS = _UNUSED_FIELDS | {b"data", b"event"}


@dataclass(slots=True)
class SSEEvent:
    """One event. data: its data lines joined with LF. size: bytes of data on the wire, before any skimming.

    data is None when the event was over the cap and skimming could not save it. skimmed: long strings were left out.
    terminated: False for a last block without its blank line. bare: no field, a line that begins with `{`.
    """

    name: str | None
    data: bytes | None
    size: int
    skimmed: bool = False
    terminated: bool = True
    bare: bool = False


class Gathered:
    """Data bytes of one event, kept while small, skimmed beyond."""

    __slots__ = ("pieces", "size", "skimmer")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.skimmer: Skimmer | None = None

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.skimmer is not None:
            self.skimmer.feed(piece)
            return
        self.pieces.append(piece)
        if self.size > SKIM_OVER_BYTES:
            self.skimmer = self._large()
            self.skimmer.feed(b"".join(self.pieces))
            self.pieces = []

    def _large(self) -> Skimmer:
        """What reads data that is too large to be kept."""
        return Skimmer()

    def pass_string(self, piece: bytes, at: int, stop: int) -> bool:
        if self.skimmer is None or not self.skimmer.pass_string(piece, at, stop):
            return False
        self.size += stop - at
        return True

    def event(self, name: str | None, *, terminated: bool = True, bare: bool = False) -> SSEEvent:
        if self.skimmer is None:
            return SSEEvent(name, b"".join(self.pieces), self.size, terminated=terminated, bare=bare)
        return SSEEvent(name, self.skimmer.result(), self.size, skimmed=True, terminated=terminated, bare=bare)


class SSEParser:
    """Feed it the body as it comes; it gives the events that each piece completed.

    unknown_fields: lines so far whose field the standard doesn't know (`{` lines are events, marked bare).
    done: the sentinel was given out; the parser reads no further.
    between_blocks: surely nothing is open, so the next byte begins a block, and it is read; False when not sure.
    """

    __slots__ = (
        "_bare",
        "_data",
        "_discarding",
        "_held",
        "_held_bytes",
        "_name",
        "_skip_lf",
        "_start",
        "between_blocks",
        "done",
        "unknown_fields",
    )

    def __init__(self) -> None:
        self.unknown_fields = 0
        self.done = False
        self.between_blocks = False
        self._start: bytes | None = b""  # what may still become a byte order mark, at the stream's start only
        self._skip_lf = False  # the last piece ended with CR: an LF that comes first belongs to it
        self._held: list[bytes] = []  # the unfinished line, while short
        self._held_bytes = 0
        self._discarding = False  # the unfinished line is long and of no interest
        self._bare: Gathered | None = None  # the unfinished line is long and began with `{`
        self._data: Gathered | None = None  # the open block's data; a long unfinished data line is in it already
        self._name: str | None = None

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """Take the next bytes; return the events they completed, in order."""
        if self.done:
            chunk = b""
        if self._start is not None:
            chunk = self._without_bom(chunk)
        if self._skip_lf and chunk:
            self._skip_lf = False
            if chunk[0] == 0x0A:
                chunk = chunk[1:]
        if not chunk:
            return []
        if b"\r" in chunk:
            self._skip_lf = chunk[-1] == 0x0D
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events: list[SSEEvent] = []
        lines = chunk.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if self._held or self._discarding or self._bare is not None:
                self._hold(line)
                self._end_held(events)
            else:
                self._line(line, events)
            if self.done:
                self.between_blocks = False
                return events
        if rest:
            self._hold(rest)
        self.between_blocks = not rest and self._data is None and self._name is None and not self._skip_lf
        return events

    def pass_string(self, piece: bytes, at: int) -> int:
        """Take the bytes from `at` that surely go on in a string that is left out; where they end.

        The same as to feed them, for the price of looking for what could end the string.
        """
        in_long_data = self._held and self._held_bytes > _HOLD_MAX_BYTES
        if not in_long_data or self._data is None:
            return at
        stop = len(piece)
        for end in (b'"', b"\n", b"\r"):
            found = piece.find(end, at, stop)
            stop = stop if found < 0 else found
        return stop if stop > at and self._data.pass_string(piece, at, stop) else at

    def finish(self) -> list[SSEEvent]:
        """The body is over: what an unfinished last block holds, marked as not terminated. Call it once.

        A block that ends in or after its `event:` line, before any data, is given out with no data: half an event.
        """
        events: list[SSEEvent] = []
        if self._start:
            self._held.append(self._start)
        begun = b"".join(self._held)
        half_field = bool(begun) and any(begun != field and field.startswith(begun) for field in _KNOWN_FIELDS)
        if not half_field and (self._held or self._discarding or self._bare is not None):
            self._end_held(events)
        if self._data is not None or self._name is not None or half_field:
            data = self._data if self._data is not None else Gathered()
            events.append(data.event(self._name, terminated=False))
        return events

    def _without_bom(self, chunk: bytes) -> bytes:
        seen = (self._start or b"") + chunk
        if len(seen) < len(BOM) and BOM.startswith(seen):
            self._start = seen
            return b""
        self._start = None
        return seen.removeprefix(BOM)

    def _hold(self, piece: bytes) -> None:
        """Add to the unfinished line. Linear: a line in a million pieces is joined once."""
        if self._discarding or not piece:
            return
        if self._bare is not None:
            self._bare.add(piece)
        elif self._held_bytes > _HOLD_MAX_BYTES and self._data is not None:
            self._data.add(piece)
        else:
            self._held.append(piece)
            self._held_bytes += len(piece)
            if self._held_bytes > _HOLD_MAX_BYTES:
                self._sort_long(b"".join(self._held))

    def _sort_long(self, begun: bytes) -> None:
        if begun.startswith(b"data:"):
            self._add_data(begun)
            self._held = [b"data:"]  # marks the line as open; its bytes are in _data
        elif begun[0] == 0x7B:
            self._bare = Gathered()
            self._bare.add(begun)
            self._held = []
        else:
            self._discarding = True
            self._held = []
            if begun.startswith(b"event:"):
                self._name = _name(begun)
            elif begun[0] != 0x3A:
                self._other_field(begun.partition(b":")[0])

    def _end_held(self, events: list[SSEEvent]) -> None:
        if self._bare is not None:
            events.append(self._bare.event(None, bare=True))
        elif not self._discarding and self._held_bytes <= _HOLD_MAX_BYTES:
            self._line(b"".join(self._held), events)
        self._bare, self._discarding = None, False
        self._held, self._held_bytes = [], 0

    def _line(self, line: bytes, events: list[SSEEvent]) -> None:
        if not line:
            if self._data is not None:
                event = self._data.event(self._name)
                self.done = event.data == DONE
                events.append(event)
                self._data = None
            self._name = None
        elif line.startswith(b"data:"):
            self._add_data(line)
        elif line.startswith(b"event:"):
            self._name = _name(line)
        elif line[0] == 0x7B:
            bare = Gathered()
            bare.add(line)
            events.append(bare.event(None, bare=True))
        elif line[0] != 0x3A:
            self._other_field(line.partition(b":")[0])

    def _other_field(self, field: bytes) -> None:
        if field == b"data":
            self._add_data(b"data:")
        elif field == b"event":
            self._name = None
        elif field not in _UNUSED_FIELDS:
            self.unknown_fields += 1

    def _add_data(self, line: bytes) -> None:
        value = line[6 if line[5:6] == b" " else 5 :]
        if self._data is None:
            self._data = Gathered()
        else:
            self._data.add(b"\n")
        self._data.add(value)


def _name(line: bytes) -> str | None:
    return line[7 if line[6:7] == b" " else 6 :][:_NAME_MAX_BYTES].decode("utf-8", "replace") or None
