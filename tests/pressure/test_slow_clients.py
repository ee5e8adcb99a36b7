"""Slow neighbours: what they cost in memory, what they do to the others, and whose wait the books say it was.

Latency is judged as a ratio in one run, to the same streams without the slow clients before and after: the machine is
shared. Figures are shown at the end of the run.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.raw import Client
from tests.gateway_process import GatewayProcess
from tests.pressure.clients import (
    NS_PER_MS,
    RECEIVE_BUFFER_BYTES,
    SLOW_BYTES_A_SECOND,
    Latencies,
    SlowClients,
    normal_streams,
    together,
)
from tests.pressure.upstream import asking_for_flood, flood_body, upstream
from tests.watch import MIB, Watch, holding

NORMAL_STREAMS = 20
SETTLE_S = 30.0

# Held for one slow client in the forwarder: read buffer, write buffer, one chunk on its way, and their copies.
ONE_MAX_BYTES = 512 * 1024
BASE_MAX_BYTES = 24 * MIB  # what a forwarder at work takes beyond one at rest

P50_RATIO_MAX, P99_RATIO_MAX = 4.0, 6.0
P50_FLOOR_MS, P99_FLOOR_MS = 0.5, 5.0  # below it a ratio says more of the machine than of the gateway
WORST_RATIO_MAX, WORST_FLOOR_MS = 5.0, 200.0

BLOCKED_RATIO_MIN = 0.8  # of the time in which the upstream could not send


@dataclass(frozen=True, slots=True)
class Size:
    """clients: slow ones, each of a flood of so many bytes, for so long. deltas: of each normal stream, 20 ms apart."""

    clients: int
    flood_bytes: int
    slow_s: float
    deltas: int


LIGHT = Size(clients=40, flood_bytes=12 * MIB, slow_s=1.5, deltas=50)
HEAVY = Size(clients=500, flood_bytes=100 * MIB, slow_s=30.0, deltas=500)


def written_bytes(upstream_url: str) -> int:
    """How much of all floods the upstream got rid of."""
    with urllib.request.urlopen(f"{upstream_url}/written", timeout=10) as answer:
        return int(answer.read())


async def plateau(upstream_url: str, least_bytes: int, timeout_s: float) -> int:
    """The bytes written once the upstream can write no more; every flood has begun by then."""
    before, deadline_s = -1, time.monotonic() + timeout_s
    while True:
        now = await asyncio.to_thread(written_bytes, upstream_url)
        if now == before and now >= least_bytes:
            return now
        assert time.monotonic() < deadline_s, f"{now} bytes and still growing"
        before = now
        await asyncio.sleep(0.5)


def kernel_tcp_bytes() -> int:
    """What all TCP sockets of the machine hold in the kernel."""
    line = next(
        line for line in Path("/proc/net/sockstat").read_text(encoding="ascii").splitlines() if line.startswith("TCP:")
    )
    return int(line.split()[-1]) * 4096


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(LIGHT, id="40 clients of 12 MB"),
        pytest.param(HEAVY, id="500 clients of 100 MB", marks=[pytest.mark.heavy, pytest.mark.timeout(300)]),
    ],
)
async def test_slow_clients_cost_bounded_memory_and_leave_the_others_alone(size: Size, figures: list[str]) -> None:
    """Beside them normal streams flow as without them, and each slow client's wait is booked as its own."""
    with upstream() as upstream_url, GatewayProcess(upstream_url) as gateway:
        (forwarder,) = gateway.pids.forwarders
        before = await normal_streams(gateway.url, NORMAL_STREAMS, size.deltas)
        at_rest = holding(forwarder).rss_bytes
        with Watch({"forwarder": forwarder}, every_s=0.05) as watch:
            async with SlowClients(gateway.url, size.clients, size.flood_bytes) as slow:
                written = await plateau(upstream_url, size.clients, timeout_s=60)
                full_ns = time.monotonic_ns()
                in_kernel = kernel_tcp_bytes()
                beside = await normal_streams(gateway.url, NORMAL_STREAMS, size.deltas)
                await asyncio.sleep(max(0.0, size.slow_s - (time.monotonic_ns() - full_ns) / 1e9))
                left_ns = time.monotonic_ns()
            gone_ns = time.monotonic_ns()
        after = await normal_streams(gateway.url, NORMAL_STREAMS, size.deltas)
        scrape = await asyncio.to_thread(gateway.settled, size.clients + 3 * NORMAL_STREAMS, SETTLE_S)
        lines = gateway.events("exchange")
        aborts = [line for line in lines if line["outcome"] == "client_abort"]
        blocked_ms = sorted(line.get("client_blocked_ms", 0.0) for line in aborts) or [0.0]

    alone = together([before, after])
    grown = watch.peak_bytes("forwarder") - at_rest
    figures += [
        f"{size.clients} clients that read {SLOW_BYTES_A_SECOND} B/s of {size.flood_bytes / MIB:.0f} MiB:",
        f"  forwarder +{grown / MIB:.1f} MiB at most, {grown / size.clients / 1024:.1f} KiB a client;"
        f" {written / size.clients / 1024:.0f} KiB a client taken from the upstream,"
        f" {in_kernel / MIB:.0f} MiB in the kernel's sockets",
        f"  {NORMAL_STREAMS} normal streams without them: {alone}",
        f"  and beside them: {beside};"
        f" p50 x{ratio(beside, alone, 0.5, 0.001):.2f}, p99 x{ratio(beside, alone, 0.99, 0.001):.2f}",
        f"  blocked by the client: {blocked_ms[0]:.0f} to {blocked_ms[-1]:.0f} ms booked,"
        f" {(left_ns - full_ns) / NS_PER_MS:.0f} to {(gone_ns - slow.opened_ns) / NS_PER_MS:.0f} ms waited",
    ]

    assert slow.taken_bytes > 0
    assert written < size.clients * size.flood_bytes
    assert grown < BASE_MAX_BYTES + size.clients * ONE_MAX_BYTES
    assert ratio(beside, alone, 0.5, P50_FLOOR_MS) < P50_RATIO_MAX
    assert ratio(beside, alone, 0.99, P99_FLOOR_MS) < P99_RATIO_MAX
    assert beside.ms(1) < WORST_RATIO_MAX * max(alone.ms(1), WORST_FLOOR_MS)
    assert len(aborts) == size.clients
    assert blocked_ms[0] > BLOCKED_RATIO_MIN * (left_ns - full_ns) / NS_PER_MS
    assert blocked_ms[-1] <= (gone_ns - slow.opened_ns) / NS_PER_MS
    assert scrape.total("requests_total", outcome="completed") == 3 * NORMAL_STREAMS
    assert scrape.total("tap_faults_total") == 0
    assert scrape.total("records_lost_total") == 0
    # a normal client is blocked by nobody
    assert max(line.get("client_blocked_ms", 0.0) for line in lines if line["outcome"] == "completed") < 1000


def ratio(beside: Latencies, alone: Latencies, share: float, floor_ms: float) -> float:
    """How many times as long it usually is at that percentile."""
    return beside.usual_ms(share) / max(alone.usual_ms(share), floor_ms)


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_one_slow_client_of_a_large_stream_gets_it_whole_at_the_cost_of_some_buffers(figures: list[str]) -> None:
    """1 KB/s of 100 MB for a while, then the rest: every byte is there, little was held, the wait was the client's."""
    size, slow_s = 100 * MIB, 20
    with upstream() as upstream_url, GatewayProcess(upstream_url) as gateway:
        (forwarder,) = gateway.pids.forwarders
        at_rest = holding(forwarder).rss_bytes
        with (
            Client(gateway.url, receive_buffer_bytes=RECEIVE_BUFFER_BYTES) as client,
            Watch({"forwarder": forwarder}, every_s=0.02) as watch,
        ):
            began_s = time.monotonic()
            client.ask(body=asking_for_flood(size))
            assert client.read_head() is not None
            pause = threading.Event()
            for _ in range(slow_s):
                pause.wait(1.0)
                client._buffer += client.socket.recv(SLOW_BYTES_A_SECOND)
            held = written_bytes(upstream_url)
            slow_peak = watch.peak_bytes("forwarder")
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
            slow_until_s = time.monotonic()
            received = hashlib.sha256()
            while chunk := client.next_chunk():
                received.update(chunk)
            ended_s = time.monotonic()
        peak = watch.peak_bytes("forwarder")
        # the other exchange is the question how much was written, which went to the upstream itself
        gateway.settled(1, SETTLE_S)
        (line,) = gateway.events("exchange")
    sent = hashlib.sha256()
    for piece in flood_body(size):
        sent.update(piece)
    figures += [
        f"one client that reads {SLOW_BYTES_A_SECOND} B/s of {size / MIB:.0f} MiB for {slow_s} s, then the rest"
        f" in {ended_s - slow_until_s:.1f} s:",
        f"  forwarder +{(slow_peak - at_rest) / MIB:.1f} MiB while it is slow, +{(peak - at_rest) / MIB:.1f} MiB in all"
        f"; {held / MIB:.1f} MiB taken from the upstream meanwhile",
        f"  blocked by the client: {line['client_blocked_ms']:.0f} ms booked, {1000 * (slow_until_s - began_s):.0f} ms"
        f" while it was slow",
    ]

    assert received.digest() == sent.digest()
    assert line["outcome"] == "completed"
    assert line["tokens"]["total"] == 12
    assert peak - at_rest < BASE_MAX_BYTES + ONE_MAX_BYTES
    assert held < size // 4
    assert BLOCKED_RATIO_MIN * slow_s * 1000 < line["client_blocked_ms"] <= 1000 * (ended_s - began_s)
