"""Every metric, span, attribute, bucket set and label domain, once: here, or read through here.

Not here: values. Spans and attributes stand in span_names.py, names of other dialects in dialect_names.py, domains
of labels in label_names.py, the conventions' own families in semconv_names.py; all of it is `names.X` to the rest.
Source: telemetry-conventions.md 2 and 3, accounting.md.
Promise: nothing else in the gateway spells a telemetry name. Names, types and labels are public; docs/telemetry.md is
made from them (reference.py).
"""

from __future__ import annotations

from gateway.records import LAG_BOUNDS_NS
from gateway.telemetry.catalogue import TEAM_LABEL as TEAM_LABEL
from gateway.telemetry.catalogue import Family as Family
from gateway.telemetry.catalogue import Kind as Kind
from gateway.telemetry.dialect_names import *  # noqa: F403  one import place
from gateway.telemetry.label_names import *  # noqa: F403
from gateway.telemetry.semconv_names import *  # noqa: F403
from gateway.telemetry.span_names import *  # noqa: F403
from gateway.wire.facts import GAP_BOUNDS_NS

PREFIX = "interactions_gateway_"

BOUNDS_LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1800)
BOUNDS_DURATION_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
BOUNDS_GAP_S = tuple(bound_ns / 1e9 for bound_ns in GAP_BOUNDS_NS)
BOUNDS_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
BOUNDS_LAG_S = tuple(bound_ns / 1e9 for bound_ns in LAG_BOUNDS_NS)  # finer than overhead: it is judged by its p99.9
BOUNDS_TOKENS = (16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)


def _counter(name: str, labels: tuple[str, ...], text: str, *, by_team: bool = False, counts: str = "") -> Family:
    return Family(f"{PREFIX}{name}_total", Kind.COUNTER, labels, text, by_team=by_team, counts=counts)


def _gauge(name: str, labels: tuple[str, ...], text: str, *, counts: str = "") -> Family:
    return Family(f"{PREFIX}{name}", Kind.GAUGE, labels, text, counts=counts)


def _seconds(
    name: str, labels: tuple[str, ...], bounds_s: tuple[float, ...], text: str, *, by_team: bool = False
) -> Family:
    return Family(f"{PREFIX}{name}_seconds", Kind.HISTOGRAM, labels, text, bounds_s, by_team)


REQUESTS = _counter(
    "requests",
    ("route", "model", "mode", "outcome"),
    "Ended exchanges, each with one outcome.",
    by_team=True,
    counts="{request}",
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
STEPS = _counter(
    "steps", ("step_type", "state"), "Steps seen, closed or still open when the response ended.", counts="{step}"
)
TOKENS = _counter(
    "tokens",
    ("model", "type", "modality", "basis", "via"),
    "Tokens as the API states them; types are disjoint and add up to its total.",
    by_team=True,
)
CACHED_TOKENS = _counter("cached_tokens", ("model", "modality"), "Cached input tokens, a part of those of type input.")
USAGE_MISSING = _counter(
    "usage_missing", ("model", "outcome"), "Interactions that ended without any usage.", counts="{interaction}"
)
ERRORS = _counter(
    "errors", ("source", "code"), "Error events and failures by who made them.", by_team=True, counts="{error}"
)
UNKNOWN_EVENTS = _counter(
    "unknown_events", ("what",), "Vocabulary of the wire that this version does not know.", counts="{event}"
)
INVALID_EVENTS = _counter(
    "invalid_events", ("reason",), "Events that could not be read; they were passed on.", counts="{event}"
)
ANOMALIES = _counter("anomalies", ("anomaly",), "Oddities of streams and of stated usage.", counts="{event}")
ACTIVE_STREAMS = _gauge("active_streams", ("mode",), "Exchanges open now, unary ones too.", counts="{exchange}")
TAP_FAULTS = _counter("tap_faults", ("where",), "Faults that switched the tap off for an exchange.", counts="{fault}")
RECORDS_LOST = _counter(
    "records_lost", ("kind", "reason"), "Records lost on their way to the observer.", counts="{record}"
)
OPENED = _counter(
    "exchanges_opened", ("worker",), "Exchanges begun, by the forwarder's own count.", counts="{exchange}"
)
CLOSED = _counter("exchanges_closed", ("worker",), "Exchanges whose end was accounted for.", counts="{exchange}")
LABEL_OVERFLOW = _counter("label_overflow", ("label",), "Label values outside their domain, folded.", counts="{value}")
BUILD_INFO = _gauge("build_info", ("version", "semconv", "python", "aiohttp", "path"), "Facts of the build; always 1.")
UNEXPECTED_PLAIN_PATH = _gauge(
    "unexpected_plain_path", ("worker",), "1 where the plain path serves, though the settings ask for the fast one."
)
SPANS = _counter("spans", ("result",), "What became of the spans that were made.", counts="{span}")
TELEMETRY_FAULTS = _counter(
    "telemetry_faults", ("sink",), "Records that a sink of the observer failed on.", counts="{fault}"
)

# content
CONTENT_EVENTS = _counter(
    "content_events", ("result",), "What became of the log events with captured content.", counts="{event}"
)
CONTENT_WITHHELD = _counter(
    "content_withheld",
    ("reason",),
    "Captured content that was not told, though its exchange was.",
    counts="{exchange}",
)

# exchange
UPSTREAM_HEADERS = _seconds(
    "upstream_headers", ("model",), BOUNDS_LATENCY_S, "From the upstream request's start to its answer's head."
)
STREAM_MAX_GAP = _seconds(
    "stream_max_gap", ("model",), BOUNDS_LATENCY_S, "The longest silence between deltas of a stream, one a stream."
)
STALLS = _counter(
    "stalls",
    ("model",),
    "Gaps between events over the threshold, while a step was open but a thought.",
    counts="{stall}",
)
TOOL_CALLS = _counter(
    "tool_calls", ("tool", "side", "result"), "Tool calls by who carries them out and what came.", counts="{call}"
)
TOOL_DURATION = _seconds(
    "tool_duration", ("tool",), BOUNDS_LATENCY_S, "Server tools: from the call's start to the result's stop."
)
FUNCTION_RESULT_WAIT = _seconds(
    "function_result_wait",
    ("model",),
    BOUNDS_DURATION_S,
    "From a function call's end to the request that brings its result.",
)
GROUNDING_QUERIES = _counter(
    "grounding_queries", ("tool",), "Grounding queries as the API counts them.", counts="{query}"
)
INTERACTION_TOKENS = Family(
    f"{PREFIX}interaction_tokens",
    Kind.HISTOGRAM,
    ("model", "type"),
    "Tokens of an interaction by its final usage: input and output, as in tokens_total.",
    BOUNDS_TOKENS,
)
UPSTREAM_ATTEMPTS = _counter(
    "upstream_attempts", ("kind", "result"), "Requests to the upstream; the gateway repeats none.", counts="{request}"
)
PHASE = _seconds(
    "phase",
    ("phase",),
    BOUNDS_LATENCY_S,
    "Where an exchange's wall time went, phases it had; the parts add up to the whole.",
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
COST_UNPRICED_CALLS = _counter(
    "cost_unpriced_calls", ("model", "tool"), "Counted calls that no price was found for.", counts="{call}"
)
BUDGET_COST = _counter("budget_cost_usd", ("budget",), "Cost that counts against a budget, US dollars.")
BUDGET = _gauge("budget_usd", ("budget", "window"), "Budgets of the settings, US dollars.")
CONFIG_RELOADED = _gauge("config_reload_timestamp_seconds", (), "When settings were last read well, Unix time.")
CONFIG_IN_FORCE = _gauge(
    "config_last_reload_successful",
    (),
    "1 where the files of settings and prices are in force, 0 where something in them was refused.",
)

# processes
STREAM_EVENTS = _counter("stream_events", ("event_type",), "Events of streams, passed on.", counts="{event}")
STREAM_BYTES = _counter("stream_bytes", ("direction",), "Body bytes of all exchanges, as they travelled.")
CLIENT_DISCONNECTS = _counter("client_disconnects", ("phase",), "Clients that left, by when.", counts="{request}")
ADDED_LATENCY = _seconds(
    "added_latency",
    ("path",),
    BOUNDS_OVERHEAD_S,
    "Inside the gateway: from the request's head to its writing upstream, without connecting; "
    "from reading the response body's first bytes to their writing.",
)
RECORD_QUEUE_BYTES = _gauge("record_queue_bytes", ("worker",), "Records that wait for the observer.")
RECORD_LAG = _gauge("record_lag_seconds", ("worker",), "Age of the oldest of them.")
TAP_SECONDS = _counter("tap_seconds", ("worker",), "CPU time spent in the tap, by that of one exchange in sixteen.")
REJECTED = _counter("rejected", ("reason",), "Requests that a limit of ours refused.", counts="{request}")
OLDEST_SILENCE = _gauge("oldest_silence_seconds", (), "The longest running silence of an open exchange.")
LOOP_LAG = _seconds("loop_lag", ("process",), BOUNDS_LAG_S, "How late each process's loop woke.")
UPSTREAM_CONNECTIONS = _gauge("upstream_connections", ("state",), "Connections to the upstream.", counts="{connection}")
UPSTREAM_CONNECTS = _counter("upstream_connects", ("result",), "Connections that were tried.", counts="{connection}")
TLS_HANDSHAKES = _counter(
    "upstream_tls_handshakes", ("resumed",), "TLS handshakes with the upstream.", counts="{handshake}"
)
PROCESS_RESTARTS = _counter(
    "process_restarts", ("process",), "Processes that the supervisor started again.", counts="{process}"
)
STARTED = _gauge("start_time_seconds", (), "When the gateway, all its processes, was started, Unix time.")
PROCESS_CPU = _counter("process_cpu_seconds", ("process", "worker"), "CPU time of each of the gateway's processes.")
PROCESS_MEMORY = _gauge("process_resident_memory_bytes", ("process", "worker"), "Their resident memory.")
SERIES = _gauge("series", (), "Series of this scrape.", counts="{series}")

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
    CONTENT_EVENTS,
    CONTENT_WITHHELD,
    # exchange
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
    # cost
    COST,
    COST_UNPRICED,
    COST_UNPRICED_CALLS,
    WASTED_TOKENS,
    WASTED_COST,
    BUDGET,
    BUDGET_COST,
    CONFIG_RELOADED,
    CONFIG_IN_FORCE,
    # processes
    STREAM_EVENTS,
    STREAM_BYTES,
    CLIENT_DISCONNECTS,
    REJECTED,
    ADDED_LATENCY,
    RECORD_QUEUE_BYTES,
    RECORD_LAG,
    OLDEST_SILENCE,
    TAP_SECONDS,
    LOOP_LAG,
    UPSTREAM_CONNECTIONS,
    UPSTREAM_CONNECTS,
    TLS_HANDSHAKES,
    PROCESS_RESTARTS,
    STARTED,
    PROCESS_CPU,
    PROCESS_MEMORY,
    SERIES,
)
