"""The run itself: gateways as installed, one simulator, many clients; everything is collected, nothing judged.

Two gateways of two forwarders each share an upstream and their clients. They are stopped and started again in between,
and what began in their first life goes on in the second. A third has limits, a fourth nobody to forward to.
Not here: what must come out (test_exact.py), what clients do (plan.py, crossings.py, troubles.py).
Promise: fixed seeds, no pauses for luck; it ends when every exchange is accounted for and every span has arrived, or
raises with what is still missing.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.simulator.server import Simulator
from tests.exact import attribution, context, cost, scrapes, troubles
from tests.exact.books import Books
from tests.exact.client import HEADER_KEY, until
from tests.exact.crossings import Crossings
from tests.exact.facts import Entry
from tests.exact.plan import Plan
from tests.exact.playing import elsewhere, play, settled, when
from tests.exact.reading import read
from tests.exact.singles import Chain
from tests.exact.site import Result, Scraper, Site
from tests.exact.spans import tree
from tests.exact.traces import arrange
from tests.gateway_process import GatewayProcess, Scrape
from tests.otlp_receiver import OtlpReceiver
from tests.ports import closed_port

FORWARDERS: Final = 2
CONFIG: Final[Mapping[str, object]] = {**context.CHAINED}  # of the two, beside their attribution


@dataclass(frozen=True, slots=True)
class Asked:
    """A gateway to be started. is_window_open: whether an update of just now is recent enough for its polls.

    scheme: of its attribution.
    """

    name: str
    upstream_port: int
    workers: int = 1
    config: Mapping[str, object] = field(default_factory=dict)
    is_window_open: bool = True
    scheme: attribution.Scheme = attribution.NONE


def run() -> Result:
    """Play everything and collect what came out."""
    return asyncio.run(_run())


async def _run() -> Result:
    simulator = Simulator(pace=0.0)
    port = await simulator.start("127.0.0.1", 0)
    try:
        with closed_port() as nobodys_port:
            return Result(await _sites(simulator, port, nobodys_port))
    finally:
        await simulator.close()


async def _sites(simulator: Simulator, port: int, nobodys_port: int) -> list[Site]:
    crossings = Crossings()
    async with _open(
        Asked("east", port, FORWARDERS, CONFIG, scheme=attribution.NAMED),
        Asked("west", port, FORWARDERS, CONFIG, scheme=attribution.NAMED),
        Asked("small", port, config=troubles.LIMITS, is_window_open=False, scheme=attribution.keyed(HEADER_KEY)),
        Asked("lonely", nobodys_port),
    ) as first:
        east, west, small, lonely = first
        plan = _plan(simulator, east, west)
        await _pair(simulator, east, west, plan, lambda _: [*plan.chains(), *crossings.first_life(plan.applied)])
        await troubles.small(small, simulator)
        await troubles.lonely(lonely, simulator)
        await _collected(simulator, first)
    async with _open(
        Asked("east2", port, FORWARDERS, CONFIG, scheme=attribution.NAMED),
        Asked("west2", port, FORWARDERS, CONFIG, scheme=attribution.NAMED),
    ) as second:
        east, west = second
        await _pair(simulator, east, west, _plan(simulator, east, west), crossings.second_life)
        await _collected(simulator, second)
    return [*first, *second]


@asynccontextmanager
async def _open(*asked: Asked) -> AsyncIterator[list[Site]]:
    """Gateways, all started and stopped at once; their logs are whole when they are gone."""
    stacks = [ExitStack() for _ in asked]
    sites: list[Site] = []
    try:
        starts = (asyncio.to_thread(_start, stack, one) for stack, one in zip(stacks, asked, strict=True))
        # Wait for all: who is still starting when another fails is to be stopped too.
        started = await asyncio.gather(*starts, return_exceptions=True)
        for one in started:
            if isinstance(one, BaseException):
                raise one
            sites.append(one)
        yield sites
    finally:
        error = sys.exc_info()
        await asyncio.gather(*(asyncio.to_thread(stack.__exit__, *error) for stack in stacks))
        for site in sites:
            site.log_lines = site.gateway.log_lines()


def _start(stack: ExitStack, asked: Asked) -> Site:
    receiver = stack.enter_context(OtlpReceiver())
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "3000",
    }
    url = f"http://127.0.0.1:{asked.upstream_port}"
    second = {"metrics.semconv": "both", "labels.max_series": 20_000}  # both sets of a run are more than the 10,000
    config = {**second, **asked.config, **asked.scheme.config}
    teams = "attribution.team" in config
    priced = cost.config(Path(stack.enter_context(tempfile.TemporaryDirectory())), teams=teams)
    gateway = stack.enter_context(GatewayProcess(url, asked.workers, env=env, config={**config, **priced}))
    site = Site(asked.name, asked.workers, asked.upstream_port, receiver, gateway, config, scheme=asked.scheme)
    chains = "traces.chain_root" in config
    site.books = Books(is_window_open=asked.is_window_open, tells_chains=chains, teams=teams)
    return site


def _plan(simulator: Simulator, east: Site, west: Site) -> Plan:
    async def stranger(scenario: str, subject: Mapping[str, str]) -> str:
        return await elsewhere(simulator, east.upstream_port, scenario, subject)

    async def applied(interaction_id: str, route: str) -> None:
        def is_logged() -> bool:
            lines = [*east.gateway.log_lines(), *west.gateway.log_lines()]
            return any(interaction_id in line and f'"{route}"' in line for line in lines)

        await until(is_logged, f"the {route} of {interaction_id} is in the log")

    return Plan(applied, stranger)


async def _pair(simulator: Simulator, east: Site, west: Site, plan: Plan, chains: Callable[[int], list[Chain]]) -> None:
    """Both gateways at once, each with its chains; the clients of one are the peers of the other's."""
    pairs = ((east, west), (west, east))
    with Scraper(east), Scraper(west):
        await asyncio.gather(*(play(site, simulator, plan.first(), "first") for site, _ in pairs))
        await asyncio.gather(settled(east), settled(west))
        plays = (play(site, simulator, chains(half), "c", peer=peer) for half, (site, peer) in enumerate(pairs))
        await asyncio.gather(*plays)
        await asyncio.gather(settled(east), settled(west))


async def _collected(simulator: Simulator, sites: Sequence[Site]) -> None:
    await until(lambda: all(entry["ended"] != "open" for entry in simulator.ledger()), "the ledger is at rest")
    entries = simulator.ledger()
    for site in sites:
        _read(site, entries)
    await asyncio.gather(*(_drained(site) for site in sites))


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
        context.note(reading, site.config)
        reading.tags, reading.team = site.scheme.read(did.who)
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
    await when(site, is_sent)
    site.spans = site.receiver.spans
    site.arrived = arrange(site.spans)
    site.texts.append(await asyncio.to_thread(site.gateway.metrics_text))
    site.final = scrapes.read(site.texts[-1])
    scraped_ns = time.time_ns()
    site.pushed = await asyncio.to_thread(
        site.receiver.wait_for_metrics, lambda points: bool(points) and points[0].time_ns > scraped_ns
    )
