"""The proxy as an aiohttp application: which path serves, one handler or one protocol for everything, the pool beside.

Not here: processes and sockets (forwarder.py), the operator's port (admin).
The one place that leans on how aiohttp's server is made inside: `Server.__call__` makes the protocol of a connection.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web

from gateway import capture
from gateway.proxy.choice import FAST, PLAIN, choose
from gateway.proxy.connection import ClientConnection
from gateway.proxy.exchanges import Exchanges
from gateway.proxy.fast.client_side import ClientSide
from gateway.proxy.fast.path import KEEPALIVE_S, FastPath
from gateway.proxy.forward import Forwarding
from gateway.proxy.http1.heads import HEAD_MAX_BYTES
from gateway.proxy.upstream import HEADERS_MAX, upstream_of
from gateway.records import RecordSink
from gateway.tally import Tally

if TYPE_CHECKING:
    from gateway.config import Settings


@dataclass(slots=True)
class Serving:
    """What serves an application. fast: made by our runner, when it chooses that path; else the plain path serves."""

    settings: Settings
    plain: Forwarding
    fast: FastPath | None = None

    @property
    def path(self) -> str:
        """`fast` or `plain`, once the server is there."""
        return PLAIN if self.fast is None else FAST


EXCHANGES = web.AppKey("exchanges", Exchanges)
SERVING = web.AppKey("serving", Serving)


def build_app(
    settings: Settings, sink: RecordSink, tally: Tally | None = None, variables: Mapping[str, str] = os.environ
) -> web.Application:
    """The forwarding application; `app[EXCHANGES]` tells what is open. Records go to `sink`, which never waits.

    tally: where it counts what is in no record.
    """
    app = web.Application(client_max_size=0)
    exchanges = Exchanges(
        sink,
        upstream_of(settings),
        max_open=settings.proxy.max_open_exchanges,
        stall_ns=int(settings.proxy.stall_threshold_s * 1e9),
        detail=settings.proxy.detail,
        tally=tally,
        capture_bytes=settings.capture.max_bytes if capture.wanted(settings.capture.content, variables).on else 0,
    )
    app[EXCHANGES] = exchanges
    serving = app[SERVING] = Serving(settings, Forwarding(settings, exchanges))

    async def close_pools(_: web.Application) -> None:
        await serving.plain.close()
        if serving.fast is not None:
            await serving.fast.pool.close()

    app.on_cleanup.append(close_pools)
    app.router.add_route("*", "/{any:.*}", serving.plain.handle, expect_handler=_leave_to_upstream)
    return app


def runner(app: web.Application) -> web.AppRunner:
    """A runner that serves the application as a proxy needs it: departures noticed, bodies as they come."""
    return _Runner(
        app,
        handle_signals=False,
        handler_cancellation=True,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=KEEPALIVE_S,
        max_line_size=HEAD_MAX_BYTES,
        max_field_size=HEAD_MAX_BYTES,
        max_headers=HEADERS_MAX,
        shutdown_timeout=0.0,
    )


class _Server(web.Server):
    """Makes the connections' protocols: those of the fast path, or aiohttp's with the gate before its parser."""

    def __init__(self, app: web.Application, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(app[SERVING].plain.handle, loop=loop, **kwargs)
        self._serving = app[SERVING]
        self._exchanges = app[EXCHANGES]

    def __call__(self) -> ClientConnection:
        fast = self._serving.fast
        if fast is not None:
            return cast(ClientConnection, ClientSide(fast, self))
        timeout_s = self._serving.settings.proxy.request_head_timeout_s
        return ClientConnection(self, self._exchanges, loop=self._loop, head_timeout_s=timeout_s, **self._kwargs)

    def joined(self, connection: ClientSide, transport: asyncio.Transport) -> None:
        """A client of the fast path has come."""
        self._connections[cast(ClientConnection, connection)] = transport

    def parted(self, connection: ClientSide) -> None:
        """A client of the fast path has gone."""
        self._connections.pop(cast(ClientConnection, connection), None)


class _Runner(web.AppRunner):
    """Runs the application's start and end, but serves its handler without the application's router."""

    async def _make_server(self) -> web.Server:
        await super()._make_server()
        serving = self.app[SERVING]
        if await choose(serving.settings) == FAST:
            serving.fast = FastPath(serving.settings, self.app[EXCHANGES])
        return _Server(self.app, asyncio.get_running_loop(), **self._kwargs)


async def _leave_to_upstream(_: web.Request) -> None:
    """`Expect: 100-continue` is the upstream's to answer."""
