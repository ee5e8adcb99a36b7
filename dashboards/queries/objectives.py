"""How fast promises are broken: burn of the budgets for bad ends and slow first deltas, and what is left of them.

A burn of 1 uses up the budget exactly at the end of its 30 days. Made from the plain families, not from recording
rules; the targets are those of the rules.
"""

from __future__ import annotations

from functools import partial

from dashboards.promql import SHOWN, per_second
from dashboards.queries import latency, requests

SUCCESS_TARGET = 0.99
FIRST_DELTA_S = 8.0
FIRST_DELTA_TARGET = 0.95
BURN_LIMITS = (1.0, 14.4)
SUCCESS_FLOOR = 1 - (1 - SUCCESS_TARGET) * BURN_LIMITS[1]

_WINDOWS = ("5m", "1h", "6h", "3d")


def _burn(bad_share: str, target: float) -> str:
    return f"({bad_share}) / {1 - target:.6g}"


def _bad(window: str) -> str:
    return requests.bad_share(partial(per_second, window=window))


SUCCESS_BURN = {window: _burn(_bad(window), SUCCESS_TARGET) for window in _WINDOWS}
SUCCESS_BURN_1H = SUCCESS_BURN["1h"]
SUCCESS_LEFT = f"1 - {_burn(_bad('30d'), SUCCESS_TARGET)}"
LATENCY_BURN = {
    window: _burn(latency.slow_first_delta(FIRST_DELTA_S, window), FIRST_DELTA_TARGET) for window in _WINDOWS
}
LATENCY_LEFT = f"1 - {_burn(latency.slow_first_delta(FIRST_DELTA_S, '30d'), FIRST_DELTA_TARGET)}"
LATE_SHOWN = latency.slow_first_delta(FIRST_DELTA_S, SHOWN)
