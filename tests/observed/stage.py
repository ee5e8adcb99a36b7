"""Both worlds, made at the same time: one where all is well, one with every fault on.

Not here: the traffic (ordinary.py, faulty.py), what must hold (the tests).
Promise: fixed seeds and no pauses for luck; a world is given once every exchange of it has been accounted for and
scraped. Gateways have ended by then; the Prometheus servers end with the context.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from dashboards.pictures.asking import Prometheus
from gateway.simulator.server import Simulator
from tests.exact import attribution, context, cost, troubles
from tests.exact.books import Books, Sample
from tests.exact.client import HEADER_KEY
from tests.exact.playing import play, settled
from tests.exact.reading import read
from tests.exact.site import Site
from tests.gateway_process import GatewayProcess
from tests.observed import faulty, ordinary
from tests.observed.tls_front import tls_front
from tests.observed.world import SCRAPE_S, World, wait_for_scrape
from tests.otlp_receiver import OtlpReceiver
from tests.ports import closed_port
from tests.prometheus_process import prometheus
from tests.stack.configuration import prometheus_config

NAMESPACE: Final = "demo"
ROUNDS: Final = 10
BOTH_SETS: Final = {"metrics.semconv": "both", "labels.max_series": 20_000}
CAPTURED: Final = {"capture.content": "EVENT_ONLY"}
Play: TypeAlias = Callable[[Site, Simulator, faulty.Scraped], Awaitable[None]]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A gateway to be started before an upstream. told: whether its collector takes anything."""

    name: str
    upstream_url: str
    config: Mapping[str, object] = field(default_factory=dict)
    scheme: attribution.Scheme = attribution.NONE
    workers: int = 1
    told: bool = True
    env: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def worlds(folder: Path) -> Iterator[dict[str, World]]:
    """The worlds by name: healthy, faulty."""
    with ExitStack() as stack:
        yield asyncio.run(_both(stack, folder))


@contextmanager
def healthy(folder: Path) -> Iterator[World]:
    """The one where all is well, alone."""
    with ExitStack() as stack:
        yield asyncio.run(_healthy(stack, folder))


async def _both(stack: ExitStack, folder: Path) -> dict[str, World]:
    # Wait for both: what one has started is to be ended, also when the other fails.
    making = (_healthy(stack, folder / "healthy"), _faulty(stack, folder / "faulty"))
    worlds: dict[str, World] = {}
    for made in await asyncio.gather(*making, return_exceptions=True):
        if isinstance(made, BaseException):
            raise made
        worlds[made.name] = made
    return worlds


async def _healthy(stack: ExitStack, folder: Path) -> World:
    folder.mkdir(parents=True)
    async with _simulator() as (simulator, port), tls_front(port, folder) as (url, authority):
        config = {"proxy.ca_file": authority, **BOTH_SETS, **CAPTURED}
        asked = Asked("well", url, config, attribution.NAMED, workers=2)
        async with _open(port, asked) as (site,):
            world = await _watched(stack, folder, "healthy", [site])
            await play(site, simulator, ordinary.warming(), "first")
            await settled(site)
            warm = len(site.did)
            await _scraped(world)
            world.warm_s = await _scraped(world)
            await _scraped(world)
            chains = ordinary.chains(ROUNDS)
            await asyncio.gather(
                play(site, simulator, chains[::2], "first"), play(site, simulator, chains[1::2], "others")
            )
            await settled(site)
            await _ended(world)
            _account(world, site, simulator, warm)
    return world


async def _faulty(stack: ExitStack, folder: Path) -> World:
    folder.mkdir(parents=True)
    async with _simulator() as (simulator, port):
        url = f"http://127.0.0.1:{port}"
        with closed_port() as nobodys_port:
            plays: dict[Asked, Play] = {
                Asked("all", url, context.CHAINED, attribution.NAMED, workers=2): faulty.all_of_them,
                Asked("limits", url, troubles.LIMITS, attribution.keyed(HEADER_KEY)): faulty.limits,
                Asked("lonely", f"http://127.0.0.1:{nobodys_port}", BOTH_SETS): faulty.lonely,
                Asked("slow", url, faulty.SLOW): faulty.slow,
                Asked("shaken", url, faulty.SHAKEN, told=False): faulty.shaken,
                Asked("buggy", url, faulty.BUGGY, env=faulty.with_bugs(folder)): faulty.buggy,
            }
            async with _open(port, *plays) as sites:
                world = await _watched(stack, folder, "faulty", sites)
                # series of no traffic are there now, and what they count later is seen as growth
                world.warm_s = world.start_s
                playing = zip(sites, plays.values(), strict=True)
                await asyncio.gather(*(how(site, simulator, partial(_scraped, world)) for site, how in playing))
                await _ended(world)
                _account(world, sites[0], simulator, 0)
    return world


@asynccontextmanager
async def _simulator() -> AsyncIterator[tuple[Simulator, int]]:
    simulator = Simulator(pace=0.0)
    port = await simulator.start("127.0.0.1", 0)
    try:
        yield simulator, port
    finally:
        await simulator.close()


@asynccontextmanager
async def _open(port: int, *asked: Asked) -> AsyncIterator[list[Site]]:
    """Gateways, started one after another, since that is work, and stopped side by side. port: the simulator's."""
    async with AsyncExitStack() as stack:
        sites = []
        for one in asked:
            own = ExitStack()
            stack.push_async_callback(asyncio.to_thread, own.close)
            sites.append(await asyncio.to_thread(_started, own, one, port))
        yield sites


def _started(stack: ExitStack, asked: Asked, port: int) -> Site:
    receiver = stack.enter_context(OtlpReceiver())
    if not asked.told:
        receiver.refuse(400)  # refused for good: what is worth another attempt would be tried for a minute
    teams = "attribution.team" in asked.scheme.config
    priced = cost.config(Path(stack.enter_context(tempfile.TemporaryDirectory())), teams=teams)
    config = {**asked.config, **asked.scheme.config, **priced}
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "500", **asked.env}
    gateway = stack.enter_context(GatewayProcess(asked.upstream_url, asked.workers, env=env, config=config))
    site = Site(asked.name, asked.workers, port, receiver, gateway, config, scheme=asked.scheme)
    site.books = Books(teams=teams, tells_chains="traces.chain_root" in config)
    return site


async def _watched(stack: ExitStack, folder: Path, name: str, sites: list[Site]) -> World:
    """A Prometheus over gateways, which has scraped each of them."""
    addresses = {site.name: site.gateway.admin_url.removeprefix("http://") for site in sites}
    config = prometheus_config("", "", f"{SCRAPE_S:g}s")
    del config["alerting"]
    config["scrape_configs"][0]["static_configs"] = [
        {"targets": [address], "labels": _labels(name)} for name, address in addresses.items()
    ]
    served = await asyncio.to_thread(stack.enter_context, prometheus(config, folder / "prometheus"))
    world = World(name, Prometheus(served.url), addresses, time.time(), sites=sites)
    world.start_s = await _scraped(world)
    return world


def _labels(gateway: str) -> dict[str, str]:
    """What a target is called in a cluster; `lonely` stands outside of one."""
    return {} if gateway == "lonely" else {"namespace": NAMESPACE, "pod": f"gateway-{gateway}"}


async def _ended(world: World) -> None:
    """Wait until all that has happened is scraped, twice: a rate's window ends with what is at rest."""
    for _ in range(2):
        world.end_s = await _scraped(world)


async def _scraped(world: World) -> float:
    """All gateways have been scraped from now on; gives when that is so."""
    return await asyncio.to_thread(wait_for_scrape, world.api, world.instances, time.time())


def _account(world: World, site: Site, simulator: Simulator, warm: int) -> None:
    """What the books expect of a site, at its end and after so many of its exchanges."""
    entries = simulator.ledger()
    by_key = {entry["request"]["user_agents"][0]: entry for entry in entries}  # type: ignore[index]
    order = {key: number for number, key in enumerate(by_key)}
    world.warm_count = warm
    for number, did in enumerate(sorted(site.did, key=lambda did: order.get(did.key, len(order)))):
        if number == warm:
            world.warm = _samples(site.books)
        code, outcome = site.own.get(did.key, ("", ""))
        reading = read(did, by_key.get(did.key), code=code, outcome=outcome)
        reading.tags, reading.team = site.scheme.read(did.who)
        site.readings.append(reading)
        site.books.take(reading)
    world.samples = _samples(site.books)


def _samples(books: Books) -> dict[Sample, float]:
    return {place: float(value) for place, value in [*books.samples.items(), *books.costs.samples.items()]}
