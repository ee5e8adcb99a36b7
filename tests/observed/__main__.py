"""`make pictures`: two minutes of varied traffic through real gateways before the simulator, and the dashboards drawn.

    python -m tests.observed [--seconds 120] [--out docs/dashboards]

Not here: what is drawn and how (dashboards/pictures), what must hold (the tests).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from dashboards.pictures.__main__ import OUT
from dashboards.pictures.__main__ import main as draw
from gateway.simulator.server import Simulator
from tests.exact.attribution import NAMED
from tests.exact.client import Client, Did
from tests.exact.singles import MODELS, Chain
from tests.gateway_process import GatewayProcess
from tests.observed import ordinary
from tests.observed.tls_front import tls_front
from tests.otlp_receiver import OtlpReceiver
from tests.prometheus_process import Prometheus, prometheus
from tests.stack.configuration import prometheus_config

SEED: Final = 20261127
SCRAPE_S: Final = 2
STARTS_PER_S: Final = 5.0
SWING: Final = 0.6  # of that rate, up and down
SWING_S: Final = 50.0
FAULT_RATIO: Final = 0.06
FAULTS: Final = (
    *(("text", "cut-after=7"), ("text", "end-after=6"), ("thinking", "no-head"), ("http_429", ""), ("http_503", "")),
    *(("error_midstream", ""), ("unknown_events", ""), ("truncated", ""), ("failed", ""), ("http_400", "")),
    *(("text", "stall-after=6:3"), ("text", "head-delay=4"), ("unary_malformed", ""), ("usage_missing_fields", "")),
)
BUDGETS: Final = [
    {"name": "all", "usd": 1.0, "window": "daily"},
    {"name": "all", "usd": 25.0, "window": "monthly"},
    {"name": "search", "usd": 0.5, "window": "daily", "team": "search"},
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code of drawing."""
    parser = argparse.ArgumentParser(prog="python -m tests.observed", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="of traffic (default 120)")
    parser.add_argument("--out", default=str(OUT), help=f"where the pictures go (default {OUT})")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interactions-gateway-pictures-")))
        api, start_s, end_s = asyncio.run(_watched(stack, folder, options.seconds))
        return draw(["--prometheus", api.url, "--out", options.out, "--from", f"{start_s}", "--to", f"{end_s}"])


async def _watched(stack: ExitStack, folder: Path, seconds: float) -> tuple[Prometheus, float, float]:
    """Traffic before a Prometheus, which runs on; gives its API and the time of the traffic."""
    simulator = Simulator(pace=1.0)
    port = await simulator.start("127.0.0.1", 0)
    try:
        async with tls_front(port, folder) as (url, authority):
            receiver = stack.enter_context(OtlpReceiver())
            config = {
                **NAMED.config,
                "proxy.ca_file": authority,
                "proxy.stall_threshold_s": 2,
                "capture.content": "EVENT_ONLY",
                "budgets": json.dumps(BUDGETS),
            }
            env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
            gateways = [GatewayProcess(url, 2, env=env, config=config) for _ in range(2)]
            for gateway in gateways:
                await asyncio.to_thread(stack.enter_context, gateway)
            scraped = prometheus_config("", "", f"{SCRAPE_S}s")
            del scraped["alerting"]
            targets = [gateway.admin_url.removeprefix("http://") for gateway in gateways]
            scraped["scrape_configs"][0]["static_configs"] = [{"targets": targets, "labels": {"namespace": "demo"}}]
            api = await asyncio.to_thread(stack.enter_context, prometheus(scraped, folder / "prometheus"))
            start_s = time.time()
            await _traffic([gateway.url for gateway in gateways], simulator, seconds)
            return api, start_s, time.time()
    finally:
        await simulator.close()


async def _traffic(urls: Sequence[str], simulator: Simulator, seconds: float) -> None:
    """Chains at a rate that swings, in turn at each gateway; what is open at the end is left."""
    own = random.Random(SEED)
    began_s = time.monotonic()
    open_now: set[asyncio.Task[None]] = set()
    for number, chain in enumerate(_chains(own)):
        past_s = time.monotonic() - began_s
        if past_s >= seconds:
            break
        name = f"demo-first{number}" if own.random() < 0.3 else f"demo-{number}"
        task = asyncio.create_task(_played(chain, name, urls[number % len(urls)], simulator))
        open_now.add(task)
        task.add_done_callback(open_now.discard)
        await asyncio.sleep(1 / (STARTS_PER_S * (1 + SWING * math.sin(2 * math.pi * past_s / SWING_S))))
    for task in open_now:
        task.cancel()
    await asyncio.gather(*open_now, return_exceptions=True)


async def _played(chain: Chain, name: str, url: str, simulator: Simulator) -> None:
    did: list[Did] = []
    async with Client(name, url, simulator, did) as client:
        await chain(client)


def _chains(own: random.Random) -> Iterator[Chain]:
    """Ordinary ones without end, and now and then one that goes wrong."""
    while True:
        for chain in ordinary.chains(4, seed=own.randrange(2**32)):
            yield chain
            if own.random() < FAULT_RATIO:
                yield _wrong(*own.choice(FAULTS), own.choice(MODELS[:3]))


def _wrong(scenario: str, fault: str, model: str) -> Chain:
    async def play(client: Client) -> None:
        stream = not scenario.startswith("unary")
        await client.create(scenario, subject={"model": model}, stream=stream, fault=fault)

    return play


if __name__ == "__main__":
    sys.exit(main())
