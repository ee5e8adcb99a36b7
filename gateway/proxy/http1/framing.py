"""Bodies of HTTP/1 messages, followed by their framing while their bytes pass as they are.

Not here: heads (heads.py), sockets. Source: RFC 9112 6 and 7.1.
Promise: what `feed` gives back is the body's own bytes, nothing held but a chunk line that is not whole; what is no
framing raises before it is passed on. Any split of the bytes gives the same body, in linear time and bounded memory.
"""

from __future__ import annotations

import re
from typing import Protocol

from gateway.proxy.http1.heads import valid_trailer

LINE_MAX_BYTES = 8 * 1024
TRAILERS_MAX_BYTES = 64 * 1024
_SIZES_MAX = 4096

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?")
_sizes: dict[bytes, int] = {}  # of size lines without extension: reading one takes longer than finding it here


class BadFramingError(ValueError):
    """The bytes are not framed as the head said. sound: those before the fault, which may travel."""

    sound: bytes = b""


class Body(Protocol):
    """A body as it comes. After each `feed`: payload, its content in what was fed; beyond: what follows its end.

    After a BadFramingError payload is the content of what was sound.
    """

    payload: bytes
    beyond: bytes
    ended: bool

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the connection; return those that travel on. Raises BadFramingError."""


class SizedBody:
    """A body of a known length."""

    __slots__ = ("_left", "beyond", "ended", "payload")

    def __init__(self, length: int) -> None:
        self._left = length
        self.payload = self.beyond = b""
        self.ended = length == 0

    def feed(self, data: bytes) -> bytes:
        """See Body."""
        if len(data) > self._left:
            self.beyond = data[self._left :]
            data = data[: self._left]
        self.payload = data
        self._left -= len(data)
        self.ended = self._left == 0
        return data


class EndlessBody:
    """A body that lasts until its connection ends; whoever sees that sets `ended`."""

    __slots__ = ("beyond", "ended", "payload")

    def __init__(self) -> None:
        self.payload = self.beyond = b""
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """See Body."""
        self.payload = data
        return data


_SIZE, _DATA, _DATA_END, _TRAILERS = range(4)


class ChunkedBody:
    """A body in chunks. Sizes, extensions and trailers pass as they are."""

    __slots__ = ("_at", "_held", "_left", "_state", "_trailer_bytes", "beyond", "ended", "payload")

    def __init__(self) -> None:
        self._state = _SIZE
        self._left = 0  # of the open chunk's data
        self._at = 0  # how far what was fed last is sound
        self._held = b""  # a line that is not whole
        self._trailer_bytes = 0
        self.payload = self.beyond = b""
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """See Body."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = 0
        try:
            at = self._follow(data, pieces)
        except BadFramingError as exc:
            exc.sound = data[: self._at]
            self.payload = b"".join(pieces)
            raise
        self.payload = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.ended:
            self.beyond = data[at:]
        return data if at == len(data) else data[:at]

    def _follow(self, data: bytes, pieces: list[bytes]) -> int:
        """Walk through data, gather its content; how far the framing is whole."""
        self._at = at = 0
        end = len(data)
        while at < end:
            if self._state == _SIZE:
                stop = data.find(b"\r\n", at)
                if stop < 0:
                    self._hold(data, at)
                    return at
                size = _sizes.get(data[at:stop])
                if size is None:
                    size = _read_size(data[at:stop])
                at = stop + 2
                if size == 0:
                    self._state = _TRAILERS
                elif data[(stop := at + size) : stop + 2] == b"\r\n":
                    pieces.append(data[at:stop])
                    at = stop + 2
                else:
                    self._state, self._left = _DATA, size
            elif self._state == _DATA:
                stop = min(at + self._left, end)
                pieces.append(data[at:stop] if at or stop < end else data)
                self._left -= stop - at
                at = stop
                if not self._left:
                    self._state = _DATA_END
            elif self._state == _DATA_END:
                if not b"\r\n".startswith(data[at : at + 2]):
                    raise BadFramingError("a chunk is not as long as it says")
                if end - at < 2:
                    self._hold(data, at)
                    return at
                at += 2
                self._state = _SIZE
            else:
                stop = data.find(b"\r\n", at)
                if stop < 0:
                    self._hold(data, at)
                    return at
                self._check_trailer(data[at:stop])
                at = stop + 2
                if self.ended:
                    return at
            self._at = at
        return at

    def _hold(self, data: bytes, at: int) -> None:
        """Keep a line that is not whole."""
        self._held = data[at:]
        # a lone line feed never becomes a line's end here: it would wait for ever
        if len(self._held) > LINE_MAX_BYTES or b"\n" in self._held:
            raise BadFramingError("a chunk's line is too long, or ends in a lone line feed")

    def _check_trailer(self, line: bytes) -> None:
        if not line:
            self.ended = True
            return
        self._trailer_bytes += len(line)
        if self._trailer_bytes > TRAILERS_MAX_BYTES or not valid_trailer(line):
            raise BadFramingError("a trailer is malformed, too long, or frames the message")


def chunk(data: bytes) -> bytes:
    """Data as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def _read_size(line: bytes) -> int:
    if len(line) > LINE_MAX_BYTES or (match := _SIZE_LINE.fullmatch(line)) is None:
        raise BadFramingError("a chunk's size is none")
    size = int(match[1], 16)
    if len(_sizes) < _SIZES_MAX and match.end(1) == len(line):
        _sizes[line] = size
    return size
