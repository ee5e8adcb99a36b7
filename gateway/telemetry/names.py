"""Every metric, span, attribute, bucket set and label domain, once.

Not here: values. Source: telemetry-conventions.md 2 and 3, accounting.md.
Promise: nothing else in the gateway spells a telemetry name. Names, types and labels are public.

Two clocks' starts, written down here only: `time_to_first_delta_seconds` and `interactions.time_to_first_*` count from
the request head's arrival (what the client waits), `gen_ai.response.time_to_first_chunk` from the upstream request.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.records import LOST_REASONS
from gateway.wire.events import STEP_TYPES, TIERS
from gateway.wire.facts import GAP_BOUNDS_NS, Anomaly, DeltaKind, Invalid, Mode, Unknown
from gateway.wire.usage import MODALITIES

PREFIX = "interactions_gateway_"
SEMCONV_REVISION = "gen-ai-dev/1.42.0-dev"  # the draft whose attribute names stand below

OTHER = "other"
NONE = "none"

BOUNDS_LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1800)
BOUNDS_DURATION_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
BOUNDS_GAP_S = tuple(bound_ns / 1e9 for bound_ns in GAP_BOUNDS_NS)


class Kind(Enum):
    """Metric types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: public name, type, labels in order, help, bucket bounds of a histogram."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()


def _counter(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(f"{PREFIX}{name}_total", Kind.COUNTER, labels, text)


def _gauge(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(f"{PREFIX}{name}", Kind.GAUGE, labels, text)


def _seconds(name: str, labels: tuple[str, ...], bounds_s: tuple[float, ...], text: str) -> Family:
    return Family(f"{PREFIX}{name}_seconds", Kind.HISTOGRAM, labels, text, bounds_s)


REQUESTS = _counter("requests", ("route", "model", "mode", "outcome"), "Ended exchanges, each with one outcome.")
REQUEST_DURATION = _seconds(
    "request_duration", ("model", "mode"), BOUNDS_DURATION_S, "From the request head to the end of the response."
)
FIRST_DELTA = _seconds(
    "time_to_first_delta",
    ("model", "kind"),
    BOUNDS_LATENCY_S,
    "From the request head to the first delta of a kind; any and output overlap the others.",
)
GAP = _seconds("inter_delta_gap", ("model",), BOUNDS_GAP_S, "Between consecutive deltas of one stream.")
STEP_DURATION = _seconds("step_duration", ("step_type",), BOUNDS_DURATION_S, "From a step's start to its stop.")
STEPS = _counter("steps", ("step_type", "state"), "Steps seen, closed or still open when the response ended.")
TOKENS = _counter(
    "tokens",
    ("model", "type", "modality", "basis", "via"),
    "Tokens as the API states them; types are disjoint and add up to its total.",
)
CACHED_TOKENS = _counter("cached_tokens", ("model", "modality"), "Cached input tokens, a part of those of type input.")
USAGE_MISSING = _counter("usage_missing", ("model", "outcome"), "Interactions that ended without any usage.")
ERRORS = _counter("errors", ("source", "code"), "Error events and failures by who made them.")
UNKNOWN_EVENTS = _counter("unknown_events", ("what",), "Vocabulary of the wire that this version does not know.")
INVALID_EVENTS = _counter("invalid_events", ("reason",), "Events that could not be read; they were passed on.")
ANOMALIES = _counter("anomalies", ("anomaly",), "Oddities of streams and of stated usage.")
ACTIVE_STREAMS = _gauge("active_streams", ("mode",), "Exchanges open now, unary ones too.")
TAP_FAULTS = _counter("tap_faults", ("where",), "Faults that switched the tap off for an exchange.")
RECORDS_LOST = _counter("records_lost", ("kind", "reason"), "Records lost on their way to the observer.")
OPENED = _counter("exchanges_opened", ("worker",), "Exchanges begun, by the forwarder's own count.")
CLOSED = _counter("exchanges_closed", ("worker",), "Exchanges whose end was accounted for.")
LABEL_OVERFLOW = _counter("label_overflow", ("label",), "Label values outside their domain, folded.")
BUILD_INFO = _gauge("build_info", ("version", "semconv", "python", "aiohttp", "path"), "Facts of the build; always 1.")
UNEXPECTED_PLAIN_PATH = _gauge(
    "unexpected_plain_path", ("worker",), "1 where the plain path serves, though the settings ask for the fast one."
)
SPANS = _counter("spans", ("result",), "What became of the spans that were made.")
TELEMETRY_FAULTS = _counter("telemetry_faults", ("sink",), "Records that a sink of the observer failed on.")

FAMILIES = (
    UNEXPECTED_PLAIN_PATH,
    REQUESTS,
    REQUEST_DURATION,
    FIRST_DELTA,
    GAP,
    STEP_DURATION,
    STEPS,
    TOKENS,
    CACHED_TOKENS,
    USAGE_MISSING,
    ERRORS,
    UNKNOWN_EVENTS,
    INVALID_EVENTS,
    ANOMALIES,
    ACTIVE_STREAMS,
    TAP_FAULTS,
    RECORDS_LOST,
    OPENED,
    CLOSED,
    LABEL_OVERFLOW,
    BUILD_INFO,
    SPANS,
    TELEMETRY_FAULTS,
)

MODES = tuple(Mode)
STEP_STATES = ("closed", "open_at_end")
STEP_TYPE_DOMAIN = STEP_TYPES | {OTHER}
MODALITY_DOMAIN = MODALITIES | {"unknown"}
TIER_DOMAIN = TIERS | {OTHER}
DELTA_KINDS = tuple(DeltaKind)
TOKEN_TYPES = ("input", "output", "thought", "tool_use", "unattributed")
UNKNOWNS = tuple(Unknown)
INVALIDS = tuple(Invalid)
ANOMALY_DOMAIN = tuple(Anomaly)
ERROR_SOURCES = ("upstream_http", "upstream_event", "transport", "gateway", "client")
TAP_PLACES = ("sse", "skim", "tracker", "records")
LOST_KINDS = ("ExchangeOpened", "StepStarted", "StepFinished", "ExchangeClosed")
LOST_DOMAIN = tuple((kind, reason) for kind in LOST_KINDS for reason in LOST_REASONS)
SPAN_RESULTS = ("exported", "failed", "dropped", "sampled_out")
SINKS = ("view", "books", "metrics", "traces", "log", "render")
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
)
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

SERVICE = "interactions-gateway"
SCOPE = "gateway.telemetry"

# Operations of spans (conventions 2.1)
GENERATE = "generate_content"
INVOKE_AGENT = "invoke_agent"
FETCH = "fetch_response"
EXECUTE_TOOL = "execute_tool"
STEP = "step"

# Attributes of the semantic conventions
HTTP_METHOD = "http.request.method"
HTTP_METHOD_ORIGINAL = "http.request.method_original"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_PATH = "url.path"
URL_QUERY = "url.query"
URL_SCHEME = "url.scheme"
URL_FULL = "url.full"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
CLIENT_ADDRESS = "client.address"
USER_AGENT = "user_agent.original"
PROTOCOL_VERSION = "network.protocol.version"
ERROR_TYPE = "error.type"
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
AGENT_NAME = "gen_ai.agent.name"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_PREVIOUS = "gen_ai.request.previous_response.id"
REQUEST_CURSOR = "gen_ai.request.stream_cursor"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_STOP = "gen_ai.request.stop_sequences"
REQUEST_REASONING = "gen_ai.request.reasoning.level"
OUTPUT_TYPE = "gen_ai.output.type"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_STATUS = "gen_ai.response.status"
RESPONSE_FINISH = "gen_ai.response.finish_reasons"
RESPONSE_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE = "gen_ai.usage."
USAGE_INPUT = "gen_ai.usage.input_tokens"
USAGE_OUTPUT = "gen_ai.usage.output_tokens"
USAGE_REASONING = "gen_ai.usage.reasoning.output_tokens"
USAGE_CACHED = "gen_ai.usage.cache_read.input_tokens"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
GEN_AI_MODALITIES = frozenset({"text", "image", "audio"})  # the conventions have no slot for the others

# Attributes of our own
EXCHANGE_ID = "interactions.exchange.id"
OUTCOME = "interactions.outcome"
API_REVISION = "interactions.api_revision"
SERVICE_TIER = "interactions.service_tier"
BACKGROUND = "interactions.background"
STEP_COUNT = "interactions.steps"
DELTA_COUNT = "interactions.deltas"
BYTES = "interactions.bytes"
UNKNOWN_COUNT = "interactions.unknown_events"
UNKNOWN_NAMES = "interactions.unknown_names"
ANOMALY_NAMES = "interactions.anomalies"
MAX_GAP = "interactions.max_gap"
CLIENT_BLOCKED = "interactions.client_blocked"  # s: the response waited for the client
STALLED = "interactions.stalled"
FIRST_DELTA_TIME = "interactions.time_to_first_delta"
FIRST_TEXT_TIME = "interactions.time_to_first_text"
TERMINAL_TIME = "interactions.time_to_terminal"
ERROR_CODES = "interactions.error_codes"
ERROR_COUNT = "interactions.errors"
USAGE_BASIS = "interactions.usage.basis"
USAGE_UNATTRIBUTED = "interactions.usage.unattributed_tokens"
OWN_USAGE = "interactions.usage."
USAGE_GROUNDING = "interactions.usage.grounding."
LINK = "interactions.link"
LINK_BASIS = "interactions.link.basis"
STEP_INDEX = "interactions.step.index"
STEP_TYPE = "interactions.step.type"
STEP_WIRE_TYPE = "interactions.step.wire_type"
STEP_DELTAS = "interactions.step.deltas"
STEP_BYTES = "interactions.step.bytes"
STEP_FIRST_DELTA = "interactions.step.first_delta"
STEP_MAX_GAP = "interactions.step.max_gap"
STEP_OPEN = "interactions.step.open_at_end"
STEP_TIMED = "interactions.step.timed"
STEP_USAGE = "interactions.step.usage."
TOOL_UNMATCHED = "interactions.tool.unmatched"
MCP_TOOL_NAME = "interactions.tool.mcp_name"
