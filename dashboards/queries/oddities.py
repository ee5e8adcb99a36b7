"""What the API sent that this version doesn't know or can't read, and labels that ran over: the API's drift."""

from __future__ import annotations

from dashboards.promql import SHOWN, grown, or_zero, per_second, total
from gateway.telemetry import names
from gateway.wire.outcome import Outcome

UNKNOWN_SHOWN = grown(names.UNKNOWN_EVENTS, SHOWN)
UNKNOWN_BY_WHAT = per_second(names.UNKNOWN_EVENTS, "what")
UNKNOWN_BY_WHAT_SHOWN = grown(names.UNKNOWN_EVENTS, SHOWN, "what")
INVALID_SHOWN = grown(names.INVALID_EVENTS, SHOWN)
INVALID_BY_REASON = per_second(names.INVALID_EVENTS, "reason")
ANOMALIES_BY_NAME = per_second(names.ANOMALIES, "anomaly")
ANOMALIES_BY_NAME_SHOWN = grown(names.ANOMALIES, SHOWN, "anomaly")
UNKNOWN_STATUS_SHOWN = or_zero(total(names.REQUESTS, SHOWN, outcome=Outcome.UNKNOWN_STATUS))
OVERFLOW_BY_LABEL_SHOWN = grown(names.LABEL_OVERFLOW, SHOWN, "label")
