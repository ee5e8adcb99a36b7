"""kill -9 on each kind of process in mid-stream: what goes on, what comes back, and what the numbers say."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess, gateway_before_simulator, runs, wait_until
from tests.process.stream import Stream, assert_balanced, create


def process_name(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


def test_a_killed_observer_is_replaced_and_streams_never_notice() -> None:
    with gateway_before_simulator(workers=2, pace=1.0) as (gateway, _):
        create(gateway.url, pace="0")
        gateway.settled(1)
        streams = [Stream(gateway.url, fault="stall-after=3:3", pace="0") for _ in range(4)]
        for stream in streams:
            stream.read_until(b"event:")
        wait_until(lambda: gateway.scrape().total("active_streams") == 4, what="four open streams")
        os.kill(gateway.pids.observer, signal.SIGKILL)
        wait_until(lambda: gateway.ready()[0] == 200 and gateway.events("child_died"), what="a new observer")
        scrape = gateway.scrape()

        assert scrape.total("active_streams") == 4  # told anew to the new observer
        assert_balanced(scrape, 2)
        for stream in streams:
            stream.read_to_end()
        scrape = gateway.settled(4)

        assert all(stream.is_whole for stream in streams)
        assert scrape.total("exchanges_opened_total") == 4  # counters begin anew, with what was open
        assert_balanced(scrape, 2)
        assert [event["child"] for event in gateway.events("child_died")] == ["observer"]


def test_a_killed_forwarder_is_replaced_and_its_streams_end_as_gateway_errors() -> None:
    with gateway_before_simulator(workers=2) as (gateway, _):
        streams = [Stream(gateway.url, fault="stall-after=3:2") for _ in range(12)]
        for stream in streams:
            stream.read_until(b"event:")
        wait_until(lambda: gateway.scrape().total("active_streams") == 12, what="twelve open streams")
        os.kill(gateway.pids.forwarders[0], signal.SIGKILL)
        for stream in streams:
            stream.read_to_end()
        cut = sum(not stream.is_whole for stream in streams)
        wait_until(lambda: gateway.ready()[0] == 200, what="a new forwarder")
        scrape = gateway.settled(12)

        assert 0 < cut < 12  # the other forwarder's go on
        assert scrape.total("requests_total", outcome="gateway_error") == cut
        assert scrape.total("requests_total", outcome="completed") == 12 - cut
        assert scrape.total("errors_total", source="gateway", code="forwarder_died") == cut
        assert_balanced(scrape, 2)
        for _ in range(20):
            assert create(gateway.url).endswith(b"0\r\n\r\n")  # connections to its socket wait for the new one
        assert_balanced(gateway.settled(32), 2)
        assert len(gateway.children()) == 3


def test_when_the_supervisor_is_killed_its_children_finish_what_is_open_and_go() -> None:
    with gateway_before_simulator(workers=2) as (gateway, _):
        pids = gateway.pids
        stream = Stream(gateway.url, fault="stall-after=3:1.5")
        stream.read_until(b"event:")
        os.kill(pids.supervisor, signal.SIGKILL)
        stream.read_to_end()

        assert stream.is_whole
        wait_until(lambda: not any(runs(pid) for pid in (pids.observer, *pids.forwarders)), what="the children's end")
        exchanges = gateway.events("exchange")
        assert [event["outcome"] for event in exchanges] == ["completed"]  # the observer heard of it


def test_a_child_that_dies_again_and_again_is_started_again_and_again(simulator: SimulatorProcess) -> None:
    with GatewayProcess(simulator.url) as gateway:

        def deaths() -> int:
            return len(gateway.events("child_died"))

        for _ in range(3):
            before = deaths()
            (observer,) = [pid for pid in gateway.children() if b"gateway.observer" in process_name(pid)]
            os.kill(observer, signal.SIGKILL)
            wait_until(functools.partial(lambda before: deaths() > before, before), what="its death")
            wait_until(lambda: gateway.ready()[0] == 200, what="its successor")

        assert [event["restarts"] for event in gateway.events("child_died")] == [1, 2, 3]
        create(gateway.url)
        assert_balanced(gateway.settled(1), 1)
