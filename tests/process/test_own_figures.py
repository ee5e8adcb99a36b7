"""What running processes say of themselves: connections, silence, CPU, memory, restarts, against what is so.

Not here: how the figures are added up (tests/telemetry).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess, Scrape, SimulatorProcess, runs, wait_until
from tests.process.stream import Stream, create

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


def cpu_s(pid: int) -> float:
    """As the system tells it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def with_ends(url: str, count: int) -> list[bytes]:
    """So many exchanges, one after another."""
    return [create(url) for _ in range(count)]


def test_connections_and_silence_are_those_of_open_exchanges(simulator: SimulatorProcess) -> None:
    """A stream that is held has a connection and is silent; when it has ended, its connection is idle or gone."""
    with GatewayProcess(simulator.url, config={"proxy.spare_connections": 0}) as gateway:
        with_ends(gateway.url, 3)
        scrape = gateway.settled(3)
        assert scrape.value("upstream_connections", state="idle") == 1
        assert scrape.value("upstream_connections", state="active") == 0
        assert scrape.value("upstream_connects_total", result="ok") == 1
        assert scrape.value("oldest_silence_seconds") == 0

        held = [Stream(gateway.url, fault="hold-after=3") for _ in range(4)]
        began_s = time.monotonic()
        for stream in held:
            stream.read_until(b"event:")
        wait_until(lambda: gateway.scrape().value("upstream_connections", state="active") == 4, what="four active")
        wait_until(lambda: gateway.scrape().value("oldest_silence_seconds") >= 1.5, what="a silence")
        scrape = gateway.scrape()
        assert scrape.value("oldest_silence_seconds") < time.monotonic() - began_s
        assert scrape.value("upstream_connects_total", result="ok") == 4  # the idle one serves again

        for stream in held:
            stream.socket.close()
        gateway.settled(7)
        wait_until(lambda: gateway.scrape().total("upstream_connections") == 0, what="their connections' end")
        assert gateway.scrape().value("oldest_silence_seconds") == 0


def test_an_upstream_that_refuses_is_counted() -> None:
    with GatewayProcess("http://127.0.0.1:1", config={"proxy.spare_connections": 0}) as gateway:
        with_ends(gateway.url, 2)
        scrape = gateway.settled(2)

    assert scrape.value("upstream_connects_total", result="connect_error") == 2
    assert scrape.value("upstream_connects_total", result="ok") == 0


def test_cpu_and_memory_are_those_of_the_processes(simulator: SimulatorProcess) -> None:
    with GatewayProcess(simulator.url, workers=2) as gateway:
        with_ends(gateway.url, 50)
        gateway.settled(50)
        pids = gateway.pids
        processes = {
            ("supervisor", "none"): pids.supervisor,
            ("observer", "none"): pids.observer,
            ("forwarder", "0"): pids.forwarders[0],
            ("forwarder", "1"): pids.forwarders[1],
        }
        before_s = {labels: cpu_s(pid) for labels, pid in processes.items()}
        scrape = gateway.scrape()
        after_s = {labels: cpu_s(pid) for labels, pid in processes.items()}

    for (process, worker), least_s in before_s.items():
        told_s = scrape.value("process_cpu_seconds_total", process=process, worker=worker)
        assert least_s <= told_s <= after_s[process, worker], process
        held_bytes = scrape.value("process_resident_memory_bytes", process=process, worker=worker)
        assert 5e6 < held_bytes < 200e6, process
    assert len(scrape.labelled("process_cpu_seconds_total")) == 4
    tap_s = scrape.total("tap_seconds_total")
    assert 0 < tap_s < 2 * scrape.total("process_cpu_seconds_total", process="forwarder")


def test_restarts_are_counted_across_all_that_restarts(simulator: SimulatorProcess) -> None:
    """The count is the supervisor's: a new observer hears of its own death, and a rolling restart is none."""
    with GatewayProcess(simulator.url, workers=2) as gateway:

        def restarts(scrape: Scrape) -> tuple[float, float]:
            name = "process_restarts_total"
            return scrape.value(name, process="forwarder"), scrape.value(name, process="observer")

        def counted(forwarders: int, observers: int) -> None:
            wait_until(lambda: gateway.ready()[0] == 200, what="readiness")
            wanted = (forwarders, observers)
            wait_until(lambda: restarts(gateway.scrape()) == wanted, what=f"{wanted} restarts")

        counted(0, 0)
        os.kill(gateway.pids.forwarders[0], signal.SIGKILL)
        counted(1, 0)
        os.kill(gateway.pids.observer, signal.SIGKILL)
        wait_until(lambda: not runs(gateway.pids.observer), what="the observer's end")
        counted(1, 1)
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: gateway.events("restarted"), 20, what="the restart")
        counted(1, 1)
        (new,) = gateway.events("restarted")
        os.kill(new["forwarders"][0], signal.SIGKILL)
        counted(2, 1)
