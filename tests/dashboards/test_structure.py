"""What every dashboard must be, seen in the files that people import: ids, places, variables, units, words, links."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from urllib.parse import unquote

import pytest

from gateway.telemetry import names
from tests.dashboards.committed import DASHBOARDS, ROOT, Dashboard, Json

EVERY = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# A variable of ours, or one of Grafana's own, which begin with two underscores.
VARIABLE = re.compile(r"\$(?:\{(\w+)(?:[.:][^}]*)?\}|(\w+))")
BUILT_IN = {"__rate_interval", "__range", "__from", "__to", "__data", "__url_time_range", "__all_variables", "__all"}
SAYS_AT_LEAST = 40  # characters; less explains nothing


# tests/rules holds that each has its page in docs/runbook.
ALERTS = {
    name
    for path in (ROOT / "config" / "rules").glob("*.yml")
    for name in re.findall(r"- alert: (\w+)", path.read_text(encoding="utf-8"))
}


def texts(value: object) -> list[str]:
    """All strings in a JSON value, but for the variables' own definitions."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key != "templating" for text in texts(inner)]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else []


def named(found: list[str]) -> set[str]:
    return {match[1] or match[2] for text in found for match in VARIABLE.finditer(text)}


def test_there_are_five_with_one_uid_and_title_each() -> None:
    assert len(DASHBOARDS) == 5
    assert [dashboard.name for dashboard in DASHBOARDS] == [dashboard.json["uid"] for dashboard in DASHBOARDS]
    assert len({dashboard.json["title"] for dashboard in DASHBOARDS}) == 5


@EVERY
def test_ids_are_unique_and_so_are_names_of_queries(dashboard: Dashboard) -> None:
    ids = Counter(item["id"] for item in dashboard.placed)
    refs = [[target["refId"] for target in panel["targets"]] for panel in dashboard.panels]

    assert max(ids.values()) == 1
    assert min(ids) > 0
    assert all(refs)
    assert [len(set(of_panel)) for of_panel in refs] == [len(of_panel) for of_panel in refs]


@EVERY
def test_titles_tell_panels_apart(dashboard: Dashboard) -> None:
    """A figure and its picture may have one title; two of the same kind may not."""
    titles = Counter((panel["title"], panel["type"]) for panel in dashboard.panels)

    assert max(titles.values()) == 1


@EVERY
def test_nothing_overlaps_and_all_is_on_the_grid(dashboard: Dashboard) -> None:
    places = [(item["title"], item["gridPos"]) for item in dashboard.placed]

    assert [title for title, place in places if place["x"] + place["w"] > COLUMNS] == []
    assert [(one[0], two[0]) for one, two in combinations(places, 2) if overlap(one[1], two[1])] == []


def overlap(one: Json, two: Json) -> bool:
    return bool(
        one["x"] < two["x"] + two["w"]
        and two["x"] < one["x"] + one["w"]
        and one["y"] < two["y"] + two["h"]
        and two["y"] < one["y"] + one["h"]
    )


@EVERY
def test_the_first_row_answers_whether_it_is_all_right(dashboard: Dashboard) -> None:
    """It is open, it is all figures, and at least half of them have limits."""
    first, *rest = dashboard.json["panels"]
    figures = rest[: next(at for at, item in enumerate(rest) if item["type"] == "row")]
    limited = [panel for panel in figures if len(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]) > 1]

    assert (first["title"], first["collapsed"]) == ("Is it all right?", False)
    assert {panel["type"] for panel in figures} == {"stat"}
    assert len(limited) * 2 >= len(figures)


@EVERY
def test_the_data_source_is_always_the_variable(dashboard: Dashboard) -> None:
    assert [panel["title"] for panel in dashboard.panels if panel["datasource"] != DATASOURCE] == []
    assert [panel["title"] for panel, target in dashboard.targets if target["datasource"] != DATASOURCE] == []
    asked = [variable for variable in dashboard.variables.values() if variable["type"] == "query"]
    assert asked
    assert [variable["name"] for variable in asked if variable["datasource"] != DATASOURCE] == []


@EVERY
def test_variables_are_those_that_are_used(dashboard: Dashboard) -> None:
    defined = {name: texts(variable) for name, variable in dashboard.variables.items()}
    used = named(texts(dashboard.json) + [text for own in defined.values() for text in own])

    assert used - BUILT_IN == set(defined)


@EVERY
def test_a_choice_may_be_left_alone(dashboard: Dashboard) -> None:
    """All is `.*`, which a missing label matches: no namespace outside a cluster, no team unless it is set up."""
    for variable in dashboard.variables.values():
        if variable["type"] == "query":
            assert variable["allValue"] == ".*"
            assert variable["includeAll"]
            assert variable["current"]["value"] == "$__all"
        assert variable["label"]
        assert variable["description"]


@EVERY
def test_every_panel_says_what_it_shows_in_which_unit_and_what_is_bad(dashboard: Dashboard) -> None:
    short = [panel["title"] for panel in dashboard.panels if len(panel["description"]) < SAYS_AT_LEAST]
    open_ended = [panel["title"] for panel in dashboard.panels if not panel["description"].endswith((".", "?"))]

    assert short == []
    assert open_ended == []
    for panel in dashboard.panels:
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        first, *limits = defaults["thresholds"]["steps"]
        assert first["value"] is None, panel["title"]
        values = [step["value"] for step in limits]
        assert values == sorted(set(values)), panel["title"]


@EVERY
def test_panels_of_one_moment_ask_once_and_courses_ask_for_a_course(dashboard: Dashboard) -> None:
    for panel, target in dashboard.targets:
        once = {"stat": None, "table": True, "bargauge": True, "timeseries": False, "heatmap": False}[panel["type"]]
        assert target["instant"] != target["range"]
        assert once in (None, target["instant"]), panel["title"]


@EVERY
def test_links_lead_somewhere(dashboard: Dashboard) -> None:
    """To dashboards that exist, pages that exist, and traces by attributes that exist."""
    uids = {other.name for other in DASHBOARDS}
    others = [link["url"] for link in dashboard.json["links"] if link["url"].startswith("/d/")]
    assert {url.removeprefix("/d/") for url in others} == uids - {dashboard.name}
    for link in dashboard.json["links"]:
        assert link["keepTime"] == link["includeVars"] == link["url"].startswith("/d/")
    for url in dashboard.addresses:
        if url.startswith("/d/"):
            assert url.removeprefix("/d/").partition("?")[0] in uids
        elif url == "${runbook}/${__data.fields.alertname}.md":
            continue
        elif url.startswith("${runbook}/"):
            page = url.removeprefix("${runbook}/").removesuffix(".md")
            assert page in {*ALERTS, "README"}, url
        else:
            assert url.startswith("/explore?")
            asked = set(re.findall(r"span\.([\w.]+)", unquote(url)))
            assert asked, url
            assert {name for name in asked if not any(known.matches(name) for known in names.ATTRIBUTES)} == set()


def test_every_alert_has_a_panel_that_leads_to_its_page() -> None:
    pages = {url.removeprefix("${runbook}/").removesuffix(".md") for board in DASHBOARDS for url in board.addresses}

    assert ALERTS
    assert ALERTS - pages == set()
