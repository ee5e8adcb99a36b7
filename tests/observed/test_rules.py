"""Every rule is executed by the Prometheus that scraped both worlds: none fails, and each recorded series is there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.observed.selectors import selectors
from tests.observed.test_selectors import rules
from tests.observed.world import World

pytestmark = pytest.mark.timeout(300)


def test_every_rule_is_evaluated_without_an_error(worlds: Mapping[str, World]) -> None:
    """By the server itself, each second of the run."""
    for world in worlds.values():
        groups = world.api.get("/api/v1/rules")["groups"]
        evaluated = [rule for group in groups for rule in group["rules"]]

        assert [f"{rule['name']}: {rule['lastError']}" for rule in evaluated if rule.get("lastError")] == []
        assert {rule["health"] for rule in evaluated} == {"ok"}
        assert len(evaluated) == len(list(rules()))


def test_every_recording_rule_has_data(worlds: Mapping[str, World]) -> None:
    """In one of the worlds: its expression gives series, and they are recorded under its name."""
    empty = []
    for place, rule in rules():
        if "record" not in rule:
            continue
        given = [one for world in worlds.values() for one in world.api.instant(str(rule["expr"]), world.end_s)]
        recorded = [one for world in worlds.values() for one in world.live(rule["record"])]
        empty += [place] if not given or not recorded else []

    assert empty == []


def test_every_alert_can_be_evaluated_and_is_made_of_live_series(
    worlds: Mapping[str, World], figures: list[str]
) -> None:
    """The whole runs; each of its selectors names series, though all of them together may rightly give nothing."""
    alerts = [(place, rule) for place, rule in rules() if "alert" in rule]
    holding = {world.name: 0 for world in worlds.values()}
    dead = []
    for place, rule in alerts:
        for world in worlds.values():
            holding[world.name] += bool(world.api.instant(str(rule["expr"]), world.end_s))
        named = selectors(str(rule["expr"]))
        dead += [place] if not named or not all(_live(str(one), worlds) for one in named) else []
    figures.append(f"{len(alerts)} alerts evaluated; expressions that hold at the end of the run: {holding}")

    assert dead == []
    assert holding["faulty"] > holding["healthy"]


def _live(selector: str, worlds: Mapping[str, World]) -> bool:
    return any(world.live(selector) for world in worlds.values())
