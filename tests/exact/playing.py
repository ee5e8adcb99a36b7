"""How chains are played at a gateway: clients, many at once, and waiting until it has accounted for what they did.

Not here: which chains (plan.py, crossings.py, troubles.py), when (stage.py).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.simulator.server import Simulator
from tests.exact.client import Client
from tests.exact.singles import Chain
from tests.exact.site import SCRAPE_EVERY_S, Site
from tests.gateway_process import Scrape

CLIENTS: Final = 16  # of each gateway, at once
SETTLE_S: Final = 30.0


async def play(
    site: Site, simulator: Simulator, chains: Sequence[Chain], name: str, *, peer: Site | None = None
) -> None:
    """Play chains at a gateway. peer: another one, that their clients can go to as well."""
    places = asyncio.Semaphore(CLIENTS)

    async def one(number: int, chain: Chain) -> None:
        async with places, Client(f"{site.name}-{name}{number}", site.gateway.url, simulator, site.did) as client:
            if peer is None:
                await chain(client)
                return
            async with Client(f"{client.name}-{peer.name}", peer.gateway.url, simulator, peer.did) as other:
                client.peer = other
                await chain(client)

    await asyncio.gather(*(one(number, chain) for number, chain in enumerate(chains)))


async def elsewhere(simulator: Simulator, port: int, scenario: str, subject: Mapping[str, str]) -> str:
    """Create an interaction behind the gateways' backs; its id."""
    async with Client("elsewhere", f"http://127.0.0.1:{port}", simulator, []) as client:
        return (await client.create(scenario, subject=subject, stream=not scenario.startswith(("unary", "back")))).id


async def settled(site: Site) -> None:
    """Every exchange so far is accounted for, and none is open."""
    await asyncio.to_thread(site.gateway.settled, len(site.did), SETTLE_S)


async def when(site: Site, condition: Callable[[Scrape], bool]) -> None:
    """Return when a scrape satisfies the condition."""
    await asyncio.to_thread(_wait, site, condition)


def _wait(site: Site, condition: Callable[[Scrape], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(SETTLE_S / SCRAPE_EVERY_S)):
        if condition(site.gateway.scrape()):
            return
        pause.wait(SCRAPE_EVERY_S)
    raise TimeoutError(f"{site.name}: {site.gateway.metrics_text()}")
