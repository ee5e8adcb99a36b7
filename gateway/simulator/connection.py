"""One accepted connection: requests in, raw bytes out, and the client's leaving seen at once.

Not here: what is answered (routes.py), the framing of bodies (playback.py).
Source: RFC 9112 by way of h11, which lets repeated User-Agent lines pass as older SDKs send them.
Promise: gone is set as soon as the kernel reports the client's end or reset, also while nothing is being written;
write returns only when the kernel has taken all bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final, cast

import h11

REQUEST_HEAD_MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request: target is raw, header names are lower case in wire order, received_ns is its last byte's."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_ns: int
    persistent: bool
    chunks_allowed: bool

    def header(self, name: str) -> str:
        """The first value of a header by its lower-case name, or an empty text."""
        return next((value for key, value in self.headers if key == name), "")


class Connection(asyncio.Protocol):
    """A connection served by one task; create it through a server's protocol factory."""

    def __init__(self, serve: Callable[[Connection], Coroutine[None, None, None]]) -> None:
        self._serve = serve
        self._received = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by inheritance, only by what they can do
        self._transport = cast("asyncio.Transport", transport)
        # no bytes may linger here: "sent" in the ledger means that the kernel has them
        self._transport.set_write_buffer_limits(high=0)
        self.task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._arrived.set()

    def eof_received(self) -> bool:
        # no HTTP client closes half a connection and waits: this one has left
        self._leave()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def pause_writing(self) -> None:
        if not self.gone.is_set():
            self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def read_request(self) -> Request | None:
        """The next request, or None when the client left or closed; raises h11.RemoteProtocolError for nonsense."""
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=REQUEST_HEAD_MAX_BYTES)
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                if parser.they_are_waiting_for_100_continue:
                    parser.send(h11.InformationalResponse(status_code=100, headers=[]))
                    await self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                if not await self._feed(parser):
                    return None
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                self._received[:0] = parser.trailing_data[0]
                return _whole(head, bytes(body))
            else:
                return None

    async def write(self, data: bytes) -> bool:
        """Send all of data; False when the client left before the kernel had it."""
        if self._transport is None or self.gone.is_set():
            return False
        self._transport.write(data)
        await self._writable.wait()
        return not self.gone.is_set()

    async def leaves_within(self, seconds: float | None) -> bool:
        """Wait; True as soon as the client leaves, False when the time passed (None waits for ever)."""
        if self.gone.is_set():
            return True
        if seconds is not None and seconds <= 0:
            await asyncio.sleep(0)
            return self.gone.is_set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), seconds)
        return self.gone.is_set()

    def close(self) -> None:
        """End the connection in good order."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection as it stands; without unread input the client sees an end, not a reset."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Drop the connection so that the client gets a reset."""
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            # linger of zero seconds is the portable way to make close() send RST
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _feed(self, parser: h11.Connection) -> bool:
        while not self._received:
            if self.gone.is_set():
                return False
            self._arrived.clear()
            await self._arrived.wait()
        parser.receive_data(bytes(self._received))
        self._received.clear()
        return True

    def _leave(self) -> None:
        self.gone.set()
        self._arrived.set()
        self._writable.set()


def _whole(head: h11.Request, body: bytes) -> Request:
    headers = tuple((name.decode("ascii").lower(), value.decode("latin-1")) for name, value in head.headers)
    modern = head.http_version >= b"1.1"
    closing = any(name == "connection" and "close" in value.lower() for name, value in headers)
    return Request(
        method=head.method.decode("ascii"),
        target=head.target.decode("latin-1"),
        headers=headers,
        body=body,
        received_ns=time.monotonic_ns(),
        persistent=modern and not closing,
        chunks_allowed=modern,
    )
