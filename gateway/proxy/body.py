"""The request body on its way upstream: at once where it is here already, beside the response where it isn't.

Not here: what it says (the exchange reads along), the response.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
from aiohttp.web_request import BaseRequest

from gateway.proxy.errors import BadRequest, BodyTooLarge, GatewayError
from gateway.proxy.exchange import Exchange
from gateway.proxy.upstream import UpstreamConnection


class RequestBody:
    """Sends one request's body. error: why it could not be sent whole, if that was the client's or a limit's doing."""

    def __init__(
        self, request: BaseRequest, exchange: Exchange, upstream: UpstreamConnection, max_bytes: int | None
    ) -> None:
        self._request = request
        self._exchange = exchange
        self._upstream = upstream
        self._max_bytes = max_bytes
        self._task: asyncio.Task[None] | None = None
        self.error: GatewayError | None = None
        self.is_whole = False
        self.is_chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()

    async def begin(self, head: bytes) -> None:
        """Send the head, and the body: with it if it is here, in a task of its own if not."""
        content = self._request.content
        is_whole = not self._request.body_exists
        if is_whole:
            self._whole()
        elif content.is_eof():
            data = content.read_nowait()
            self._exchange.request_chunk(data)
            self._check()
            self._whole()
            is_whole, head = True, head + self._framed(data) + self._end()
        self._upstream.send(head)
        self._exchange.request_sent()
        await self._upstream.drain()
        if not is_whole:
            self._task = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """The response is over: what of the body was not sent stays unsent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _send(self) -> None:
        try:
            async for chunk in self._request.content.iter_any():
                self._exchange.request_chunk(chunk)
                self._check()
                await self._upstream.write(self._framed(chunk))
            if self.is_chunked:
                await self._upstream.write(self._end())
            self._whole()
        except GatewayError as exc:
            self._give_up(exc)
        except (aiohttp.ClientError, ConnectionError):
            # the upstream takes no more: its response, or its absence, says the rest
            pass
        except (aiohttp.http_exceptions.HttpProcessingError, aiohttp.web.RequestPayloadError):
            self._give_up(BadRequest("its body broke off or is not framed as its head says"))

    def _whole(self) -> None:
        self.is_whole = True
        self._exchange.request_whole()

    def _give_up(self, error: GatewayError) -> None:
        # the upstream must not take half a body for a whole one
        self.error = error
        self._upstream.transport.abort()

    def _check(self) -> None:
        if self._max_bytes is not None and self._exchange.bytes_up > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)

    def _framed(self, data: bytes) -> bytes:
        if not self.is_chunked or not data:
            return data
        return b"%x\r\n%b\r\n" % (len(data), data)

    def _end(self) -> bytes:
        return b"0\r\n\r\n" if self.is_chunked else b""
