"""Connections to the one upstream: kept while idle, opened a few at a time, some of them ahead of need.

Not here: how one is opened (dial.py), what goes over it (upstream.py and forward.py).
Promise: what is idle is closed after proxy.idle_timeout_s, before the upstream would; taking and giving back cost
about a microsecond; a caller that leaves while it waits leaves no socket behind, its connection becomes idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Generic

from gateway.proxy.dial import Dialer, P, Pooled
from gateway.proxy.dns import Resolve
from gateway.proxy.errors import ConnectTimeout, GatewayError, Unreachable
from gateway.tally import Tally

if TYPE_CHECKING:
    from gateway.config import Settings

__all__ = ["Pool", "Pooled"]

# A handshake takes 0.5-0.8 ms of the loop. A thousand at once held every open stream for 300 ms; eight at once hold it
# for 3-5, half of the thousand come sooner, the last a fifth later. A far upstream takes its time without ours: there
# a dial makes room for the next early.
DIALS_AT_ONCE = 8
DIAL_HOLDS_S = 0.01
CONNECT_TRIES = 3  # connections that end before anybody uses them
REFILL_FIRST_S, REFILL_MOST_S = 1.0, 60.0  # between tries to open ahead while the upstream takes or keeps none


class Pool(Generic[P]):
    """Make it in a running loop. factory: makes the protocol of a new connection, which calls `forget` when it is lost.

    Who takes a connection gives it back, or ends it by `connection.transport.abort()`.
    resolve: instead of the system's resolver. tally: counts the connections.
    """

    def __init__(
        self,
        settings: Settings,
        factory: Callable[[], P],
        *,
        resolve: Resolve | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(settings, factory, resolve, tally)
        self._timeout_s = settings.proxy.connect_timeout_s
        self._idle_s = settings.proxy.idle_timeout_s
        self._spare = settings.proxy.spare_connections
        self._idle: dict[P, float] = {}  # and when to drop it; the newest last
        self._drop_timer: asyncio.TimerHandle | None = None
        self._waiting: dict[asyncio.Future[P], None] = {}  # callers without a connection, the first come first
        self._queued: deque[asyncio.Future[P]] = deque()  # those for whom no dial runs yet
        self._dials: dict[asyncio.Task[None], asyncio.TimerHandle | None] = {}  # and when it makes room
        self._room = DIALS_AT_ONCE
        self._spare_dials = 0
        self._refill_s = 0.0  # the wait before the last refill
        self._refill_timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        if tally is not None:
            tally.idle.append(lambda: len(self._idle))
        self._dial_on()

    def take(self) -> P | None:
        """The most recently used idle connection that can serve, at once; None: there is none, `connect`."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.can_serve:
                if self._spare:
                    self._dial_on()
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
        """Its answer was read whole: idle from now on, or somebody else's. One that can't serve is ended."""
        self._refill_s = 0.0
        self._dialer.answered(connection)
        self._hand(connection)

    def forget(self, connection: P) -> None:
        """An idle connection was lost or spoiled. Harmless for one that is in use."""
        if self._idle.pop(connection, None) is not None and self._spare:
            self._refill_later()

    async def close(self) -> None:
        """End every idle connection, and what is being opened."""
        self._is_closing = True
        for timer in (self._drop_timer, self._refill_timer):
            if timer is not None:
                timer.cancel()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(self._shutting_down())
        dials = list(self._dials)
        for dial in dials:
            dial.cancel()
        await asyncio.gather(*dials, self._dialer.close(), return_exceptions=True)
        while self._idle:
            _end(self._idle.popitem()[0])
        await asyncio.sleep(0)  # the transports end in the loop's next turn

    async def _wait(self) -> P:
        if self._is_closing:
            raise self._shutting_down()
        waiter: asyncio.Future[P] = self._loop.create_future()
        self._waiting[waiter] = None
        self._queued.append(waiter)
        self._dial_on()
        timer = self._loop.call_later(self._timeout_s, self._out_of_time, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                self._hand(waiter.result())  # it came in the turn in which the caller left
            raise
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)

    def _out_of_time(self, waiter: asyncio.Future[P]) -> None:
        if not waiter.done():
            waiter.set_exception(ConnectTimeout(self._dialer.host, "no connection within proxy.connect_timeout_s"))

    def _shutting_down(self) -> Unreachable:
        return Unreachable(self._dialer.host, "the gateway is shutting down")

    def _dial_on(self) -> None:
        """Start what there is room for: those who wait first, then the spare ones."""
        while self._room > 0 and not self._is_closing:
            if self._queued:
                waiter = self._queued.popleft()
                if not waiter.done():
                    self._start(self._dial(waiter))
            elif self._refill_timer is None and len(self._idle) + self._spare_dials < self._spare:
                self._spare_dials += 1
                self._start(self._dial_spare())
            else:
                return

    def _start(self, dial: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(dial)
        self._room -= 1
        self._dials[task] = self._loop.call_later(DIAL_HOLDS_S, self._make_room, task)
        task.add_done_callback(self._dialled)

    def _make_room(self, dial: asyncio.Task[None]) -> None:
        timer, self._dials[dial] = self._dials[dial], None
        if timer is not None:
            timer.cancel()
            self._room += 1
            self._dial_on()

    def _dialled(self, dial: asyncio.Task[None]) -> None:
        self._make_room(dial)
        del self._dials[dial]

    async def _dial(self, waiter: asyncio.Future[P]) -> None:
        try:
            connection = await self._dialer.dial()
        except GatewayError as error:
            if not waiter.done():
                waiter.set_exception(error)
        else:
            self._hand(connection, waiter)

    async def _dial_spare(self) -> None:
        try:
            connection = await self._dialer.dial()
        except GatewayError:
            self._refill_later()
        else:
            self._hand(connection)
        finally:
            self._spare_dials -= 1

    def _hand(self, connection: P, waiter: asyncio.Future[P] | None = None) -> None:
        """To this caller, else to the one that waits longest, else to the idle ones."""
        if waiter is None or waiter.done():
            if self._is_closing or not connection.can_serve:
                _end(connection)
                return
            waiter = next((one for one in self._waiting if not one.done()), None) if self._waiting else None
        if waiter is not None:
            waiter.set_result(connection)
            return
        deadline_s = self._loop.time() + self._idle_s
        self._idle[connection] = deadline_s
        if self._drop_timer is None:
            self._drop_timer = self._loop.call_at(deadline_s, self._drop_old)

    def _drop_old(self) -> None:
        self._drop_timer = None
        now_s = self._loop.time()
        while self._idle:
            connection, deadline_s = next(iter(self._idle.items()))
            if deadline_s > now_s:
                self._drop_timer = self._loop.call_at(deadline_s, self._drop_old)
                break
            del self._idle[connection]
            if connection.transport is not None:
                connection.transport.close()
        self._dial_on()

    def _refill_later(self) -> None:
        if self._refill_timer is None and not self._is_closing:
            self._refill_s = min(max(2 * self._refill_s, REFILL_FIRST_S), REFILL_MOST_S)
            self._refill_timer = self._loop.call_later(self._refill_s, self._refill)

    def _refill(self) -> None:
        self._refill_timer = None
        self._dial_on()


def _end(connection: Pooled) -> None:
    if connection.transport is not None:
        connection.transport.abort()
