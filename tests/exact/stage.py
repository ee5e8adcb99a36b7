"""The run itself: three gateways as installed, one simulator, many clients; everything is collected, nothing judged.

Not here: what must come out (test_exact.py).
Promise: fixed seeds, no pauses for luck; it ends when every exchange is accounted for and every span has arrived, or
raises with what is still missing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from gateway.simulator.server import Simulator
from tests.exact import cost, scrapes
from tests.exact.books import Books
from tests.exact.client import Client, until
from tests.exact.facts import Entry
from tests.exact.plan import TRACEPARENT, Plan
from tests.exact.reading import read
from tests.exact.singles import AGENT, MODELS, Chain
from tests.exact.site import SCRAPE_EVERY_S, Result, Scraper, Site
from tests.exact.spans import FORWARDER_DIED, tree
from tests.exact.traces import arrange
from tests.gateway_process import GatewayProcess, Scrape
from tests.otlp_receiver import OtlpReceiver

CLIENTS: Final = 24
SETTLE_S: Final = 30.0
MAX_OPEN: Final = 3
MAX_BODY_BYTES: Final = 4096


def run() -> Result:
    """Play everything and collect what came out."""
    return asyncio.run(_run())


async def _run() -> Result:
    simulator = Simulator(pace=0.0)
    port = await simulator.start("127.0.0.1", 0)
    try:
        return Result(await _sites(simulator, port))
    finally:
        await simulator.close()


async def _sites(simulator: Simulator, port: int) -> list[Site]:
    with ExitStack() as stack:
        nobody = stack.enter_context(socket.socket())
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        limits = {
            "proxy.max_open_exchanges": MAX_OPEN,
            "proxy.max_request_body_bytes": MAX_BODY_BYTES,
            "usage.poll_window_s": 0.000_001,  # what was updated just now is too old already
        }
        main = _open(stack, "main", port, workers=2)
        small = _open(stack, "small", port, config=limits)
        small.books = Books(is_window_open=False)
        lonely = _open(stack, "lonely", nobody.getsockname()[1])
        await _main(main, simulator, port)
        await _small(small, simulator)
        await _lonely(lonely, simulator)
        sites = [main, small, lonely]
        await until(lambda: all(entry["ended"] != "open" for entry in simulator.ledger()), "the ledger is at rest")
        entries = simulator.ledger()
        for site in sites:
            _read(site, entries)
            await _drained(site)
    for site in sites:
        site.log_lines = site.gateway.log_lines()
    return sites


def _open(
    stack: ExitStack, name: str, upstream_port: int, *, workers: int = 1, config: Mapping[str, object] | None = None
) -> Site:
    receiver = stack.enter_context(OtlpReceiver())
    config = {**(config or {}), **cost.config(Path(stack.enter_context(tempfile.TemporaryDirectory())))}
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
    gateway = stack.enter_context(GatewayProcess(f"http://127.0.0.1:{upstream_port}", workers, env=env, config=config))
    return Site(name, workers, upstream_port, receiver, gateway)


async def _main(site: Site, simulator: Simulator, port: int) -> None:
    async def elsewhere(scenario: str, subject: Mapping[str, str]) -> str:
        return await _elsewhere(simulator, port, scenario, subject)

    async def applied(interaction_id: str, route: str) -> None:
        def is_logged() -> bool:
            return any(interaction_id in line and f'"{route}"' in line for line in site.gateway.log_lines())

        await until(is_logged, f"the {route} of {interaction_id} is in the log")

    plan = Plan(applied, elsewhere)
    with Scraper(site):
        await _play(site, simulator, plan.first(), "first")
        await _settled(site)
        await _play(site, simulator, plan.chains(), "c")
        await _settled(site)


async def _elsewhere(simulator: Simulator, port: int, scenario: str, subject: Mapping[str, str]) -> str:
    """Create an interaction behind the gateway's back."""
    async with Client("elsewhere", f"http://127.0.0.1:{port}", simulator, []) as client:
        return (await client.create(scenario, subject=subject, stream=not scenario.startswith(("unary", "back")))).id


async def _small(site: Site, simulator: Simulator) -> None:
    """A poll that comes too late, limits, then a forwarder that is killed with streams open."""
    with Scraper(site):
        stranger = await _elsewhere(simulator, site.upstream_port, "unary", {"model": MODELS[0]})
        await _play(site, simulator, [lambda client: client.get(stranger)], "late")
        async with Client("large", site.gateway.url, simulator, site.did) as client:
            for stream in (True, False):
                did = await client.create(
                    "text", subject={"model": MODELS[0]}, stream=stream, more={"input": "x" * 2 * MAX_BODY_BYTES}
                )
                site.own[did.key] = ("body_too_large", "rejected")
        # a model has its label only once the upstream has accepted it
        await _play(site, simulator, [lambda client: client.create("text", subject={"model": MODELS[0]})], "before")
        await _settled(site)
        holding = [asyncio.create_task(_hold(site, simulator, f"held{number}")) for number in range(MAX_OPEN)]
        await until(lambda: _blocks(site, "held") == MAX_OPEN * 5, "the held streams are where they are to be")
        refused: list[Chain] = [
            lambda client: client.create("text", subject={"model": MODELS[0]}),
            lambda client: client.create("unary", subject={"model": MODELS[1]}, stream=False),
            lambda client: client.create("background", subject={"agent": AGENT}, stream=False),
            lambda client: client.get("v1_Sim000000000000000"),
            lambda client: client.ask("DELETE", "/v1beta/interactions/v1_Sim000000000000000"),
            lambda client: client.ask("GET", "/v1beta/models"),
        ]
        for number, chain in enumerate(refused):
            async with Client(f"refused{number}", site.gateway.url, simulator, site.did) as client:
                await chain(client)
            site.own[site.did[-1].key] = ("max_streams", "rejected")
        closed = len(site.did) - MAX_OPEN
        await _when(site, lambda scrape: scrape.total("exchanges_closed_total") == closed)
        for did in site.did:
            if did.key.startswith("exact/held"):
                site.own[did.key] = (FORWARDER_DIED, "gateway_error")
        os.kill(site.gateway.pids.forwarders[0], signal.SIGKILL)
        await asyncio.gather(*holding)
        await _settled(site)
        await _play(site, simulator, [lambda client: client.create("text", subject={"model": MODELS[0]})], "after")
        await _settled(site)


async def _hold(site: Site, simulator: Simulator, name: str) -> None:
    async with Client(name, site.gateway.url, simulator, site.did) as client:
        parent = TRACEPARENT.format(trace=2**100 + 7, span=2**40 + 7) if name.endswith("0") else ""
        await client.create("text", subject={"model": MODELS[0]}, fault="hold-after=5", traceparent=parent)


def _blocks(site: Site, name: str) -> int:
    return sum(did.body.count(b"\n\n") for did in site.did if name in did.key)


async def _lonely(site: Site, simulator: Simulator) -> None:
    """Nobody listens at the upstream's address."""
    chains: list[Chain] = [
        lambda client: client.create("text", subject={"model": MODELS[0]}),
        lambda client: client.create("unary", subject={"model": MODELS[3]}, stream=False),
        lambda client: client.create("deep_research", subject={"agent": AGENT}, more={"background": True}),
        lambda client: client.get("v1_Sim000000000000000"),
        lambda client: client.get("v1_Sim000000000000000", "?stream=true&last_event_id=evt_1"),
        lambda client: client.ask("POST", "/v1beta/interactions/v1_Sim000000000000000/cancel"),
        lambda client: client.ask("DELETE", "/v1beta/interactions/v1_Sim000000000000000"),
        lambda client: client.ask("POST", "/v1beta/models/gemini-3-flash-preview:generateContent", {"contents": []}),
    ]
    with Scraper(site):
        await _play(site, simulator, chains, "lonely")
        await _settled(site)
    site.own |= {did.key: ("connect_error", "gateway_error") for did in site.did}


async def _play(site: Site, simulator: Simulator, chains: Sequence[Chain], name: str) -> None:
    places = asyncio.Semaphore(CLIENTS)

    async def one(number: int, chain: Chain) -> None:
        async with places, Client(f"{name}{number}", site.gateway.url, simulator, site.did) as client:
            await chain(client)

    await asyncio.gather(*(one(number, chain) for number, chain in enumerate(chains)))


async def _settled(site: Site) -> None:
    """Every exchange so far is accounted for, and none is open."""
    await asyncio.to_thread(site.gateway.settled, len(site.did), SETTLE_S)


async def _when(site: Site, condition: Callable[[Scrape], bool]) -> None:
    await asyncio.to_thread(_wait, site, condition)


def _wait(site: Site, condition: Callable[[Scrape], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(SETTLE_S / SCRAPE_EVERY_S)):
        if condition(site.gateway.scrape()):
            return
        pause.wait(SCRAPE_EVERY_S)
    raise TimeoutError(f"{site.name}: {site.gateway.metrics_text()}")


def _read(site: Site, entries: Sequence[Entry]) -> None:
    """Readings in the order in which the upstream was asked; what it never saw comes last."""
    by_key = {entry["request"]["user_agents"][0]: entry for entry in entries}
    order = {key: number for number, key in enumerate(by_key)}
    for did in sorted(site.did, key=lambda did: order.get(did.key, len(order))):
        code, outcome = site.own.get(did.key, ("", ""))
        entry = by_key.get(did.key)
        if entry is None and not outcome:
            raise LookupError(f"{did} never came to the upstream, and was not to be answered by the gateway")
        reading = read(did, entry, code=code, outcome=outcome)
        site.readings.append(reading)
        site.books.take(reading)
    for account in site.books.accounts:
        site.expected[account.reading.key] = account.reading, tree(account, site.upstream_port)
    site.books.spans_exported(sum(expected.count() for _, expected in site.expected.values()))


async def _drained(site: Site) -> None:
    """All spans that were made have arrived, and the last scrape says so."""

    def is_sent(scrape: Scrape) -> bool:
        sent = scrape.total("spans_total")
        return sent > 0 and sent == len(site.receiver.spans) and scrape.total("active_streams") == 0

    wanted = sum(expected.count() for _, expected in site.expected.values())
    try:
        await asyncio.to_thread(site.receiver.wait_for, lambda spans: len(spans) >= wanted, 5.0)
    except TimeoutError:
        pass  # the comparison of the spans says which are missing
    await _when(site, is_sent)
    site.spans = site.receiver.spans
    site.arrived = arrange(site.spans)
    site.texts.append(await asyncio.to_thread(site.gateway.metrics_text))
    site.final = scrapes.read(site.texts[-1])
