"""The tap's own copy of a compressed body, decompressed as it comes; the client gets the bytes as they are.

Not here: what the body says. Promise: `feed` gives bounded pieces, so that a small body that unpacks to gigabytes
costs time in slices and no memory. Raises ValueError for bytes that are not of the encoding.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_MAX_BYTES = 64 * 1024


class Decoder(Protocol):
    """Takes the next encoded bytes; yields what they unpack to."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Unpack the next bytes."""


def decoder_for(content_encoding: str | None) -> Decoder | None:
    """The decoder of a `Content-Encoding`. Raises LookupError for one that can't be read here."""
    encoding = (content_encoding or "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _Zlib(encoding)
    if encoding == "br":
        return _Brotli()
    if encoding == "zstd":
        return _Zstd()
    raise LookupError(encoding)


class _Zlib:
    def __init__(self, encoding: str) -> None:
        self._raw_possible = encoding == "deflate"
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS if self._raw_possible else 16 + zlib.MAX_WBITS)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        try:
            out = self._inflate.decompress(chunk, PIECE_MAX_BYTES)
        except zlib.error as exc:
            if not self._raw_possible:
                raise ValueError(str(exc)) from exc
            # `deflate` is meant to be zlib-wrapped; many servers send it raw
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            out = self._first_raw(chunk)
        self._raw_possible = False
        while out:
            yield out
            rest = self._inflate.unconsumed_tail
            if not rest and len(out) < PIECE_MAX_BYTES:  # a full piece: some may be in the window still
                return
            try:
                out = self._inflate.decompress(rest, PIECE_MAX_BYTES)
            except zlib.error as exc:
                raise ValueError(str(exc)) from exc

    def _first_raw(self, chunk: bytes) -> bytes:
        try:
            return self._inflate.decompress(chunk, PIECE_MAX_BYTES)
        except zlib.error as exc:
            raise ValueError(str(exc)) from exc


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        try:
            out: bytes = self._decompressor.process(chunk, output_buffer_limit=PIECE_MAX_BYTES)
            while out:
                yield out
                if self._decompressor.can_accept_more_data():
                    return
                out = self._decompressor.process(b"", output_buffer_limit=PIECE_MAX_BYTES)
        except brotli.error as exc:
            raise ValueError(str(exc)) from exc


class _Zstd:
    def __init__(self) -> None:
        self._decompressor = zstd.ZstdDecompressor()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        try:
            while chunk or not self._decompressor.needs_input:
                if self._decompressor.eof:  # a body may be several frames
                    self._decompressor, chunk = zstd.ZstdDecompressor(), self._decompressor.unused_data or chunk
                out = self._decompressor.decompress(chunk, PIECE_MAX_BYTES)
                chunk = self._decompressor.unused_data if self._decompressor.eof else b""
                if out:
                    yield out
                elif not chunk:
                    return
        except zstd.ZstdError as exc:
            raise ValueError(str(exc)) from exc
