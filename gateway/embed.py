"""The whole gateway in one process, as an aiohttp application: for tests, notebooks and platforms without Unix sockets.

Not here: processes, sockets between them, graceful draining (supervisor.py, forwarder.py, observer.py).
Promise: the same forwarding, tap and telemetry as `serve`, with records applied at once instead of sent, so that the
balance `opened = closed + open` holds after every call. The price: telemetry runs on the loop that forwards.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web

from gateway.admin.app import create_admin_app
from gateway.admin.health import Health
from gateway.config import Settings
from gateway.config_sources import load
from gateway.loop_lag import LoopLag
from gateway.proxy.app import EXCHANGES, SERVING, build_app
from gateway.records import ExchangeClosed, Heartbeat, Hello, Record
from gateway.tally import Tally
from gateway.telemetry.pipeline import Telemetry
from gateway.telemetry.view import Session

FLUSH_S = 5.0

TELEMETRY = web.AppKey("telemetry", Telemetry)
HEALTH = web.AppKey("health", Health)


class DirectSink:
    """A RecordSink without a channel: what is put is applied, with the Heartbeat that a batch would end with."""

    def __init__(self, telemetry: Telemetry, path: Callable[[], str]) -> None:
        """path: of the forwarding, known once it serves."""
        self._telemetry = telemetry
        self._path = path
        self._opened = 0
        self._handed = 0
        self.tally = Tally()
        self._silence_ns: int | None = None

    @functools.cached_property
    def _session(self) -> Session:
        return self._telemetry.connected(Hello(0, os.getpid(), 0, self._path(), aiohttp.__version__))

    def begun(self) -> None:
        """Count one exchange as opened."""
        self._opened += 1
        self._tell()

    def put(self, record: Record) -> None:
        """Apply the record; Telemetry never raises."""
        self._telemetry.apply(self._session, record)
        if isinstance(record, ExchangeClosed):
            self._handed += 1
            self._tell()

    def beat(self, oldest_silence_ns: int | None) -> None:
        """Say how the counts stand. oldest_silence_ns: of the open exchanges, true until it is said anew."""
        self._silence_ns = oldest_silence_ns
        self._tell()

    def _tell(self) -> None:
        idle = self.tally.idle_connections()
        heartbeat = Heartbeat(
            self._opened,
            self._handed,
            oldest_silence_ns=self._silence_ns,
            active_connections=max(0, self.tally.connections - idle),
            idle_connections=idle,
            tally=self.tally.row(),
        )
        self._telemetry.apply(self._session, heartbeat)


def create_app(settings: Settings | None = None) -> web.Application:
    """The gateway as an application; gateway.proxy.app.runner() serves it with the right options.

    settings: None reads environment and file as `serve` does, and raises SettingsError for mistakes in them.
    `app[TELEMETRY]` is what it knows; create_admin(app) shows it.
    """
    settings = load() if settings is None else settings
    telemetry = Telemetry(settings)
    sink = DirectSink(telemetry, lambda: app[SERVING].path)
    app = build_app(settings, sink, sink.tally)
    app[TELEMETRY] = telemetry
    app[HEALTH] = Health(draining=False, forwarders_expected=1, forwarders_connected=1)

    async def observe(app: web.Application) -> AsyncIterator[None]:
        async def beat() -> None:
            while True:
                await asyncio.sleep(1.0)
                sink.beat(app[EXCHANGES].oldest_silence_ns(time.monotonic_ns()))

        beating = asyncio.create_task(beat())
        lag = LoopLag(sink.tally.late.note)
        lag.start()
        telemetry.start(asyncio.get_running_loop().call_soon_threadsafe)
        yield
        lag.stop()
        app[HEALTH].draining = True
        beating.cancel()
        await asyncio.to_thread(telemetry.shutdown, FLUSH_S)

    app.cleanup_ctx.append(observe)
    return app


def create_admin(app: web.Application) -> web.Application:
    """The admin application (metrics, health) of an application that create_app() made."""
    return create_admin_app(app[TELEMETRY], app[HEALTH])
