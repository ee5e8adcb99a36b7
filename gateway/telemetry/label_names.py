"""The closed sets of label values, and what each label says.

Not here: how values are folded into them (labels.py). Source: telemetry-conventions.md 3.2, accounting.md 5.
Promise: every label of every family is in LABELS; the reference page is made from it.
"""

from __future__ import annotations

from gateway.records import LOST_REASONS
from gateway.telemetry.catalogue import TEAM_LABEL
from gateway.wire.events import SERVER_TOOLS, STEP_TYPES, TIERS
from gateway.wire.facts import Anomaly, DeltaKind, Invalid, Mode, Unknown
from gateway.wire.usage import MODALITIES

OTHER = "other"
NONE = "none"

MODES = tuple(Mode)
STEP_STATES = ("closed", "open_at_end")
STEP_TYPE_DOMAIN = STEP_TYPES | {OTHER}
MODALITY_DOMAIN = MODALITIES | {"unknown"}
TIER_DOMAIN = TIERS | {OTHER}
TIER_DEFAULT = "standard"  # what the API serves where nobody names a tier
DELTA_KINDS = tuple(DeltaKind)
TOKEN_TYPES = ("input", "output", "thought", "tool_use", "unattributed")
UNKNOWNS = tuple(Unknown)
INVALIDS = tuple(Invalid)
ANOMALY_DOMAIN = tuple(Anomaly)
ERROR_SOURCES = ("upstream_http", "upstream_event", "transport", "gateway", "client")
TAP_PLACES = ("sse", "skim", "tracker", "records", "capture")
LOST_KINDS = ("ExchangeOpened", "StepStarted", "StepFinished", "ContentCaptured", "ExchangeClosed")
LOST_DOMAIN = tuple((kind, reason) for kind in LOST_KINDS for reason in LOST_REASONS)
SPAN_RESULTS = ("exported", "failed", "dropped", "sampled_out")
CONTENT_EVENT_RESULTS = ("exported", "failed", "dropped")
WITHHELD_REASONS = ("redaction", "queue_full")
PROCESSES = SUPERVISOR, OBSERVER, FORWARDER = "supervisor", "observer", "forwarder"
LOOPS = (FORWARDER, OBSERVER)  # processes with an event loop, which the supervisor starts again
DIRECTIONS = ("up", "down")
EVENT_TYPES = (
    "interaction.created",
    "interaction.status_update",
    "step.start",
    "step.delta",
    "step.stop",
    "interaction.completed",
    "error",
    "done",
    OTHER,
)
LEFT_PHASES = ("before_first_delta", "streaming", "after_terminal")
ADDED_PATHS = ("request", "first_event")
REJECTIONS = ("header_size", "url_length", "body_size", "slow_header", "max_streams", "bad_request", "draining")
CONNECTION_STATES = ACTIVE, IDLE = "active", "idle"
RESUMED = ("true", "false")
PHASES = ("client_body", "connect", "wait", "think", "stream", "server_tool", "client_blocked", "gateway")
SINKS = ("view", "books", "cost", "metrics", "traces", "log", "render")
OVERFLOWING_LABELS = (
    "model",
    "code",
    "modality",
    "tier",
    "step_type",
    "kind",
    "what",
    "reason",
    "anomaly",
    "where",
    "route",
    "tool",
    "team",
    "series",  # no label: new combinations of labels beyond the number of series that the settings allow
)
TOOL_CALL_DOMAIN = (
    *((tool, "server", result) for tool in SERVER_TOOLS for result in ("ok", "error", "unmatched")),
    *(("function", "client", result) for result in ("pending", "ok", "error")),
)
GROUNDING_TOOLS = ("google_search", "google_maps", "retrieval")
ATTEMPT_DOMAIN = tuple(
    (kind, result) for kind in ("first", "resume", "continuation") for result in ("ok", "error", "cancelled")
)
# Their values come with traffic, from sets that are only capped; all other labels' sets are closed.
OPEN_LABELS = frozenset({"model", "code", TEAM_LABEL, "gen_ai_request_model", "error_type", "http_route"})
TOOL_TYPE_DATASTORE = frozenset({"file_search", "retrieval"})

# accounting.md 5; more by setting
WIRE_CODES = frozenset(
    {
        "gateway_timeout",
        "cancelled",
        "unknown",
        "invalid_argument",
        "deadline_exceeded",
        "not_found",
        "already_exists",
        "permission_denied",
        "resource_exhausted",
        "failed_precondition",
        "aborted",
        "out_of_range",
        "unimplemented",
        "internal",
        "unavailable",
        "data_loss",
        "unauthenticated",
        "invalid_request",
        "rate_limit_exceeded",
        "content_filter",
        "safety",
    }
)

# What each label says. `team` stands last, on the families that have it, where the settings ask for it.
LABELS = {
    "route": "what was asked for: `create`, `get`, `cancel`, `delete`, `passthrough`",
    "model": "model or agent: names that match `labels.models`, at most `labels.max_models`; `other`, `none`",
    "mode": "how the interaction is delivered: `stream`, `unary`, `background`",
    "outcome": "how the exchange ended, one of a closed list (docs/counting.md)",
    "team": "who asked, at most 50 names and `other`",
    "kind": "of a first delta: `any`, `output`, `text`, `thought`, `tool`, `media`; of a record: its kind; of a "
    "request to the upstream: `first`, `resume`, `continuation`",
    "step_type": "one of the API's step types, or `other`",
    "state": "`closed`, or `open_at_end`",
    "type": "of tokens: `input`, `output`, `thought`, `tool_use`, `unattributed`, which are disjoint; of "
    "cost: these (`input` with its cached part), and `grounding` for calls",
    "modality": "`text`, `image`, `audio`, `video`, `document`, `unknown`",
    "basis": "`final`, or `running`: the last known usage of a broken stream",
    "via": "where usage was seen: `create`, `poll`",
    "source": "who made an error: `upstream_http`, `upstream_event`, `transport`, `gateway`, `client`",
    "code": "of an error: a listed code of the wire, an HTTP status, a code of the gateway, or `other`",
    "what": "which vocabulary: `event_type`, `step_type`, `delta_type`, `status`, `tier`, `modality`, `sse_field`, "
    "`legacy_event`",
    "reason": "why: a closed list a family",
    "anomaly": "one of a closed list",
    "where": "part of the tap: `sse`, `skim`, `tracker`, `records`; `capture` of content",
    "worker": "the forwarder's number, from 0; `none` for the processes of which there is one",
    "label": "the name of a label",
    "version": "the gateway's",
    "semconv": "revision of the GenAI conventions",
    "python": "version",
    "aiohttp": "version",
    "path": "`fast` or `plain`; of added latency: `request`, `first_event`",
    "result": "of spans and log events: `exported`, `failed`, `dropped`, `sampled_out`; of calls: `ok`, `error`, "
    "`unmatched`, `pending`; of requests: `ok`, `error`, `cancelled`; of connections: `ok`, `dns_error`, "
    "`connect_error`, `connect_timeout`, `tls_error`",
    "sink": "part of the observer: `view`, `books`, `cost`, `metrics`, `traces`, `log`, `render`",
    "tool": "call and result without their suffix, `function`, or `other`",
    "side": "who carries a call out: `server`, `client`",
    "phase": "part of an exchange's wall time, or of its life",
    "tier": "the service tier: `standard`, `flex`, `priority`, `deferred`, `other`",
    "budget": "its name in the settings",
    "window": "`daily`: the last 24 hours, or `monthly`: the last 30 days",
    "event_type": "the known seven, `done`, or `other`",
    "direction": "`up` to the API, `down` to the client",
    "process": "`supervisor`, `observer`, `forwarder`",
    "resumed": "`true` or `false`",
}
