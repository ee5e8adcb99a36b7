"""Traffic with every fault on: five gateways, each with its own kind of trouble, named as the table of panels names it.

Not here: ordinary traffic (ordinary.py), the expected figures (books of tests/exact).
Promise: `all` sees every scenario of the simulator and every fault that a request can ask of it; the others see what
is no matter of a request. What only counts once there is something to count from happens twice, with a scrape between.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.simulator.server import Simulator
from tests.exact import troubles
from tests.exact.client import Client, until
from tests.exact.plan import Plan
from tests.exact.playing import elsewhere, play, settled
from tests.exact.singles import MODELS, Chain
from tests.exact.site import Site
from tests.gateway_process import wait_until

STALL_S: Final = 0.3
LATE_S: Final = 8.5  # later than the latency that is promised, and a longer silence than anybody waits for
UNHEARD_S: Final = 1.5
SLOW: Final = {"proxy.stall_threshold_s": STALL_S}
SHAKEN: Final = {"capture.content": "EVENT_ONLY"}
BUGGY: Final = {"proxy.path": "auto"}
BUGS: Final = Path(__file__).parents[1] / "alerts" / "bugs"

Scraped = Callable[[], Awaitable[object]]


async def all_of_them(site: Site, simulator: Simulator, scraped: Scraped) -> None:
    """Every scenario, every fault of a request, every story of the exactness run."""

    async def stranger(scenario: str, subject: Mapping[str, str]) -> str:
        return await elsewhere(simulator, site.upstream_port, scenario, subject)

    async def applied(interaction_id: str, route: str) -> None:
        def is_logged() -> bool:
            return any(interaction_id in line and f'"{route}"' in line for line in site.gateway.log_lines())

        await until(is_logged, f"the {route} of {interaction_id} is in the log")

    plan = Plan(applied, stranger)
    await play(site, simulator, plan.first(), "first")
    await settled(site)
    await play(site, simulator, plan.chains(), "c")
    await settled(site)


async def limits(site: Site, simulator: Simulator, scraped: Scraped) -> None:
    """Requests beyond the limits, and a forwarder that is killed with streams open."""
    await troubles.small(site, simulator)


async def lonely(site: Site, simulator: Simulator, scraped: Scraped) -> None:
    """Nobody listens at the upstream's address."""
    await troubles.lonely(site, simulator)


async def slow(site: Site, simulator: Simulator, scraped: Scraped) -> None:
    """Streams that stall, one that falls silent for long, and one that begins late."""
    stalls = [_stream(name, f"stall-after=6:{STALL_S * 3:g}") for name in ("text", "thinking", "google_search")]
    await play(site, simulator, stalls, "stall")
    await settled(site)
    await scraped()
    late = [_stream("text", f"head-delay={LATE_S:g}"), _stream("text", f"stall-after=6:{LATE_S:g}")]
    await play(site, simulator, [*stalls, *late], "late")
    await settled(site)


async def shaken(site: Site, simulator: Simulator, scraped: Scraped) -> None:
    """A collector that takes nothing, and an observer that hangs and is killed with records on their way."""
    streams = [_stream("text"), _stream("thinking"), _stream("image")]
    await play(site, simulator, streams, "before")
    await settled(site)
    (observer,) = [pid for pid in site.gateway.children() if b"gateway.observer" in _command(pid)]
    os.kill(observer, signal.SIGSTOP)
    # the first ones end, and are told of while the last one goes on
    await play(site, simulator, [*streams, _stream("text", f"stall-after=6:{UNHEARD_S:g}")], "unheard")
    os.kill(observer, signal.SIGKILL)
    await asyncio.to_thread(wait_until, lambda: site.gateway.events("child_died"), 20.0, "the observer's death")
    await asyncio.to_thread(wait_until, lambda: site.gateway.ready()[0] == 200, 20.0, "the next observer")
    await play(site, simulator, streams, "after")


def with_bugs(folder: Path) -> dict[str, str]:
    """The environment of a gateway with bugs in it."""
    switch = folder / "bugs"
    switch.write_text("tap sink aiohttp", encoding="utf-8")
    return {"PYTHONPATH": str(BUGS), "GATEWAY_BUGS": str(switch)}


async def buggy(site: Site, simulator: Simulator, scraped: Scraped) -> None:
    """Bugs in the tap and in a sink of the observer, an aiohttp for which the fast path isn't fit, and a file of prices
    that gets a mistake.
    """
    Path(str(site.config["pricing.file"])).write_text("no [TOML", encoding="utf-8")
    await play(site, simulator, [_stream("text"), _stream("thinking")], "buggy")
    await asyncio.to_thread(wait_until, lambda: site.gateway.events("not_reloaded"), 20.0, "the mistake told")
    await scraped()


def _stream(name: str, fault: str = "", **how: Any) -> Chain:
    async def one(client: Client) -> None:
        await client.create(name, subject={"model": MODELS[0]}, fault=fault, **how)

    return one


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
