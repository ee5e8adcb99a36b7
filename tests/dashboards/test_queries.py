"""Every query names series, labels and values that exist, and Prometheus can read it.

Not here: whether it returns anything, which a Prometheus that has scraped a gateway says (tests/observed).
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from dashboards.queries import cost, health, latency, objectives, oddities, requests
from gateway.telemetry import names
from gateway.telemetry.catalogue import Family, Kind
from gateway.wire.outcome import Outcome, Route
from tests.dashboards.committed import DASHBOARDS, Dashboard
from tests.dashboards.expressions import Selector, read
from tests.tools.programs import program

EVERY = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
# What Prometheus itself has of rules.
ALERTS = Family("ALERTS", Kind.GAUGE, ("alertname", "alertstate", "severity"), "Alerts that are pending or fire.")
FAMILIES = {family.name: family for family in (*names.FAMILIES, ALERTS)}
OF_THE_SCRAPE = {"job", "instance", "namespace", "pod"}
BESIDE = (names.SERIES, ALERTS)  # not what a query is about, or not ours
QUERIES = (cost, health, latency, objectives, oddities, requests)
CHOICES = frozenset({"namespace", "instance", "model", "team"})
EXEMPLARS = {names.FIRST_DELTA, names.REQUEST_DURATION, names.STREAM_MAX_GAP, names.ERRORS}
LABEL_IN_LEGEND = re.compile(r"\{\{(\w+)\}\}")
SUBSTITUTES = {"$__rate_interval": "1m", "$__range": "1h"}
# What a label of a closed set may be, by family where the same word means something else.
VALUES: dict[str, set[str]] = {
    "outcome": set(Outcome),
    "route": set(Route),
    "mode": set(names.MODES),
    "kind": {*names.DELTA_KINDS, *names.LOST_KINDS},
    "state": {*names.STEP_STATES, *names.CONNECTION_STATES},
    "source": set(names.ERROR_SOURCES),
    "type": {*names.TOKEN_TYPES},
    "process": set(names.PROCESSES),
    "resumed": set(names.RESUMED),
    "window": {"daily", "monthly"},
    "event_type": set(names.EVENT_TYPES),
    "result": {"ok", *names.SPAN_RESULTS, *(result for _, _, result in names.TOOL_CALL_DOMAIN)},
}


def family_of(selector: Selector) -> Family:
    """The family that a selector is of; KeyError if there is none."""
    if selector.name in FAMILIES:
        return FAMILIES[selector.name]
    name, _, part = selector.name.rpartition("_")
    if part not in ("bucket", "sum", "count") or FAMILIES[name].kind is not Kind.HISTOGRAM:
        raise KeyError(selector.name)
    return FAMILIES[name]


def labels_of(selector: Selector) -> set[str]:
    family = family_of(selector)
    own = {*family.labelled(teams=True).labels, *OF_THE_SCRAPE}
    return own | {"le"} if selector.name.endswith("_bucket") else own


@EVERY
def test_series_and_labels_exist(dashboard: Dashboard) -> None:
    for panel, target in dashboard.targets:
        found = read(target["expr"])
        assert found.selectors, panel["title"]
        known: set[str] = set()
        for selector in found.selectors:
            labels = labels_of(selector)
            assert {label for label, _, _ in selector.matchers} - labels == set(), panel["title"]
            known |= labels
        assert found.grouped_by - known - found.made == set(), panel["title"]


@EVERY
def test_every_series_is_narrowed_by_what_can_be_chosen(dashboard: Dashboard) -> None:
    """And all series of a query by the same, or a share of one team's tokens might be above 1."""
    for panel, target in dashboard.targets:
        selectors = [selector for selector in read(target["expr"]).selectors if family_of(selector) not in BESIDE]
        common = CHOICES.intersection(*map(labels_of, selectors))
        for selector in selectors:
            chosen = {label: match for label, *match in selector.matchers if label in CHOICES}
            assert chosen == {choice: ["=~", f"${choice}"] for choice in common}, panel["title"]


@EVERY
def test_a_panel_says_what_does_not_narrow_it(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        for choice in {"model", "team"} & set(dashboard.variables):
            heeds = [f"${choice}" in target["expr"] for target in panel["targets"]]
            said = re.search(rf"(Not narrowed by the chosen|The chosen)[^.:]*\b{choice}\b", panel["description"])
            assert bool(said) != all(heeds), panel["title"]


@EVERY
def test_values_of_closed_labels_exist(dashboard: Dashboard) -> None:
    for panel, target in dashboard.targets:
        for selector in read(target["expr"]).selectors:
            for label, operator, value in selector.matchers:
                if label in VALUES:
                    words = set(value.split("|")) if operator.endswith("~") else {value}
                    assert words - VALUES[label] == set(), panel["title"]


@EVERY
def test_buckets_exist(dashboard: Dashboard) -> None:
    for panel, target in dashboard.targets:
        for selector in read(target["expr"]).selectors:
            for label, _, value in selector.matchers:
                if label == "le":
                    bounds = {repr(float(bound)) for bound in family_of(selector).bounds}
                    assert value in bounds, panel["title"]


@EVERY
def test_legends_show_labels_that_the_query_keeps(dashboard: Dashboard) -> None:
    for panel, target in dashboard.targets:
        shown = set(LABEL_IN_LEGEND.findall(target.get("legendFormat", "")))
        found = read(target["expr"])
        assert shown <= found.grouped_by | found.made, panel["title"]
        if panel["type"] in ("timeseries", "bargauge", "heatmap"):
            assert target["legendFormat"], panel["title"]


@EVERY
def test_several_queries_of_a_panel_can_be_told_apart(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        legends = [target.get("legendFormat") for target in panel["targets"]]
        if panel["type"] == "table":
            legends = list(panel["transformations"][1]["options"]["renameByName"].values())
        assert len(set(legends)) == len(panel["targets"]), panel["title"]


@EVERY
def test_exemplars_are_asked_of_families_that_have_them(dashboard: Dashboard) -> None:
    for panel, target in dashboard.targets:
        if target.get("exemplar"):
            families = {family_of(selector) for selector in read(target["expr"]).selectors} - {names.SERIES}
            assert families <= EXEMPLARS, panel["title"]


@EVERY
def test_counters_are_never_shown_as_they_stand(dashboard: Dashboard) -> None:
    """A counter's value says when the gateway was started; only the balance, which is a difference, uses it."""
    for panel, target in dashboard.targets:
        if panel["title"] == "Balance":
            continue
        for selector in read(target["expr"]).selectors:
            if family_of(selector).kind is Kind.GAUGE:
                continue
            after = re.findall(re.escape(selector.name) + r"\{[^}]*\}(.?)", target["expr"])
            assert set(after) == {"["}, panel["title"]


@EVERY
def test_a_least_step_stands_only_where_no_query_is_as_wide_as_the_step(dashboard: Dashboard) -> None:
    """Grafana takes a least step for the scrape interval: $__rate_interval would be wrong where scrapes are rarer."""
    for panel in dashboard.panels:
        if "interval" in panel:
            assert not any("$__rate_interval" in target["expr"] for target in panel["targets"]), panel["title"]


def test_every_family_is_on_a_dashboard() -> None:
    """What is measured is looked at."""
    seen = {
        family_of(selector).name
        for dashboard in DASHBOARDS
        for _, target in dashboard.targets
        for selector in read(target["expr"]).selectors
    }

    assert seen == set(FAMILIES)


def test_every_query_is_asked() -> None:
    """A name in dashboards/queries that no panel uses is no question."""
    asked = "\n".join(target["expr"] for dashboard in DASHBOARDS for _, target in dashboard.targets)
    unused = {
        f"{module.__name__}.{name}"
        for module in QUERIES
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and "(" in value and value not in asked
    }

    assert unused == set()


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    """As rules, since promtool checks those; variables stand inside texts, where anything may."""
    rules = []
    for dashboard in DASHBOARDS:
        for panel, target in dashboard.targets:
            expr = target["expr"]
            for variable, value in SUBSTITUTES.items():
                expr = expr.replace(variable, value)
            rules.append(
                {"record": f"q:{dashboard.name.replace('-', '_')}:{panel['id']}:{target['refId']}", "expr": expr}
            )
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
