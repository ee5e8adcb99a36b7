"""HTTP/1.1 responses as a client of the bench reads them: the head, and a chunked body without its framing.

Not here: sockets, what the body ought to be (check.py).
Promise: bytes that are no chunked body, or more than one, raise BadFraming.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEAD_END: Final = b"\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"


class BadFraming(Exception):
    """The bytes are no HTTP response of the kind that the bench asks for."""


@dataclass(frozen=True, slots=True)
class Head:
    """length: of the body in bytes; None where it is chunked."""

    status: int
    length: int | None


def read_head(head: bytes) -> Head:
    """Read a head, with its empty line or without. Raises BadFraming."""
    first, *lines = head.rstrip(b"\r\n").lower().split(b"\r\n")
    parts = first.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"http/1.") or not parts[1].isdigit():
        raise BadFraming(first)
    length: int | None = None
    chunked = False
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = value.strip() == b"chunked"
    if chunked == (length is not None):
        raise BadFraming(b"neither a length nor chunks, or both: " + head)
    return Head(int(parts[1]), length)


@dataclass(frozen=True, slots=True)
class Chunks:
    """A chunked body. raw_starts: where in the raw bytes each chunk's data begins; body_starts: where in the body."""

    body: bytes
    raw_starts: Sequence[int]
    body_starts: Sequence[int]

    def raw_end(self, end: int) -> int:
        """Where in the raw bytes the first `end` (1 or more) bytes of the body are whole."""
        chunk = bisect_right(self.body_starts, end - 1) - 1
        return self.raw_starts[chunk] + end - self.body_starts[chunk]


def dechunk(raw: bytes) -> Chunks:
    """Take the framing off. Raises BadFraming."""
    parts: list[bytes] = []
    raw_starts: list[int] = []
    body_starts: list[int] = []
    at = body_at = 0
    while True:
        line_end = raw.find(b"\r\n", at, at + 18)
        try:
            size = int(raw[at : max(line_end, at)], 16)
        except ValueError as error:
            raise BadFraming(b"no size of a chunk: " + raw[at : at + 32]) from error
        start = line_end + 2
        end = start + size
        if raw[end : end + 2] != b"\r\n":
            raise BadFraming(b"no line end after a chunk")
        at = end + 2
        if not size:
            break
        parts.append(raw[start:end])
        raw_starts.append(start)
        body_starts.append(body_at)
        body_at += size
    if at != len(raw):
        raise BadFraming(b"bytes after the last chunk: " + raw[at : at + 32])
    return Chunks(b"".join(parts), raw_starts, body_starts)
