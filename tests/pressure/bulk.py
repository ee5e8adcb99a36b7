"""Bodies of any size as a run of pieces, and both ways to carry them: what is sent and received is hashed on the way.

Not here: the upstream's side as a process (bulk_upstream.py), bounds (test_gigabytes.py).
Source: RFC 9112 6 and 7. Promise: a kind and a size are the same bytes each time, no two MiB of them alike; neither
side holds more than a few MiB of them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024
IMAGE_BYTES: Final = 20 * MIB
RECEIVE_BYTES: Final = 256 * 1024
PATIENCE_S: Final = 60.0

CHUNK_ENDS: Final = (1, 18, 4111, 69_647)  # where chunks end in each piece, so that there are tiny and large ones
EVENTS_A_PIECE: Final = 500

_NOISE: Final = base64.b64encode(hashlib.shake_128(b"gigabytes").digest(MIB // 4 * 3))
_USAGE: Final = b'"usage":{"total_tokens":12,"total_input_tokens":7,"total_output_tokens":5}'
_HEX = re.compile(rb"[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of body: what stands before and behind its filling, and its content type."""

    content_type: str
    before: bytes = b""
    behind: bytes = b""


_STREAM_BEFORE: Final = (
    b'event: interaction.created\ndata: {"interaction":{"id":"v1_Bulk","status":"in_progress","object":"interaction",'
    b'"model":"gemini-3-flash-preview"},"event_type":"interaction.created"}\n\n'
    b'event: step.start\ndata: {"index":0,"step":{"type":"model_output"},"event_type":"step.start"}\n\n'
)
_STREAM_BEHIND: Final = (
    b'event: step.stop\ndata: {"index":0,"event_type":"step.stop"}\n\n'
    b'event: interaction.completed\ndata: {"interaction":{"id":"v1_Bulk","status":"completed",%b},'
    b'"event_type":"interaction.completed"}\n\nevent: done\ndata: [DONE]\n\n'
) % _USAGE
_IMAGE: Final = (
    b'event: step.delta\ndata: {"index":0,"delta":{"mime_type":"image/png","data":"',
    b'","type":"image"},"event_type":"step.delta"}\n\n',
)
_EVENT: Final = (
    b'event: step.delta\ndata: {"index":0,"delta":{"text":"word number %012d of a text that is very long indeed",'
    b'"type":"text"},"event_type":"step.delta"}\n\n'
)
EVENT_BYTES: Final = len(_EVENT % 0)

KINDS: Final = {
    "octets": Kind("application/octet-stream"),
    "asked": Kind(
        "application/json",
        b'{"model":"gemini-3-flash-preview","stream":false,"input":[{"type":"image","data":"',
        b'","mime_type":"image/png"}]}',
    ),
    "answer": Kind(
        "application/json",
        b'{"id":"v1_Bulk","object":"interaction","status":"completed","model":"gemini-3-flash-preview",%b,'
        b'"steps":[{"type":"model_output","content":[{"type":"image","data":"' % _USAGE,
        b'"}]}]}',
    ),
    "images": Kind("text/event-stream", _STREAM_BEFORE, _STREAM_BEHIND),
    "events": Kind("text/event-stream", _STREAM_BEFORE, _STREAM_BEHIND),
}


@dataclass(frozen=True, slots=True)
class Body:
    """A body of a kind: exactly so many bytes for octets and JSON, about so many for streams."""

    kind: str
    about_bytes: int

    @property
    def deltas(self) -> int:
        """The events that fill a stream."""
        return self.about_bytes // {"images": IMAGE_BYTES, "events": EVENT_BYTES}[self.kind]

    @property
    def size(self) -> int:
        """Its length in bytes."""
        kind = KINDS[self.kind]
        ends = len(kind.before) + len(kind.behind)
        if self.kind == "images":
            return ends + self.deltas * (IMAGE_BYTES + len(_IMAGE[0]) + len(_IMAGE[1]))
        if self.kind == "events":
            return ends + self.deltas * EVENT_BYTES
        return self.about_bytes

    def pieces(self) -> Iterator[bytes]:
        """Its bytes in order, at most a MiB at a time."""
        kind = KINDS[self.kind]
        if kind.before:
            yield kind.before
        if self.kind == "images":
            for number in range(self.deltas):
                yield _IMAGE[0]
                yield from _filling(IMAGE_BYTES, number)
                yield _IMAGE[1]
        elif self.kind == "events":
            for first in range(0, self.deltas, EVENTS_A_PIECE):
                yield b"".join([_EVENT % number for number in range(first, min(first + EVENTS_A_PIECE, self.deltas))])
        else:
            yield from _filling(self.size - len(kind.before) - len(kind.behind), 0)
        if kind.behind:
            yield kind.behind

    def chunks(self, piece: bytes) -> Iterator[bytes]:
        """A piece as it is cut into chunks: an event of a small one each, else tiny and large ones."""
        if self.kind == "events" and len(piece) % EVENT_BYTES == 0:
            ends = [*range(EVENT_BYTES, len(piece), EVENT_BYTES), len(piece)]
        else:
            ends = [end for end in CHUNK_ENDS if end < len(piece)] + [len(piece)]
        start = 0
        for end in ends:
            yield piece[start:end]
            start = end


@dataclass(frozen=True, slots=True)
class Told:
    """What passed on one side: bytes of body and their SHA-256; whole: it ended as its framing says."""

    size: int
    sha256: str
    whole: bool = True


def send(sock: socket.socket, body: Body, *, chunked: bool) -> Told:
    """Send all of it, framed; the head must have gone before."""
    digest, size = hashlib.sha256(), 0
    for piece in body.pieces():
        digest.update(piece)
        size += len(piece)
        sock.sendall(
            b"".join([b"%x\r\n%b\r\n" % (len(each), each) for each in body.chunks(piece)]) if chunked else piece
        )
    if chunked:
        sock.sendall(b"0\r\n\r\n")
    return Told(size, digest.hexdigest())


class Reader:
    """Reads heads and bodies from a socket; of a body nothing is kept."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._data = b""
        self._at = 0

    def head(self) -> bytes:
        """The next head without its empty line; empty where the other side left."""
        while (end := self._data.find(b"\r\n\r\n", self._at)) < 0:
            if not self._more():
                return b""
        head = self._data[self._at : end]
        self._at = end + 4
        return head

    def body(self, head: bytes) -> Told:
        """The body of that head, to its end or to the connection's."""
        self._digest, self._size = hashlib.sha256(), 0
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            whole = self._chunked()
        else:
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            whole = self._exactly(int(length[1])) if length else True
        return Told(self._size, self._digest.hexdigest(), whole)

    def _chunked(self) -> bool:
        while (size := self._chunk_size()) is not None:
            if size == 0:
                return self._ends_line()
            if not self._exactly(size) or not self._ends_line():
                return False
        return False

    def _chunk_size(self) -> int | None:
        while (end := self._data.find(b"\r\n", self._at)) < 0:
            if not self._more():
                return None
        text = _HEX.match(self._data, self._at, end)
        self._at = end + 2
        return int(text[0], 16) if text else None

    def _ends_line(self) -> bool:
        while len(self._data) - self._at < 2:
            if not self._more():
                return False
        self._at += 2
        return self._data[self._at - 2 : self._at] == b"\r\n"

    def _exactly(self, size: int) -> bool:
        while size:
            if self._at == len(self._data) and not self._more():
                return False
            taken = min(size, len(self._data) - self._at)
            self._digest.update(memoryview(self._data)[self._at : self._at + taken])
            self._at += taken
            self._size += taken
            size -= taken
        return True

    def _more(self) -> bool:
        received = self._sock.recv(RECEIVE_BYTES)
        self._data = self._data[self._at :] + received
        self._at = 0
        return bool(received)


def _filling(size: int, salt: int) -> Iterator[bytes]:
    """So many bytes of base64 letters; each MiB begins with a number of its own."""
    for number in range(-(-size // MIB)):
        mark = b"%08x%08x" % (salt, number)
        yield (mark + _NOISE[len(mark) :])[: min(MIB, size - number * MIB)]
