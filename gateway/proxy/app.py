"""The proxy as an aiohttp application: one handler for everything, the pool beside it.

Not here: processes and sockets (forwarder.py), the operator's port (admin).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from gateway.config import Settings
from gateway.proxy.connection import ClientConnection
from gateway.proxy.exchanges import Exchanges
from gateway.proxy.forward import Forwarding
from gateway.proxy.upstream import HEADERS_MAX, plain_pool, upstream_of
from gateway.records import RecordSink

EXCHANGES = web.AppKey("exchanges", Exchanges)
_FORWARDING = web.AppKey("forwarding", Forwarding)
_HEAD_TIMEOUT_S = web.AppKey("head_timeout_s", float)
HEAD_MAX_BYTES = 64 * 1024
KEEPALIVE_S = 75.0


def build_app(settings: Settings, sink: RecordSink) -> web.Application:
    """The forwarding application; `app[EXCHANGES]` tells what is open. Records go to `sink`, which never waits."""
    app = web.Application(client_max_size=0)
    exchanges = Exchanges(
        sink,
        upstream_of(settings),
        max_open=settings.proxy.max_open_exchanges,
        stall_ns=int(settings.proxy.stall_threshold_s * 1e9),
    )
    app[EXCHANGES] = exchanges

    forwarding = app[_FORWARDING] = Forwarding(settings, exchanges)
    app[_HEAD_TIMEOUT_S] = settings.proxy.request_head_timeout_s

    async def client(_: web.Application) -> AsyncIterator[None]:
        forwarding.pool = plain_pool(settings)
        yield
        await forwarding.pool.close()

    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{any:.*}", forwarding.handle, expect_handler=_leave_to_upstream)
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
    """Makes connections with the gate before the parser."""

    def __init__(self, app: web.Application, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(app[_FORWARDING].handle, loop=loop, **kwargs)
        self._app = app

    def __call__(self) -> ClientConnection:
        timeout_s = self._app[_HEAD_TIMEOUT_S]
        return ClientConnection(self, self._app[EXCHANGES], loop=self._loop, head_timeout_s=timeout_s, **self._kwargs)


class _Runner(web.AppRunner):
    """Runs the application's start and end, but serves its handler without the application's router."""

    async def _make_server(self) -> web.Server:
        await super()._make_server()
        return _Server(self.app, asyncio.get_running_loop(), **self._kwargs)


async def _leave_to_upstream(_: web.Request) -> None:
    """`Expect: 100-continue` is the upstream's to answer."""
