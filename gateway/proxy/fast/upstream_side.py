"""The upstream's side: one connection, which serves one relay after another.

Not here: what its bytes are (relay.py), which connections there are (pool.py).
Promise: an idle connection on which bytes or an end came unasked never serves again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from gateway.proxy.kernel import SecondHandle, peer_address, reset_on_close

if TYPE_CHECKING:
    from gateway.proxy.fast.path import FastPath
    from gateway.proxy.fast.relay import Relay


class UpstreamSide(asyncio.Protocol):
    """What the pool keeps. relay: whom it serves now."""

    def __init__(self, path: FastPath) -> None:
        self._path = path
        self.transport: asyncio.Transport | None = None
        self.relay: Relay | None = None
        self.address: str | None = None
        self._spoiled = False
        self._paused = False
        self._second: SecondHandle | None = None  # while a request's body is on its way
        self.is_full = False  # it takes no more of a request for now

    @property
    def can_serve(self) -> bool:
        """Connected, idle, and nothing has come unasked."""
        transport = self.transport
        return not self._spoiled and self.relay is None and transport is not None and not transport.is_closing()

    @property
    def is_clean(self) -> bool:
        """Whether all that was written has left."""
        return self.transport is not None and self.transport.get_write_buffer_size() == 0

    def write(self, data: bytes) -> None:
        """Send bytes at once; over a connection that has ended they go nowhere."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def expect_refusal(self) -> None:
        """A body is on its way: an answer to it is read also where a write of it fails."""
        if self.transport is not None and self._second is None:
            self._second = SecondHandle(self.transport)

    def let_go(self) -> None:
        """The relay is over, the connection serves on."""
        self.relay = None
        self._forget_second()

    def drop(self) -> None:
        """End it now; what still runs on it upstream is cancelled."""
        self.let_go()
        self._spoiled = True
        if self.transport is not None:
            if self.is_full:
                # it would be told only behind what it doesn't take
                reset_on_close(self.transport)
            self.transport.abort()

    def hold(self) -> None:
        """Read nothing until `go_on`: the client takes no more."""
        if not self._paused and self.transport is not None and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._paused and self.transport is not None and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)
        self._path.tally.connections += 1
        self.address = peer_address(transport)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        relay = self.relay
        if relay is None:
            self._spoil()
            return
        try:
            relay.upstream_data(data)
        except Exception as exc:
            relay.failed(exc)

    def eof_received(self) -> None:
        """Part of asyncio.Protocol: the upstream is through with us, whatever of the request still waits here."""
        relay = self.relay
        if relay is None:
            self._spoil()
        elif not relay.is_tunnel:
            self._lost(relay, None)
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        relay, self.transport = self.relay, None
        self._path.tally.connections -= 1
        if relay is None:
            self._path.pool.forget(self)
        else:
            if exc is not None and self._second is not None and (rest := self._second.rest()):
                self.data_received(rest)
            if self.relay is relay:
                self._lost(relay, exc)
        self._forget_second()

    def pause_writing(self) -> None:
        """Part of asyncio.Protocol: the upstream takes no more of the request."""
        self.is_full = True
        if self.relay is not None:
            self.relay.upstream_full()

    def resume_writing(self) -> None:
        """Part of asyncio.Protocol."""
        self.is_full = False
        if self.relay is not None:
            self.relay.upstream_has_room()

    def _lost(self, relay: Relay, exc: Exception | None) -> None:
        self.relay = None
        try:
            relay.upstream_lost(exc)
        except Exception as error:
            relay.failed(error)

    def _forget_second(self) -> None:
        if self._second is not None:
            self._second.close()
            self._second = None

    def _spoil(self) -> None:
        self._spoiled = True
        self._path.pool.forget(self)
        if self.transport is not None:
            self.transport.abort()
