"""Which series there are, by their labels: those of the catalogue, and those that the rules record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.telemetry import names
from gateway.telemetry.names import Kind
from tests.rules.rule_files import Rule, grouped, selected

SCRAPE = frozenset({"namespace", "job", "instance", "pod"})  # of Prometheus, and of the chart's monitors

Known = Mapping[str, frozenset[str]]


def samples() -> Known:
    """Names of samples as they are scraped, to their labels."""
    found = {"up": SCRAPE}
    for family in names.FAMILIES:
        labels = SCRAPE.union(family.labels, [names.TEAM_LABEL] if family.by_team else [])
        if family.kind is Kind.HISTOGRAM:
            found[f"{family.name}_bucket"] = labels | {"le"}
            found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
        else:
            found[family.name] = labels
    return found


def recorded(rules: Sequence[Rule]) -> Known:
    """Recorded series, to the labels that they may have: those they are grouped by, or get, or take over."""
    found: dict[str, frozenset[str]] = {}
    for rule in rules:  # what a rule is made of stands before it
        if rule.record:
            over = (found.get(part.metric, frozenset()) for part in selected(rule.expr))
            found[rule.record] = found.get(rule.record, SCRAPE).union(grouped(rule.expr), rule.labels, *over)
    return found
