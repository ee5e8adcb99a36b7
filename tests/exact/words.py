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
    "tap_faults_total": (("where",), [("sse",), ("skim",), ("tracker",), ("records",), ("capture",)]),
    "records_lost_total": (
        ("kind", "reason"),
        [
            (kind, reason)
            for kind in ("ExchangeOpened", "StepStarted", "StepFinished", "ContentCaptured", "ExchangeClosed")
            for reason in ("queue_full", "observer_died", "shutdown")
        ],
    ),
    "label_overflow_total": (
        ("label",),
        [
            *(("model",), ("code",), ("modality",), ("tier",), ("step_type",), ("kind",), ("what",), ("reason",)),
            *(("anomaly",), ("where",), ("route",), ("tool",), ("team",), ("series",)),
        ],
    ),
    "stream_bytes_total": (("direction",), [("up",), ("down",)]),
    "stream_events_total": (
        ("event_type",),
        [
            *(("interaction.created",), ("interaction.status_update",), ("interaction.completed",), ("step.start",)),
            *(("step.delta",), ("step.stop",), ("error",), ("done",), ("other",)),
        ],
    ),
    "client_disconnects_total": (("phase",), [("before_first_delta",), ("streaming",), ("after_terminal",)]),
    "rejected_total": (
        ("reason",),
        [
            *(("header_size",), ("url_length",), ("body_size",), ("slow_header",), ("max_streams",)),
            *(("bad_request",), ("draining",)),
        ],
    ),
    "tool_calls_total": (
        ("tool", "side", "result"),
        [
            *((tool, "server", result) for tool in SERVER_TOOLS for result in ("ok", "error", "unmatched")),
            *(("function", "client", result) for result in ("pending", "ok", "error")),
        ],
    ),
    "upstream_attempts_total": (
        ("kind", "result"),
        [(kind, result) for kind in ("first", "resume", "continuation") for result in ("ok", "error", "cancelled")],
    ),
    "grounding_queries_total": (("tool",), [("google_search",), ("google_maps",), ("retrieval",)]),
    "active_streams": (("mode",), [("stream",), ("unary",), ("background",)]),
    "spans_total": (("result",), [("exported",), ("failed",), ("dropped",), ("sampled_out",)]),
    "content_events_total": (("result",), [("exported",), ("failed",), ("dropped",)]),
    "content_withheld_total": (("reason",), [("redaction",), ("queue_full",)]),
    "telemetry_faults_total": (
        ("sink",),
        [("view",), ("books",), ("cost",), ("metrics",), ("traces",), ("log",), ("render",)],
    ),
}

LATENCY: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1800)
DURATION: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
SIZE: Final = tuple(4**power for power in range(2, 12))
GAP: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OVERHEAD: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
BUCKETS: Final = {
    "request_duration_seconds": DURATION,
    "time_to_first_delta_seconds": LATENCY,
    "inter_delta_gap_seconds": GAP,
    "step_duration_seconds": DURATION,
    "added_latency_seconds": OVERHEAD,
    "phase_seconds": LATENCY,
    "upstream_headers_seconds": LATENCY,
    "stream_max_gap_seconds": LATENCY,
    "tool_duration_seconds": LATENCY,
    "function_result_wait_seconds": DURATION,
    "interaction_tokens": SIZE,
}
# Which exchanges had a phase depends on the machine's pace: they are compared with their spans (clocks.py).
PHASES: Final = ("client_body", "connect", "wait", "think", "stream", "server_tool", "client_blocked", "gateway")
FAMILIES: Final = frozenset(
    {
        *("requests_total", "steps_total", "tokens_total", "cached_tokens_total", "usage_missing_total"),
        *("errors_total", "exchanges_opened_total", "exchanges_closed_total", "build_info"),
        *("unexpected_plain_path", "stalls_total"),
        *BUCKETS,
        *ZEROS,
    }
)
BUILD_INFO_LABELS: Final = frozenset({"version", "semconv", "python", "aiohttp", "path"})
