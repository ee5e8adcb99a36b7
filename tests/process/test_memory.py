"""The container's memory limit: an observer that has grown is replaced before it is reached, and losses are counted."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from gateway.children import Child
from gateway.memory import FLUSH_S, NEAR_SHARE, MemoryGuard, own_bytes
from tests.gateway_process import GatewayProcess, SimulatorProcess, runs, wait_until
from tests.otlp_receiver import OtlpReceiver
from tests.process.stream import Stream

MIB = 1024 * 1024
PROMPT_BYTES = 900_000
GROWTH_BYTES = 12 * MIB
MAX_PROMPTS = 40
MEANWHILE = 10


@contextmanager
def captures(receiver: OtlpReceiver, limit_bytes: int | None = None) -> Iterator[GatewayProcess]:
    """A gateway whose captured content waits for a batch that doesn't fill: its observer grows by what is sent."""
    env = {
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }
    config = {"capture.max_bytes": MIB, "memory_limit_bytes": "none" if limit_bytes is None else limit_bytes}
    with SimulatorProcess() as simulator, GatewayProcess(simulator.url, env=env, config=config) as gateway:
        yield gateway


def bytes_of(gateway: GatewayProcess) -> int:
    """What all its processes have for themselves."""
    pids = gateway.pids
    return sum(own_bytes(pid) or 0 for pid in (pids.supervisor, *gateway.children()))


def send_prompt(url: str, size_bytes: int = PROMPT_BYTES, pace: str = "0.5") -> None:
    """By default a large one, answered after a quarter of a second: the guard looks twice a second."""
    body = json.dumps({"model": "gemini-3-flash-preview", "input": "x" * size_bytes}).encode()
    headers = {"Content-Type": "application/json", "x-simulator-scenario": "unary", "x-simulator-pace": pace}
    with urllib.request.urlopen(urllib.request.Request(url + "/v1beta/interactions", body, headers), timeout=20) as got:
        got.read()


@pytest.fixture(scope="module")
def at_rest_bytes() -> int:
    with OtlpReceiver() as receiver, captures(receiver) as gateway:
        send_prompt(gateway.url)
        gateway.settled(1)
        return bytes_of(gateway)


def test_an_outgrown_observer_is_replaced_before_the_limit_and_streams_never_notice(at_rest_bytes: int) -> None:
    """What it had waiting for the collector is handed over first; what it took no more is counted as lost."""
    limit_bytes = round((at_rest_bytes + GROWTH_BYTES) / NEAR_SHARE)
    with OtlpReceiver() as receiver:
        with captures(receiver, limit_bytes) as gateway:
            stream = Stream(gateway.url, fault="stall-after=3:8")
            stream.read_until(b"event:")
            receiver.refuse(times=1)  # once more after a second: meanwhile exchanges end
            sent = 0
            while not gateway.events("observer_outgrown") and sent < MAX_PROMPTS:
                send_prompt(gateway.url)
                sent += 1
            for _ in range(MEANWHILE):
                send_prompt(gateway.url, 10, pace="0")
            sent += MEANWHILE
            wait_until(lambda: gateway.events("child_died") and gateway.ready()[0] == 200, 15.0, "a new observer")
            after_bytes = bytes_of(gateway)
            stream.read_to_end()
            scrape = gateway.scrape()
            died, outgrown = gateway.events("child_died"), gateway.events("observer_outgrown")
        lost = scrape.value("records_lost_total", kind="ExchangeClosed", reason="observer_died")
        spans = receiver.wait_for(lambda spans: len({span.trace_id for span in spans}) > sent - lost)

    assert stream.is_whole
    assert [(event["child"], event["exit_code"]) for event in died] == [("observer", 0)]
    assert [NEAR_SHARE * limit_bytes <= event["bytes"] < limit_bytes for event in outgrown] == [True]
    assert after_bytes < outgrown[0]["bytes"] - 0.1 * limit_bytes
    assert scrape.value("process_restarts_total", process="observer") == 1
    assert len({span.trace_id for span in spans}) + lost == sent + 1


def test_an_observer_that_has_not_grown_is_left_alone_and_the_shortage_is_told_once(at_rest_bytes: int) -> None:
    """A new one would have as much."""
    with OtlpReceiver() as receiver, captures(receiver, at_rest_bytes) as gateway:
        (event,) = wait_until(lambda: gateway.events("memory_near_limit"), 15.0, "the word of it")
        told_s = time.monotonic()
        wait_until(lambda: time.monotonic() > told_s + 1.2, what="two more looks")

        assert event["limit_bytes"] == at_rest_bytes
        assert len(gateway.events("memory_near_limit")) == 1
        assert not gateway.events("child_died")


def test_an_observer_that_does_not_end_when_it_is_told_to_is_killed() -> None:
    """It is stuck, and all the while the limit is near."""
    held, other = socket.socketpair()
    child = Child("observer", None, "tests.process.stuck", {"held": held})
    told: list[str] = []
    with held, other:
        child.start({})
        pid = child.pid
        assert pid is not None
        child.ready = True
        guard = MemoryGuard(MIB, lambda _level, event, **_: told.append(event))

        def looked() -> bool:
            guard.step(child, [])
            return True

        try:
            guard.step(child, [])
            other.sendall(b".")
            assert other.recv(1) == b"."  # it has grown
            wait_until(lambda: looked() and told[-1:] == ["observer_outgrown"], what="the word of it")
            told_s = time.monotonic()
            wait_until(lambda: looked() and not runs(pid), FLUSH_S + 5, "its end")

            assert FLUSH_S <= time.monotonic() - told_s < FLUSH_S + 2
        finally:
            child.kill()
            with suppress(ChildProcessError):  # it may be reaped already
                os.waitpid(pid, 0)
            child.died(-9)


def test_without_a_limit_nothing_is_looked_at() -> None:
    assert MemoryGuard(None, print).next_s() is None
