"""What a 101 makes of an exchange: bytes pass both ways, unread.

Not here: whether the upstream may change the protocol (relay.py), the plain path's (proxy/tunnel.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.proxy.exchange import Exchange
from gateway.proxy.http1.heads import ResponseHead

if TYPE_CHECKING:
    from gateway.proxy.fast.client_side import ClientSide
    from gateway.proxy.fast.upstream_side import UpstreamSide

FLUSH_S = 5.0  # for the last frames to leave, where the other side takes its time


class Tunnel:
    """Between a client and the upstream's connection, which its owner hands in."""

    def __init__(self, client: ClientSide, exchange: Exchange) -> None:
        self._client = client
        self._exchange = exchange

    def begin(self, head: ResponseHead, data: bytes) -> None:
        """The upstream agreed; data: what came behind its head."""
        self._client.write(head.raw + b"\r\n\r\n" + data)
        self._exchange.response_bytes(len(data))

    def up(self, data: bytes, upstream: UpstreamSide | None) -> None:
        """From the client."""
        if upstream is not None:
            upstream.write(data)
        self._exchange.request_bytes(len(data))

    def down(self, data: bytes) -> None:
        """From the upstream."""
        self._client.write(data)
        self._exchange.response_bytes(len(data))


def close_when_sent(upstream: UpstreamSide, loop: asyncio.AbstractEventLoop) -> None:
    """The client has left: a frame that it sent last still goes out."""
    transport = upstream.transport
    upstream.let_go()
    if transport is not None:
        transport.close()
        loop.call_later(FLUSH_S, transport.abort)
