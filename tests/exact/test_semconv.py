"""The second set of metrics, and both sets over OTLP, of the same run as all else here: to the last sample."""

from __future__ import annotations

import pytest

from tests.exact import semconv
from tests.exact.site import Result
from tests.exact.test_exact import report
from tests.otlp_metrics import samples

pytestmark = pytest.mark.timeout(240)


def test_the_second_set_is_what_the_exchanges_say_to_the_last_sample(result: Result, tables: list[str]) -> None:
    """Of times the number of observations and the bounds; of tokens the buckets and sums too."""
    differences = []
    for site in result.sites:
        have = semconv.read(site.texts[-1])
        found = semconv.differences(semconv.expected(site.books.accounts), have)
        differences += [f"{site.name}: {line}" for line in found]
        tables.append(f"{site.name}: {len(have)} samples of the second set compared, {len(found)} differences")

    assert not differences, report(differences)


def test_the_number_of_series_is_that_of_both_sets(result: Result) -> None:
    """And the resource's one."""
    for site in result.sites:
        assert site.final["series", frozenset()] == len(site.final) + len(semconv.read(site.texts[-1])) + 1


def test_both_sets_go_out_over_otlp_as_they_are_scraped(result: Result, tables: list[str]) -> None:
    """The last export is the last scrape."""
    differences = []
    for site in result.sites:
        pushed = samples(site.pushed)
        found = semconv.pushed_differences(site.texts[-1], pushed)
        differences += [f"{site.name}: {line}" for line in found]
        tables.append(f"{site.name}: {len(pushed)} samples over OTLP compared, {len(found)} differences")

    assert not differences, report(differences)


def test_exemplars_over_otlp_lead_to_spans_that_came(result: Result) -> None:
    for site in result.sites:
        spans = {(span.trace_id, span.span_id) for span in site.spans}
        led = [exemplar[:2] for point in site.pushed for exemplar in point.exemplars]

        assert led
        assert [place for place in led if place not in spans] == []
