"""What the rules name exists: metrics, labels and their values in the catalogue, recorded series in the rules."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from dashboards import rules
from dashboards.queries import requests
from gateway.telemetry import names
from gateway.telemetry.names import Kind
from gateway.wire.outcome import Outcome
from tests.rules.rule_files import Rule, all_rules, grouped, selected, words

RULES = list(all_rules(rules.FILLED))
SCRAPE = {"namespace", "job", "instance", "pod"}  # of Prometheus and of the chart's monitors
FUNCTIONS = {
    *("sum", "max", "by", "on", "group_left", "rate", "increase", "histogram_quantile", "clamp_min", "absent"),
    *("avg_over_time", "max_over_time", "last_over_time", "and", "or", "unless"),
}
CLOSED: Mapping[str, tuple[str, ...]] = {
    "source": names.ERROR_SOURCES,
    "kind": names.DELTA_KINDS,
    "process": names.PROCESSES,
    "mode": names.MODES,
    "outcome": tuple(Outcome),
    "result": tuple({*names.SPAN_RESULTS, *names.CONTENT_EVENT_RESULTS}),
    "label": names.OVERFLOWING_LABELS,
    "reason": (*names.REJECTIONS, *names.INVALIDS),
    "window": ("daily", "monthly"),
}


def samples() -> Mapping[str, frozenset[str]]:
    """Names of samples as they are scraped, to their labels."""
    found = {"up": frozenset(SCRAPE)}
    for family in names.FAMILIES:
        labels = frozenset({*family.labels, *SCRAPE, *(["team"] if family.by_team else [])})
        if family.kind is Kind.HISTOGRAM:
            found |= {f"{family.name}_bucket": labels | {"le"}}
            found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
        else:
            found[family.name] = labels
    return found


def recorded() -> Mapping[str, frozenset[str]]:
    """Recorded series, to the labels that they may have."""
    return {
        record: frozenset().union(
            *(grouped(rule.expr) | set(rule.labels) | SCRAPE for rule in RULES if rule.record == record),
            *(
                recorded_labels
                for rule in RULES
                if rule.record == record
                for part in selected(rule.expr)
                for recorded_labels in (grouped(other.expr) for other in RULES if other.record == part.metric)
            ),
        )
        for record in {rule.record for rule in RULES if rule.record}
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.alert or rule.record)
def test_every_name_of_an_expression_exists(rule: Rule) -> None:
    known = {**samples(), **recorded()}
    parts = selected(rule.expr)

    assert parts
    assert words(rule.expr) <= FUNCTIONS
    for part in parts:
        assert part.metric in known
        assert set(part.matchers) <= known[part.metric], part.metric
    labels = frozenset().union(*(known[part.metric] for part in parts))
    assert grouped(rule.expr) <= labels | {"le"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.alert or rule.record)
def test_every_value_that_is_matched_is_one_of_its_set(rule: Rule) -> None:
    for part in selected(rule.expr):
        for label, pattern in part.matchers.items():
            if label in CLOSED:
                assert set(pattern.split("|")) <= set(CLOSED[label]), label


def test_the_texts_name_labels_that_the_alert_has() -> None:
    known = {**samples(), **recorded()}
    for rule in RULES:
        named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule.annotations.values())))

        assert named <= frozenset().union(*(known[part.metric] for part in selected(rule.expr))), rule.alert


def test_recorded_names_say_their_level_and_their_operation() -> None:
    """`level:metric:operation`; what is spent of a budget is a name of its own, as public as the families."""
    names_ = {rule.record for rule in RULES if rule.record} - {"interactions_gateway_budget_spent_usd"}

    assert [name for name in names_ if not re.fullmatch(r"[a-z_]+:interactions_gateway_[a-z_]+:[a-z0-9_]+", name)] == []


def test_good_ends_are_the_same_to_rules_and_dashboards() -> None:
    (judged,) = [rule for rule in RULES if rule.record == "job:interactions_gateway_requests_ended:rate"]
    (bad,) = [rule for rule in RULES if rule.record == "job:interactions_gateway_requests_bad:rate"]
    not_judged = set(selected(judged.expr)[0].matchers["outcome"].split("|"))
    not_bad = set(selected(bad.expr)[0].matchers["outcome"].split("|"))

    assert not_judged == set(requests.NOT_JUDGED)
    assert not_bad == {*requests.GOOD, *requests.NOT_JUDGED}
