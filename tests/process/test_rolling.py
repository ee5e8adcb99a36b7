"""SIGHUP: forwarders are replaced one by one, and no client can tell."""

from __future__ import annotations

import functools
import http.client
import json
import os
import pty
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.gateway_process import COMMAND, GatewayProcess, gateway_before_simulator, runs, wait_until
from tests.process.stream import BODY, Stream, assert_balanced, create

HEADERS = {"content-type": "application/json", "x-simulator-scenario": "text", "x-simulator-pace": "0"}


class Hammer:
    """Threads that ask all the time, each new or on a connection that it keeps; what went wrong is kept."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.count = 0
        self.told_to_close = 0
        self.faults: list[str] = []
        self._gateway = gateway
        self._address = gateway.url.removeprefix("http://")
        self._end = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self, anew: int, kept: int) -> Iterator[None]:
        """Ask from so many threads while the context is open."""
        threads = [threading.Thread(target=self._repeat, args=(self._anew,)) for _ in range(anew)]
        threads += [threading.Thread(target=self._repeat, args=(self._kept,)) for _ in range(kept)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def _repeat(self, ask: Callable[[], Iterator[None]]) -> None:
        try:
            for _ in ask():
                with self._lock:
                    self.count += 1
        except (OSError, AssertionError, http.client.HTTPException) as error:
            self.faults.append(repr(error))

    def _anew(self) -> Iterator[None]:
        while not self._end.is_set():
            assert create(self._gateway.url, scenario="text").endswith(b"0\r\n\r\n")
            yield

    def _kept(self) -> Iterator[None]:
        """http.client opens a new connection only after an answer that says `Connection: close`."""
        connection = http.client.HTTPConnection(self._address, timeout=20)
        while not self._end.is_set():
            connection.request("POST", "/v1beta/interactions", BODY, HEADERS)
            with connection.getresponse() as answer:
                assert answer.status == 200
                assert b"interaction.completed" in answer.read()
                self.told_to_close += answer.will_close
            yield
        connection.close()


PATHS = pytest.mark.parametrize("path", ["fast", "plain"])


@PATHS
def test_two_rolling_restarts_refuse_and_reset_nothing(path: str) -> None:
    """New connections, kept ones and long streams all the while; every exchange is whole and accounted for."""
    with gateway_before_simulator(workers=2, config={"proxy.path": path}) as (gateway, _):
        hammer = Hammer(gateway)
        streams: list[Stream] = []
        with hammer.at_work(anew=2, kept=2):
            for restart in (1, 2):
                streams += [Stream(gateway.url, fault="stall-after=3:4") for _ in range(6)]
                for stream in streams[-6:]:
                    stream.read_until(b"event:")
                gateway.signal(signal.SIGHUP)
                restarts = functools.partial(_restarts, gateway, restart)
                wait_until(restarts, 30, "the restart")
            before = hammer.count
            wait_until(lambda: hammer.count > before + 20, what="answers from the new forwarders")
        for stream in streams:
            stream.read_to_end()
        wait_until(lambda: len(gateway.events("child_left")) == 4, what="the old forwarders' end")
        scrape = gateway.settled(hammer.count + len(streams))

        assert hammer.faults == []
        assert hammer.told_to_close >= 2
        assert all(stream.is_whole for stream in streams)
        assert scrape.total("requests_total", outcome="completed") == hammer.count + len(streams)
        assert scrape.total("records_lost_total") == 0
        assert_balanced(scrape, 2)
        assert gateway.ready()[0] == 200
        replaced = [(event["child"], event["old_pid"], event["pid"]) for event in gateway.events("child_replaced")]
        assert [child for child, _, _ in replaced] == ["forwarder 0", "forwarder 1"] * 2
        assert [old for _, old, _ in replaced] == [*gateway.pids.forwarders, *(new for _, _, new in replaced[:2])]
        assert not any(runs(old) for _, old, _ in replaced)
        assert [event["exit_code"] for event in gateway.events("child_left")] == [0] * 4
        assert gateway.events("child_died") == []
    assert gateway.exit_code == 0


@PATHS
def test_an_idle_connection_of_a_replaced_forwarder_is_served_once_more_then_closed(path: str) -> None:
    with gateway_before_simulator(config={"proxy.path": path}) as (gateway, _):
        kept, idle = (socket.create_connection(_address(gateway)) for _ in range(2))
        first, _ = _ask(kept)
        _ask(idle)
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: gateway.events("restarted"), what="the restart")
        second, _ = _ask(kept)

        assert b"connection: close" not in first.lower()
        assert second.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in second.lower()
        for connection in (kept, idle):
            connection.settimeout(10)
            assert connection.recv(1) == b""  # the idle one too, after a while, and both cleanly
            connection.close()
        wait_until(lambda: gateway.events("child_left"), what="the old forwarder's end")
        assert_balanced(gateway.settled(3), 1)


def test_a_stream_that_outlasts_the_grace_period_is_cut_and_booked() -> None:
    with gateway_before_simulator(config={"grace_period_s": 1}) as (gateway, _):
        stream = Stream(gateway.url, fault="hold-after=3")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGHUP)
        stream.read_to_end()
        scrape = gateway.settled(1)

        assert not stream.is_whole
        assert scrape.total("requests_total", outcome="gateway_error") == 1
        assert create(gateway.url).endswith(b"0\r\n\r\n")


def test_a_successor_that_cannot_start_leaves_the_old_forwarder_in_its_place() -> None:
    """It is killed before it is ready, as a broken installation would end it."""
    with gateway_before_simulator() as (gateway, _):
        old = set(gateway.children())
        gateway.signal(signal.SIGHUP)
        (successor,) = wait_until(lambda: set(gateway.children()) - old, what="the successor")
        os.kill(successor, signal.SIGKILL)
        wait_until(lambda: gateway.events("restart_given_up"), what="the end of the restart")

        assert gateway.events("child_replaced") == []
        assert set(gateway.children()) == old
        assert create(gateway.url).endswith(b"0\r\n\r\n")
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: gateway.events("restarted"), what="the second try")


def test_a_restart_ends_where_a_shutdown_begins() -> None:
    with gateway_before_simulator(workers=2) as (gateway, _):
        stream = Stream(gateway.url, fault="stall-after=3:2")
        stream.read_until(b"event:")
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: gateway.events("child_replaced"), what="the first successor")
        gateway.signal(signal.SIGTERM)
        stream.read_to_end()

        assert stream.is_whole
        assert gateway.wait() == 0
        assert [event["outcome"] for event in gateway.events("exchange")] == ["completed"]


def test_a_terminal_that_is_gone_ends_the_gateway() -> None:
    """A hang-up of the terminal it was started from is no wish for new forwarders."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", "1"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        process_group=0,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "listening"
        os.close(theirs)
        os.close(ours)
        process.send_signal(signal.SIGHUP)

        assert process.wait(20) == 0
        assert "its terminal is gone" in process.stdout.read()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _restarts(gateway: GatewayProcess, wanted: int) -> bool:
    return len(gateway.events("restarted")) == wanted


def _address(gateway: GatewayProcess) -> tuple[str, int]:
    host, _, port = gateway.url.removeprefix("http://").rpartition(":")
    return host, int(port)


def _ask(connection: socket.socket) -> tuple[bytes, bytes]:
    lines = ["POST /v1beta/interactions HTTP/1.1", "host: x", f"content-length: {len(BODY)}"]
    lines += [f"{name}: {value}" for name, value in HEADERS.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + BODY)
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        data = connection.recv(65_536)
        assert data, received
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body
