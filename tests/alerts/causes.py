"""What makes each alert fire: the gateways, and what happens at them.

Not here: how trouble is made (site.py, traffic.py, bugs/), waiting for what comes of it (run.py).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tests.alerts.run import Awaited, Cause
from tests.alerts.site import HANGING, PER_S, Collector, Site, with_bugs, with_prices
from tests.alerts.stage import Setting
from tests.alerts.traffic import Request

PREFIX: Final = "InteractionsGateway"
LATE_S: Final = 2.5  # more than first_delta_threshold_s of alerts.toml, and less than silence_s
BUDGET_USD: Final = 0.000_1
FORWARDER_MODULE: Final = "gateway.forwarder"
SLO_WINDOWS: Final = ("6s", "8s", "10s")  # the long ones of alerts.toml, by which the alerts of a pair are told
UNHEARD_PER_S: Final = 15.0  # so that an observer that hears nothing for a moment has something to lose
# Each costs the observer what redaction may take, a quarter of a second: half as much again as it has.
SLOW_EXPRESSION: Final = r"\w+@\w+"
LONG_PROMPT_BYTES: Final = 1_000_000
LONG_PROMPTS_PER_S: Final = 6.0

_Made = Callable[[Site], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Collectors:
    """Where traces go: one that is there all the time, and one that isn't at first."""

    there: Collector = field(default_factory=Collector)
    away: Collector = field(default_factory=Collector)


def settings(folder: Path, collectors: Collectors) -> list[Setting]:
    """The gateways in trouble, by what kind of trouble that is.

    api: the API misbehaves. own: the gateway has bugs, limits, a file with a mistake, and no collector. killed, dying,
    gone, anew: its processes are killed. slow: its observer has too much to do. starved: the machine has. replaced: its
    forwarders are, all the time.
    """
    budgets = [{"name": "all", "usd": BUDGET_USD, "window": window} for window in ("daily", "monthly")]
    return [
        Setting("api", {"proxy.stall_threshold_s": 1, "budgets": json.dumps(budgets)}),
        Setting(
            "own",
            {"proxy.path": "auto", "proxy.max_open_exchanges": 8, "labels.max_series": 1},
            with_bugs(folder, "own") | with_prices(folder, "own") | collectors.away.variables,
        ),
        Setting("killed"),
        Setting("dying"),
        Setting("gone"),
        Setting("anew"),
        Setting(
            "slow",
            {"capture.content": "span_only", "capture.max_bytes": 1024 * 1024, "capture.redact": SLOW_EXPRESSION},
            collectors.there.variables,
        ),
        Setting("starved"),
        Setting("replaced", {"grace_period_s": 60}),
    ]


def causes(collectors: Collectors) -> list[Cause]:
    """All of them; each alert of config/rules is one of theirs."""
    return [*_of_the_api(), *_of_money(), *_of_the_gateway(collectors.away), *_of_its_processes()]


def may_come_along() -> set[tuple[str, str]]:
    """What the trouble of a gateway may bring along beside the alerts that are awaited of it: gateway and alert.

    An observer that has far too much to do, or is killed, answers scrapes late or not at all; processes that start need
    all of a processor, which their machine may not have, and a replaced forwarder has its memory beside the new one's.
    """
    starting = ("LoopLag", "ProcessBusy")
    found = {
        "own": ("ErrorRatio", "SuccessBudgetBurn", "SilentStream", "MemoryHigh", *starting),
        "killed": ("InstanceDown", "Down", *starting),
        "dying": ("ProcessRestarted", *starting),
        "gone": ("Restarted", *starting),
        "anew": ("InstanceDown", "Down", *starting),
        "slow": ("LoopLag", "RecordsLost", "InstanceDown", "Down"),
        "replaced": ("SilentStream", *starting),
    }
    return {(gateway, PREFIX + name) for gateway, names in found.items() for name in names}


def _of_the_api() -> list[Cause]:
    at = partial(_cause, "api")
    burns = [{"long": window} for window in SLO_WINDOWS]
    return [
        at("503 for an answer", _asked(Request("http_503")), ErrorRatio=[{"code": "503"}], SuccessBudgetBurn=burns),
        at("errors in streams", _asked(Request("error_midstream")), ErrorRatio=[{"source": "upstream_event"}]),
        at("400 for an answer", _asked(Request("http_400")), CallerErrorRatio=[{"code": "400"}]),
        at("heads that come late", _asked(_on("late", fault=f"head-delay={LATE_S}")), FirstDeltaBudgetBurn=burns),
        at("streams that end early", _asked(_on("cut", fault="end-after=4")), BrokenStreams=[{"outcome": "truncated"}]),
        at(
            "streams that break",
            _asked(_on("torn", fault="cut-after=4")),
            BrokenStreams=[{"outcome": "upstream_abort"}],
        ),
        at("streams that hang", _asked(HANGING, per_s=1), SilentStream=[{}]),
        at("streams that stop for a while", _asked(_on("slack", fault=f"stall-after=7:{LATE_S}")), Stalls=[{}]),
        at("words that nobody knows", _asked(Request("unknown_events")), UnknownEvents=[{"what": "event_type"}]),
        at("events that are no JSON", _asked(Request("malformed_json")), InvalidEvents=[{"reason": "json"}]),
        at("answers without usage", _asked(_on("mute", "completed_no_usage")), UsageMissing=[{}]),
        at(
            "models that the settings don't list",
            _asked(Request(model="elsewhere-1")),
            LabelOverflow=[{"label": "model"}],
        ),
    ]


def _of_money() -> list[Cause]:
    at = partial(_cause, "api")
    both = [{"window": "daily"}, {"window": "monthly"}]
    return [
        at(
            "more spent than the budgets have",
            _asked(Request()),
            BudgetNearlySpent=both,
            BudgetSpent=both,
            BudgetBurnFast=both,
            BudgetBurnSlow=both,
        ),
        at(
            "searches of a model without a price",
            _asked(_on("new", "google_search")),
            Unpriced=[{"model": "gemini-new", "type": "output"}],
            UnpricedCalls=[{}],
        ),
    ]


def _of_the_gateway(collector: Collector) -> list[Cause]:
    at = partial(_cause, "own")
    return [
        at("a bug in the tap", _buggy("tap"), TapFaults=[{}]),
        at("a bug in the observer's log", _buggy("sink"), TelemetryFaults=[{"sink": "log"}]),
        at("a collector that isn't there", lambda site: site.without(collector, Request()), ExportsFailing=[{}]),
        at("more series than labels.max_series", _asked(Request()), SeriesLimit=[{}]),
        at("more open streams than are allowed", _asked(HANGING), Full=[{}]),
        at(
            "an aiohttp that isn't known, for a new forwarder",
            lambda site: site.on_a_new_forwarder("aiohttp"),
            UnexpectedPlainPath=[{}],
        ),
        at("a mistake in the file of prices", lambda site: site.mistaken(), ReloadRefused=[{}]),
    ]


def _of_its_processes() -> list[Cause]:
    observer = {"process": "observer"}
    return [
        _cause(
            "killed", "the observer killed", _observer_killed, ProcessRestarted=[observer], RecordsLost=[{}]
        ).brief(),
        _cause(
            "dying",
            "forwarders killed, one after the other",
            _forwarders_killed,
            ProcessLoop=[{"process": "forwarder"}],
        ).brief(),
        _cause("gone", "the gateway killed", lambda site: site.down(), InstanceDown=[{}], Down=[{}]),
        _cause("anew", "the gateway killed and started again", lambda site: site.anew(), Restarted=[{}]).brief(),
        _cause(
            "slow",
            "long prompts captured, and an expression that takes its time over each",
            _asked(Request(prompt_bytes=LONG_PROMPT_BYTES), per_s=LONG_PROMPTS_PER_S),
            RecordLag=[{}],
            ProcessBusy=[observer],
        ),
        _cause(
            "starved",
            "a forwarder that gets no processor, again and again",
            lambda site: site.starved(FORWARDER_MODULE),
            LoopLag=[{"process": "forwarder"}],
        ),
        _cause(
            "replaced", "forwarders replaced that still have streams", lambda site: site.draining(3), MemoryHigh=[{}]
        ),
    ]


def _cause(gateway: str, words: str, made: _Made, **alerts: Sequence[Mapping[str, str]]) -> Cause:
    """alerts: by name without the prefix, the labels of each that is to come."""
    awaited = tuple(Awaited(PREFIX + name, labels) for name, each in alerts.items() for labels in each)
    return Cause(gateway, words, made, awaited)


def _on(model: str, scenario: str = "text", fault: str = "") -> Request:
    """A request for a model that no other cause asks for."""
    return Request(scenario, fault, model=f"gemini-{model}")


def _asked(*requests: Request, per_s: float = PER_S) -> _Made:
    return lambda site: site.asked(*requests, per_s=per_s)


def _buggy(bug: str) -> _Made:
    @asynccontextmanager
    async def made(site: Site) -> AsyncIterator[None]:
        async with site.buggy(bug), site.asked(Request()):
            yield

    return made


@asynccontextmanager
async def _observer_killed(site: Site) -> AsyncIterator[None]:
    async with site.asked(Request(), per_s=UNHEARD_PER_S):
        await site.kill_observer()
        yield


@asynccontextmanager
async def _forwarders_killed(site: Site) -> AsyncIterator[None]:
    for _ in range(3):
        await site.kill_forwarder()
    yield
