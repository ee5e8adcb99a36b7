"""Gateways in trouble: one with limits whose forwarder is killed with streams open, one whose upstream is not there.

Not here: the two gateways that do well (stage.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Final

from gateway.simulator.server import Simulator
from tests.exact import context
from tests.exact.client import Client, until
from tests.exact.plan import TRACEPARENT
from tests.exact.playing import elsewhere, play, settled, when
from tests.exact.singles import AGENT, MODELS, Chain
from tests.exact.site import Scraper, Site
from tests.exact.spans import FORWARDER_DIED

MAX_OPEN: Final = 3
MAX_BODY_BYTES: Final = 4096
HELD_BLOCKS: Final = 5
LIMITS: Final[Mapping[str, object]] = {
    "proxy.max_open_exchanges": MAX_OPEN,
    "proxy.max_request_body_bytes": MAX_BODY_BYTES,
    "usage.poll_window_s": 0.000_001,  # what was updated just now is too old already
    **context.STRICT,
}


async def small(site: Site, simulator: Simulator) -> None:
    """A poll that comes too late, limits, then a forwarder that is killed with streams open."""
    with Scraper(site):
        stranger = await elsewhere(simulator, site.upstream_port, "unary", {"model": MODELS[0]})
        await play(site, simulator, [lambda client: client.get(stranger)], "late")
        async with Client("large", site.gateway.url, simulator, site.did) as client:
            for stream in (True, False):
                did = await client.create(
                    "text", subject={"model": MODELS[0]}, stream=stream, more={"input": "x" * 2 * MAX_BODY_BYTES}
                )
                site.own[did.key] = ("body_too_large", "rejected")
        # a model has its label only once the upstream has accepted it
        await play(site, simulator, [lambda client: client.create("text", subject={"model": MODELS[0]})], "before")
        await settled(site)
        holding = [asyncio.create_task(_hold(site, simulator, f"held{number}")) for number in range(MAX_OPEN)]
        await until(
            lambda: _blocks(site, "held") == MAX_OPEN * HELD_BLOCKS, "the held streams are where they are to be"
        )
        await _refused(site, simulator)
        closed = len(site.did) - MAX_OPEN
        await when(site, lambda scrape: scrape.total("exchanges_closed_total") == closed)
        for did in site.did:
            if did.key.startswith("exact/held"):
                site.own[did.key] = (FORWARDER_DIED, "gateway_error")
        os.kill(site.gateway.pids.forwarders[0], signal.SIGKILL)
        await asyncio.gather(*holding)
        await settled(site)
        await play(site, simulator, [lambda client: client.create("text", subject={"model": MODELS[0]})], "after")
        await settled(site)


async def _refused(site: Site, simulator: Simulator) -> None:
    """One request of each kind beyond the open ones."""
    chains: list[Chain] = [
        lambda client: client.create("text", subject={"model": MODELS[0]}),
        lambda client: client.create("unary", subject={"model": MODELS[1]}, stream=False),
        lambda client: client.create("background", subject={"agent": AGENT}, stream=False),
        lambda client: client.get("v1_Sim000000000000000"),
        lambda client: client.ask("DELETE", "/v1beta/interactions/v1_Sim000000000000000"),
        lambda client: client.ask("GET", "/v1beta/models"),
    ]
    for number, chain in enumerate(chains):
        async with Client(f"refused{number}", site.gateway.url, simulator, site.did) as client:
            await chain(client)
        site.own[site.did[-1].key] = ("max_streams", "rejected")


async def _hold(site: Site, simulator: Simulator, name: str) -> None:
    async with Client(name, site.gateway.url, simulator, site.did) as client:
        parent = TRACEPARENT.format(trace=2**100 + 7, span=2**40 + 7) if name.endswith("0") else ""
        await client.create("text", subject={"model": MODELS[0]}, fault=f"hold-after={HELD_BLOCKS}", traceparent=parent)


def _blocks(site: Site, name: str) -> int:
    return sum(did.body.count(b"\n\n") for did in site.did if name in did.key)


async def lonely(site: Site, simulator: Simulator) -> None:
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
        await play(site, simulator, chains, "c")
        await settled(site)
    site.own |= {did.key: ("connect_error", "gateway_error") for did in site.did}
