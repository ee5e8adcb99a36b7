"""Slow and stopped neighbours: a client that doesn't read, an observer that takes no records."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.raw import DEADLINE_S, Client, Conversation, Upstream
from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until

BODY_BYTES = 100 * 1024 * 1024
GROWTH_MAX_BYTES = 20 * 1024 * 1024
QUEUE_BYTES = 8 * 1024 * 1024  # of records, at most
BLOCK = b'event: step.delta\ndata: {"index":0,"delta":{"type":"image","data":"' + b"A" * 32_000 + b'"}}\n\n'
LONG_LINE = b"A" * 32_768


def rss_bytes(pid: int) -> int:
    """The resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


class Peak:
    """The largest resident memory of a process, sampled until stopped."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self.bytes = max(self.bytes, rss_bytes(self._pid))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(DEADLINE_S)


@pytest.mark.parametrize("kind", ["events", "one endless line", "one json body"])
def test_a_client_that_reads_nothing_for_a_while_costs_no_memory(kind: str) -> None:
    """A slow client slows the read from the upstream; what it then reads is all there."""
    sent = [0]
    piece = BLOCK if kind == "events" else LONG_LINE
    count = BODY_BYTES // len(piece)

    def serve(conversation: Conversation) -> None:
        while conversation.request() is not None:
            if kind == "one json body":
                conversation.head(b"Content-Type: application/json", b"Content-Length: %d" % (count * len(piece)))
            else:
                conversation.head(b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked")
            for _ in range(count):
                conversation.send(piece) if kind == "one json body" else conversation.chunk(piece)
                sent[0] += len(piece)
            if kind != "one json body":
                conversation.chunk(b"")

    with Upstream(serve) as upstream, GatewayProcess(upstream.url) as gateway:
        (forwarder,) = gateway.pids.forwarders
        with Client(gateway.url, receive_buffer_bytes=64 * 1024) as client:
            before = rss_bytes(forwarder)
            with Peak(forwarder) as peak:
                client.ask()
                head = client.read_head()
                assert head is not None
                # it reads nothing until the upstream can't write any more
                held = -1
                while held != sent[0]:
                    held = sent[0]
                    time.sleep(0.5)
                received = 0
                if kind == "one json body":
                    while received < count * len(piece):
                        received += len(client.read_some())
                else:
                    while chunk := client.next_chunk():
                        received += len(chunk)

    assert held < BODY_BYTES // 4
    assert received == sent[0] == count * len(piece)
    assert peak.bytes - before < GROWTH_MAX_BYTES


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process, held still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_observer_that_takes_nothing_is_never_felt(simulator: SimulatorProcess) -> None:
    """Streams flow as before, records wait in a bounded queue, and afterwards the books balance."""
    count = 150
    with GatewayProcess(simulator.url) as gateway:
        (forwarder,) = gateway.pids.forwarders

        def play(times: int) -> float:
            began_s = time.monotonic()
            with Client(gateway.url) as client:
                for _ in range(times):
                    client.ask(headers={"x-simulator-scenario": "text"})
                    assert client.answer().body.endswith(b"data: [DONE]\n\n")
            return time.monotonic() - began_s

        usual_s = play(count)
        gateway.settled(count)
        before = rss_bytes(forwarder)
        with stopped(gateway.pids.observer):
            stopped_s = play(count)
            grown = rss_bytes(forwarder) - before

        scrape = wait_until(
            lambda: (s := gateway.scrape()).total("exchanges_opened_total") == 2 * count and s, DEADLINE_S, "records"
        )
        lost = scrape.total("records_lost_total", kind="ExchangeClosed")
        assert scrape.total("exchanges_closed_total") + lost + scrape.total("active_streams") == 2 * count
        assert lost == 0
        assert grown < QUEUE_BYTES + GROWTH_MAX_BYTES
        assert stopped_s < 3 * usual_s + 1.0
