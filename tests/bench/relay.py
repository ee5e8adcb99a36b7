"""A proxy that does harm, for the tests of the bench: it changes a byte, or stands still for a while.

Not here: what the bench says of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

# From a piece of the response and its number to what is passed on, and how long (s) before that nothing is.
Harm = Callable[[bytes, int], tuple[bytes, float]]


def none(piece: bytes, number: int) -> tuple[bytes, float]:
    """No harm."""
    return piece, 0.0


@asynccontextmanager
async def relay(port: int, harm: Harm) -> AsyncIterator[int]:
    """Between a client and the server at that port; the port where it listens."""
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, harm: Harm) -> None:
        number = 0
        try:
            while piece := await reader.read(65_536):
                piece, wait_s = harm(piece, number)
                await asyncio.sleep(wait_s)
                writer.write(piece)
                number += 1
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        for one in (pump(reader, up_writer, none), pump(up_reader, writer, harm)):
            tasks.add(asyncio.create_task(one))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait(tasks, timeout=5)  # the client has left: they end by themselves
