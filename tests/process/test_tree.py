"""The process tree: who is there, what each carries, who counts."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess
from tests.process.stream import assert_balanced, create


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


def process_name(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")


def test_supervisor_observer_and_two_forwarders_are_four_processes(simulator: SimulatorProcess) -> None:
    with GatewayProcess(simulator.url, workers=2) as gateway:
        pids = gateway.pids
        everyone = [pids.supervisor, pids.observer, *pids.forwarders]

        assert len(set(everyone)) == 4
        assert sorted(gateway.children()) == sorted([pids.observer, *pids.forwarders])
        assert b"gateway.supervisor" in process_name(pids.supervisor)
        assert b"gateway.observer" in process_name(pids.observer)
        assert all(b"gateway.forwarder" in process_name(pid) for pid in pids.forwarders)
        assert os.getpriority(os.PRIO_PROCESS, pids.observer) > os.getpriority(os.PRIO_PROCESS, pids.forwarders[0])
        assert {os.getpgid(pid) for pid in everyone} == set(everyone)  # Ctrl-C reaches the supervisor alone


def test_the_supervisor_carries_nothing_heavy(simulator: SimulatorProcess) -> None:
    """What it doesn't load can't bring it down: nothing compiled of ours or of others is in its address space."""
    with GatewayProcess(simulator.url) as gateway:
        mapped = Path(f"/proc/{gateway.pids.supervisor}/maps").read_text(encoding="utf-8")

    assert not [name for name in ("pydantic", "aiohttp", "uvloop", "orjson") if name in mapped]


def test_both_forwarders_serve_and_the_observer_counts_all(simulator: SimulatorProcess) -> None:
    with GatewayProcess(simulator.url, workers=2) as gateway:
        bodies = [create(gateway.url) for _ in range(40)]
        scrape = gateway.settled(40)

        assert all(body.endswith(b"0\r\n\r\n") for body in bodies)
        assert (
            scrape.value(
                "requests_total", route="create", model="gemini-3-flash-preview", mode="stream", outcome="completed"
            )
            == 40
        )
        assert all(scrape.value("exchanges_closed_total", worker=worker) > 0 for worker in ("0", "1"))
        assert_balanced(scrape, 2)
    assert gateway.exit_code == 0


def test_signals_to_children_alone_do_not_end_the_gateway(simulator: SimulatorProcess) -> None:
    """As a process manager does that signals the whole group: the observer stays until the forwarders are gone."""
    with GatewayProcess(simulator.url) as gateway:
        os.kill(gateway.pids.observer, signal.SIGTERM)
        os.kill(gateway.pids.observer, signal.SIGINT)

        assert create(gateway.url).endswith(b"0\r\n\r\n")
        gateway.settled(1)
        assert gateway.events("child_died") == []


def test_a_stranger_that_speaks_nonsense_to_the_observer_loses_its_connection_only(simulator: SimulatorProcess) -> None:
    with GatewayProcess(simulator.url) as gateway:
        names = [
            line.rpartition("@")[2].strip()
            for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
            if f"@interactions-gateway-{gateway.pids.supervisor}-" in line
        ]
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(10)
            stranger.connect("\0" + names[0])
            stranger.sendall(b"\xff" * 64)
            assert stranger.recv(1) == b""

        assert create(gateway.url).endswith(b"0\r\n\r\n")
        gateway.settled(1)
        assert len(gateway.events("broken_frame")) == 1
        assert gateway.events("child_died") == []
