"""A listener on the wire in front of the simulator: request heads as bytes, which the simulator's ledger doesn't keep.

Not here: what is compared (matrix.py). Source: RFC 9112; requests with Content-Length or without a body, as SDKs send.
Promise: bytes pass both ways unchanged and at once; an end of either side ends the other.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.gateway_process import SimulatorProcess

READ_BYTES: Final = 65_536
START_TIMEOUT_S: Final = 10.0
HEAD_END: Final = b"\r\n\r\n"

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class HeadReader:
    """Cuts the heads out of one connection's request bytes."""

    def __init__(self) -> None:
        self._held = b""
        self._body_left = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Heads that are whole now, from the request line to the last header line."""
        self._held += data
        while True:
            skipped = min(self._body_left, len(self._held))
            self._held, self._body_left = self._held[skipped:], self._body_left - skipped
            head, end, rest = self._held.partition(HEAD_END)
            if not end:
                return
            length = _CONTENT_LENGTH.search(head)
            self._held, self._body_left = rest, int(length[1]) if length else 0
            yield head


class TappedSimulator:
    """The simulator behind the listener; to be used like the SimulatorProcess itself."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self._simulator = simulator
        self._heads: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()

    def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        """The simulator's own."""
        return self._simulator.ledger(after)

    def take_heads(self) -> list[bytes]:
        """The heads since the last call, in order of arrival."""
        taken, self._heads = self._heads, []
        return taken

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_TIMEOUT_S)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        address = urlsplit(self._simulator.url)
        up_reader, up_writer = await asyncio.open_connection(address.hostname, address.port)
        ways = (self._pass(reader, up_writer, HeadReader()), self._pass(up_reader, writer, None))
        running = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in running:
                way.cancel()
            for each in (writer, up_writer):
                each.close()
            self._connections.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heads: HeadReader | None) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                if heads is not None:
                    self._heads.extend(heads.feed(data))
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return  # an end like any other: both sides are closed for it
