"""Entry point of a forwarder process: the proxy on an inherited socket, a Sender for its records, an orderly end.

Not here: forwarding (proxy/), the process tree (supervisor.py).
Promise: told to drain, by its supervisor, by SIGTERM or by its supervisor's death, it takes nothing new, lets what is
open finish within the grace period, hands over its last records and ends. Told to retire, since another process has
taken its place, it accepts no more connections and serves those it has until each can be let go.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any, cast

from aiohttp import web

from gateway import logs, loops
from gateway.lifeline import Lifeline, as_settings, inherited
from gateway.loop_lag import LoopLag
from gateway.proxy.app import EXCHANGES, SERVING, build_app, runner
from gateway.proxy.connection import ClientConnection
from gateway.proxy.exchanges import Exchanges
from gateway.proxy.retire import let_go
from gateway.proxy.sender import Sender
from gateway.sockets import BACKLOG
from gateway.tally import Tally

ABORT_S = 1.0  # for exchanges that were cut at the end of the grace period to close their books
SENDER_CLOSE_S = 1.5


class Forwarder:
    """One forwarder's life."""

    def __init__(self, lifeline: Lifeline, listening: socket.socket) -> None:
        self._lifeline = lifeline
        self._listening = listening
        self._settings = lifeline.greeting.settings
        self._drain = asyncio.Event()
        self._leave = asyncio.Event()  # to drain, or to retire
        self._hurry = asyncio.Event()
        self._deadline_s = 0.0

    async def run(self) -> None:
        """Serve until told to drain, then drain."""
        greeting = self._lifeline.greeting
        tally = Tally()
        lag = LoopLag(tally.late.note)
        sender = Sender(greeting.records, worker=greeting.worker or 0, tally=tally)
        app = build_app(self._settings, sender, tally)
        exchanges = app[EXCHANGES]
        served = runner(app)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._signalled)
        loop.add_signal_handler(signal.SIGINT, self._signalled)
        await served.setup()
        site = web.SockSite(served, self._listening, backlog=BACKLOG)
        await site.start()
        sender.start(exchanges, app[SERVING].path)
        await self._lifeline.listen(self._heard, self._told_to_drain)
        loops.rest_garbage()
        lag.start()
        self._lifeline.say({"ready": True})
        await self._leave.wait()
        self._deadline_s = loop.time() + self._settings.grace_period_s
        if self._drain.is_set():
            exchanges.drain()
        await site.stop()
        if not self._drain.is_set():
            await self._retire(exchanges, served)
            exchanges.drain()
        await self._finish(exchanges)
        await self._written_out(served)
        await served.cleanup()
        await sender.close(SENDER_CLOSE_S)
        lag.stop()

    async def _retire(self, exchanges: Exchanges, served: web.AppRunner) -> None:
        assert served.server is not None
        server = served.server
        exchanges.retiring = True
        letting_go = asyncio.ensure_future(let_go(lambda: cast(list[ClientConnection], server.connections)))
        told = asyncio.ensure_future(self._drain.wait())
        await asyncio.wait(
            (letting_go, told), timeout=self._settings.grace_period_s, return_when=asyncio.FIRST_COMPLETED
        )
        for waiting in (letting_go, told):
            waiting.cancel()

    async def _written_out(self, served: web.AppRunner) -> None:
        # An ended exchange may still have its last bytes in our buffer, where the client is slow.
        assert served.server is not None
        loop = asyncio.get_running_loop()
        while not self._hurry.is_set() and loop.time() < self._deadline_s:
            # uvloop's transports are none of asyncio's classes
            transports = [one.transport for one in served.server.connections]
            if not any(one is not None and one.get_write_buffer_size() for one in transports):
                return
            await asyncio.sleep(0.02)

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("drain"):
            self._told_to_drain()
        elif message.get("retire"):
            self._leave.set()
        elif "log" in message:
            logs.configure(as_settings({"log": message["log"]}).log)

    def _told_to_drain(self) -> None:
        self._drain.set()
        self._leave.set()

    def _signalled(self) -> None:
        if self._drain.is_set():
            self._hurry.set()
        self._told_to_drain()

    async def _finish(self, exchanges: Exchanges) -> None:
        left_s = max(0.0, self._deadline_s - asyncio.get_running_loop().time())
        idle = asyncio.ensure_future(exchanges.wait_idle())
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((idle, hurry), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            exchanges.abort_all()
            await asyncio.wait((idle,), timeout=ABORT_S)
        for waiting in (idle, hurry):
            waiting.cancel()


def main() -> None:
    """Run as `python -m gateway.forwarder`, by the supervisor only."""
    sockets = inherited("lifeline", "listen")
    lifeline = Lifeline(sockets["lifeline"])
    logs.configure(lifeline.greeting.settings.log)
    loops.run(Forwarder(lifeline, sockets["listen"]).run())


if __name__ == "__main__":
    main()
