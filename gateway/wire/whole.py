"""A body that is one JSON text, taken as it passes: kept while small, skimmed beyond.

Not here: what the text says (request.py, response.py). Promise: bounded memory, whatever its size.
"""

from __future__ import annotations

from gateway.wire.skim import Skimmer
from gateway.wire.sse import BOM, SKIM_OVER_BYTES


class WholeBody:
    """A body that is one JSON text: kept while small, skimmed beyond."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._skimmer: Skimmer | None = None

    def feed(self, piece: bytes) -> None:
        if self._skimmer is not None:
            self._skimmer.feed(piece)
            return
        self._kept += piece
        if len(self._kept) > SKIM_OVER_BYTES:
            self._skimmer = Skimmer()
            self._skimmer.feed(bytes(self._kept))
            self._kept.clear()

    def pass_string(self, piece: bytes, at: int) -> int:
        """Take the bytes from `at` that surely go on in a string that is left out; where they end."""
        if self._skimmer is None:
            return at
        quote = piece.find(b'"', at)
        stop = len(piece) if quote < 0 else quote
        return stop if stop > at and self._skimmer.pass_string(piece, at, stop) else at

    def data(self) -> bytes | None:
        """The JSON text, its long strings left out if it was large; None when even that is too much."""
        text = bytes(self._kept) if self._skimmer is None else self._skimmer.result()
        # a byte order mark is no JSON, but both SDKs read a body that begins with one
        return None if text is None else text.removeprefix(BOM)
