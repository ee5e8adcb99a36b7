"""Every span, and every attribute of spans, links and the resource: each name once, with what it says beside it.

Not here: values (attributes.py, http_attributes.py), metric families (names.py, through which these names are read).
Source: telemetry-conventions.md 1.2-1.5, 2.1 and 2.2; revisions are those of catalogue.Source.
Promise: what leaves on a span is in ATTRIBUTES, but for members of baggage, which the settings name; the reference page
is made from it, and the tests hold it to the spans.

Two clocks' starts, written down here only: `time_to_first_delta_seconds` and `interactions.time_to_first_*` count from
the request head's arrival (what the client waits), `gen_ai.response.time_to_first_chunk` from the upstream request.
"""

from __future__ import annotations

from gateway.telemetry.catalogue import SCOPE as SCOPE
from gateway.telemetry.catalogue import Attribute, Source, Span
from gateway.wire.usage import MODALITIES

SERVICE = "interactions-gateway"
SEMCONV_REVISION = "gen-ai-dev/1.42.0-dev"  # the draft whose attribute names stand below

# Operations of spans (conventions 2.1)
GENERATE = "generate_content"
INVOKE_AGENT = "invoke_agent"
FETCH = "fetch_response"
EXECUTE_TOOL = "execute_tool"
STEP = "step"
CONTENT_EVENT = "gen_ai.client.inference.operation.details"  # a log event: captured content

ON_SERVER, ON_UPSTREAM, ON_MAIN, ON_FETCH, ON_TOOL, ON_STEP = (
    "server",
    "upstream",
    "interaction",
    "fetch",
    "tool",
    "step",
)
ON_LINK, ON_RESOURCE, ON_METRIC = "link", "resource", "metric"  # no spans, but places of attributes all the same
ON_EVENT = "event"

SPAN_KINDS = (
    Span(ON_SERVER, "{method} {http.route}", "SERVER", "One a client request: head in to last byte out.", Source.CORE),
    Span(
        ON_MAIN,
        f"{GENERATE} {{model}}, {INVOKE_AGENT} {{agent}}",
        "CLIENT",
        "One a create: upstream request to the end of the response.",
        Source.GEN_AI_1_41,
    ),
    Span(ON_FETCH, FETCH, "CLIENT", "One a get of an interaction: a poll, or a resumed stream.", Source.GEN_AI_LATEST),
    Span(ON_UPSTREAM, "{method}", "CLIENT", "The one upstream request; the gateway repeats none.", Source.CORE),
    Span(
        ON_TOOL,
        f"{EXECUTE_TOOL} {{tool}}",
        "INTERNAL",
        "A server tool's call and result, joined by the call's id.",
        Source.GEN_AI_1_41,
    ),
    Span(ON_STEP, f"{STEP} {{step_type}}", "INTERNAL", "One a step, with its true times.", Source.OWN),
)

ATTRIBUTES: list[Attribute] = []  # filled below, complete when this module is

_BOTH = (ON_MAIN, ON_FETCH)
_ALL_CLIENT = (ON_UPSTREAM, ON_MAIN, ON_FETCH)
_ALWAYS, _STATED = "always", "where stated"
_TAGGED = "`attribution` in the settings names a header or a member of the baggage that the request has"


def _attribute(name: str, type_: str, on: tuple[str, ...], source: Source, when: str, text: str, unit: str = "") -> str:
    ATTRIBUTES.append(Attribute(name, type_, on, source, when, text, unit))
    return name


def _core(name: str, type_: str, on: tuple[str, ...], when: str, text: str) -> str:
    return _attribute(name, type_, on, Source.CORE, when, text)


def _since_1_41(name: str, type_: str, on: tuple[str, ...], when: str, text: str, unit: str = "") -> str:
    return _attribute(name, type_, on, Source.GEN_AI_1_41, when, text, unit)


def _latest(name: str, type_: str, on: tuple[str, ...], when: str, text: str, unit: str = "") -> str:
    return _attribute(name, type_, on, Source.GEN_AI_LATEST, when, text, unit)


def _own(name: str, type_: str, on: tuple[str, ...], when: str, text: str, unit: str = "") -> str:
    return _attribute(f"interactions.{name}", type_, on, Source.OWN, when, text, unit)


# Of who speaks
SERVICE_NAME = _core("service.name", "string", (ON_RESOURCE,), _ALWAYS, f"`{SERVICE}`, or as OTEL_* says.")
SERVICE_VERSION = _core("service.version", "string", (ON_RESOURCE,), _ALWAYS, "The gateway's version.")

# HTTP
_HTTP = (ON_SERVER, ON_UPSTREAM)
HTTP_METHOD = _core("http.request.method", "string", _HTTP, _ALWAYS, "The method; `_OTHER` for unknown ones.")
HTTP_METHOD_ORIGINAL = _core("http.request.method_original", "string", _HTTP, "method `_OTHER`", "It, cut to 64.")
HTTP_ROUTE = _core("http.route", "string", (ON_SERVER,), "path of an interaction", "The path with `{id}` for ids.")
HTTP_STATUS = _core("http.response.status_code", "int", _HTTP, "a response came", "What the client got, or we.")
URL_PATH = _core("url.path", "string", (ON_SERVER,), _ALWAYS, "The path as asked.")
URL_QUERY = _core("url.query", "string", (ON_SERVER,), "one was sent", "The query, values of secrets left out.")
URL_SCHEME = _core("url.scheme", "string", (ON_SERVER,), _ALWAYS, "`http`: TLS ends before the gateway.")
URL_FULL = _core("url.full", "string", (ON_UPSTREAM,), "the host is known", "As asked of the upstream, redacted.")
SERVER_ADDRESS = _core("server.address", "string", _ALL_CLIENT, "the upstream was asked", "The upstream's host.")
SERVER_PORT = _core("server.port", "int", _ALL_CLIENT, "with the address", "Its port.")
CLIENT_ADDRESS = _core("client.address", "string", (ON_SERVER,), "known", "The peer's address.")
USER_AGENT = _core("user_agent.original", "string", (ON_SERVER,), "sent", "The client's own words.")
PEER_ADDRESS = _core("network.peer.address", "string", (ON_UPSTREAM,), "connected", "Where the connection ended.")
PROTOCOL_VERSION = _core("network.protocol.version", "string", (ON_SERVER,), _ALWAYS, "HTTP version of the client.")
ERROR_TYPE = _core(
    "error.type",
    "string",
    (ON_SERVER, *_ALL_CLIENT, ON_TOOL, ON_STEP),
    "status Error",
    "HTTP status, a listed code of the wire, a code or outcome of the gateway, `tool_error`, or `_OTHER`.",
)
USER_ID = _core("user.id", "string", (ON_SERVER, *_BOTH), _TAGGED, "Who uses it, as the request says.")

# GenAI: the request
OPERATION = _since_1_41("gen_ai.operation.name", "string", (*_BOTH, ON_TOOL), _ALWAYS, "As in the span's name.")
PROVIDER = _since_1_41(
    "gen_ai.provider.name",
    "string",
    _BOTH,
    _ALWAYS,
    "By the upstream's host: `gcp.gemini`, `gcp.vertex_ai`, `gcp.gen_ai`.",
)
REQUEST_MODEL = _since_1_41("gen_ai.request.model", "string", (ON_MAIN,), "no agent", "The model, as on the wire.")
AGENT_NAME = _since_1_41("gen_ai.agent.name", "string", (ON_MAIN,), "an agent", "The agent, as on the wire.")
REQUEST_STREAM = _since_1_41("gen_ai.request.stream", "boolean", (ON_MAIN,), "only true", "A stream was asked for.")
REQUEST_PREVIOUS = _latest(
    "gen_ai.request.previous_response.id", "string", (ON_MAIN,), _STATED, "`previous_interaction_id`."
)
REQUEST_CURSOR = _latest("gen_ai.request.stream_cursor", "string", (ON_FETCH,), "a resume", "`last_event_id`.")
_CONFIG = "`generation_config.{}`."
REQUEST_TEMPERATURE = _since_1_41(
    "gen_ai.request.temperature", "double", (ON_MAIN,), _STATED, _CONFIG.format("temperature")
)
REQUEST_TOP_P = _since_1_41("gen_ai.request.top_p", "double", (ON_MAIN,), _STATED, _CONFIG.format("top_p"))
REQUEST_MAX_TOKENS = _since_1_41(
    "gen_ai.request.max_tokens", "int", (ON_MAIN,), _STATED, _CONFIG.format("max_output_tokens")
)
REQUEST_SEED = _since_1_41("gen_ai.request.seed", "int", (ON_MAIN,), _STATED, _CONFIG.format("seed"))
REQUEST_STOP = _since_1_41(
    "gen_ai.request.stop_sequences", "string[]", (ON_MAIN,), _STATED, _CONFIG.format("stop_sequences")
)
REQUEST_REASONING = _latest(
    "gen_ai.request.reasoning.level", "string", (ON_MAIN,), _STATED, _CONFIG.format("thinking_level")
)
OUTPUT_TYPE = _since_1_41(
    "gen_ai.output.type", "string", (ON_MAIN,), "exactly one is asked for", "`text`, `json`, `image`, `speech`."
)

# GenAI: the response
RESPONSE_ID = _since_1_41("gen_ai.response.id", "string", _BOTH, "known", "The interaction's id.")
RESPONSE_MODEL = _since_1_41("gen_ai.response.model", "string", (ON_MAIN,), _STATED, "The last that was named.")
RESPONSE_STATUS = _latest(
    "gen_ai.response.status", "string", _BOTH, _STATED, "The last status; `budget_exceeded` is told as `incomplete`."
)
RESPONSE_FINISH = _since_1_41(
    "gen_ai.response.finish_reasons",
    "string[]",
    (ON_MAIN,),
    "the turn ended",
    "One of `stop`, `tool_calls`, `length`, `error`, by the outcome.",
)
RESPONSE_FIRST_CHUNK = _since_1_41(
    "gen_ai.response.time_to_first_chunk",
    "double",
    (ON_MAIN,),
    "a stream with an event",
    "From the upstream request to the first event of any kind.",
    "s",
)

# GenAI: usage. Input includes tool use and cached tokens, output includes thoughts.
_COUNT = "{token}"
USAGE = "gen_ai.usage."
USAGE_INPUT = _since_1_41(f"{USAGE}input_tokens", "int", (ON_MAIN,), _STATED, "Input and tool use.", _COUNT)
USAGE_OUTPUT = _since_1_41(f"{USAGE}output_tokens", "int", (ON_MAIN,), _STATED, "Output and thoughts.", _COUNT)
USAGE_REASONING = _since_1_41(
    f"{USAGE}reasoning.output_tokens", "int", (ON_MAIN,), _STATED, "Thoughts, a part of the output.", _COUNT
)
USAGE_CACHED = _since_1_41(
    f"{USAGE}cache_read.input_tokens", "int", (ON_MAIN,), _STATED, "Cached, a part of the input.", _COUNT
)
GEN_AI_MODALITIES = frozenset({"text", "image", "audio"})  # the conventions have no slot for the others
OWN_USAGE = "interactions.usage."
_LISTED = "the API lists it"
END_INPUT, END_OUTPUT, END_CACHED = "input_tokens", "output_tokens", "cache_read.input_tokens"
_MODALITIES = (*sorted(MODALITIES), "unknown")
USAGE_NAMES = {  # by modality and what is counted
    (_modality, _end): f"{USAGE if _modality in GEN_AI_MODALITIES else OWN_USAGE}{_modality}.{_end}"
    for _modality in _MODALITIES
    for _end in (END_INPUT, END_OUTPUT, END_CACHED)
}
USAGE_BY_MODALITY = frozenset(USAGE_NAMES.values())
for _end, _text in (
    (END_INPUT, "Input and tool use of a modality."),
    (END_OUTPUT, "Output of a modality, without thoughts: those have none on the wire."),
    (END_CACHED, "Cached input of a modality."),
):
    _latest(f"{USAGE}{{modality}}.{_end}", "int", (ON_MAIN,), _LISTED, f"{_text} `text`, `image`, `audio`.", _COUNT)
    _own(f"usage.{{modality}}.{_end}", "int", (ON_MAIN,), _LISTED, f"{_text} The other modalities.", _COUNT)

TOKEN_MODALITY = _latest(
    "gen_ai.token.modality",
    "string",
    (ON_METRIC,),
    _ALWAYS,
    "`text`, `image`, `audio`, `video`, `document`; `unknown` where the API lists none.",
)
TOKEN_TYPE = _since_1_41("gen_ai.token.type", "string", (ON_METRIC,), _ALWAYS, "`input`, `output`.")

# GenAI: tools and content
_CALLS = (ON_TOOL, ON_STEP)
TOOL_NAME = _since_1_41(
    "gen_ai.tool.name", "string", _CALLS, "tool spans; steps of `function_call`", "The server tool, or the function."
)
TOOL_TYPE = _since_1_41(
    "gen_ai.tool.type",
    "string",
    _CALLS,
    "as the name",
    "`extension`; `datastore` for `file_search` and `retrieval`; `function` for a client's function.",
)
TOOL_CALL_ID = _since_1_41("gen_ai.tool.call.id", "string", _CALLS, "as the name, if known", "The call's id.")
_CAPTURED = "capture is on"
TOOL_CALL_ARGUMENTS = _since_1_41("gen_ai.tool.call.arguments", "string", _CALLS, _CAPTURED, "JSON, redacted, cut.")
TOOL_CALL_RESULT = _since_1_41("gen_ai.tool.call.result", "string", _CALLS, _CAPTURED, "JSON, redacted, cut.")
TOOL_DEFINITIONS = _since_1_41("gen_ai.tool.definitions", "string", (ON_MAIN,), _CAPTURED, "JSON, redacted, cut.")
INPUT_MESSAGES = _since_1_41("gen_ai.input.messages", "string", (ON_MAIN,), _CAPTURED, "JSON, redacted, cut.")
OUTPUT_MESSAGES = _since_1_41("gen_ai.output.messages", "string", _BOTH, _CAPTURED, "JSON, redacted, cut.")
SYSTEM_INSTRUCTIONS = _since_1_41("gen_ai.system_instructions", "string", (ON_MAIN,), _CAPTURED, "JSON, redacted, cut.")
CONVERSATION_ID = _since_1_41(
    "gen_ai.conversation.id",
    "string",
    _BOTH,
    "set to be read",
    "The conversation, as the request says, or the chain's first interaction.",
)

# Ours: the exchange
EXCHANGE_ID = _own("exchange.id", "string", (ON_SERVER,), _ALWAYS, "As in the log's line.")
OUTCOME = _own("outcome", "string", (ON_SERVER, *_BOTH), _ALWAYS, "How the exchange ended, one of a closed list.")
API_REVISION = _own("api_revision", "string", _BOTH, "sent", "The header `Api-Revision`.")
SERVICE_TIER = _own("service_tier", "string", _BOTH, _STATED, "The tier that the API says it gave.")
BACKGROUND = _own("background", "boolean", (ON_MAIN,), "only true", "A background run was asked for.")
STEP_COUNT = _own("steps", "int", _BOTH, _ALWAYS, "Steps of the response.", "{step}")
DELTA_COUNT = _own("deltas", "int", _BOTH, _ALWAYS, "Deltas of the response.", "{delta}")
BYTES = _own("bytes", "int", _BOTH, _ALWAYS, "Body bytes of the response, as they travelled.", "By")
UNKNOWN_COUNT = _own("unknown_events", "int", _BOTH, _ALWAYS, "Words of the wire that are not known.", "{event}")
UNKNOWN_NAMES = _own("unknown_names", "string[]", _BOTH, "there are some", "A bounded sample of them.")
ANOMALY_NAMES = _own("anomalies", "string[]", _BOTH, "there are some", "Oddities of the stream, by name.")
MAX_GAP = _own("max_gap", "double", _BOTH, "two deltas", "The longest silence between deltas.", "s")
CLIENT_BLOCKED = _own("client_blocked", "double", _BOTH, "it was", "How long the response waited for the client.", "s")
STALLED = _own("stalled", "boolean", _BOTH, "only true", "A gap between events was over the threshold.")
FIRST_DELTA_TIME = _own(
    "time_to_first_delta", "double", (ON_MAIN,), "a delta came", "From the request head to the first delta.", "s"
)
FIRST_TEXT_TIME = _own(
    "time_to_first_text", "double", (ON_MAIN,), "text came", "From the request head to the first delta of text.", "s"
)
TERMINAL_TIME = _own(
    "time_to_terminal", "double", _BOTH, "one came", "From the request head to the terminal event or body.", "s"
)
ERROR_CODES = _own("error_codes", "string[]", _BOTH, "there are some", "Codes as the wire says them, cut to 64.")
ERROR_COUNT = _own("errors", "int", _BOTH, "there are some", "Error events of the stream.", "{event}")
ATTEMPTS = _own(
    "attempts", "int", _BOTH, "the upstream was asked", "Upstream requests: 1, none is repeated.", "{request}"
)
CLIENT_NAME = _own("client", "string", (ON_SERVER,), _TAGGED, "The calling client, as the request says.")

# Ours: usage and money
USAGE_BASIS = _own("usage.basis", "string", (ON_MAIN,), "a usage", "`final`, or `running` where the stream broke.")
USAGE_UNATTRIBUTED = _own(
    "usage.unattributed_tokens", "int", (ON_MAIN,), "there are some", "What the total has beyond its parts.", _COUNT
)
USAGE_GROUNDING = f"{OWN_USAGE}grounding."
_own(
    "usage.grounding.{tool}",
    "int",
    (ON_MAIN,),
    "counted by the API",
    "Grounding queries, billed one by one: `google_search`, `google_maps`, `retrieval`, `other`.",
    "{query}",
)
COST_USD = _own(
    "cost_usd", "double", (ON_MAIN, ON_FETCH), "a price is known", "Price of what was counted here.", "{USD}"
)
COST_UNPRICED_TOKENS = _own("cost.unpriced_tokens", "int", _BOTH, "there are some", "Without a price.", _COUNT)
WASTED = _own("wasted", "boolean", _BOTH, "only true", "Counted, and not delivered.")

# Ours: whose it is, and what it belongs to
TEAM = _own(
    "team",
    "string",
    (ON_SERVER, *_BOTH),
    _TAGGED,
    "The team, as the label `team` where that has room for it; a keyed fingerprint of the API key, or its name.",
)
APP = _own("app", "string", (ON_SERVER, *_BOTH), _TAGGED, "The application, as the request says.")
CHAIN_ID = _own("chain.id", "string", _BOTH, "set, and known", "The first interaction of the chain.")
KEPT_BY = _own(
    "kept_by",
    "string",
    (ON_SERVER,),
    _ALWAYS,
    "The first rule that kept the trace: `ratio`, `model`, `team`, `error`, `stall`, `slow`, `cost`, `first_delta`.",
)
PHASE_TIME = "interactions.phase."
_own("phase.{phase}", "double", (ON_SERVER,), "it took time", "Where the span's time went; they add up to it.", "s")
LINK = _own(
    "link",
    "string",
    (ON_LINK,),
    _ALWAYS,
    "`previous_interaction`, `continuation`, `poll`, `resume`, `cancel`; `client`: its span, where it isn't trusted.",
)
LINK_CLIENT = "client"
LINK_BASIS = _own("link.basis", "string", (ON_LINK,), _ALWAYS, "`known` here, or `derived` from the earlier id.")

# Ours: steps and tools
_ONE = (ON_STEP,)
STEP_INDEX = _own("step.index", "int", _ONE, _ALWAYS, "Its index on the wire.")
STEP_TYPE = _own("step.type", "string", _ONE, _ALWAYS, "A known type, or `other`.")
STEP_WIRE_TYPE = _own("step.wire_type", "string", _ONE, "type `other`", "What the wire calls it, cut to 64.")
STEP_DELTAS = _own("step.deltas", "int", _ONE, _ALWAYS, "Its deltas.", "{delta}")
STEP_BYTES = _own("step.bytes", "int", _ONE, _ALWAYS, "Data bytes of its events.", "By")
STEP_FIRST_DELTA = _own("step.first_delta", "double", _ONE, "a delta came", "From its start to its first delta.", "s")
STEP_MAX_GAP = _own("step.max_gap", "double", _ONE, "two deltas", "The longest silence between them.", "s")
STEP_OPEN = _own("step.open_at_end", "boolean", _ONE, "only true", "The response ended before it did.")
STEP_TIMED = _own("step.timed", "boolean", _ONE, "only false", "No start was seen: its times are the body's.")
STEP_USAGE = "interactions.step.usage."
_own("step.usage.{part}_tokens", "int", _ONE, "the step states it", "Its own usage, part by part.", _COUNT)
TOOL_UNMATCHED = _own("tool.unmatched", "boolean", (ON_TOOL,), "only true", "A call without result, or the reverse.")
MCP_TOOL_NAME = _own("tool.mcp_name", "string", (ON_TOOL,), "an MCP tool", "The tool's name on its server.")

# Span events, of `spans.detail = "full"`; those of the wire, where they are kept, have its event types for names
EVENT_FIRST_DELTA = "interactions.first_delta"
EVENT_ERROR = "interactions.error"
EVENT_STALL = "interactions.stall"
EVENT_TERMINAL = "interactions.terminal"
EVENT_UNKNOWN = "interactions.unknown"
SPAN_EVENTS = (EVENT_FIRST_DELTA, EVENT_ERROR, EVENT_STALL, EVENT_TERMINAL, EVENT_UNKNOWN)
_EVENT = (ON_EVENT,)
DELTA_KIND = _own("delta.kind", "string", _EVENT, "first delta", "The kind of which it is the first.")
ERROR_CODE = _own("error.code", "string", _EVENT, "an error with a code", "As the wire says it, cut to 64.")
UNKNOWN_NAME = _own("unknown_name", "string", _EVENT, "unknown", "What is unknown, and its name, cut to 64.")
EVENT_STATUS = _own("terminal.status", "string", _EVENT, "terminal, with a status", "As the wire says it.")
EVENT_INDEX = _own("event.index", "int", _EVENT, "an event of a step", "The step's index on the wire.")
EVENT_SIZE = _own("event.size", "int", _EVENT, "an event of the wire", "Bytes of its data.", "By")
EVENT_COUNT = _own("event.count", "int", _EVENT, "more than one", "Deltas of one arrival, told as one.", "{delta}")
