"""CPU and memory of processes against real ones: what they say of themselves, and what stays when they are gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.telemetry.factories import Bench, hello

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
BURNER = """
import resource, sys, time
ballast = bytearray(b"x" * 40_000_000)
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
for line in sys.stdin:
    until = used() + float(line)
    while used() < until: pass
    print(used(), flush=True)
"""


class Burner:
    """A process that uses CPU when it is told to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BURNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid

    def burn(self, seconds: float) -> float:
        """Use so much more; what it has used in all."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """Reap it."""
        self._process.communicate()


@pytest.fixture
def burner() -> Iterator[Burner]:
    made = Burner()
    yield made
    made.end()


def cpu(bench: Bench, worker: str = "3") -> float:
    return bench.value("process_cpu_seconds_total", process="forwarder", worker=worker)


def test_a_forwarder_is_told_as_it_is(bench: Bench, burner: Burner) -> None:
    bench.telemetry.connected(hello(worker=3, pid=burner.pid))
    used_s = burner.burn(0.2)

    assert cpu(bench) == pytest.approx(used_s, abs=4 * TICK_S)
    assert 40e6 < bench.value("process_resident_memory_bytes", process="forwarder", worker="3") < 100e6


def test_the_time_of_a_worker_never_goes_back(bench: Bench, burner: Burner) -> None:
    """Two processes are one worker in a rolling restart; the memory of one that is gone is gone with it."""
    second = Burner()
    old, new = (bench.telemetry.connected(hello(worker=3, pid=pid)) for pid in (burner.pid, second.pid))
    used_s = burner.burn(0.1) + second.burn(0.1)
    together = bench.value("process_resident_memory_bytes", worker="3")
    bench.telemetry.disconnected(old)
    assert cpu(bench) == pytest.approx(used_s, abs=8 * TICK_S)
    assert bench.value("process_resident_memory_bytes", worker="3") < 0.7 * together

    second.end()
    bench.telemetry.disconnected(new)
    assert cpu(bench) >= used_s - 8 * TICK_S
    assert bench.samples("process_resident_memory_bytes") == {}


def test_a_forwarder_that_comes_back_counts_on(bench: Bench, burner: Burner) -> None:
    session = bench.telemetry.connected(hello(worker=3, pid=burner.pid))
    burner.burn(0.1)
    bench.telemetry.disconnected(session)
    session = bench.telemetry.connected(hello(worker=3, pid=burner.pid, tally_before=[1]))
    used_s = burner.burn(0.1)

    assert cpu(bench) == pytest.approx(used_s, abs=4 * TICK_S)


def test_a_new_observer_counts_what_comes_in_its_time(bench: Bench, burner: Burner) -> None:
    """As with every other counter: what went before was the earlier observer's to tell."""
    before_s = burner.burn(0.2)
    bench.telemetry.connected(hello(worker=3, pid=burner.pid, closed_before=5))
    used_s = burner.burn(0.1) - before_s

    assert cpu(bench) == pytest.approx(used_s, abs=4 * TICK_S)


def test_processes_of_which_there_is_one(bench: Bench) -> None:
    """While it runs; afterwards nothing is said of it."""
    bench.telemetry.footprint.lone("observer", os.getpid())
    until_s = time.process_time() + 0.05
    while time.process_time() < until_s:
        pass
    own = {"process": "observer", "worker": "none"}

    assert bench.value("process_cpu_seconds_total", **own) == pytest.approx(time.process_time(), abs=0.1)
    assert bench.value("process_resident_memory_bytes", **own) > 1e6
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    bench.telemetry.footprint.lone("observer", gone.pid)
    assert bench.samples("process_cpu_seconds_total") == {}
