"""Where the time of every exchange of the run went, and how large its interactions were."""

from __future__ import annotations

import pytest

from tests.exact import clocks, scrapes
from tests.exact.site import Result
from tests.exact.test_exact import LATE_MAX_MS, LATE_P50_MS, report
from tests.exact.words import PHASES

pytestmark = pytest.mark.timeout(240)


def test_the_parts_of_each_exchange_are_its_whole(result: Result, tables: list[str]) -> None:
    """To the nanosecond on its span, to the microsecond in its log line; the scrape is the sum of all spans."""
    differences = []
    for site in result.sites:
        found = clocks.compare(site)
        differences += [f"{site.name}: {line}" for line in found]
        sums = {phase: scrapes.total(site.final, "phase_seconds_sum", phase=phase) for phase in PHASES}
        shown = ", ".join(f"{phase} {spent_s:.3f} s" for phase, spent_s in sums.items())
        tables.append(f"{site.name}: {len(site.arrived.roots)} exchanges split, {len(found)} differences: {shown}")

    assert not differences, report(differences)


def test_phases_last_as_long_as_their_events_are_apart(result: Result, tables: list[str]) -> None:
    """Within what forwarding on a busy machine takes: a mistake is of another size."""
    found = clocks.differences(result.sites[0])
    tables += found.table()[1:]

    assert found.ms.keys() == {f"{phase}, either way" for phase in clocks.TOLD}
    for what, values in found.ms.items():
        assert sorted(values)[len(values) // 2] < LATE_P50_MS, what
        assert max(values) < LATE_MAX_MS, what


def test_the_sizes_of_interactions_add_up(result: Result) -> None:
    """To the token, by model and type."""
    for site in result.sites:
        told = {
            (labels["model"], labels["type"]): value
            for (name, has), value in site.final.items()
            if name == "interaction_tokens_sum"
            for labels in [dict(has)]
        }

        assert told == {place: float(tokens) for place, tokens in site.books.course.sizes.items()}


def test_the_run_has_tools_and_waits_of_every_kind(result: Result) -> None:
    """Else it would prove nothing of them."""
    seen = {
        (name, dict(has).get("result") or dict(has).get("kind"))
        for site in result.sites
        for (name, has), value in site.final.items()
        if value and name in {"tool_calls_total", "upstream_attempts_total", "function_result_wait_seconds_count"}
    }

    assert seen >= {("tool_calls_total", result) for result in ("ok", "error", "unmatched", "pending")}
    assert seen >= {("upstream_attempts_total", result) for result in ("ok", "error", "cancelled")}
    assert ("function_result_wait_seconds_count", None) in seen
