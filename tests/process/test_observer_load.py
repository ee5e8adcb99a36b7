"""The observer under 2,000 ended exchanges of ten steps a second: what it costs, and that its counts stay exact.

Source: performance.md, goals. A Sender of its own speaks to the observer of a real gateway, faster than any upstream.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.proxy.exchange import ClientFacts, Exchange, Upstream
from gateway.proxy.sender import Sender
from gateway.records import ExchangeClosed, ExchangeOpened, Record, StepFinished, StepStarted
from gateway.simulator.catalogue import scenarios
from gateway.wire.outcome import End
from tests.gateway_process import GatewayProcess, SimulatorProcess
from tests.otlp_receiver import receiving
from tests.process.test_rest import cpu_s

A_SECOND = 2000
SECONDS = 4
EVERY_S = 0.02
LATER = 5  # turns between an exchange's begin and its end: so its steps are told too, as of a longer stream
MUST_S = 0.0005  # of the observer's CPU an exchange: twice as many would fit one core
KEEP_RATIO = 0.1


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def begun(self) -> None:
        """It is counted by the Sender."""

    def put(self, record: Record) -> None:
        self.records.append(record)


def ten_steps() -> list[Record]:
    """The records of a stream with the steps of two scenarios, through the real tap."""
    first, second = (scenarios()[name].answer.events for name in ("mcp_url_context", "code_execution"))
    blocks = [event.wire for event in first if b'"step.' in event.wire or b"interaction.created" in event.wire]
    blocks += [
        re.sub(rb'"index":(\d+)', lambda found: b'"index":%d' % (int(found[1]) + 5), event.wire)
        for event in second
        if b'"step.' in event.wire or b"interaction.completed" in event.wire or b"[DONE]" in event.wire
    ]
    kept = Kept()
    upstream = Upstream("https", "generativelanguage.googleapis.com", 443)
    client = ClientFacts("127.0.0.1", "an-sdk/1.0")
    exchange = Exchange("x", "POST", "/v1beta/interactions?alt=sse", client, upstream, kept, stall_ns=1 << 40)
    exchange.request_chunk(json.dumps({"model": "gemini-3-flash-preview", "input": "hi", "stream": True}).encode())
    exchange.request_whole()
    exchange.times.upstream_start_ns = 1_000_000
    exchange.response_head(200, "text/event-stream", None)
    for number, block in enumerate(blocks):
        exchange.response_chunk(block, exchange.started_ns + (number + 10) * 20_000_000)
    exchange.ended(End.CLEAN)
    return kept.records


def named(record: Record, name: str) -> Record:
    """The record as one of another exchange."""
    assert isinstance(record, ExchangeOpened | StepStarted | StepFinished | ExchangeClosed)
    renamed = dataclasses.replace(record, exchange_id=name)
    if isinstance(renamed, ExchangeClosed):
        interaction = dataclasses.replace(renamed.stream.interaction, id=name)
        renamed.stream = dataclasses.replace(renamed.stream, interaction=interaction)
    return renamed


class Nothing:
    """A forwarding path without open exchanges to tell of."""

    def opened_records(self) -> list[ExchangeOpened]:
        return []

    def oldest_silence_ns(self, now_ns: int) -> int | None:
        return None


async def send(address: str) -> dict[str, int]:
    """Send all, in time; returns what was lost on the way, by kind."""
    *early, end = ten_steps()
    sender = Sender(address, worker=1)
    sender.start(Nothing(), "plain")
    begun: list[list[str]] = []
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    for turn in range(int(SECONDS / EVERY_S) + LATER):
        if turn < SECONDS / EVERY_S:
            begun.append([f"v1_{turn}_{number}" for number in range(int(A_SECOND * EVERY_S))])
            for name in begun[-1]:
                sender.begun()
                for record in early:
                    sender.put(named(record, name))
        if turn >= LATER:
            for name in begun[turn - LATER]:
                sender.put(named(end, name))
        due_s += EVERY_S
        await asyncio.sleep(max(0.0, due_s - loop.time()))
    return await sender.close(20.0)


@pytest.fixture
def gateway() -> Iterator[GatewayProcess]:
    with receiving() as receiver, SimulatorProcess() as simulator:
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        config = {"traces.keep_ratio": KEEP_RATIO, "log.level": "warning"}
        with GatewayProcess(simulator.url, env=traces, config=config) as running:
            yield running


@pytest.mark.heavy
def test_the_observer_keeps_up_or_says_what_it_shed(gateway: GatewayProcess) -> None:
    lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
    wanted = f"@interactions-gateway-{gateway.pids.supervisor}-"
    (name,) = {line.rpartition("@")[2] for line in lines if wanted in line}
    before_s = cpu_s(gateway.pids.observer)
    lost = asyncio.run(send("@" + name))
    count = A_SECOND * SECONDS
    ends_lost = sum(number for kind, number in lost.items() if kind.startswith("ExchangeClosed/"))
    scrape = gateway.settled(count - ends_lost, 20)
    spent_s = cpu_s(gateway.pids.observer) - before_s

    assert scrape.value("exchanges_opened_total", worker="1") == count
    assert scrape.total("records_lost_total", kind="ExchangeClosed") == ends_lost
    assert scrape.total("steps_total", state="closed") == 10 * (count - ends_lost)
    assert scrape.total("spans_total", result="sampled_out") > scrape.total("spans_total", result="exported") > 0
    print(f"\nan exchange cost the observer {spent_s / count * 1e6:.0f} us of CPU; lost: {lost}")
    assert spent_s / (count - ends_lost) < MUST_S
