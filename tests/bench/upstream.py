"""The upstream of the bench, as a process of its own: `python -m tests.bench.upstream CERTIFICATE KEY`.

It prints one line of JSON: the ports that it listens on, plain and TLS. A request says in its header x-bench which
answer it wants (payload.py). It runs until its standard input ends.
Not here: the simulated API (gateway.simulator), which is true to the API and slower.
Promise: answers are rendered once; the paced streams of a process are paced by one timer, and at each tick one write
is made for each stream whose turn it is. Streams of a pace are spread evenly over it: the first delta comes with the
head, the second within the pace.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Final, cast

import uvloop

from tests.bench.payload import STAMP_BYTES, Event, payload
from tests.bench.processes import keep_large_blocks

BACKLOG: Final = 4096
TICK_S: Final = 0.001
_BENCH: Final = re.compile(rb"(?i)\r\nx-bench: *([^\r\n]+)\r\n")
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_LAST_CHUNK: Final = b"0\r\n\r\n"
_REFUSAL: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
_PING: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Rendered:
    """An answer as bytes on the wire. writes: where it is sent at once, each chunk by a write of its own.

    first, steps, last: where it is paced: before the first delta, each delta around its stamp, after the last delta.
    """

    def __init__(self, spec: str) -> None:
        answer = payload(spec)
        self.pace_ms = answer.pace_ms
        self.writes: list[bytes] = []
        self.steps: list[tuple[bytes, bytes]] = []
        self.first = self.last = b""
        if not answer.is_stream:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %d\r\n\r\n"
            self.writes = [head % len(answer.body) + answer.body]
            return
        chunks = [(_chunk(event), event) for event in answer.events]
        if not self.pace_ms:
            self.writes = [chunk for chunk, _ in chunks]
            self.writes[0] = _STREAM_HEAD + self.writes[0]
            self.writes[-1] += _LAST_CHUNK
            if answer.joined:
                self.writes = [b"".join(self.writes)]
            return
        deltas = [n for n, (_, event) in enumerate(chunks) if event.is_delta]
        self.first = _STREAM_HEAD + b"".join(chunk for chunk, _ in chunks[: deltas[0]])
        self.steps = [_around_stamp(*chunks[n]) for n in deltas]
        self.last = b"".join(chunk for chunk, _ in chunks[deltas[-1] + 1 :]) + _LAST_CHUNK


def _chunk(event: Event) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event.text), event.text)


def _around_stamp(chunk: bytes, event: Event) -> tuple[bytes, bytes]:
    if event.stamp_at is None:
        return chunk, b""
    at = chunk.index(event.text) + event.stamp_at
    return chunk[:at], chunk[at + STAMP_BYTES :]


_rendered = functools.lru_cache(maxsize=64)(Rendered)


class PacedStream:
    """A stream under way. `step` sends one delta after the other; the first goes with the head."""

    __slots__ = ("_connection", "_next", "_rendered")

    def __init__(self, rendered: Rendered, connection: Connection) -> None:
        self._rendered, self._connection, self._next = rendered, connection, 0

    def step(self) -> bool:
        """Send the next delta, at last the end; whether another is to come."""
        if self._connection.is_closing():
            return False
        before, after = self._rendered.steps[self._next]
        if not self._next:
            before = self._rendered.first + before
        self._next += 1
        piece = b"%b%016x%b" % (before, time.monotonic_ns(), after) if after else before
        if self._next < len(self._rendered.steps):
            self._connection.write([piece])
            return True
        self._connection.write([piece + self._rendered.last])
        return False


class Wheel:
    """One timer for all streams: each sits in a slot of its pace, a tick after the other has its turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[list[PacedStream]]] = {}
        self._streams = 0
        self._tick = 0
        self._origin_s = 0.0

    def add(self, stream: PacedStream, pace_ms: int) -> None:
        """Give it the emptiest slot of its pace."""
        slots = self._slots.setdefault(pace_ms, [[] for _ in range(pace_ms)])
        min(slots, key=len).append(stream)
        self._streams += 1
        if self._streams == 1:
            self._origin_s = self._loop.time() - self._tick * TICK_S
            self._wait()

    def _wait(self) -> None:
        self._loop.call_at(self._origin_s + (self._tick + 1) * TICK_S, self._turn)

    def _turn(self) -> None:
        due = max(self._tick + 1, int((self._loop.time() - self._origin_s) / TICK_S))
        while self._tick < due:
            self._tick += 1
            for pace_ms, slots in self._slots.items():
                at = self._tick % pace_ms
                slot = slots[at]
                if slot:
                    slots[at] = [stream for stream in slot if stream.step()]
                    self._streams -= len(slot) - len(slots[at])
        if self._streams:
            self._wait()


class Connection(asyncio.Protocol):
    """One connection of a client: requests one after the other."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._socket = -1  # its number, where bytes may be written past the transport: not with TLS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if transport.get_extra_info("ssl_object") is None:
            self._socket = sock.fileno()

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        held = self._held + data if self._held else data
        end = held.find(b"\r\n\r\n")
        if end < 0:
            self._held = held
            return
        length = _LENGTH.search(held, 0, end + 2)
        if len(held) < end + 4 + (int(length[1]) if length else 0):
            self._held = held
            return
        self._held = b""
        self._answer(held[: end + 2])

    def is_closing(self) -> bool:
        """Whether there is nobody to write to any more."""
        return self._transport is None or self._transport.is_closing()

    def write(self, pieces: list[bytes]) -> None:
        """One send a piece, at once, as servers do that write what they have.

        The transport would join them into one, at the end of the loop's turn: late by all that others do in it.
        """
        assert self._transport is not None
        sent = 0
        if self._socket >= 0 and not self._transport.get_write_buffer_size():
            for piece in pieces:
                try:
                    count = os.write(self._socket, piece)
                except BlockingIOError:
                    break
                except OSError:
                    return  # the transport is about to say so
                sent += 1
                if count < len(piece):
                    self._transport.write(piece[count:])
                    break
        for piece in pieces[sent:]:
            self._transport.write(piece)

    def _answer(self, head: bytes) -> None:
        assert self._transport is not None
        asked = _BENCH.search(head)
        if asked is None:
            self._transport.write(_PING if head.startswith(b"GET ") else _REFUSAL)
            return
        try:
            rendered = _rendered(asked[1].decode("ascii").strip())
        except ValueError:
            self._transport.write(_REFUSAL)
            return
        if rendered.writes:
            self.write(rendered.writes)
            return
        stream = PacedStream(rendered, self)
        if stream.step():
            self._wheel.add(stream, rendered.pace_ms)


async def serve(certificate: Path, key: Path) -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # its session tickets are on by default
    context.load_cert_chain(certificate, key)
    wheel = Wheel(loop)
    plain = await loop.create_server(lambda: Connection(wheel), "127.0.0.1", 0, backlog=BACKLOG)
    tls = await loop.create_server(lambda: Connection(wheel), "127.0.0.1", 0, backlog=BACKLOG, ssl=context)
    print(json.dumps({"plain": _port(plain), "tls": _port(tls)}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    keep_large_blocks()
    uvloop.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
