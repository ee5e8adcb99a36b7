"""From which values on a panel is amber or red: those of config/alerts.toml, so that it is red when its alert fires.

Not here: thresholds that no alert has; those stand at their panel.
"""

from __future__ import annotations

from dashboards import alert_settings

_SET = alert_settings.load()


def _number(name: str) -> float:
    return float(_SET[name])


def _tenth_of(name: str) -> tuple[float, float]:
    """Amber from a tenth of what the alert waits for."""
    return _number(name) / 10, _number(name)


SUCCESS_TARGET = _number("success_target")
FIRST_DELTA_TARGET = _number("first_delta_target")
FIRST_DELTA_S = _number("first_delta_threshold_s")
FIRST_DELTA_KIND = str(_SET["first_delta_kind"])
BURN_WINDOWS = tuple(str(_SET[f"slo_{which}_window"]) for which in ("fast_short", "fast_long", "mid_long", "slow_long"))
FAST_WINDOW = str(_SET["slo_fast_long_window"])
STALL_S = 30.0  # proxy.stall_threshold_s, unless the gateway's settings say otherwise

BURN = _number("slo_slow_factor"), _number("slo_fast_factor")
SUCCESS = 1 - (1 - SUCCESS_TARGET) * BURN[1], SUCCESS_TARGET  # low is bad
FIRST_DELTA = FIRST_DELTA_S / 2, FIRST_DELTA_S
LATE = (1 - FIRST_DELTA_TARGET) / 2, 1 - FIRST_DELTA_TARGET
SILENCE = STALL_S, _number("silence_s")
STALLS = 1, _number("stall_min")
BROKEN = _tenth_of("broken_ratio")
USAGE_MISSING = _tenth_of("usage_missing_ratio")
UNKNOWN = 1, _number("unknown_events_min")
INVALID = 1, _number("invalid_events_min")
BUDGET = _number("budget_nearly_spent_ratio"), 1
RESTARTS = _number("restart_min"), _number("restart_loop_min")
LOST = 1, _number("records_lost_min")
FAULTS = 1, min(_number("tap_faults_min"), _number("telemetry_faults_min"))
RECORD_LAG = _tenth_of("record_lag_s")
EXPORTS_FAILED = _tenth_of("export_failed_ratio")
LOOP_LAG = _tenth_of("loop_lag_s")
CPU = _number("cpu_ratio") * 0.7, _number("cpu_ratio")
