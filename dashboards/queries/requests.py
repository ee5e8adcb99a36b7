"""Requests and how they end; what of that is an error, and whose.

Source: telemetry-conventions.md 3.3 (the success ratio), docs/counting.md (outcomes).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dashboards.promql import (
    SHOWN,
    STEP,
    but,
    grown,
    latest,
    none_of,
    one_of,
    or_none,
    or_zero,
    part_of,
    per_second,
    total,
    total_part,
)
from gateway.telemetry import names
from gateway.wire.outcome import Outcome

GOOD = (Outcome.COMPLETED, Outcome.REQUIRES_ACTION, Outcome.REQUIRES_CONTINUATION, Outcome.IN_PROGRESS)
# Of no use to judge by: the client's own doing, and what was passed on without being read.
NOT_JUDGED = (Outcome.CLIENT_ABORT, Outcome.CANCELLED, Outcome.FORWARDED)
# The stream broke before its end, whoever broke it but the client.
BROKEN = (Outcome.UPSTREAM_ABORT, Outcome.TRUNCATED, Outcome.STREAM_ERROR)
THROTTLED = "429"

_CALLERS = but(one_of("4.."), THROTTLED)  # of HTTP statuses
_JUDGED = none_of(*NOT_JUDGED)
_BAD = none_of(*GOOD, *NOT_JUDGED)


def bad_share(grows: Callable[..., str]) -> str:
    """The share of judged requests that ended badly, as config/rules/slo.yml has it: the caller's mistakes are neither.

    grows: per_second or total, with its window. Errors have no model, so no model narrows it.
    """
    ended = grows(names.REQUESTS, beside=names.ERRORS.name, outcome=_JUDGED)
    refused = (
        f"({grows(names.ERRORS, beside=names.REQUESTS.name, source='upstream_http', code=_CALLERS)} or 0 * {ended})"
    )
    bad = f"({grows(names.REQUESTS, beside=names.ERRORS.name, outcome=_BAD)} or 0 * {ended})"
    return f"clamp_min({bad} - {refused}, 0) / (clamp_min({ended} - {refused}, 0) > 0)"


SUCCESS_RATIO = f"1 - {bad_share(partial(per_second, window=STEP))}"
SUCCESS_RATIO_SHOWN = f"1 - {bad_share(partial(total, window=SHOWN))}"
BAD_SHARE_BY_MODEL = part_of(
    per_second(names.REQUESTS, "model", outcome=_BAD), per_second(names.REQUESTS, "model", outcome=_JUDGED)
)

OPEN_NOW = latest(names.ACTIVE_STREAMS, "mode")
OPEN_IN_ALL = latest(names.ACTIVE_STREAMS)
BY_OUTCOME = per_second(names.REQUESTS, "outcome")
BY_MODEL = per_second(names.REQUESTS, "model")
BY_ROUTE = per_second(names.REQUESTS, "route", "mode")
BAD_BY_OUTCOME = or_none(per_second(names.REQUESTS, "outcome", outcome=_BAD), "outcome")
OUTCOMES_BY_MODEL_SHOWN = or_none(
    f"{total(names.REQUESTS, SHOWN, 'model', 'outcome', outcome=none_of(*GOOD))} > 0", "outcome"
)

ERRORS_BY_SOURCE = or_none(per_second(names.ERRORS, "source"), "source")
ERRORS_BY_CODE = or_none(f"topk(10, {per_second(names.ERRORS, 'source', 'code')})", "code")
ERRORS_BY_CODE_SHOWN = or_none(f"{total(names.ERRORS, SHOWN, 'source', 'code')} > 0", "code")
ERRORS_BY_TEAM_SHOWN = or_none(f"{total(names.ERRORS, SHOWN, 'team')} > 0", "team")
THROTTLED_A_SECOND = or_zero(per_second(names.ERRORS, source="upstream_http", code=THROTTLED))
THROTTLED_SHOWN = or_zero(total(names.ERRORS, SHOWN, source="upstream_http", code=THROTTLED))
CALLERS_ERRORS_A_SECOND = or_zero(per_second(names.ERRORS, source="upstream_http", code=_CALLERS))
UPSTREAM_ERRORS_A_SECOND = or_zero(per_second(names.ERRORS, source="upstream_http", code=one_of("5..")))

_OUR_OWN = one_of(Outcome.GATEWAY_ERROR, Outcome.REJECTED)
OUR_OWN_SHOWN = or_zero(total(names.REQUESTS, SHOWN, outcome=_OUR_OWN))
BROKEN_RATIO_SHOWN = part_of(
    total(names.REQUESTS, SHOWN, outcome=one_of(*BROKEN)), total(names.REQUESTS, SHOWN, mode="stream", outcome=_JUDGED)
)
BROKEN_BY_OUTCOME = or_none(
    per_second(names.REQUESTS, "outcome", outcome=one_of(*BROKEN, Outcome.CLIENT_ABORT)), "outcome"
)
BROKEN_BY_MODEL_SHOWN = or_none(f"{total(names.REQUESTS, SHOWN, 'model', outcome=one_of(*BROKEN))} > 0", "model")
CLIENTS_LEFT_BY_PHASE = per_second(names.CLIENT_DISCONNECTS, "phase")
REJECTED_BY_REASON = per_second(names.REJECTED, "reason")
ATTEMPTS = per_second(names.UPSTREAM_ATTEMPTS, "kind", "result")
OPENED_BY_WORKER = per_second(names.OPENED, "instance", "worker")

EVENTS_BY_TYPE = per_second(names.STREAM_EVENTS, "event_type")
BYTES_BY_DIRECTION = per_second(names.STREAM_BYTES, "direction")

STEPS_BY_TYPE = per_second(names.STEPS, "step_type")
STEPS_LEFT_OPEN = or_none(per_second(names.STEPS, "step_type", state="open_at_end"), "step_type")

TOOL_CALLS = per_second(names.TOOL_CALLS, "tool", "result")
TOOL_FAILURES_SHOWN = grown(names.TOOL_CALLS, SHOWN, "tool", "result", result=one_of("error", "unmatched"))

# Ended without any usage, of those that ended with one or should have.
USAGE_MISSING_RATIO = total_part(names.USAGE_MISSING, names.REQUESTS, SHOWN, route="create", outcome=_JUDGED)
USAGE_MISSING_SHOWN = or_none(f"{total(names.USAGE_MISSING, SHOWN, 'model', 'outcome')} > 0", "outcome")
