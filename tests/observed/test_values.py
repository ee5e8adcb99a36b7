"""What panels show is true: their queries' values against the books that are made from the simulator's ledger.

Not here: that the gateway's counters are exact (tests/exact). increase() and rate() are no exact subtraction: they
reach out to the ends of their window, or to half a scrape beyond what they saw, so they say a bit more than what was
counted; and a rate times its window says a bit less where the window is wider than what they reach.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

import pytest

from dashboards.pictures.asking import Series
from dashboards.pictures.reading import Query, dashboards
from tests.exact.books import Sample
from tests.exact.words import BUCKETS
from tests.observed.ordinary import MAIN_MODEL, MAIN_TEAM
from tests.observed.world import SCRAPE_S, World

pytestmark = pytest.mark.timeout(300)

MORE: Final = 0.15  # of series that were seen for a few scrapes before the end
CHOSEN: Final = {"model": MAIN_MODEL, "team": MAIN_TEAM}
FORWARDING_S: Final = 0.25  # on a busy machine
NS_PER_S: Final = 1e9


def query(uid: str, title: str, ref: str = "A") -> Query:
    """A query of a dashboard, by the panel's title."""
    (found,) = [
        one
        for board in dashboards()
        if board.uid == uid
        for panel in board.panels
        if panel.title == title
        for one in panel.queries
        if one.ref == ref
    ]
    return found


def by(series: list[Series], *labels: str) -> dict[tuple[str, ...], float]:
    """Newest values by some of their labels; what is nothing is left out."""
    found: Counter[tuple[str, ...]] = Counter()
    for one in series:
        found[tuple(one.labels.get(label, "") for label in labels)] += one.last  # type: ignore[assignment]
    return {key: float(value) for key, value in found.items() if value > 1e-12}


def truth(
    samples: Mapping[Sample, float], name: str, *labels: str, less: Mapping[Sample, float] | None = None, **where: str
) -> dict[tuple[str, ...], float]:
    """The books' samples of a family, added up by labels. less: what they said earlier."""
    found: dict[tuple[str, ...], float] = {}
    for (family, has), value in samples.items():
        own = dict(has)
        if family == name and where.items() <= own.items():
            key = tuple(own.get(label, "") for label in labels)
            found[key] = found.get(key, 0.0) + float(value) - float((less or {}).get((family, has), 0.0))
    return {key: value for key, value in found.items() if value > 1e-12}


def assert_as_told(
    shown: Mapping[tuple[str, ...], float], told: Mapping[tuple[str, ...], float], less: float = 1e-6
) -> None:
    """The same rows, each what is true or a bit more. less: the share by which it may be less."""
    wrong = {
        key: (shown.get(key), told.get(key))
        for key in shown.keys() | told.keys()
        if not told.get(key, 0.0) * (1 - less) <= shown.get(key, 0.0) <= told.get(key, 0.0) * (1 + MORE)
    }

    assert told
    assert wrong == {}


def window_s(world: World) -> int:
    """From when all had been seen once to the end."""
    return math.ceil(world.end_s - world.warm_s)


def narrower(world: World) -> float:
    """By which share a rate's reach can be less than its window: by a scrape and a half."""
    return 1.5 * SCRAPE_S / window_s(world)


def rates(world: World, uid: str, title: str) -> list[Series]:
    """A panel's rates in that window, of what is chosen."""
    return world.ask(query(uid, title).expr, is_instant=True, __rate_interval=f"{window_s(world)}s", **CHOSEN)


def grown(world: World, uid: str, title: str, label: str, per_s: float = 1.0) -> dict[tuple[str, ...], float]:
    """A panel's rates by a label, times that window. per_s: seconds that a rate is about."""
    return {key: value * window_s(world) / per_s for key, value in by(rates(world, uid, title), label).items()}


def test_requests_by_outcome(healthy: World) -> None:
    told = truth(healthy.samples, "requests_total", "outcome", less=healthy.warm, **CHOSEN)
    shown = grown(healthy, "interactions-overview", "Requests by outcome", "outcome")

    assert_as_told(shown, told, narrower(healthy))


def test_tokens_by_type(healthy: World) -> None:
    told = truth(healthy.samples, "tokens_total", "type", less=healthy.warm, **CHOSEN)
    shown = grown(healthy, "interactions-cost", "Tokens by type", "type")

    assert_as_told(shown, told, narrower(healthy))


def test_cost_an_hour_by_type(healthy: World) -> None:
    told = truth(healthy.samples, "cost_usd_total", "type", less=healthy.warm, **CHOSEN)
    shown = grown(healthy, "interactions-cost", "Cost an hour, by type of token", "type", per_s=3600)

    assert_as_told(shown, told, narrower(healthy))


@pytest.mark.parametrize("name", ["healthy", "faulty"])
def test_tokens_of_the_shown_time(name: str, worlds: dict[str, World]) -> None:
    """Of all models and teams, also of series that began in it."""
    world = worlds[name]
    asked = query("interactions-cost", "Tokens by type and modality, shown time")
    shown = world.ask(asked.expr, is_instant=True, instance=world.instances[world.sites[0].name])

    assert_as_told(by(shown, "type", "modality"), truth(world.samples, "tokens_total", "type", "modality"))


@pytest.mark.parametrize("name", ["healthy", "faulty"])
def test_cost_and_waste(name: str, worlds: dict[str, World]) -> None:
    """In dollars, to the last part of a cent."""
    world = worlds[name]
    instance = world.instances[world.sites[0].name]
    for title, family in (("Last 24 h", "cost_usd_total"), ("Wasted, last 24 h", "wasted_cost_usd_total")):
        shown = world.ask(query("interactions-cost", title).expr, is_instant=True, instance=instance)

        assert_as_told(by(shown), truth(world.samples, family))
    for ref, family in (("A", "wasted_cost_usd_total"), ("B", "wasted_tokens_total")):
        asked = query("interactions-cost", "Waste in the shown time", ref)
        shown = world.ask(asked.expr, is_instant=True, instance=instance)

        assert_as_told(by(shown, "reason"), truth(world.samples, family, "reason"))


def test_ends_that_are_not_good(faulty: World) -> None:
    """By model and outcome, with every fault on."""
    asked = query("interactions-errors", "Ends that are not good, shown time")
    shown = by(faulty.ask(asked.expr, is_instant=True, instance=faulty.instances["all"]), "model", "outcome")
    good = {"completed", "requires_action", "requires_continuation", "in_progress"}
    told = truth(faulty.samples, "requests_total", "model", "outcome")

    assert_as_told(shown, {key: value for key, value in told.items() if key[1] not in good})


@pytest.mark.parametrize(("title", "q"), [("First delta, p50", 0.5), ("First delta, p95", 0.95)])
def test_time_to_first_delta(title: str, q: float, healthy: World) -> None:
    """A quantile lies in the bucket of the one that the simulator's clock gives, or as far on as forwarding takes."""
    (shown,) = by(rates(healthy, "interactions-streaming", title)).values()
    times = sorted(first_deltas_s(healthy))
    told = times[min(len(times) - 1, int(q * len(times)))]
    bounds = [0.0, *BUCKETS["time_to_first_delta_seconds"]]
    low = max(bound for bound in bounds if bound <= told)
    high = min(bound for bound in bounds if bound >= told + FORWARDING_S)

    assert len(times) > 20
    assert low <= shown <= high


def first_deltas_s(world: World) -> list[float]:
    """From a request's arrival at the simulator to its first delta, of what CHOSEN chooses, since all was warm."""
    found = []
    for reading in world.sites[0].readings[world.warm_count :]:
        entry = reading.entry
        if reading.route != "create" or reading.team != MAIN_TEAM or reading.subject != MAIN_MODEL or entry is None:
            continue
        sent = [event["t_ns"] for event in entry["events"] if "delta" in event]
        found += [(sent[0] - entry["received_ns"]) / NS_PER_S] if sent else []
    return found
