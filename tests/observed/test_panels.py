"""Every query of every panel and variable is executed: it is understood, it has data, and it is no constant nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from dashboards.pictures.reading import Dashboard, dashboards
from tests.observed.answers import FILE, Answer, answers, write
from tests.observed.ordinary import MAIN_MODEL, MAIN_TEAM
from tests.observed.world import World

pytestmark = pytest.mark.timeout(300)

# Panels that are empty where all is well, by dashboard and title, and the gateway at whose trouble they have data.
# Five at most.
EMPTY_WHEN_HEALTHY: Final[Mapping[tuple[str, str], str]] = {}
MOST_EMPTY: Final = 5
# What no fault makes anything but 0: it says that a promise is kept.
ALWAYS_ZERO: Final = {
    ("interactions-health", "Balance", "A"),  # opened = closed + open + lost
    ("interactions-health", "Captured content", "B"),  # withheld for want of time or of room
    ("interactions-health", "Restarts", "B"),  # of all processes at once; tests/alerts does that to one
}
# Told by the observer, which has read it by then, but for a scrape in the moment when another one has just come.
MOSTLY_ZERO: Final = {
    ("interactions-health", "Waiting for the observer", "A"),
    ("interactions-health", "Age of the oldest that waits", "A"),
}

LEGEND_LABEL: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
LABEL_VALUES: Final = re.compile(r"label_values\((.+),\s*(\w+)\)")


@pytest.fixture(scope="module")
def boards() -> list[Dashboard]:
    """All dashboards, as they are committed."""
    return dashboards()


@pytest.fixture(scope="module")
def found(boards: list[Dashboard], worlds: dict[str, World]) -> list[Answer]:
    """What every query gave, of everything."""
    asked = list(answers(boards, worlds))
    write(asked)
    return asked


def test_every_query_is_understood_and_has_data(found: list[Answer], figures: list[str]) -> None:
    """In one of the two worlds at least; no variable is left in it."""
    wrong = [f"{one.place}: {error}" for one in found for error in one.errors.values()]
    empty = [one.place for one in found if not any(one.series.values())]
    panels = {(one.dashboard.uid, one.panel.id) for one in found}
    figures.append(f"{len(found)} queries of {len(panels)} panels of dashboards, in each of both worlds: {FILE.name}")

    assert wrong == []
    assert empty == []


def test_few_panels_are_empty_where_all_is_well(found: list[Answer]) -> None:
    """These and no others."""
    assert empty_panels(found, "healthy") == set(EMPTY_WHEN_HEALTHY)
    assert len(EMPTY_WHEN_HEALTHY) <= MOST_EMPTY


def test_a_panel_that_was_empty_has_data_where_its_trouble_is(boards: list[Dashboard], faulty: World) -> None:
    """At the one gateway that has that trouble, chosen as people choose it."""
    for (uid, title), gateway in EMPTY_WHEN_HEALTHY.items():
        (board,) = [board for board in boards if board.uid == uid]
        (panel,) = [panel for panel in board.panels if panel.title == title]
        chosen = faulty.instances[gateway]

        assert any(faulty.ask(query.expr, is_instant=query.is_instant, instance=chosen) for query in panel.queries)


def test_every_query_moves_with_some_fault(found: list[Answer]) -> None:
    """A label that is misspelled in a sum gives 0 for ever, which looks like good news."""
    still = {(one.dashboard.uid, one.panel.title, one.query.ref) for one in found if not one.moves()}

    assert still - MOSTLY_ZERO == ALWAYS_ZERO


def test_with_one_model_and_one_team_chosen_all_goes_on(boards: list[Dashboard], healthy: World) -> None:
    """What had data has data, where the traffic of that model and that team has one of everything."""
    everything = {one.place: one for one in answers(boards, {"healthy": healthy})}
    lost = defaultdict(list)
    for name, value in (("model", MAIN_MODEL), ("team", MAIN_TEAM), ("namespace", "demo")):
        for one in answers(boards, {"healthy": healthy}, **{name: value}):
            assert not one.errors, one.place
            if everything[one.place].series["healthy"] and not one.series["healthy"]:
                lost[name].append(one.place)

    assert lost == {}


def test_what_is_not_there_is_not_shown(boards: list[Dashboard], healthy: World) -> None:
    """Each query heeds what is chosen: with a namespace that nobody has, nothing is left."""
    kept = [
        one.place
        for one in answers(boards, {"healthy": healthy}, namespace="nobody's")
        if any(value for series in one.series["healthy"] for _, value in series.points)
    ]

    assert kept == []


def test_legends_name_labels_that_are_there(found: list[Answer]) -> None:
    """A label that is grouped by and does not exist leaves a legend empty."""
    wrong = []
    for one in found:
        named = set(LEGEND_LABEL.findall(one.query.legend))
        has = {label for series in one.series.values() for each in series for label in each.labels}
        wrong += [f"{one.place}: {label}" for label in named - has]

    assert wrong == []


def test_every_variable_has_values(boards: list[Dashboard], healthy: World) -> None:
    """label_values() is Grafana's own: the label of all series that a selector names."""
    asked: dict[str, set[str]] = {}
    for board in boards:
        for variable in board.variables:
            if variable.kind != "query":
                continue
            match = LABEL_VALUES.fullmatch(healthy.filled(variable.query))
            assert match, variable.query
            values = {series[match[2]] for series in healthy.live(match[1]) if match[2] in series}
            assert asked.setdefault(variable.name, values) == values, f"{board.uid}: {variable.name}"

    assert {name for name, values in asked.items() if not values} == set()
    assert asked["namespace"] == {"demo"}
    assert asked["instance"] == set(healthy.instances.values())
    assert asked["model"] >= {MAIN_MODEL, "other", "none"}
    assert asked["team"] >= {MAIN_TEAM, "none", "other"}


def test_annotations_are_understood(boards: list[Dashboard], worlds: dict[str, World]) -> None:
    """They may be empty."""
    for world in worlds.values():
        for board in boards:
            for expression in board.annotations:
                world.ask(expression, is_instant=False)


def empty_panels(found: Sequence[Answer], world: str) -> set[tuple[str, str]]:
    """Panels none of whose queries had data, by dashboard and title."""
    full = {(one.dashboard.uid, one.panel.title) for one in found if one.series[world]}
    return {(one.dashboard.uid, one.panel.title) for one in found} - full
