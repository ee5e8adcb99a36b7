"""The second set of metrics: families as the semantic conventions name them, off unless the settings ask for them.

Not here: values (semconv.py), our own families (names.py, through which these names are read).
Source: telemetry-conventions.md 1.4, 1.5 and 3.4; GenAI v1.41.1 of the core conventions, main of the GenAI ones, HTTP
of core 1.44.0. Prometheus names are those that the OpenTelemetry exporter makes of them: dots to underscores, the unit
`s` as `_seconds`, `_total` on counters.
Promise: bounds are the recommended ones, but for time per chunk: gaps are counted by the buckets of set G while they
pass, and counts can't be moved to other bounds without guessing.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.telemetry.catalogue import Family, Kind, Source
from gateway.telemetry.span_names import (
    ERROR_TYPE,
    HTTP_METHOD,
    HTTP_ROUTE,
    HTTP_STATUS,
    OPERATION,
    PROVIDER,
    REQUEST_MODEL,
    TOKEN_MODALITY,
    TOKEN_TYPE,
    URL_SCHEME,
)
from gateway.wire.facts import GAP_BOUNDS_NS

SCHEMAS = {
    Source.CORE: "https://opentelemetry.io/schemas/1.44.0",
    Source.GEN_AI_1_41: "https://opentelemetry.io/schemas/1.41.0",
    Source.GEN_AI_LATEST: "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev",
}
TARGET = "target"  # of the sample `target_info`: the resource, as Prometheus is told of it
TARGET_HELP = "Target metadata"

BOUNDS_CALL_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
BOUNDS_CALL_TOKENS = tuple(4**power for power in range(14))
BOUNDS_HTTP_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_BOUNDS_CHUNK_S = tuple(bound_ns / 1e9 for bound_ns in GAP_BOUNDS_NS)

_SUFFIXES = {"s": "_seconds", "{token}": "", "{request}": ""}
_CALL = (OPERATION, PROVIDER, REQUEST_MODEL)


def _family(
    dotted: str,
    kind: Kind,
    unit: str,
    attributes: tuple[str, ...],
    source: Source,
    text: str,
    bounds: tuple[float, ...] = (),
) -> Family:
    name = dotted.replace(".", "_") + _SUFFIXES[unit] + ("_total" if kind is Kind.COUNTER else "")
    return Family(
        name,
        kind,
        tuple(attribute.replace(".", "_") for attribute in attributes),
        text,
        bounds,
        counts=unit,
        source=source,
        dotted=dotted,
        attributes=attributes,
        schema_url=SCHEMAS[source],
    )


def _seconds(
    dotted: str, attributes: tuple[str, ...], source: Source, text: str, bounds: tuple[float, ...] = BOUNDS_CALL_S
) -> Family:
    return _family(dotted, Kind.HISTOGRAM, "s", attributes, source, text, bounds)


def _usage(what: str, text: str) -> Family:
    name = f"gen_ai.client.inference.usage.{what}"
    return _family(name, Kind.COUNTER, "{token}", (*_CALL, TOKEN_MODALITY), Source.GEN_AI_LATEST, text)


def _size(what: str, text: str) -> Family:
    name, attributes = f"gen_ai.client.inference.operation.{what}", (*_CALL, ERROR_TYPE)
    return _family(name, Kind.HISTOGRAM, "{token}", attributes, Source.GEN_AI_LATEST, text, BOUNDS_CALL_TOKENS)


INFERENCE_DURATION = _seconds(
    "gen_ai.client.inference.duration",
    (*_CALL, ERROR_TYPE),
    Source.GEN_AI_LATEST,
    "Model calls: from the upstream request to the end of the response.",
)
INFERENCE_FIRST_CHUNK = _seconds(
    "gen_ai.client.inference.time_to_first_chunk",
    _CALL,
    Source.GEN_AI_LATEST,
    "Streams: from the upstream request to the first event of any kind.",
)
INFERENCE_PER_CHUNK = _seconds(
    "gen_ai.client.inference.time_per_output_chunk",
    _CALL,
    Source.GEN_AI_LATEST,
    "Streams: between consecutive deltas, in the buckets in which they are counted.",
    _BOUNDS_CHUNK_S,
)
USAGE_INPUT_TOKENS = _usage("input_tokens", "Input tokens, with cached ones and tool use.")
USAGE_OUTPUT_TOKENS = _usage("output_tokens", "Output tokens, with reasoning.")
USAGE_CACHE_READ_TOKENS = _usage("cache_read.input_tokens", "Input tokens from the cache, a part of the input.")
USAGE_REASONING_TOKENS = _usage("reasoning.output_tokens", "Output tokens of reasoning, a part of the output.")
SIZE_INPUT_TOKENS = _size("input_tokens", "Input tokens of a call; 0 where it stated none.")
SIZE_OUTPUT_TOKENS = _size("output_tokens", "Output tokens of a call; 0 where it stated none.")

TOKEN_USAGE = _family(
    "gen_ai.client.token.usage",
    Kind.HISTOGRAM,
    "{token}",
    (*_CALL, TOKEN_TYPE),
    Source.GEN_AI_1_41,
    "Input and output tokens, wherever a usage is counted.",
    BOUNDS_CALL_TOKENS,
)
OPERATION_DURATION = _seconds(
    "gen_ai.client.operation.duration",
    (*_CALL, ERROR_TYPE),
    Source.GEN_AI_1_41,
    "v1_41: calls of models and agents; latest: calls of agents, and fetches of responses.",
)
# One name in both revisions: the newer one leaves it to agents and fetches.
_OPERATION_DURATION_LATEST = replace(
    OPERATION_DURATION, source=Source.GEN_AI_LATEST, schema_url=SCHEMAS[Source.GEN_AI_LATEST]
)
OPERATION_FIRST_CHUNK = _seconds(
    "gen_ai.client.operation.time_to_first_chunk",
    _CALL,
    Source.GEN_AI_1_41,
    "Streams: from the upstream request to the first event of any kind.",
)
OPERATION_PER_CHUNK = _seconds(
    "gen_ai.client.operation.time_per_output_chunk",
    _CALL,
    Source.GEN_AI_1_41,
    "Streams: between consecutive deltas, in the buckets in which they are counted.",
    _BOUNDS_CHUNK_S,
)

HTTP_DURATION = _seconds(
    "http.server.request.duration",
    (HTTP_METHOD, URL_SCHEME, HTTP_ROUTE, HTTP_STATUS, ERROR_TYPE),
    Source.CORE,
    "From the request head to the end of the response.",
    BOUNDS_HTTP_S,
)
HTTP_ACTIVE = _family(
    "http.server.active_requests",
    Kind.UP_DOWN,
    "{request}",
    (HTTP_METHOD, URL_SCHEME),
    Source.CORE,
    "Requests that are open now.",
)

_HTTP = (HTTP_DURATION, HTTP_ACTIVE)
_LATEST = (
    INFERENCE_DURATION,
    INFERENCE_FIRST_CHUNK,
    INFERENCE_PER_CHUNK,
    USAGE_INPUT_TOKENS,
    USAGE_OUTPUT_TOKENS,
    USAGE_CACHE_READ_TOKENS,
    USAGE_REASONING_TOKENS,
    SIZE_INPUT_TOKENS,
    SIZE_OUTPUT_TOKENS,
)
_V1_41 = (TOKEN_USAGE, OPERATION_DURATION, OPERATION_FIRST_CHUNK, OPERATION_PER_CHUNK)
# By the value of the setting `metrics.semconv`.
SEMCONV_FAMILIES = {
    "v1_41": (*_V1_41, *_HTTP),
    "latest": (*_LATEST, _OPERATION_DURATION_LATEST, *_HTTP),
    "both": (*_LATEST, *_V1_41, *_HTTP),
}
INT_ATTRIBUTES = frozenset({HTTP_STATUS})  # labels are text, over OTLP these are numbers
