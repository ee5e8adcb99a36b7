"""One request and response over a raw connection to the upstream, for the plain path.

Not here: where connections come from (pool.py), what goes over them (forward.py), heads as bytes (heads.py).
Source: aiohttp-notes.md (client side). aiohttp's response parser is used, its session is not: a session adds headers,
loses duplicates, swallows 1xx answers and sends requests again, none of which a proxy may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader

from gateway.proxy.dial import upstream_of as upstream_of
from gateway.proxy.http1.heads import HEAD_END, HEAD_MAX_BYTES
from gateway.proxy.kernel import peer_address
from gateway.proxy.pool import Pool
from gateway.tally import Tally

if TYPE_CHECKING:
    from gateway.config import Settings

HEADERS_MAX = 256
READ_BUFFER_BYTES = 64 * 1024  # of one response, before the read from the upstream pauses


class UpstreamProtocol(ResponseHandler):
    """aiohttp's, which also tells how the connection was lost: a reset must not look like an end."""

    lost_with: BaseException | None = None
    address: str | None = None  # of its other end
    _held: bytes | None = None  # of a head that is not whole; None while no head is expected

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[[UpstreamProtocol], None], tally: Tally) -> None:
        super().__init__(loop)
        self._lost = lost
        self._tally = tally

    @property
    def can_serve(self) -> bool:
        """Whether another request may go over it: bytes that came unasked would answer it."""
        return self.transport is not None and not self.transport.is_closing() and not self.should_close

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.address = peer_address(transport)
        super().connection_made(transport)
        self._tally.connections += 1

    def expect_head(self) -> None:
        """The next bytes begin a head."""
        self._held = b""

    def data_received(self, data: bytes) -> None:
        # A head goes to the parser alone: when what follows it is no HTTP, the parser's refusal of that would take
        # a good answer along.
        while self._held is not None and data:
            data, self._held = self._held + data, None
            end = HEAD_END.search(data)
            if end is None:
                if len(data) <= HEAD_MAX_BYTES:
                    self._held = data
                    return
                break
            super().data_received(data[: end.end()])
            data = data[end.end() :]
            if self._buffer and _is_interim(self._buffer[-1][0][0]):
                self._held = b""
            elif not data:
                return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_with = exc
        self._tally.connections -= 1
        self._lost(self)
        payload = self._payload
        super().connection_lost(exc)
        # After bytes that are no HTTP the parser has let go of the body: nobody else would wake who reads it.
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(aiohttp.ClientPayloadError("the body is not framed as its head says"))


def _is_interim(message: RawResponseMessage) -> bool:
    return 100 <= message.code < 200 and message.code != 101


class UpstreamConnection:
    """One connection, for one request and its response. `release` or `close` it."""

    def __init__(self, pool: Pool[UpstreamProtocol], protocol: UpstreamProtocol) -> None:
        assert protocol.transport is not None
        self._pool = pool
        self.protocol = protocol
        self.transport = protocol.transport

    def expect(self, *, body: bool) -> None:
        """Prepare for a response; body: whether its head may announce one that comes (not for HEAD)."""
        self.protocol.expect_head()
        self.protocol.set_response_params(
            skip_payload=not body,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=HEAD_MAX_BYTES,
            max_field_size=HEAD_MAX_BYTES,
            max_headers=HEADERS_MAX,
        )

    async def head(self) -> tuple[RawResponseMessage, StreamReader]:
        """The next head, interim ones included. Raises aiohttp.ClientError or HttpProcessingError when none comes."""
        return await self.protocol.read()

    def send(self, data: bytes) -> None:
        """Write at once, wait for nothing. Raises aiohttp.ClientError where nobody is there."""
        if self.transport.is_closing():
            raise aiohttp.ClientConnectionResetError("the upstream closed")
        self.transport.write(data)

    async def write(self, data: bytes) -> None:
        """Write, and wait while the upstream takes no more."""
        self.send(data)
        await self.drain()

    async def drain(self) -> None:
        """Wait while the upstream takes no more."""
        if self.protocol.writing_paused:
            await self.protocol._drain_helper()  # noqa: SLF001

    def release(self) -> None:
        """The response was read whole: the connection may serve another."""
        self._pool.give_back(self.protocol)

    def close(self) -> None:
        """Give the connection up; what still runs on it upstream is cancelled."""
        self.transport.abort()


def plain_pool(settings: Settings, tally: Tally) -> Pool[UpstreamProtocol]:
    """The plain path's connections. Make it in a running loop."""
    loop = asyncio.get_running_loop()

    def make() -> UpstreamProtocol:
        return UpstreamProtocol(loop, pool.forget, tally)

    pool: Pool[UpstreamProtocol] = Pool(settings, make, tally=tally)
    return pool
