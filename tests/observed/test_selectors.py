"""Every metric name, every value of a label and every label that is grouped by is one of a live series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from dashboards.pictures.reading import dashboards
from tests.observed.selectors import Selector, label_lists, selectors
from tests.observed.world import World
from tests.stack.configuration import RULES

pytestmark = pytest.mark.timeout(300)

OUTCOMES: Final = "interactions_gateway_requests_total"
READ: Final = [
    pytest.param("up", ["up"], id="a name"),
    pytest.param("rate(a_total[5m])", ["a_total"], id="in a function, over a time"),
    pytest.param('a{b="c", d=~"e|f",}', ['a{b="c",d=~"e|f"}'], id="with conditions"),
    pytest.param("sum by (a) (b) / on (c) group_left (d) e", ["b", "e"], id="labels are no metrics"),
    pytest.param("sum(a) by (b)", ["a"], id="labels may come last"),
    pytest.param("a and b or c unless d", ["a", "b", "c", "d"], id="sets"),
    pytest.param("a offset 1h > bool 1.5e3", ["a"], id="keywords and numbers"),
    pytest.param('{__name__=~"a.*"}', ['{__name__=~"a.*"}'], id="without a name"),
    pytest.param('label_replace(a, "b", "$1", "c", "(.*)")', ["a"], id="strings of a function"),
    pytest.param("max_over_time(a[1h:5m]) # b", ["a"], id="a subquery, and a comment"),
    pytest.param("job:a:rate5m{b!~'c'}", ['job:a:rate5m{b!~"c"}'], id="a recorded name, other quotes"),
]
GROUPED: Final = [
    pytest.param("sum by (a, b) (c)", {"a", "b"}, id="by"),
    pytest.param("a / on (b) group_left (c) d", {"b", "c"}, id="joined"),
    pytest.param('sum by (a) (label_replace(b, "a", "x", "", ""))', set(), id="made by the expression itself"),
]
MISSPELLED: Final = [
    pytest.param("interactions_gateway_request_total", id="a metric"),
    pytest.param('interactions_gateway_requests_total{outcome="complete"}', id="a value"),
    pytest.param('interactions_gateway_requests_total{outcome=~"completed|canceled"}', id="one of several values"),
    pytest.param('interactions_gateway_requests_total{outcome!~"completed|canceled"}', id="one that is left out"),
    pytest.param('interactions_gateway_requests_total{outcom="completed"}', id="a label"),
    pytest.param('interactions_gateway_time_to_first_delta_seconds_bucket{le="0.3"}', id="a bucket's bound"),
    pytest.param('interactions_gateway_errors_total{source="upstream_http", code=~"6.."}', id="a pattern"),
]


@pytest.mark.parametrize(("expression", "expected"), READ)
def test_an_expression_is_read(expression: str, expected: list[str]) -> None:
    assert [str(one) for one in selectors(expression)] == expected


@pytest.mark.parametrize(("expression", "expected"), GROUPED)
def test_labels_that_are_grouped_by_are_read(expression: str, expected: set[str]) -> None:
    assert label_lists(expression) == expected


def test_what_cannot_be_read_is_said() -> None:
    for expression in ("a{b=}", "a[5m", "a{b", "a § b"):
        with pytest.raises(ValueError, match=r"."):
            selectors(expression)


def test_every_selector_names_a_live_series(worlds: Mapping[str, World], figures: list[str]) -> None:
    """And each value of a label in it, alone: of alternatives, and of what is left out."""
    named = dict(_named(_expressions(worlds["healthy"])))
    dead = [f"{place}: {one}" for one, place in named.items() if not _is_live(one, worlds)]
    figures.append(f"{len(named)} selectors of dashboards and rules, {len(dead)} without a live series")

    assert dead == []


def test_every_label_that_is_grouped_by_is_one_of_the_series(worlds: Mapping[str, World]) -> None:
    """In either world: of one of the metrics in the same expression."""
    has: dict[str, set[str]] = {}
    missing = []
    for where, expression in _expressions(worlds["healthy"]):
        labels: set[str] = set()
        for metric in {one.metric for one in selectors(expression)}:
            if metric not in has:
                has[metric] = {label for world in worlds.values() for one in world.live(metric) for label in one}
            labels |= has[metric]
        missing += [f"{where}: {label}" for label in label_lists(expression) - labels]

    assert missing == []


@pytest.mark.parametrize("expression", MISSPELLED)
def test_a_misspelling_is_found(expression: str, worlds: Mapping[str, World]) -> None:
    """The test above would fail for each of these."""
    assert [one for one, _ in _named([("here", expression)]) if not _is_live(one, worlds)]


def _expressions(world: World) -> Iterator[tuple[str, str]]:
    """All of dashboards and rules, filled in, with the place where each stands."""
    for board in dashboards():
        for panel in board.panels:
            yield from ((f"{board.uid} {panel.title!r} {one.ref}", world.filled(one.expr)) for one in panel.queries)
        yield from ((f"{board.uid} annotation", world.filled(one)) for one in board.annotations)
        for variable in board.variables:
            if variable.query.startswith("label_values("):
                selector = world.filled(variable.query).removeprefix("label_values(").rpartition(",")[0]
                yield f"{board.uid} ${variable.name}", selector
    for name, rule in rules():
        yield name, str(rule["expr"])


def rules(folder: Path = RULES) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule of every file, with its place."""
    for file in sorted(folder.glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                yield f"{file.name} {rule.get('alert') or rule['record']}", rule


def _named(expressions: Iterable[tuple[str, str]]) -> Iterator[tuple[Selector, str]]:
    seen: set[Selector] = set()
    for where, expression in expressions:
        for selector in selectors(expression):
            for one in (selector, *selector.named()):
                if one not in seen:
                    seen.add(one)
                    yield one, where


def _is_live(selector: Selector, worlds: Mapping[str, World]) -> bool:
    if any(world.live(str(selector)) for world in worlds.values()):
        return True
    # Outcomes are one list for all families, and no scenario brings each of them about in each family.
    outcome = [one for one in selector.matchers if one.label == "outcome"]
    where = str(Selector(OUTCOMES, tuple(outcome)))
    return bool(outcome) and selector.metric != OUTCOMES and any(world.live(where) for world in worlds.values())
