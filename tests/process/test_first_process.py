"""As process 1 of a container: signals arrive, orphans are reaped, and whose child died is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.children import Child
from tests.first_process import FirstProcess
from tests.gateway_process import SimulatorProcess, runs, wait_until
from tests.process.stream import Stream, create


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


def test_the_supervisor_is_process_1(simulator: SimulatorProcess) -> None:
    with FirstProcess(simulator.url, workers=2) as gateway:
        assert gateway.pids.supervisor == 1
        assert len(gateway.own("gateway.forwarder")) == 2
        assert create(gateway.url).endswith(b"0\r\n\r\n")


def test_sigterm_lets_streams_finish_and_ends_with_0(simulator: SimulatorProcess) -> None:
    with FirstProcess(simulator.url) as gateway:
        stream = Stream(gateway.url, fault="stall-after=3:1")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.ready()[1].get("reason") == "draining", what="/readyz")
        stream.read_to_end()

        assert stream.is_whole
        assert gateway.wait() == 0
        assert [event["outcome"] for event in gateway.events("exchange")] == ["completed"]


def test_what_is_open_after_the_grace_period_is_cut(simulator: SimulatorProcess) -> None:
    with FirstProcess(simulator.url, config={"grace_period_s": 0.5}) as gateway:
        stream = Stream(gateway.url, fault="hold-after=3")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGTERM)
        stream.read_to_end()

        assert not stream.is_whole
        assert gateway.wait() == 0
        assert [event["outcome"] for event in gateway.events("exchange")] == ["gateway_error"]


def test_the_second_signal_ends_it_and_all_its_children_at_once(simulator: SimulatorProcess) -> None:
    with FirstProcess(simulator.url, workers=2) as gateway:
        children = [*gateway.own("gateway.forwarder"), *gateway.own("gateway.observer")]
        stream = Stream(gateway.url, fault="hold-after=3")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.events("draining"), what="the first signal's effect")
        began_s = time.monotonic()
        gateway.signal(signal.SIGTERM)
        stream.read_to_end()

        assert gateway.wait() == 128 + signal.SIGTERM
        assert time.monotonic() - began_s < 2.0
        assert len(children) == 3
        assert [pid for pid in children if runs(pid)] == []


def test_an_orphan_is_reaped_and_no_child_of_its_own_is_mistaken_for_one(simulator: SimulatorProcess) -> None:
    """Both die before the supervisor looks: it is stopped meanwhile, so that it finds two exits at once."""
    with FirstProcess(simulator.url, orphan=True) as gateway:
        (orphan,) = gateway.orphans()
        (forwarder,) = gateway.own("gateway.forwarder")
        gateway.signal(signal.SIGSTOP)
        for pid in (orphan, forwarder):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not runs(orphan) and not runs(forwarder), what="their death")
        zombies = [pid for pid in (orphan, forwarder) if Path(f"/proc/{pid}").exists()]
        gateway.signal(signal.SIGCONT)
        wait_until(lambda: gateway.own("gateway.forwarder"), what="a forwarder in its place")
        wait_until(lambda: gateway.ready()[0] == 200, what="/readyz")

        assert zombies == [orphan, forwarder]
        assert [pid for pid in zombies if Path(f"/proc/{pid}").exists()] == []
        assert gateway.orphans() == []
        died = [(event["child"], event["exit_code"], event["restarts"]) for event in gateway.events("child_died")]
        assert died == [("forwarder 0", -signal.SIGKILL, 1)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_while_it_reads_its_settings_is_not_lost(
    simulator: SimulatorProcess, tmp_path: Path, number: signal.Signals
) -> None:
    """The kernel drops what process 1 has no handler for, so it is held back until there is one."""
    settings = tmp_path / "settings.toml"
    os.mkfifo(settings)  # reading it takes as long as we like
    gateway = FirstProcess(simulator.url, flags=["--config", str(settings)])
    with subprocess.Popen(gateway._command(), env=gateway._env, stdout=subprocess.PIPE, text=True) as process:
        gateway._process = process
        try:
            with settings.open("w", encoding="utf-8") as file:  # which waits for who reads
                gateway.signal(number)
                file.write("grace_period_s = 5")
            output, _ = process.communicate(timeout=20)
        finally:
            process.kill()

    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in output.splitlines()] == ["draining", "stopped"]


def test_a_child_that_is_killed_when_it_is_dead_already_is_still_there_to_be_reaped() -> None:
    """Else its supervisor would wait for its end for ever."""
    child = Child("observer", None, "this", {})
    child.start({})
    pid = child.pid
    assert pid is not None
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    child.kill()
    reaped, status = os.waitpid(pid, 0)
    child.died(os.waitstatus_to_exitcode(status))

    assert reaped == pid
    assert child.pid is None
