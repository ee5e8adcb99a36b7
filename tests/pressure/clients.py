"""Clients of two kinds in one loop: slow ones, which take a little now and then, and normal ones, which note how long
each delta was on its way.

Not here: what is measured of the gateway meanwhile, bounds (test_slow_clients.py).
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from tests.pressure.upstream import SENT_AT, asking_for_flood, asking_for_pace

RECEIVE_BUFFER_BYTES: Final = 16 * 1024  # small, so that what isn't read is soon the gateway's to hold
SLOW_BYTES_A_SECOND: Final = 1024
TICKS_A_SECOND: Final = 20
NS_PER_MS: Final = 1_000_000
WINDOW_NS: Final = 500 * NS_PER_MS
LEAST_IN_WINDOW: Final = 100


def request(body: bytes) -> bytes:
    """A create request."""
    return (
        b"POST /v1beta/interactions HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


@dataclass(slots=True)
class SlowClients:
    """So many clients, each with a flood of so many bytes, of which it takes 1 KB a second once it has the head."""

    url: str
    count: int
    flood_bytes: int
    sockets: list[socket.socket] = field(default_factory=list)
    taken_bytes: int = 0
    opened_ns: int = 0
    _reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        parts = urlsplit(self.url)
        self.opened_ns = time.monotonic_ns()
        for _ in range(self.count):
            sock = socket.socket()
            self.sockets.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            await loop.sock_connect(sock, (parts.hostname, parts.port))
            await loop.sock_sendall(sock, request(asking_for_flood(self.flood_bytes)))
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.wait([self._reader])
        for sock in self.sockets:
            sock.close()

    async def _read(self) -> None:
        """Each takes its share once a second, one after the other over the second."""
        tick = 0
        while True:
            await asyncio.sleep(1 / TICKS_A_SECOND)
            for sock in self.sockets[tick % TICKS_A_SECOND :: TICKS_A_SECOND]:
                try:
                    data = sock.recv(SLOW_BYTES_A_SECOND)
                except BlockingIOError:
                    continue
                assert data, "a slow client's stream ended"
                self.taken_bytes += len(data)
            tick += 1


@dataclass(slots=True)
class Latencies:
    """How long deltas were on their way: (sent at, took), ns, in the order of sending."""

    pairs: list[tuple[int, int]]

    def ms(self, share: float) -> float:
        """The percentile of that share over all."""
        return _percentile([took for _, took in self.pairs], share) / NS_PER_MS

    def usual_ms(self, share: float) -> float:
        """The median, over windows of half a second, of the percentile within the window.

        What the slow clients do they do all the time. The machine is shared: a moment in which it stood still for all
        is in few windows, and must not decide.
        """
        windows: dict[int, list[int]] = {}
        for sent_ns, took_ns in self.pairs:
            windows.setdefault(sent_ns // WINDOW_NS, []).append(took_ns)
        full = [found for found in windows.values() if len(found) >= LEAST_IN_WINDOW]
        return _percentile([_percentile(found, share) for found in full], 0.5) / NS_PER_MS

    def __str__(self) -> str:
        return (
            f"p50 {self.ms(0.5):.2f} ms, p99 {self.ms(0.99):.2f} ms (usually {self.usual_ms(0.99):.2f}),"
            f" max {self.ms(1):.2f} ms of {len(self.pairs)} deltas"
        )


def _percentile(values: Sequence[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def together(runs: Sequence[Latencies]) -> Latencies:
    """Of several runs."""
    return Latencies([pair for run in runs for pair in run.pairs])


async def normal_streams(url: str, count: int, deltas: int) -> Latencies:
    """So many clients at once, each with one paced stream, which must come whole."""
    found = await asyncio.gather(*(_normal_stream(url, deltas, late_s=n * 0.001) for n in range(count)))
    return Latencies(sorted(pair for each in found for pair in each))


async def _normal_stream(url: str, deltas: int, late_s: float) -> list[tuple[int, int]]:
    parts = urlsplit(url)
    await asyncio.sleep(late_s)  # apart by less than a pace: all at the same instant is no load, but a burst
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    found: list[tuple[int, int]] = []
    try:
        writer.write(request(asking_for_pace(deltas)))
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):
            data = await reader.read(65_536)
            now_ns = time.monotonic_ns()
            assert data, "a normal stream was cut"
            *lines, rest = (rest + data).split(b"\n\n")
            sent_ns = [int(match[1]) for line in lines for match in SENT_AT.finditer(line)]
            found += [(at_ns, now_ns - at_ns) for at_ns in sent_ns]
    finally:
        writer.close()
    assert len(found) == deltas
    return found
