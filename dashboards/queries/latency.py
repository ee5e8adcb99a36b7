"""How long people and programs wait: the first delta, gaps, phases, tools, what the gateway adds.

Source: docs/time.md. `kind` of a first delta must be chosen: `any` is observed for every stream, the others beside it.
"""

from __future__ import annotations

from dashboards.promql import SHOWN, heat, latest, mean, none_of, or_none, or_zero, per_second, quantile, total, within
from gateway.telemetry import names

ANY = "any"
LONG_GAP_S = 8  # a bound of the buckets; a person has stopped reading by then

FIRST_DELTA_P50 = quantile(0.5, names.FIRST_DELTA, kind=ANY)
FIRST_DELTA_P95 = quantile(0.95, names.FIRST_DELTA, kind=ANY)
FIRST_DELTA_P99 = quantile(0.99, names.FIRST_DELTA, kind=ANY)
FIRST_DELTA_P95_BY_KIND = quantile(0.95, names.FIRST_DELTA, "kind", kind=none_of(ANY))
FIRST_DELTA_P95_BY_MODEL = quantile(0.95, names.FIRST_DELTA, "model", kind=ANY)
FIRST_DELTA_P95_BY_TEAM = quantile(0.95, names.FIRST_DELTA, "team", kind=ANY)
FIRST_DELTA_HEAT = heat(names.FIRST_DELTA, kind=ANY)

BY_MODEL_P50_SHOWN = quantile(0.5, names.FIRST_DELTA, "model", window=SHOWN, kind=ANY)
BY_MODEL_P95_SHOWN = quantile(0.95, names.FIRST_DELTA, "model", window=SHOWN, kind=ANY)
BY_MODEL_GAP_P99_SHOWN = quantile(0.99, names.GAP, "model", window=SHOWN)
BY_MODEL_DURATION_P95_SHOWN = quantile(0.95, names.REQUEST_DURATION, "model", window=SHOWN, mode="stream")


def slow_first_delta(bound_s: float, kind: str, window: str) -> str:
    """The share of streams whose first delta of a kind came later than a bound of the buckets."""
    return f"1 - {within(names.FIRST_DELTA, bound_s, window=window, kind=kind)}"


GAP_P50 = quantile(0.5, names.GAP)
GAP_P99 = quantile(0.99, names.GAP)
GAP_P99_BY_MODEL = quantile(0.99, names.GAP, "model")
GAP_HEAT = heat(names.GAP)
MAX_GAP_P95_BY_MODEL = quantile(0.95, names.STREAM_MAX_GAP, "model")
MAX_GAP_HEAT = heat(names.STREAM_MAX_GAP)
LONG_GAP_SHARE_SHOWN = f"1 - {within(names.STREAM_MAX_GAP, LONG_GAP_S, window=SHOWN)}"
STALLS_BY_MODEL = or_none(per_second(names.STALLS, "model"), "model")
STALLS_SHOWN = or_zero(total(names.STALLS, SHOWN))
STALLS_BY_MODEL_SHOWN = or_none(f"{total(names.STALLS, SHOWN, 'model')} > 0", "model")
SILENCE_NOW = latest(names.OLDEST_SILENCE, how="max")
SILENCE_BY_INSTANCE = latest(names.OLDEST_SILENCE, "instance", how="max")

PHASE_SHARE = (
    f"{per_second(names.PHASE, 'phase', suffix='_sum')}"
    f" / on () group_left () ({per_second(names.PHASE, suffix='_sum')} > 0)"
)
PHASE_MEAN = mean(names.PHASE, "phase")
UPSTREAM_HEAD_P95_BY_MODEL = quantile(0.95, names.UPSTREAM_HEADERS, "model")
DURATION_P95_BY_MODEL = quantile(0.95, names.REQUEST_DURATION, "model", mode="stream")
DURATION_HEAT = heat(names.REQUEST_DURATION, mode="stream")
STEP_MEAN_BY_TYPE = mean(names.STEP_DURATION, "step_type")
TOOL_P95_BY_TOOL = quantile(0.95, names.TOOL_DURATION, "tool")
RESULT_WAIT_P95_BY_MODEL = quantile(0.95, names.FUNCTION_RESULT_WAIT, "model")

ADDED_P50 = quantile(0.5, names.ADDED_LATENCY, "path")
ADDED_P99 = quantile(0.99, names.ADDED_LATENCY, "path")
DELTAS_A_SECOND_OF_A_STREAM_BY_MODEL = f"1 / ({mean(names.GAP, 'model')} > 0)"
