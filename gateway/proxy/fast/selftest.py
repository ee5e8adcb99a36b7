"""Before the fast path serves: whether this loop's transports do what it rests on, and one exchange through it.

Not here: which path runs then (choice.py). Promise: no port and no file, only socket pairs; a few milliseconds.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from gateway.proxy.dial import upstream_of
from gateway.proxy.exchanges import Exchanges
from gateway.proxy.fast.client_side import ClientSide
from gateway.proxy.fast.path import FastPath
from gateway.proxy.fast.upstream_side import UpstreamSide
from gateway.proxy.propagation import Propagation
from gateway.records import ExchangeClosed, Record
from gateway.wire.outcome import Outcome

if TYPE_CHECKING:
    from gateway.config import Settings

TIME_S = 2.0
_REQUEST = b"POST /v1/interactions HTTP/1.1\r\nHost: a\r\nX-Odd:  1\r\nContent-Length: 2\r\n\r\n{}"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_CHUNKS = (b"6;x\r\ndata: \r\n", b"2\r\n1\n\r\n", b"0\r\n\r\n")
_FLOOD = b"\0" * 65_536


class UnfitError(Exception):
    """The transports, or aiohttp, are not as the fast path needs them; its text says in what."""


async def check(settings: Settings) -> None:
    """settings: those that the path will serve with. Raises UnfitError, or whatever went wrong."""
    async with asyncio.timeout(TIME_S):
        await _check_writes()
        await _check_exchange(settings)


class _Writer(asyncio.Protocol):
    def __init__(self) -> None:
        self.pauses = self.resumes = 0

    def pause_writing(self) -> None:
        self.pauses += 1

    def resume_writing(self) -> None:
        self.resumes += 1


async def _check_writes() -> None:
    """A write leaves in the call; what the kernel doesn't take pauses the writer at once, until all of it is taken."""
    near, far = _pair()
    transport, writer = await asyncio.get_running_loop().create_unix_connection(_Writer, sock=near)
    try:
        transport.set_write_buffer_limits(high=0)
        transport.write(b"now")
        if _read(far) != b"now":
            raise UnfitError("a write does not leave at once")
        while transport.get_write_buffer_size() == 0:
            transport.write(_FLOOD)
        if writer.pauses != 1:
            raise UnfitError("a full socket does not pause its writer at once")
        while writer.resumes == 0:
            _read(far)
            await asyncio.sleep(0)
        if transport.get_write_buffer_size():
            raise UnfitError("the writer may go on before all is taken")
    finally:
        transport.abort()
        far.close()


class _Kept:
    """A sink, a server and a pool in one."""

    def __init__(self) -> None:
        self.closed: list[ExchangeClosed] = []
        self.given_back: list[UpstreamSide] = []
        self.upstream: UpstreamSide | None = None

    def begun(self) -> None:
        pass

    def put(self, record: Record) -> None:
        if isinstance(record, ExchangeClosed):
            self.closed.append(record)

    def joined(self, connection: ClientSide, transport: asyncio.Transport) -> None:
        pass

    def parted(self, connection: ClientSide) -> None:
        pass

    def take(self) -> UpstreamSide | None:
        return self.upstream

    async def connect(self) -> UpstreamSide:
        raise UnfitError("the connection at hand can't serve")

    def give_back(self, connection: UpstreamSide) -> None:
        self.given_back.append(connection)

    def forget(self, connection: UpstreamSide) -> None:
        pass

    async def close(self) -> None:
        pass


async def _check_exchange(settings: Settings) -> None:
    """One stream, chunk by chunk: the bytes, the books, the connection free for the next."""
    loop = asyncio.get_running_loop()
    kept = _Kept()
    exchanges = Exchanges(kept, upstream_of(settings), max_open=1, stall_ns=1_000_000_000)
    path = FastPath(settings, exchanges, kept)
    path.host, path.prefix = b"upstream.invalid", b""
    path.propagation = Propagation()  # what it does to heads is no matter of transports
    (near_up, upstream), (near_down, client) = _pair(), _pair()
    upstream_transport, kept.upstream = await loop.create_unix_connection(lambda: UpstreamSide(path), sock=near_up)
    client_transport, _ = await loop.create_unix_connection(lambda: ClientSide(path, kept), sock=near_down)
    try:
        client.send(_REQUEST)
        await _arrives(upstream, _REQUEST.replace(b"Host: a", b"Host: upstream.invalid"))
        for sent in (_HEAD, *_CHUNKS):
            upstream.send(sent)
            await _arrives(client, sent)
        await exchanges.wait_idle()
        outcomes = [(one.outcome, one.stream.events, one.bytes_down) for one in kept.closed]
        if outcomes != [(Outcome.TRUNCATED, 1, 8)] or kept.given_back != [kept.upstream]:
            raise UnfitError(f"an exchange was booked as {outcomes}")
    finally:
        upstream_transport.abort()
        client_transport.abort()
        upstream.close()
        client.close()


async def _arrives(end: socket.socket, expected: bytes) -> None:
    got = b""
    while len(got) < len(expected):
        got += _read(end)
        await asyncio.sleep(0)
    if got != expected:
        raise UnfitError(f"{expected[:40]!r} arrived as {got[:40]!r}")


def _pair() -> tuple[socket.socket, socket.socket]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    return near, far


def _read(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 20)
    except BlockingIOError:
        return b""
