"""Tokens, what they cost, what of it was for nobody, and budgets.

Source: docs/cost.md. Totals are of sliding windows, not of calendar days; the spent part of a budget is computed as in
config/rules.
"""

from __future__ import annotations

from collections.abc import Callable

from dashboards.promql import SHOWN, grown, latest, or_none, or_zero, part_of, per_second, quantile, total, total_part
from gateway.telemetry import names

DAY, WEEK, MONTH = "1d", "7d", "30d"
S_PER_HOUR = 3600

SPENT_DAY = or_zero(total(names.COST, DAY))
SPENT_WEEK = or_zero(total(names.COST, WEEK))
SPENT_MONTH = or_zero(total(names.COST, MONTH))
SPENT_SHOWN = or_zero(total(names.COST, SHOWN))
MONTH_AT_PACE_OF_DAY = f"({SPENT_DAY}) * days_in_month()"
MONTH_AT_PACE_OF_WEEK = f"({SPENT_WEEK}) / 7 * days_in_month()"

A_HOUR_BY_MODEL = f"{per_second(names.COST, 'model')} * {S_PER_HOUR}"
A_HOUR_BY_TYPE = f"{per_second(names.COST, 'type')} * {S_PER_HOUR}"
A_HOUR_BY_TEAM = f"{per_second(names.COST, 'team')} * {S_PER_HOUR}"
BY_TEAM_SHOWN = f"{total(names.COST, SHOWN, 'team')} > 0"
TOKENS_BY_TEAM_SHOWN = f"{total(names.TOKENS, SHOWN, 'team')} > 0"
BY_MODEL_SHOWN = f"{total(names.COST, SHOWN, 'model')} > 0"
TOKENS_BY_MODEL_SHOWN = f"{total(names.TOKENS, SHOWN, 'model')} > 0"
REQUESTS_BY_MODEL_SHOWN = f"{total(names.REQUESTS, SHOWN, 'model', route='create')} > 0"
USD_A_MILLION_BY_MODEL_SHOWN = (
    f"1e6 * {total(names.COST, SHOWN, 'model')} / ({total(names.TOKENS, SHOWN, 'model')} > 0)"
)
UNPRICED_BY_MODEL_SHOWN = f"{total(names.COST_UNPRICED, SHOWN, 'model')} > 0"
OF_AN_INTERACTION = part_of(total(names.COST, SHOWN), total(names.REQUESTS, SHOWN, route="create"))

UNPRICED_SHARE_DAY = total_part(names.COST_UNPRICED, names.TOKENS, DAY)
UNPRICED_CALLS_DAY = or_zero(total(names.COST_UNPRICED_CALLS, DAY))
UNPRICED_BY_MODEL_AND_TYPE_SHOWN = or_none(f"{total(names.COST_UNPRICED, SHOWN, 'model', 'type')} > 0", "model")
UNPRICED_CALLS_SHOWN = or_none(f"{total(names.COST_UNPRICED_CALLS, SHOWN, 'model', 'tool')} > 0", "tool")

TOKENS_BY_TYPE = per_second(names.TOKENS, "type")
TOKENS_BY_MODALITY = per_second(names.TOKENS, "modality")
TOKENS_BY_MODEL = per_second(names.TOKENS, "model")
TOKENS_BY_BASIS_AND_VIA = per_second(names.TOKENS, "basis", "via")
TOKENS_BY_TYPE_AND_MODALITY_SHOWN = f"{total(names.TOKENS, SHOWN, 'type', 'modality')} > 0"
# rate() doesn't see the first increment of a new series: the whole may seem to grow by less than its part.
CACHED_SHARE_BY_MODEL = "clamp_max({}, 1)".format(
    part_of(
        per_second(names.CACHED_TOKENS, "model"),
        per_second(names.TOKENS, "model", beside=names.CACHED_TOKENS.name, type="input"),
    )
)
CACHED_SHARE_SHOWN = total_part(names.CACHED_TOKENS, names.TOKENS, SHOWN, type="input")
INTERACTION_TOKENS_P95 = quantile(0.95, names.INTERACTION_TOKENS, "type")
INTERACTION_TOKENS_P50 = quantile(0.5, names.INTERACTION_TOKENS, "type")
THOUGHT_SHARE_BY_MODEL = part_of(
    per_second(names.TOKENS, "model", type="thought"),
    per_second(names.TOKENS, "model", type='=~"output|thought"'),
)
GROUNDING_SHOWN = grown(names.GROUNDING_QUERIES, SHOWN, "tool")

WASTED_DAY = or_zero(total(names.WASTED_COST, DAY))
WASTED_SHARE_DAY = total_part(names.WASTED_COST, names.COST, DAY)
WASTED_A_HOUR_BY_REASON = or_none(f"{per_second(names.WASTED_COST, 'reason')} * {S_PER_HOUR}", "reason")
WASTED_COST_BY_REASON_SHOWN = or_none(f"{total(names.WASTED_COST, SHOWN, 'reason')} > 0", "reason")
WASTED_TOKENS_BY_REASON_SHOWN = or_none(f"{total(names.WASTED_TOKENS, SHOWN, 'reason')} > 0", "reason")
WASTED_BY_TEAM_SHOWN = f"{total(names.WASTED_COST, SHOWN, 'team')} > 0"


# As config/rules computes it; a budget's counter is there from the start, so increase() misses nothing. One name may
# have a budget of each window, so the window is a label of what comes out.
_WINDOWS = {"daily": DAY, "monthly": MONTH}
_PACE_OF = {"daily": ("1h", 24), "monthly": (DAY, 30)}  # what of the window is looked at, and how often it is in it


def _of_both(by_window: Callable[[str], str]) -> str:
    return " or ".join(f'label_replace({by_window(window)}, "window", "{window}", "", "")' for window in _WINDOWS)


def _limit(window: str) -> str:
    return f"({latest(names.BUDGET, 'budget', how='max', window=window)} > 0)"


def _spent_of(window: str) -> str:
    return f"{grown(names.BUDGET_COST, _WINDOWS[window], 'budget')} and on (budget) {_limit(window)}"


def _share_of(window: str) -> str:
    return f"{grown(names.BUDGET_COST, _WINDOWS[window], 'budget')} / on (budget) {_limit(window)}"


def _pace_of(window: str) -> str:
    part, times = _PACE_OF[window]
    return f"{times} * {grown(names.BUDGET_COST, part, 'budget')} / on (budget) {_limit(window)}"


BUDGET_LIMIT = latest(names.BUDGET, "budget", "window", how="max")
BUDGET_SPENT = _of_both(_spent_of)
BUDGET_SHARE = _of_both(_share_of)
BUDGET_AT_THIS_PACE = _of_both(_pace_of)
FULLEST_BUDGET = f"max({BUDGET_SHARE})"
