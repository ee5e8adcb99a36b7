"""Reads a very large JSON text without keeping it: long strings are left out, what remains is small JSON.

Not here: what the JSON means, line ends. The result is parsed by the same code as any other text, so that a field
is found wherever it stands, before or after the megabytes.
Promise: any split of the bytes gives the same result; memory is bounded by KEEP_MAX_BYTES plus STRING_MAX_BYTES;
time is linear, and inside a long string it is the speed of `bytes.find`.

What is given up: the bytes of a left-out string are not checked (UTF-8, escapes), and it reads as "".
"""

from __future__ import annotations

STRING_MAX_BYTES = 1024  # a longer string is a blob or a text: nothing the books need is that long
KEEP_MAX_BYTES = 1024 * 1024  # of what remains; beyond it the text is given up, not the memory

_QUOTE = 0x22
_BACKSLASH = 0x5C


class Skimmer:
    """Takes one JSON text in pieces; `result` is the text without its long strings."""

    __slots__ = ("_in_string", "_kept", "_odd_backslashes", "_string", "_string_bytes", "elided", "overflowed")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._string = bytearray()  # the open string, from its quote on, until it is too long
        self._string_bytes = 0
        self._in_string = False
        self._odd_backslashes = False  # the open string's last byte so far is an unescaped backslash
        self.elided = False  # a string was left out
        self.overflowed = False  # what remains was too much: there is no result

    def feed(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the text."""
        if self.overflowed:
            return
        piece = bytes(piece)
        at, end = 0, len(piece)
        while at < end:
            if self._in_string:
                at = self._through_string(piece, at)
                continue
            quote = piece.find(b'"', at)
            if quote < 0:
                self._kept += piece[at:]
                break
            self._kept += piece[at:quote]
            self._in_string, self._string_bytes, self._odd_backslashes = True, 0, False
            self._string = bytearray(b'"')
            at = quote + 1
            if len(self._kept) > KEEP_MAX_BYTES:
                break
        if len(self._kept) > KEEP_MAX_BYTES:
            self.overflowed = True
            self._kept.clear()
            self._string.clear()

    def result(self) -> bytes | None:
        """The text without its long strings; None when even that was too much. An open string stays open."""
        if self.overflowed:
            return None
        if not self._in_string:
            return bytes(self._kept)
        # The same in every split: an open string that is too long leaves only its quote.
        return bytes(self._kept + (b'"' if self._string_bytes > STRING_MAX_BYTES else self._string))

    def _through_string(self, piece: bytes, at: int) -> int:
        start = at
        while True:
            quote = piece.find(b'"', at)
            stop = len(piece) if quote < 0 else quote
            escaped = self._ends_escaped(piece, start, stop)
            if quote < 0:
                self._odd_backslashes = escaped
                self._keep(piece, start, stop)
                return stop
            if not escaped:
                self._keep(piece, start, stop)
                self._close()
                return quote + 1
            at = quote + 1

    def _ends_escaped(self, piece: bytes, start: int, stop: int) -> bool:
        """Whether the byte at `stop` is escaped, by the backslashes before it (in this piece and the one before)."""
        at = stop
        while at > start and piece[at - 1] == _BACKSLASH:
            at -= 1
        odd = (stop - at) % 2 == 1
        return odd != self._odd_backslashes if at == start else odd

    def _keep(self, piece: bytes, start: int, stop: int) -> None:
        self._string_bytes += stop - start
        if self._string_bytes <= STRING_MAX_BYTES:
            self._string += piece[start:stop]

    def _close(self) -> None:
        self._in_string = False
        if self._string_bytes <= STRING_MAX_BYTES:
            self._kept += self._string
            self._kept.append(_QUOTE)
        else:
            self._kept += b'""'
            self.elided = True
        self._string.clear()
