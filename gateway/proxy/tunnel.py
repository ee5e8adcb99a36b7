"""After `101 Switching Protocols`: bytes both ways, untouched, until either side ends.

Not here: what the bytes mean (WebSocket frames pass as they are). Promise: a slow side slows the other, memory stays
bounded; when one side ends, the other is ended too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import RawResponseMessage
from aiohttp.web_request import BaseRequest

from gateway.proxy.exchange import Exchange
from gateway.proxy.relay import ClientGoneError
from gateway.proxy.upstream import UpstreamConnection
from gateway.wire.outcome import End


async def tunnel(
    request: BaseRequest, upstream: UpstreamConnection, message: RawResponseMessage, exchange: Exchange
) -> web.StreamResponse:
    """Relay the upstream's 101 and everything after it; return when either side has ended."""
    client = request.transport
    if client is None:
        raise ClientGoneError
    lines = [f"HTTP/1.1 101 {message.reason}".encode(), *(name + b": " + value for name, value in message.raw_headers)]
    client.write(b"\r\n".join(lines) + b"\r\n\r\n")
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    down = _OneWay(upstream.protocol, request.protocol, exchange.response_bytes, over)
    up = _OneWay(request.protocol, upstream.protocol, exchange.request_bytes, over)
    upstream.protocol.set_parser(down, None)
    request.protocol.set_parser(up)  # type: ignore[arg-type]
    try:
        await over
        exchange.ended(End.CLEAN if upstream.protocol.lost_with is None else End.CUT)
    except asyncio.CancelledError:
        # the client closed its connection: how a tunnel ends, after a close frame or without
        exchange.ended(End.CLEAN)
        raise
    finally:
        down.stop()
        up.stop()
    response = web.Response()
    response.force_close()
    if request.transport is not None:
        request.transport.close()
    return response


class _OneWay:
    """What a protocol of aiohttp hands its bytes to after an upgrade."""

    def __init__(
        self, source: BaseProtocol, destination: BaseProtocol, count: Callable[[int], None], over: asyncio.Future[None]
    ) -> None:
        self._source, self._destination = source, destination
        self._count = count
        self._over = over
        self._waiting: asyncio.Task[None] | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Pass bytes on; hold the source while the destination takes no more."""
        transport = self._destination.transport
        if data and transport is not None:
            self._count(len(data))
            transport.write(data)
            if self._destination.writing_paused and self._waiting is None:
                self._waiting = asyncio.create_task(self._wait())
        return False, b""

    def feed_eof(self) -> None:
        """The source is over."""
        if not self._over.done():
            self._over.set_result(None)

    def stop(self) -> None:
        """Nothing more passes."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def _wait(self) -> None:
        if self._source.transport is not None:
            self._source.transport.pause_reading()
        try:
            await self._destination._drain_helper()  # noqa: SLF001
        except ConnectionError:
            self.feed_eof()
        self._waiting = None
        if self._source.transport is not None:
            self._source.transport.resume_reading()
