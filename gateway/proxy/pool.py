"""Connections to the one upstream, kept while idle; new ones opened a few at a time.

Not here: how one is opened (dial.py), what goes over it (upstream.py and forward.py).
Promise: what is idle is closed after proxy.idle_timeout_s, before the upstream would; taking and giving back cost
about a microsecond; a caller that leaves while it waits leaves no socket behind, its connection becomes idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic

from gateway.proxy.dial import Dialer, P, Pooled
from gateway.proxy.dns import Resolve
from gateway.proxy.errors import ConnectTimeout, GatewayError, Unreachable

if TYPE_CHECKING:
    from gateway.config import Settings

__all__ = ["Pool", "Pooled"]

DIALS_AT_ONCE = 64
CONNECT_TRIES = 3  # connections that end before anybody uses them


class Pool(Generic[P]):
    """Make it in a running loop. factory: makes the protocol of a new connection, which calls `forget` when it is lost.

    Who takes a connection gives it back, or ends it by `connection.transport.abort()`.
    resolve: instead of the system's resolver.
    """

    def __init__(self, settings: Settings, factory: Callable[[], P], *, resolve: Resolve | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(settings, factory, resolve)
        self._timeout_s = settings.proxy.connect_timeout_s
        self._idle_s = settings.proxy.idle_timeout_s
        self._idle: dict[P, float] = {}  # and when to drop it; the newest last
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[asyncio.Future[P], None] = {}  # callers without a connection, the first come first
        self._queued: deque[asyncio.Future[P]] = deque()  # those for whom no dial runs yet
        self._dials: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def take(self) -> P | None:
        """The most recently used idle connection that can serve, at once; None: there is none, `connect`."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.can_serve:
                return connection
            _end(connection)
        return None

    async def connect(self) -> P:
        """A connection nobody uses: a new one, or one that is given back before it is ready.

        Raises a GatewayError that says why there is none: nothing was sent then.
        """
        for _ in range(CONNECT_TRIES):
            connection = await self._wait()
            if connection.can_serve:
                return connection
            _end(connection)
        raise Unreachable(self._dialer.host, "it closes each connection before it is used")

    def give_back(self, connection: P) -> None:
        """Its answer was read whole: idle from now on, or somebody else's."""
        self._dialer.answered(connection)
        self._hand(connection)

    def forget(self, connection: P) -> None:
        """An idle connection was lost or spoiled. Harmless for one that is in use."""
        self._idle.pop(connection, None)

    async def close(self) -> None:
        """End every idle connection, and what is being opened."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        for dial in self._dials:
            dial.cancel()
        if self._dials:
            await asyncio.wait(self._dials)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(Unreachable(self._dialer.host, "the gateway is shutting down"))
        await self._dialer.addresses.close()
        for connection in self._idle:
            _end(connection)
        self._idle.clear()
        await asyncio.sleep(0)  # the transports end in the loop's next turn

    async def _wait(self) -> P:
        if self._is_closing:
            raise Unreachable(self._dialer.host, "the gateway is shutting down")
        waiter: asyncio.Future[P] = self._loop.create_future()
        self._waiting[waiter] = None
        self._queued.append(waiter)
        self._dial_on()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await waiter
        except TimeoutError as exc:
            raise ConnectTimeout(self._dialer.host, "no connection within proxy.connect_timeout_s") from exc
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._hand(waiter.result())
            raise
        finally:
            self._waiting.pop(waiter, None)
            waiter.cancel()

    def _dial_on(self) -> None:
        while self._queued and len(self._dials) < DIALS_AT_ONCE:
            waiter = self._queued.popleft()
            if not waiter.done():
                dial = self._loop.create_task(self._dial(waiter))
                self._dials.add(dial)
                dial.add_done_callback(self._dialled)

    async def _dial(self, waiter: asyncio.Future[P]) -> None:
        try:
            connection = await self._dialer.dial()
        except GatewayError as error:
            if not waiter.done():
                waiter.set_exception(error)
        else:
            self._hand(connection, waiter)

    def _dialled(self, dial: asyncio.Task[None]) -> None:
        self._dials.discard(dial)
        self._dial_on()

    def _hand(self, connection: P, waiter: asyncio.Future[P] | None = None) -> None:
        """To this caller, else to the one that waits longest, else to the idle ones."""
        if self._is_closing or not connection.can_serve:
            _end(connection)
            if waiter is not None and not waiter.done():
                waiter.set_result(connection)
            return
        if waiter is None or waiter.done():
            waiter = next((one for one in self._waiting if not one.done()), None)
        if waiter is not None:
            waiter.set_result(connection)
            return
        deadline_s = self._loop.time() + self._idle_s
        self._idle[connection] = deadline_s
        if self._timer is None:
            self._timer = self._loop.call_at(deadline_s, self._drop_old)

    def _drop_old(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        while self._idle:
            connection, deadline_s = next(iter(self._idle.items()))
            if deadline_s > now_s:
                self._timer = self._loop.call_at(deadline_s, self._drop_old)
                return
            del self._idle[connection]
            if connection.transport is not None:
                connection.transport.close()


def _end(connection: Pooled) -> None:
    if connection.transport is not None:
        connection.transport.abort()
