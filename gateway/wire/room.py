"""Texts that share a bounded room: the longest are cut first, and what is missing of each is counted.

Not here: what the texts are. Promise: what is kept at the end depends on the texts' lengths, not on the pieces they
came in nor on their order; never more than the room's bytes are kept, but for the piece being added.
"""

from __future__ import annotations


class Text:
    """A text in a room. data: its beginning, perhaps with half a character at its end. missing: bytes left out."""

    __slots__ = ("data", "missing")

    def __init__(self) -> None:
        self.data = bytearray()
        self.missing = 0  # once it is not 0 the text does not grow any more


class Room:
    """Room for so many bytes of texts. No text keeps more than a level, which halves until all fit."""

    __slots__ = ("_kept_bytes", "_level_bytes", "_limit_bytes", "_texts")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._level_bytes = limit_bytes
        self._kept_bytes = 0
        self._texts: list[Text] = []

    def text(self) -> Text:
        """A new text, still empty. The caller bounds how many there are."""
        text = Text()
        self._texts.append(text)
        return text

    def add(self, text: Text, data: bytes) -> None:
        """Let a text grow, as far as there is room for it."""
        size = len(data)
        fits = 0 if text.missing else min(self._level_bytes - len(text.data), size)
        if fits < size:
            text.missing += size - fits
            if fits <= 0:
                return
            data = data[:fits]
        text.data += data
        self._kept_bytes += fits
        while self._kept_bytes > self._limit_bytes:
            self._lower()

    def clear(self, text: Text) -> None:
        """Begin a text anew."""
        self._kept_bytes -= len(text.data)
        text.data.clear()
        text.missing = 0

    def _lower(self) -> None:
        self._level_bytes //= 2
        level = self._level_bytes
        for text in self._texts:
            over = len(text.data) - level
            if over > 0:
                del text.data[level:]
                text.missing += over
                self._kept_bytes -= over


def whole_characters(data: bytes) -> bytes:
    """The bytes without a character of UTF-8 that they hold only the beginning of."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            return data[:-back] if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else data
    return data


def whole_escapes(data: bytes) -> bytes:
    """The bytes of a JSON string without an escape sequence that they hold only the beginning of."""
    at = data.rfind(b"\\", max(0, len(data) - 5))
    if at < 0:
        return data
    backslashes = at + 1 - len(data[: at + 1].rstrip(b"\\"))
    if backslashes % 2 == 0:
        return data
    needs = 5 if data[at + 1 : at + 2] == b"u" else 1
    return data if len(data) - at - 1 >= needs else data[:at]
