"""The run's money, compared to the last decimal: every series of cost and waste, the spans' and the log's figures.

The truth is computed from the run's own price file (cost.py), in fractions.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.exact import cost
from tests.exact.site import Result
from tests.exact.test_exact import report

pytestmark = pytest.mark.timeout(240)

FIELDS = ("cost_usd", "cost_parts_usd", "cost_tier", "unpriced_tokens", "unpriced_calls", "wasted")


def test_the_series_of_cost_are_what_the_usages_come_to(result: Result, tables: list[str]) -> None:
    differences = []
    for site in result.sites:
        found = cost.scraped(site.texts[-1])
        differences += [f"{site.name}: {line}" for line in cost.differences(site.books.costs.samples, found)]
        spent = found[("budget_cost_usd_total", frozenset({("budget", "all")}))]
        tables.append(f"{site.name}: {len(found)} samples of cost compared, {float(spent):f} US dollars in all")

    assert not differences, report(differences)


def test_the_run_has_every_kind_of_price(result: Result) -> None:
    """Each tier, each type, both bases, a context above its step, cached input, calls, and what has no price."""
    samples = result.sites[0].books.costs.samples
    seen = {(label, value) for name, labels in samples if name == "cost_usd_total" for label, value in labels}
    seen |= {(name, dict(labels)["type"]) for name, labels in samples if name == "cost_unpriced_tokens_total"}
    wasted = {dict(labels)["reason"] for name, labels in samples if name == "wasted_cost_usd_total"}

    assert {value for label, value in seen if label == "tier"} == {"standard", "flex", "priority", "deferred"}
    assert {value for label, value in seen if label == "type"} == {
        *("input", "output", "thought", "tool_use", "unattributed", "grounding"),
    }
    assert {value for label, value in seen if label == "basis"} == {"final", "running"}
    assert {value for label, value in seen if label == "cost_unpriced_tokens_total"} == {
        *("input", "output", "thought", "tool_use", "unattributed"),
    }
    assert wasted == cost.WASTE


def test_waste_is_a_part_of_tokens_and_cost(result: Result) -> None:
    for site in result.sites:
        found = cost.scraped(site.texts[-1])
        total = {
            name: sum((usd for (family, _), usd in found.items() if family == name), Fraction(0))
            for name in ("cost_usd_total", "wasted_cost_usd_total", "wasted_tokens_total")
        }
        tokens = sum(value for (name, _), value in site.final.items() if name == "tokens_total")

        assert total["wasted_cost_usd_total"] <= total["cost_usd_total"]
        assert total["wasted_tokens_total"] <= tokens


def test_each_line_of_the_log_says_its_cost(result: Result) -> None:
    for site in result.sites:
        keys = {root.attributes["interactions.exchange.id"]: key for key, root in site.arrived.roots.items()}
        logged = {keys[line["exchange_id"]]: {name: line[name] for name in FIELDS if name in line} for line in site.log}

        assert logged == {reading.key: site.books.costs.logged(reading) for reading in site.readings}


def test_what_has_no_price_is_named_once(result: Result) -> None:
    """The log says which models, tiers and types the price file lacks, each once however often it comes."""
    for site in result.sites:
        named = [
            (event["model"], event["tier"], event["lacks"], *event["tokens"], *event["calls"])
            for event in site.gateway.events("unpriced")
        ]
        wanted = {
            (tuple(sorted(made.unpriced)), tuple(sorted(made.calls)), made.tier)
            for made in site.books.costs.bills.values()
            if made.unpriced or made.calls
        }

        assert len(named) == len(set(named))
        assert bool(named) == bool(wanted)
