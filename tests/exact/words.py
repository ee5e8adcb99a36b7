"""The public words of the gateway's telemetry, written down a second time on purpose.

Not here: anything imported from the gateway; a name that is wrong there must not be wrong here with it.
Source: telemetry-conventions.md 2 and 3, accounting.md 1-5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

PREFIX: Final = "interactions_gateway_"

OUTCOMES: Final = (
    *("completed", "requires_action", "requires_continuation", "incomplete", "budget_exceeded", "failed", "cancelled"),
    *("in_progress", "stream_error", "http_error", "upstream_abort", "truncated", "client_abort", "gateway_error"),
    *("rejected", "unknown_status", "forwarded"),
)
TERMINAL: Final = frozenset(OUTCOMES[:7])
RUNNING: Final = frozenset({"queued", "in_progress"})
ERRORS: Final = frozenset({"failed", "stream_error", "http_error", "upstream_abort", "truncated", "gateway_error"})
BILLED: Final = TERMINAL | {"stream_error", "client_abort", "upstream_abort", "truncated"}

SERVER_TOOLS: Final = (
    *("google_search", "google_maps", "code_execution", "url_context", "file_search", "mcp_server_tool"),
    *("retrieval", "tool_search", "processing"),
)
STEP_TYPES: Final = frozenset(
    {"model_output", "thought", "user_input", "function_call", "function_result"}
    | {f"{tool}_{half}" for tool in SERVER_TOOLS for half in ("call", "result")}
)
MODALITIES: Final = frozenset({"text", "image", "audio", "video", "document"})
CODES: Final = frozenset(
    {
        *("cancelled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists"),
        *("permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range"),
        *("unimplemented", "internal", "unavailable", "data_loss", "unauthenticated"),
        *("gateway_timeout", "invalid_request", "rate_limit_exceeded", "content_filter", "safety"),
    }
)
FINISH_REASONS: Final = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "length",
    "budget_exceeded": "length",
    "failed": "error",
    "cancelled": "error",
    "stream_error": "error",
    "upstream_abort": "error",
    "truncated": "error",
    "client_abort": "error",
    "gateway_error": "error",
}

# Counters whose labels are closed stand at 0 from the start.
ZEROS: Final[Mapping[str, tuple[tuple[str, ...], Sequence[tuple[str, ...]]]]] = {
    "unknown_events_total": (
        ("what",),
        [
            *(("event_type",), ("step_type",), ("delta_type",), ("status",), ("tier",), ("modality",), ("sse_field",)),
            ("legacy_event",),
        ],
    ),
    "invalid_events_total": (("reason",), [("json",), ("utf8",), ("shape",), ("size",)]),
    "anomalies_total": (
        ("anomaly",),
        [
            *(("untyped_delta",), ("unterminated_block",), ("bare_error",), ("second_completed",)),
            *(("second_interaction",), ("completed_not_terminal",), ("step_reopened",), ("step_without_start",)),
            *(("bad_index",), ("bad_arguments",), ("bad_usage",), ("usage_exceeds_total",)),
            *(("modality_exceeds_total",), ("too_many_steps",), ("unreadable_encoding",)),
        ],
    ),
    "tap_faults_total": (("where",), [("sse",), ("skim",), ("tracker",), ("records",)]),
    "records_lost_total": (
        ("kind", "reason"),
        [
            (kind, reason)
            for kind in ("ExchangeOpened", "StepStarted", "StepFinished", "ExchangeClosed")
            for reason in ("queue_full", "observer_died", "shutdown")
        ],
    ),
    "label_overflow_total": (
        ("label",),
        [
            *(("model",), ("code",), ("modality",), ("tier",), ("step_type",), ("kind",), ("what",), ("reason",)),
            *(("anomaly",), ("where",), ("team",), ("series",)),
        ],
    ),
    "active_streams": (("mode",), [("stream",), ("unary",), ("background",)]),
    "spans_total": (("result",), [("exported",), ("failed",), ("dropped",), ("sampled_out",)]),
    "telemetry_faults_total": (
        ("sink",),
        [("view",), ("books",), ("metrics",), ("traces",), ("log",), ("render",)],
    ),
}

LATENCY: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1800)
DURATION: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
GAP: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BUCKETS: Final = {
    "request_duration_seconds": DURATION,
    "time_to_first_delta_seconds": LATENCY,
    "inter_delta_gap_seconds": GAP,
    "step_duration_seconds": DURATION,
}
# Ten bounds a decade from 0.1 ms; what is in them is the machine's doing.
LAG: Final = (
    *(
        round(step * decade, 9)
        for decade in (0.0001, 0.001, 0.01)
        for step in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)
    ),
    *(0.1, 0.25, 0.5, 1),
)
# Families of which only the shape is compared: their labels, always all there, and the bounds of their buckets, which
# are not all empty.
SHAPES: Final[Mapping[str, tuple[tuple[str, ...], Sequence[tuple[str, ...]], Sequence[float]]]] = {
    "loop_lag_seconds": (("process",), [("forwarder",), ("observer",)], LAG),
}
FAMILIES: Final = frozenset(
    {
        *("requests_total", "steps_total", "tokens_total", "cached_tokens_total", "usage_missing_total"),
        *("errors_total", "exchanges_opened_total", "exchanges_closed_total", "build_info"),
        "unexpected_plain_path",
        *BUCKETS,
        *ZEROS,
        *SHAPES,
    }
)
BUILD_INFO_LABELS: Final = frozenset({"version", "semconv", "python", "aiohttp", "path"})
