"""Every metric, span, attribute, bucket set and label domain, once.

Not here: values. Source: telemetry-conventions.md 2 and 3, accounting.md.
Promise: nothing else in the gateway spells a telemetry name. Names, types and labels are public.

Two clocks' starts, written down here only: `time_to_first_delta_seconds` and `interactions.time_to_first_*` count from
the request head's arrival (what the client waits), `gen_ai.response.time_to_first_chunk` from the upstream request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from gateway.records import LOST_REASONS
from gateway.wire.events import STEP_TYPES, TIERS
from gateway.wire.facts import GAP_BOUNDS_NS, Anomaly, DeltaKind, Invalid, Mode, Unknown
from gateway.wire.usage import MODALITIES

PREFIX = "interactions_gateway_"
SEMCONV_REVISION = "gen-ai-dev/1.42.0-dev"  # the draft whose attribute names stand below

OTHER = "other"
NONE = "none"
TEAM_LABEL = "team"

BOUNDS_LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1800)
BOUNDS_DURATION_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
BOUNDS_GAP_S = tuple(bound_ns / 1e9 for bound_ns in GAP_BOUNDS_NS)
BOUNDS_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
BOUNDS_TOKENS = (16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)


class Kind(Enum):
    """Metric types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: public name, type, labels in order, help, bucket bounds of a histogram.

    by_team: it has the label `team` as its last one where the settings ask for it, and nowhere else.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()
    by_team: bool = False

    def labelled(self, *, teams: bool) -> Family:
        """The family as it is told, with or without teams."""
        return replace(self, labels=(*self.labels, TEAM_LABEL)) if teams and self.by_team else self


def _counter(name: str, labels: tuple[str, ...], text: str, *, by_team: bool = False) -> Family:
    return Family(f"{PREFIX}{name}_total", Kind.COUNTER, labels, text, by_team=by_team)


def _gauge(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(f"{PREFIX}{name}", Kind.GAUGE, labels, text)


def _seconds(
    name: str, labels: tuple[str, ...], bounds_s: tuple[float, ...], text: str, *, by_team: bool = False
) -> Family:
    return Family(f"{PREFIX}{name}_seconds", Kind.HISTOGRAM, labels, text, bounds_s, by_team)


REQUESTS = _counter(
    "requests", ("route", "model", "mode", "outcome"), "Ended exchanges, each with one outcome.", by_team=True
)
REQUEST_DURATION = _seconds(
    "request_duration", ("model", "mode"), BOUNDS_DURATION_S, "From the request head to the end of the response."
)
FIRST_DELTA = _seconds(
    "time_to_first_delta",
    ("model", "kind"),
    BOUNDS_LATENCY_S,
    "From the request head to the first delta of a kind; any and output overlap the others.",
    by_team=True,
)
GAP = _seconds("inter_delta_gap", ("model",), BOUNDS_GAP_S, "Between consecutive deltas of one stream.")
STEP_DURATION = _seconds("step_duration", ("step_type",), BOUNDS_DURATION_S, "From a step's start to its stop.")
STEPS = _counter("steps", ("step_type", "state"), "Steps seen, closed or still open when the response ended.")
TOKENS = _counter(
    "tokens",
    ("model", "type", "modality", "basis", "via"),
    "Tokens as the API states them; types are disjoint and add up to its total.",
    by_team=True,
)
CACHED_TOKENS = _counter("cached_tokens", ("model", "modality"), "Cached input tokens, a part of those of type input.")
USAGE_MISSING = _counter("usage_missing", ("model", "outcome"), "Interactions that ended without any usage.")
ERRORS = _counter("errors", ("source", "code"), "Error events and failures by who made them.", by_team=True)
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

# exchange
UPSTREAM_HEADERS = _seconds(
    "upstream_headers", ("model",), BOUNDS_LATENCY_S, "From the upstream request's start to its answer's head."
)
STREAM_MAX_GAP = _seconds(
    "stream_max_gap", ("model",), BOUNDS_LATENCY_S, "The longest silence between deltas of a stream, one a stream."
)
STALLS = _counter("stalls", ("model",), "Streams with a gap between events over the threshold.")
TOOL_CALLS = _counter("tool_calls", ("tool", "side", "result"), "Tool calls by who carries them out and what came.")
TOOL_DURATION = _seconds(
    "tool_duration", ("tool",), BOUNDS_LATENCY_S, "Server tools: from the call's start to the result's stop."
)
FUNCTION_RESULT_WAIT = _seconds(
    "function_result_wait",
    ("model",),
    BOUNDS_DURATION_S,
    "From a function call's end to the request that brings its result.",
)
GROUNDING_QUERIES = _counter("grounding_queries", ("tool",), "Grounding queries as the API counts them.")
INTERACTION_TOKENS = Family(
    f"{PREFIX}interaction_tokens",
    Kind.HISTOGRAM,
    ("model", "type"),
    "Tokens of an interaction: input and output.",
    BOUNDS_TOKENS,
)
UPSTREAM_ATTEMPTS = _counter(
    "upstream_attempts", ("kind", "result"), "Requests to the upstream; the gateway repeats none."
)
PHASE = _seconds(
    "phase", ("phase",), BOUNDS_LATENCY_S, "Where an exchange's wall time went; the parts add up to the whole."
)

# cost
COST = _counter(
    "cost_usd", ("model", "type", "tier", "basis"), "Price of the counted tokens and calls, US dollars.", by_team=True
)
COST_UNPRICED = _counter("cost_unpriced_tokens", ("model", "type"), "Counted tokens that no price was found for.")
WASTED_TOKENS = _counter(
    "wasted_tokens",
    ("reason", "type", "basis"),
    "Counted tokens of exchanges whose answer was not delivered; a part of tokens_total.",
    by_team=True,
)
WASTED_COST = _counter(
    "wasted_cost_usd",
    ("reason", "type", "basis"),
    "Their price, US dollars; a part of cost_usd_total.",
    by_team=True,
)
BUDGET = _gauge("budget_usd", ("budget", "window"), "Budgets of the settings, US dollars.")
CONFIG_RELOADED = _gauge("config_reload_timestamp_seconds", (), "When settings were last read well, Unix time.")

# processes
STREAM_EVENTS = _counter("stream_events", ("event_type",), "Events of streams, passed on.")
STREAM_BYTES = _counter("stream_bytes", ("direction",), "Body bytes, as they travelled.")
CLIENT_DISCONNECTS = _counter("client_disconnects", ("phase",), "Clients that left, by when.")
ADDED_LATENCY = _seconds("added_latency", ("path",), BOUNDS_OVERHEAD_S, "Time spent inside the gateway.")
RECORD_QUEUE_BYTES = _gauge("record_queue_bytes", ("worker",), "Records that wait for the observer.")
RECORD_LAG = _gauge("record_lag_seconds", ("worker",), "Age of the oldest of them.")
TAP_SECONDS = _counter("tap_seconds", ("worker",), "CPU time spent in the tap.")
REJECTED = _counter("rejected", ("reason",), "Requests that a limit of ours refused.")
OLDEST_SILENCE = _gauge("oldest_silence_seconds", (), "The longest running silence of an open exchange.")
LOOP_LAG = _seconds("loop_lag", ("process",), BOUNDS_OVERHEAD_S, "How late each process's loop woke.")
UPSTREAM_CONNECTIONS = _gauge("upstream_connections", ("state",), "Connections to the upstream.")
UPSTREAM_CONNECTS = _counter("upstream_connects", ("result",), "Connections that were tried.")
TLS_HANDSHAKES = _counter("upstream_tls_handshakes", ("resumed",), "TLS handshakes with the upstream.")
PROCESS_RESTARTS = _counter("process_restarts", ("process",), "Processes that the supervisor started again.")
PROCESS_CPU = _counter("process_cpu_seconds", ("process", "worker"), "CPU time of each of the gateway's processes.")
PROCESS_MEMORY = _gauge("process_resident_memory_bytes", ("process", "worker"), "Their resident memory.")
SERIES = _gauge("series", (), "Series of this registry; the settings limit them.")

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
    # exchange
    # cost
    # processes
)
FAMILIES_TO_COME = (
    UPSTREAM_HEADERS,
    STREAM_MAX_GAP,
    STALLS,
    TOOL_CALLS,
    TOOL_DURATION,
    FUNCTION_RESULT_WAIT,
    GROUNDING_QUERIES,
    INTERACTION_TOKENS,
    UPSTREAM_ATTEMPTS,
    PHASE,
    COST,
    COST_UNPRICED,
    WASTED_TOKENS,
    WASTED_COST,
    BUDGET,
    CONFIG_RELOADED,
    STREAM_EVENTS,
    STREAM_BYTES,
    CLIENT_DISCONNECTS,
    ADDED_LATENCY,
    RECORD_QUEUE_BYTES,
    RECORD_LAG,
    TAP_SECONDS,
    REJECTED,
    OLDEST_SILENCE,
    LOOP_LAG,
    UPSTREAM_CONNECTIONS,
    UPSTREAM_CONNECTS,
    TLS_HANDSHAKES,
    PROCESS_RESTARTS,
    PROCESS_CPU,
    PROCESS_MEMORY,
    SERIES,
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
PHASES = ("client_body", "connect", "wait", "think", "stream", "server_tool", "client_blocked", "gateway")
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
TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT = "gen_ai.tool.call.result"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
CONVERSATION_ID = "gen_ai.conversation.id"
USER_ID = "user.id"
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
COST_USD = "interactions.cost_usd"  # of what this exchange's usage was counted for
COST_UNPRICED_TOKENS = "interactions.cost.unpriced_tokens"
WASTED = "interactions.wasted"
TEAM = "interactions.team"
APP = "interactions.app"
CLIENT_NAME = "interactions.client"
CHAIN_ID = "interactions.chain.id"
ATTEMPTS = "interactions.attempts"
KEPT_BY = "interactions.kept_by"  # the sampling rule that kept the trace
PHASE_TIME = "interactions.phase."  # and a phase: s
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

# Span events of `spans.detail = "full"` and their attributes; those of the wire have its event types for names
EVENT_FIRST_DELTA = "interactions.first_delta"
EVENT_ERROR = "interactions.error"
EVENT_STALL = "interactions.stall"
EVENT_TERMINAL = "interactions.terminal"
EVENT_UNKNOWN = "interactions.unknown"
DELTA_KIND = "interactions.delta.kind"
ERROR_CODE = "interactions.error.code"
UNKNOWN_NAME = "interactions.unknown_name"
EVENT_STATUS = "interactions.terminal.status"
EVENT_SIZE = "interactions.event.size"  # bytes of data
EVENT_COUNT = "interactions.event.count"  # deltas of one arrival that are told as one
