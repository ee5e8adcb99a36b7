"""Entry point of the observer process: records in from the forwarders, metrics and health out on the admin port.

Not here: what records become (telemetry/), the admin pages (admin/), the process tree (supervisor.py).
Source: design.md 5 and 7.
Promise: a batch is acknowledged after it was applied, never before; a peer that speaks nonsense loses its connection,
never the observer its life. It ends last: when its supervisor says so, or is dead and all forwarders are gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from typing import Any, cast

import structlog
from aiohttp import web

from gateway import logs, loops
from gateway.admin.app import create_admin_app
from gateway.admin.health import Health
from gateway.encoding import ACK, HEADER, MAX_BATCH_BYTES, decode
from gateway.lifeline import Lifeline, as_settings, inherited
from gateway.loop_lag import LoopLag
from gateway.records import Hello
from gateway.reload import Reloader
from gateway.sockets import BACKLOG
from gateway.telemetry import names
from gateway.telemetry.pipeline import Telemetry

FLUSH_S = 5.0  # for the exporters to hand over the last spans
ORPHAN_SLACK_S = 5.0  # over the grace period, for forwarders to leave once the supervisor is dead
NICENESS = 5
_PEER = struct.Struct("3i")  # pid, uid, gid

log = structlog.get_logger(__name__)


class Observer:
    """One observer's life."""

    def __init__(self, lifeline: Lifeline, records: socket.socket, admin: socket.socket) -> None:
        self._lifeline = lifeline
        self._records = records
        self._admin = admin
        self._settings = lifeline.greeting.settings
        self._end = asyncio.Event()
        self._left = asyncio.Event()
        self.connections: set[Connection] = set()
        self.telemetry = Telemetry(self._settings)
        greeting = lifeline.greeting
        self._reloader = Reloader(
            greeting.table, greeting.sources, self.telemetry.reloadable, self._reloaded, self._log_reload
        )
        if greeting.restarts[names.OBSERVER]:
            self._reloader.ask()  # what a file was changed to meanwhile, or had refused, is only there
        self.telemetry.processes.restarted(greeting.restarts)
        self.telemetry.processes.started(greeting.started_unix_s)
        self.telemetry.footprint.lone(names.SUPERVISOR, os.getppid())
        self.telemetry.footprint.lone(names.OBSERVER, os.getpid())
        self.health = Health(
            draining=lifeline.greeting.draining,
            forwarders_expected=lifeline.greeting.forwarders,
            forwarders_connected=0,
        )

    async def run(self) -> None:
        """Serve until told to end."""
        loop = asyncio.get_running_loop()
        # The supervisor's word counts, not a signal to the whole group: forwarders still have records to hand over.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        admin = web.AppRunner(create_admin_app(self.telemetry, self.health), access_log=None, shutdown_timeout=0.5)
        await admin.setup()
        await web.SockSite(admin, self._admin, backlog=BACKLOG).start()
        self._records.setblocking(False)
        server = await loop.create_unix_server(lambda: Connection(self), sock=self._records, backlog=BACKLOG)
        await self._lifeline.listen(self._heard, self._orphaned)
        lag = LoopLag(self.telemetry.processes.observer_late)
        lag.start()
        self.telemetry.start(loop.call_soon_threadsafe)
        reloading = asyncio.ensure_future(self._reloader.run())
        loops.rest_garbage()
        self._lifeline.say({"ready": True})
        await self._end.wait()
        reloading.cancel()
        lag.stop()
        server.close()
        for connection in self.connections:
            connection.stop()
        await loop.run_in_executor(None, self.telemetry.shutdown, FLUSH_S)
        await admin.cleanup()

    def joined(self) -> None:
        """A forwarder said hello."""
        self.health.forwarders_connected += 1

    def parted(self) -> None:
        """A forwarder's connection is gone."""
        self.health.forwarders_connected -= 1
        self._left.set()

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("draining"):
            self.health.draining = True
        if message.get("reload"):
            self._reloader.ask()
        if "restarts" in message:
            log.info("restarts", **message["restarts"])
            self.telemetry.processes.restarted(message["restarts"])
        if message.get("drain"):
            self._end.set()

    def _reloaded(self, table: dict[str, Any], in_force: bool) -> None:
        self.telemetry.reloaded(in_force=in_force)
        logs.configure(as_settings(table).log)
        self._lifeline.say({"settings": table})  # for the forwarders, and for who is started later

    def _log_reload(self, level: str, event: str, **fields: Any) -> None:
        getattr(log, level)(event, **fields)

    def _signalled(self) -> None:
        if self._lifeline.is_lost:
            self._end.set()

    def _orphaned(self) -> None:
        self.health.draining = True
        log.error("supervisor_died", forwarders=self.health.forwarders_connected)
        self._farewell = asyncio.ensure_future(self._outlive_forwarders())

    async def _outlive_forwarders(self) -> None:
        try:
            async with asyncio.timeout(self._settings.grace_period_s + ORPHAN_SLACK_S):
                while self.health.forwarders_connected:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            log.warning("forwarders_stayed", forwarders=self.health.forwarders_connected)
        self._end.set()


class Connection(asyncio.Protocol):
    """One forwarder's connection: batches in, acknowledgements out."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._telemetry = observer.telemetry
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._session: Any = None
        self._next_number = 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid is not None and uid != os.getuid():
            log.warning("stranger_refused", uid=uid)
            self._transport.abort()
        self._observer.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        if self._transport is None or self._transport.is_closing():
            return
        self._buffer += data
        try:
            self._read_frames(self._transport)
        except Exception as error:
            # The reason only: a broken frame's bytes may hold anything.
            log.error("broken_frame", kind=type(error).__name__, error=str(error)[:200], batch=self._next_number)
            self._buffer.clear()
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self._observer.connections.discard(self)
        if self._session is not None:
            self._telemetry.disconnected(self._session)
            self._observer.parted()
            self._session = None

    def stop(self) -> None:
        """Take no more: what came now would be acknowledged and die with us, and nobody would count it as lost."""
        if self._transport is not None:
            self._transport.pause_reading()

    def _read_frames(self, transport: asyncio.Transport) -> None:
        while len(self._buffer) >= HEADER.size:
            size_bytes, number = HEADER.unpack_from(self._buffer)
            if size_bytes > MAX_BATCH_BYTES or number != self._next_number:
                raise ValueError(f"frame of {size_bytes} bytes, number {number}")
            end = HEADER.size + size_bytes
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            for record in decode(payload):
                if isinstance(record, Hello):
                    if self._session is not None:
                        raise ValueError("a second hello")
                    self._session = self._telemetry.connected(record)
                    self._observer.joined()
                elif self._session is None:
                    raise ValueError("no hello")
                else:
                    self._telemetry.apply(self._session, record)
            transport.write(ACK.pack(number))
            self._next_number += 1


def peer_uid(connected: Any) -> int | None:
    """Whose process is at the other end of a Unix socket; None where the system doesn't say."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _, uid, _ = _PEER.unpack(connected.getsockopt(socket.SOL_SOCKET, option, _PEER.size))
    return int(uid)


def main() -> None:
    """Run as `python -m gateway.observer`, by the supervisor only."""
    sockets = inherited("lifeline", "records", "admin")
    lifeline = Lifeline(sockets["lifeline"])
    logs.configure(lifeline.greeting.settings.log)
    try:
        os.nice(NICENESS)  # the bytes come first
    except OSError:
        pass

    async def observe() -> None:
        await Observer(lifeline, sockets["records"], sockets["admin"]).run()

    loops.run(observe())


if __name__ == "__main__":
    main()
