"""The proxy that one writes first with aiohttp, to compare with: `python -m tests.bench.aiohttp_proxy UPSTREAM [CA]`.

It prints {"port": …} and runs until it is ended. Not here: anything that the gateway does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

_HOP = ("Connection", "Host", "Transfer-Encoding")


def build_app(upstream: str, ca_file: str | None) -> web.Application:
    """The application."""
    session = web.AppKey("session", aiohttp.ClientSession)

    async def client(app: web.Application) -> AsyncIterator[None]:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca_file) if ca_file else True
        connector = aiohttp.TCPConnector(limit=0, ssl=verify)
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        ) as app[session]:
            yield

    async def handle(request: web.Request) -> web.StreamResponse:
        async with request.app[session].request(
            request.method, upstream + request.path_qs, headers=_end_to_end(request.headers), data=await request.read()
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers))
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    app = web.Application()
    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{any:.*}", handle)
    return app


def _end_to_end(headers: aiohttp.typedefs.LooseHeaders) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _HOP:
        kept.popall(name, None)
    return kept


async def serve(upstream: str, ca_file: str | None) -> None:
    """Serve until the standard input ends."""
    runner = web.AppRunner(build_app(upstream, ca_file))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
