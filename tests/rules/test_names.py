"""What the rules name exists: metrics, labels and their values in the catalogue, recorded series in the rules."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from dashboards import rules
from dashboards.queries import requests
from gateway.telemetry import names
from gateway.wire.outcome import Outcome
from tests.rules.known import recorded, samples
from tests.rules.rule_files import Rule, all_rules, grouped, selected, words

RULES = list(all_rules(rules.FILLED))
FUNCTIONS = {
    *("sum", "max", "by", "on", "group_left", "rate", "increase", "histogram_quantile", "clamp_min", "absent"),
    *("avg_over_time", "max_over_time", "last_over_time", "and", "or", "unless", "min", "changes"),
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


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.alert or rule.record)
def test_every_name_of_an_expression_exists(rule: Rule) -> None:
    known = {**samples(), **recorded(RULES)}
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
    known = {**samples(), **recorded(RULES)}
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


_DIVISION = re.compile(r" / (?:on \([\w, ]+\) (?:group_left \(\) )?)?(.*)")


def test_nothing_is_divided_by_what_may_be_nothing() -> None:
    """What stands below a fraction is in brackets and over 0."""
    below = [found[1] for rule in RULES for found in _DIVISION.finditer(rule.expr)]

    assert below
    assert [expr for expr in below if not re.match(r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))* > 0\)", expr)] == []
