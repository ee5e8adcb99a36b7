"""A gateway that keeps some traces only: exactly those, whole, and every number as if it kept all.

Source: design.md 6, telemetry-conventions.md 3.5, accounting.md 7.
"""

from __future__ import annotations

from collections import Counter

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.exact import sampled, scrapes, traces
from tests.exact.sampled import RULES, Sampled
from tests.exact.test_exact import report
from tests.exact.words import PREFIX

pytestmark = pytest.mark.timeout(240)

WITH_EXEMPLARS = {
    "time_to_first_delta_seconds_bucket",
    "request_duration_seconds_bucket",
    "stream_max_gap_seconds_bucket",
    "errors_total",
}


@pytest.fixture(scope="module")
def played() -> Sampled:
    return sampled.run()


def test_each_rule_keeps_some_and_none_keeps_all(played: Sampled, tables: list[str]) -> None:
    kept = Counter(played.rules.values())
    tables.append(f"kept of {kept.total()} exchanges: " + ", ".join(f"{rule} {kept[rule]}" for rule in RULES))
    named = {line["trace_id"] for line in played.site.log}

    assert {rule: kept[rule] for rule in (*RULES, "") if kept[rule] < 2} == {}
    assert set(played.trace_ids.values()) == named
    assert [line for reading in played.site.readings for line in reading.disagreements] == []


def test_the_traces_that_arrive_are_those_that_a_rule_keeps(played: Sampled) -> None:
    """As sets of trace ids, and of exchanges."""
    kept = {key for key, rule in played.rules.items() if rule}

    assert played.site.arrived.roots.keys() == kept
    assert {span.trace_id for span in played.site.spans} == {played.trace_ids[key] for key in kept}


def test_what_is_kept_is_whole_and_says_why(played: Sampled, tables: list[str]) -> None:
    site = played.site
    kept = {key: both for key, both in site.expected.items() if played.rules[key]}
    found = traces.compare(kept, site.arrived)
    tables.append(f"{site.name}: {len(site.spans)} spans compared, {len(found)} differences")

    assert not found, report(found)


def test_the_numbers_count_every_exchange_and_every_span(played: Sampled, tables: list[str]) -> None:
    """spans_total says what left and what was left out, to the last span."""
    site = played.site
    expected = dict(site.books.samples)
    for result, kept in (("exported", True), ("sampled_out", False)):
        expected["spans_total", frozenset({("result", result)})] = played.spans(kept=kept)
    final = scrapes.read(site.texts[-1])
    found = scrapes.compare(expected, final, len(site.did), site.workers)
    tables.append(f"{site.name}: {scrapes.compared(final)} samples compared, {len(found)} differences")

    assert not found, report(found)
    assert scrapes.total(final, "spans_total", result="exported") == len(site.spans)


def test_exemplars_name_spans_that_arrived(played: Sampled) -> None:
    arrived = {(span.trace_id, span.span_id) for span in played.site.spans}
    named = Counter(
        (sample.name.removeprefix(PREFIX), (sample.exemplar.labels["trace_id"], sample.exemplar.labels["span_id"]))
        for family in text_string_to_metric_families(played.openmetrics)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    )

    assert {span for _, span in named} <= arrived
    assert {family for family, _ in named} <= WITH_EXEMPLARS
    assert {family for family, _ in named} >= {"errors_total", "request_duration_seconds_bucket"}
