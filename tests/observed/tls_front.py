"""TLS before a server that has none: what comes in is passed on, both ways, until either side ends.

Not here: the server itself. Promise: closing it leaves no task and no port behind.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.certificate import HOST, make

CHUNK_BYTES = 64 * 1024


@asynccontextmanager
async def tls_front(port: int, folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """TLS before a port of this machine; gives the base URL, and the authority that clients have to trust."""
    certificate, key = make(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    relays: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        relays.add(task)
        try:
            await _relayed(reader, writer, port)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            relays.discard(task)

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://{HOST}:{server.sockets[0].getsockname()[1]}", certificate
    finally:
        server.close()
        for task in list(relays):
            task.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
        await server.wait_closed()


async def _relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
    ways = [asyncio.create_task(_pumped(reader, behind_writer)), asyncio.create_task(_pumped(behind_reader, writer))]
    try:
        # one side's end is the end of both: nobody here half-closes
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, behind_writer):
            end.transport.abort()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
