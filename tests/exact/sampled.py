"""A gateway that keeps some traces only: what it is asked for, and which of its traces there must be.

Not here: the gateways that keep all (stage.py), what must hold (test_sampled.py).
Source: design.md 6 and the settings' own words. Every exchange's trace id is known here: its client gave it, or it
follows from the interaction's id. How long an exchange took is taken from the log, since nobody else knows it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.simulator.catalogue import scenarios
from gateway.simulator.server import Simulator
from tests.exact import attribution, stage
from tests.exact.books import Account
from tests.exact.client import Client, until
from tests.exact.facts import Reading
from tests.exact.plan import TRACEPARENT
from tests.exact.playing import play, settled, when
from tests.exact.singles import LARGE, MODELS, Chain, subject_of
from tests.exact.site import Site
from tests.exact.spans import derived
from tests.exact.traces import arrange
from tests.exact.words import ERRORS
from tests.gateway_process import Scrape

SEED: Final = 20261127
RATIO: Final = 0.3
SLOW_S: Final = 2.5
LATE_S: Final = 0.9
COSTLY_USD: Final = 0.002
KEPT_MODEL: Final = MODELS[2]
KEPT_AGENTS: Final = "deep-"
KEPT_TEAM: Final = "search"
CONFIG: Final[Mapping[str, object]] = {
    "traces.keep_ratio": RATIO,
    "traces.keep_slower_than_s": SLOW_S,
    "traces.keep_first_delta_slower_than_s": LATE_S,
    "traces.keep_costlier_than_usd": COSTLY_USD,
    "traces.keep_models": f"{KEPT_MODEL},{KEPT_AGENTS}*",
    "traces.keep_teams": KEPT_TEAM,
    "proxy.stall_threshold_s": 0.5,
}
RULES: Final = ("ratio", "model", "team", "error", "stall", "slow", "cost", "first_delta")
ANONYMOUS: Final = ("text", "thinking", "google_search", "unary", "failed", "cancelled")  # their answers have an id


@dataclass(slots=True)
class Sampled:
    """The site, and what was to be kept. rules: by exchange, empty where none keeps it. openmetrics: a last scrape."""

    site: Site
    openmetrics: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    trace_ids: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def spans(self, *, kept: bool) -> int:
        """How many spans the exchanges have that are kept, or not."""
        return sum(size for key, size in self.sizes.items() if bool(self.rules[key]) is kept)


def run() -> Sampled:
    """Play it."""
    return asyncio.run(_run())


async def _run() -> Sampled:
    simulator = Simulator(pace=0.0)
    port = await simulator.start("127.0.0.1", 0)
    try:
        with ExitStack() as stack:
            asked = stage.Asked("sampled", port, 2, CONFIG, scheme=attribution.NAMED)
            site = await asyncio.to_thread(stage._start, stack, asked)
            await play(site, simulator, stage._plan(simulator, site, site).first(), "first")
            await settled(site)
            await play(site, simulator, list(_chains()), "c")
            await settled(site)
            await until(lambda: all(entry["ended"] != "open" for entry in simulator.ledger()), "the ledger is at rest")
            stage._read(site, simulator.ledger())
            sampled = Sampled(site)
            site.log_lines = site.gateway.log_lines()
            _expect(sampled)
            await _collect(sampled)
        return sampled
    finally:
        await simulator.close()


def _chains() -> Iterator[Chain]:
    """Every scenario in a trace of its client's; some in none; slow, late and stalled ones; polls; other routes."""
    for turn, name in enumerate(name for name in scenarios() if name not in LARGE):
        yield _one(name, turn)
        if name in ANONYMOUS:
            for more in range(4):
                yield _one(name, turn + more, named=False)
    for turn in range(18):
        yield _one("text", turn, fault="head-delay=2.8")  # slow, and its first delta late
        yield _one("text", turn, fault="stall-after=2:1.1")  # late only
        yield _one("text", turn, fault="stall-after=7:0.8")  # in the midst of its answer: a stall
        yield _one("thinking", turn, fault="cut-after=7")
        yield _one("text", turn, fault="hold-after=6", leave_after=6)
        yield _polled
        yield _elsewhere


def _one(name: str, turn: int, *, named: bool = True, **how: Any) -> Chain:
    scenario = scenarios()[name]
    more = {"background": True} if scenario.agent else {}

    async def chain(client: Client) -> None:
        parent = _parent(client.name) if named else ""
        subject = subject_of(name, turn)
        await client.create(
            name, subject=subject, stream=scenario.kind == "stream", more=more, traceparent=parent, **how
        )

    return chain


async def _polled(client: Client) -> None:
    """Two exchanges of one trace: what the ratio says holds for both."""
    parent = _parent(client.name)
    created = await client.create("unary", subject={"model": MODELS[0]}, stream=False, traceparent=parent)
    await client.get(created.id, traceparent=parent)


async def _elsewhere(client: Client) -> None:
    await client.ask("GET", "/v1beta/models", traceparent=_parent(client.name))


def _parent(name: str) -> str:
    own = random.Random(f"{SEED} {name}")
    flag = own.choice(("00", "01"))  # which must not matter
    return TRACEPARENT.format(trace=own.getrandbits(128) | 1 << 127, span=own.getrandbits(64) or 1)[:-2] + flag


def _expect(sampled: Sampled) -> None:
    site = sampled.site
    lines = {(line["trace_id"], line["route"]): line for line in site.log}
    accounts = {account.reading.key: account for account in site.books.accounts}
    for key, (reading, expected) in site.expected.items():
        trace_id = _trace_id(reading)
        sampled.trace_ids[key] = trace_id
        line = lines[trace_id, reading.route]
        if line.get("stalled"):
            assert reading.entry is not None
            assert reading.entry["scenario"] == "text"  # the one that is made to
            expected.children[0].attributes["interactions.stalled"] = True
            site.books.samples["stalls_total", frozenset({("model", accounts[key].model)})] += 1
        rule = _rule(accounts[key], trace_id, line)
        sampled.rules[key] = rule
        sampled.sizes[key] = expected.count()
        expected.attributes["interactions.kept_by"] = rule


def _trace_id(reading: Reading) -> str:
    if reading.did.traceparent:
        return reading.did.traceparent[3:35]
    assert reading.interaction_id is not None, reading.key
    return derived(reading.interaction_id)[0]


def _rule(account: Account, trace_id: str, line: Mapping[str, Any]) -> str:
    """The first rule, in their order, that keeps an exchange."""
    reading = account.reading
    usd = account.priced.get("interactions.cost_usd", 0.0)
    assert isinstance(usd, float)
    asked = {reading.asked.get("model"), reading.asked.get("agent")}
    answered = {reading.model, reading.agent}
    holds = {
        "ratio": int(trace_id[16:], 16) / 2**64 < RATIO,
        "model": _is_named(asked),
        "team": reading.tags.get("team") == KEPT_TEAM,
        "model ": _is_named(answered),  # told by the answer alone, hence after what is known from the beginning
        "error": reading.outcome in ERRORS or reading.error_events > 0,
        "stall": line.get("stalled") is True,
        "slow": line["duration_ms"] > SLOW_S * 1000,
        "cost": usd > COSTLY_USD,
        "first_delta": reading.route == "create" and line.get("first_delta_ms", 0) > LATE_S * 1000,
    }
    return next((name.strip() for name, held in holds.items() if held), "")


def _is_named(names: set[Any]) -> bool:
    return any(name and (name == KEPT_MODEL or str(name).startswith(KEPT_AGENTS)) for name in names)


async def _collect(sampled: Sampled) -> None:
    site, wanted = sampled.site, sampled.spans(kept=True)

    def is_sent(scrape: Scrape) -> bool:
        return scrape.value("spans_total", result="exported") == len(site.receiver.spans) > 0

    try:
        await asyncio.to_thread(site.receiver.wait_for, lambda spans: len(spans) >= wanted, 5.0)
    except TimeoutError:
        pass  # the comparison of the spans says which are missing
    await when(site, is_sent)
    site.spans = site.receiver.spans
    site.arrived = arrange(site.spans)
    site.texts.append(await asyncio.to_thread(site.gateway.metrics_text))
    accept = "application/openmetrics-text"
    sampled.openmetrics = await asyncio.to_thread(site.gateway.metrics_text, accept)
