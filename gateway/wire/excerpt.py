"""Reads a JSON text of any size and keeps an excerpt: the same JSON, with long strings cut and media left out.

Not here: what the JSON means, where the excerpt goes (capture.py, telemetry).
Promise: any split of the bytes gives the same result; memory is bounded by the room and the skimmer's; time is
linear. No base64 data and no signature that is longer than a short string is ever kept.

A cut string ends with a mark that tells how many bytes, as they were written, are missing; a left-out one is a mark
alone, with the size of what it encoded (`marked`).
"""

from __future__ import annotations

import re

from gateway.wire.room import Room, Text, whole_characters, whole_escapes
from gateway.wire.skim import Skimmer

SHORT_BYTES = 128  # a string up to this is kept whole, whatever it is
MAX_STRINGS = 1024  # longer strings that are kept in part; beyond it they are only counted

CUT_MARK, MEDIA_MARK = "\0cut:", "\0media:"
_CUT, _MEDIA = b"\\u0000cut:%d", b"\\u0000media:%d"

# Strings that are surely short, and what stands between them. Possessive (`*+`) where one set of bytes repeats: nothing
# is tried twice. Never a group: Python before 3.11.5 matches possessive groups wrongly.
_SHORT_STRINGS = re.compile(rb'[^"]*+(?:"[^"\\]{0,%d}+"[^"]*+)*' % SHORT_BYTES)
_UNWANTED_KEY = re.compile(rb'"(?:data|signature|thought_signature)"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}\Z')
_KEY_MAX_BYTES = 64
_MARKS = re.compile(rb"\\u0000(?:cut|media):(\d{1,18})")


class Excerpter(Skimmer):
    """Takes one JSON text in pieces; `result` is its excerpt. room: of its long strings."""

    __slots__ = ("_is_unwanted", "_longs", "_room", "_tail", "_text")

    def __init__(self, room: Room) -> None:
        super().__init__(_SHORT_STRINGS)
        self._room = room
        self._longs: list[tuple[int, Text]] = []  # where in what is kept a long string belongs
        self._text: Text | None = None  # the open string, once it is long
        self._is_unwanted = False  # the open string is long, and media or a signature
        self._tail = b""  # its last two bytes: the padding tells its exact size

    def pass_string(self, piece: bytes, at: int, stop: int) -> bool:
        """Takes nothing: `feed` must see every byte of a string that is kept in part."""
        return False

    def result(self) -> bytes | None:
        """The excerpt; None when what stands between the long strings was too much. An unfinished text stays so."""
        if self._is_too_much():
            return None
        kept = self._kept
        parts: list[bytes] = []
        at = 0
        for offset, text in self._longs:
            parts += (bytes(kept[at:offset]), b'"', _excerpt(text), b'"')
            at = offset
        parts.append(bytes(kept[at:]))
        if self._in_string:
            parts.append(b'"')
        return b"".join(parts)

    def _take(self, piece: bytes, start: int, stop: int) -> None:
        part = piece[start:stop]
        self._string_bytes += len(part)
        if self._is_unwanted:
            self._tail = (self._tail + part[-2:])[-2:]
        elif self._text is not None:
            self._room.add(self._text, part)
        elif self._string_bytes <= SHORT_BYTES:
            self._string += part
        else:
            begun = bytes(self._string) + part
            self._string.clear()
            self._is_unwanted = _UNWANTED_KEY.search(bytes(self._kept[-_KEY_MAX_BYTES:])) is not None
            self._tail = begun[-2:]
            if not self._is_unwanted:
                self._text = self._room.text() if len(self._longs) < MAX_STRINGS else Text()
                if len(self._longs) < MAX_STRINGS:
                    self._room.add(self._text, begun)
                else:
                    self._text.missing = len(begun)

    def _close(self) -> None:
        kept = self._kept
        if self._is_unwanted:
            kept += b'"' + _MEDIA % base64_bytes(self._string_bytes, self._tail) + b'"'
        elif self._text is None:
            kept += b'"' + self._string + b'"'
        elif len(self._longs) < MAX_STRINGS:
            self._longs.append((len(kept), self._text))
        else:
            kept += b'"' + _CUT % self._text.missing + b'"'
        self._text, self._is_unwanted = None, False
        self._string.clear()


def base64_bytes(size: int, tail: bytes) -> int:
    """How many bytes so many characters of base64 encode. tail: the last two of them."""
    return max(0, size * 3 // 4 - tail.count(b"="))


def marked(text: str) -> tuple[str, int, int | None]:
    """A string of an excerpt: what is there, how many bytes are missing, and the size of what was left out."""
    if "\0" not in text:
        return text, 0, None
    before, mark, number = text.rpartition(CUT_MARK)
    if mark and _is_number(number):
        return before, int(number), None
    if text.startswith(MEDIA_MARK) and _is_number(text[len(MEDIA_MARK) :]):
        return "", 0, int(text[len(MEDIA_MARK) :])
    return text, 0, None


def missing_inside(text: bytes) -> int:
    """Of an excerpt's JSON: how many bytes its marks say are missing, together."""
    return sum(int(number) for number in _MARKS.findall(text)) if b"\\u0000" in text else 0


def _is_number(text: str) -> bool:
    return 0 < len(text) <= 18 and text.isascii() and text.isdigit()


def _excerpt(text: Text) -> bytes:
    data = bytes(text.data)
    if not text.missing:
        return data
    shown = whole_escapes(whole_characters(data))
    return shown + _CUT % (text.missing + len(data) - len(shown))
