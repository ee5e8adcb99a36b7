"""How fast promises are broken: burn of the budgets for bad ends and slow first deltas, and what is left of them.

A burn of 1 uses up the budget exactly at the end of its 30 days. Made from the plain families, not from recording
rules; targets and windows are those of config/alerts.toml.
"""

from __future__ import annotations

from functools import partial

from dashboards.promql import SHOWN, per_second
from dashboards.queries import latency, requests
from dashboards.thresholds import (
    BURN_WINDOWS,
    FAST_WINDOW,
    FIRST_DELTA_KIND,
    FIRST_DELTA_S,
    FIRST_DELTA_TARGET,
    SUCCESS_TARGET,
)

BUDGET_WINDOW = "30d"


def _bad(window: str) -> str:
    return requests.bad_share(partial(per_second, window=window))


def _late(window: str) -> str:
    return latency.slow_first_delta(FIRST_DELTA_S, FIRST_DELTA_KIND, window)


def _burn(share: str, target: float) -> str:
    return f"({share}) / {1 - target:.6g}"


SUCCESS_BURN = {window: _burn(_bad(window), SUCCESS_TARGET) for window in BURN_WINDOWS}
SUCCESS_BURN_FAST = SUCCESS_BURN[FAST_WINDOW]
SUCCESS_LEFT = f"1 - {_burn(_bad(BUDGET_WINDOW), SUCCESS_TARGET)}"
LATENCY_BURN = {window: _burn(_late(window), FIRST_DELTA_TARGET) for window in BURN_WINDOWS}
LATENCY_LEFT = f"1 - {_burn(_late(BUDGET_WINDOW), FIRST_DELTA_TARGET)}"
LATE_SHOWN = _late(SHOWN)
