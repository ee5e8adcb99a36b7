"""Reads a very large JSON text without keeping it: long strings are left out, what remains is small JSON.

Not here: what the JSON means, line ends. The result is parsed by the same code as any other text, so that a field
is found wherever it stands, before or after the megabytes.
Promise: any split of the bytes gives the same result; memory is bounded by KEEP_MAX_BYTES plus STRING_MAX_BYTES;
time is linear, tens of ns a byte at the worst, and inside a long string it is the speed of `bytes.find`.

What is given up: the bytes of a left-out string are not checked (UTF-8, escapes), and it reads as "".
"""

from __future__ import annotations

import re

STRING_MAX_BYTES = 1024  # a longer string is a blob or a text: nothing the books need is that long
KEEP_MAX_BYTES = 256 * 1024  # of what remains; beyond it the text is given up, not the memory
KEEP_MAX_PARTS = 16 * 1024  # of `[`, `{` and `:` in it, and of `,`: to parse more would hold the loop for long

_BACKSLASH = 0x5C
# Whole strings that are surely short enough to stay (600 bytes, and 12 escapes of 2 with up to 30 after each), and
# what stands between them. Possessive (`*+`) where one set of bytes repeats: nothing is tried twice. Never a group:
# Python before 3.11.5 matches possessive groups wrongly.
_SHORT = rb'"[^"\\]{0,600}+(?:\\.[^"\\]{0,30}+){0,12}"'
_SHORT_STRINGS = re.compile(rb'[^"]*+(?:' + _SHORT + rb'[^"]*+)*', re.DOTALL)
_TO_QUOTE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*', re.DOTALL)


class Skimmer:
    """Takes one JSON text in pieces; `result` is the text without its long strings."""

    __slots__ = (
        *("_escaping", "_in_string", "_kept", "_short_strings", "_string", "_string_bytes"),
        *("elided", "overflowed"),
    )

    def __init__(self, short_strings: re.Pattern[bytes] = _SHORT_STRINGS) -> None:
        """short_strings: matches strings that are surely short enough to stay, and what stands between them."""
        self._short_strings = short_strings
        self._kept = bytearray()
        self._string = bytearray()  # the open string, behind its quote, until it is too long
        self._string_bytes = 0
        self._in_string = False
        self._escaping = False  # the open string's last byte so far is an unescaped backslash
        self.elided = False  # a string was left out
        self.overflowed = False  # what remains was too much: there is no result

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the text."""
        at, end = 0, len(piece)
        while at < end and not self.overflowed:
            if self._in_string:
                at = self._through_string(piece, at)
                continue
            found = self._short_strings.match(piece, at)
            stop = found.end() if found is not None else at
            self._kept += piece[at:stop]
            if stop < end:
                self._in_string, self._string_bytes, self._escaping = True, 0, False
            at = stop + 1
            if len(self._kept) > KEEP_MAX_BYTES:
                self._give_up()
        if len(self._kept) > KEEP_MAX_BYTES:
            self._give_up()

    def pass_string(self, piece: bytes, at: int, stop: int) -> bool:
        """Take the bytes from `at` to `stop`, which hold no quote, if they are in a string that is left out."""
        if not self._in_string or self._string_bytes <= STRING_MAX_BYTES:
            return False
        self._string_bytes += stop - at
        if piece[stop - 1] == _BACKSLASH:
            passed = piece[at:stop]
            backslashes = len(passed) - len(passed.rstrip(b"\\"))
            self._escaping = (backslashes % 2 == 1) != (self._escaping and backslashes == len(passed))
        else:
            self._escaping = False
        return True

    def result(self) -> bytes | None:
        """The text without its long strings; None when even that was too much. An open string stays open."""
        if self._is_too_much():
            return None
        if not self._in_string:
            return bytes(self._kept)
        # The same in every split: an open string that is too long leaves only its quote.
        return bytes(self._kept + b'"' + (b"" if self._string_bytes > STRING_MAX_BYTES else self._string))

    def _is_too_much(self) -> bool:
        kept = self._kept
        return self.overflowed or max(sum(map(kept.count, (b"[", b"{", b":"))), kept.count(b",")) > KEEP_MAX_PARTS

    def _through_string(self, piece: bytes, at: int) -> int:
        """To behind the quote that ends the open string, or to the piece's end."""
        start, end = at, len(piece)
        at += self._escaping
        quote = piece.find(b'"', at)
        stop = end if quote < 0 else quote
        self._escaping = False
        backslash = piece.find(b"\\", at, stop)
        if backslash >= 0:
            found = _TO_QUOTE.match(piece, backslash)
            stop = found.end() if found is not None else backslash
            if stop < end and piece[stop] == _BACKSLASH:
                self._escaping, stop = True, end
        self._take(piece, start, stop)
        if stop < end:
            self._in_string = False
            self._close()
        return stop + 1

    def _take(self, piece: bytes, start: int, stop: int) -> None:
        """These bytes are in the open string."""
        self._string_bytes += stop - start
        if self._string_bytes <= STRING_MAX_BYTES:
            self._string += piece[start:stop]

    def _close(self) -> None:
        """The open string has ended."""
        if self._string_bytes <= STRING_MAX_BYTES:
            self._kept += b'"' + self._string + b'"'
        else:
            self._kept += b'""'
            self.elided = True
        self._string.clear()

    def _give_up(self) -> None:
        self.overflowed = True
        self._kept.clear()
        self._string.clear()
