"""Attributes that spans carry beside those of the conventions where the setting `spans.dialect` asks for more.

Not here: values (dialects.py), all other attributes (span_names.py, whose list these join).
Source: telemetry-conventions.md 5: openinference-semantic-conventions 0.1.42, Langfuse's own OTLP ingestion.
"""

from __future__ import annotations

from gateway.telemetry.catalogue import Attribute, Source
from gateway.telemetry.span_names import (
    ATTRIBUTES,
    ON_FETCH,
    ON_MAIN,
    ON_SERVER,
    ON_STEP,
    ON_TOOL,
    ON_UPSTREAM,
)

_ASKED = {Source.OPENINFERENCE: "dialect openinference", Source.LANGFUSE: "dialect langfuse"}
_COUNT = "{token}"


def _attribute(name: str, type_: str, on: tuple[str, ...], source: Source, when: str, text: str, unit: str = "") -> str:
    condition = f"{_ASKED[source]}; {when}" if when else _ASKED[source]
    ATTRIBUTES.append(Attribute(name, type_, on, source, condition, text, unit))
    return name


def _count(what: str, text: str) -> str:
    name = f"llm.token_count.{what}"
    return _attribute(name, "int", (ON_MAIN,), Source.OPENINFERENCE, "where stated", text, _COUNT)


OI_KIND = _attribute(
    "openinference.span.kind",
    "string",
    (ON_SERVER, ON_MAIN, ON_FETCH, ON_UPSTREAM, ON_TOOL, ON_STEP),
    Source.OPENINFERENCE,
    "",
    "`LLM` of a model call, `AGENT` of an agent's, `TOOL` of a server tool, else `CHAIN`.",
)
OI_MODEL = _attribute("llm.model_name", "string", (ON_MAIN,), Source.OPENINFERENCE, "no agent", "The model asked for.")
OI_PROMPT = _count("prompt", "As `gen_ai.usage.input_tokens`.")
OI_COMPLETION = _count("completion", "As `gen_ai.usage.output_tokens`.")
OI_TOTAL = _count("total", "The API's own total, where it states one.")
OI_REASONING = _count("completion_details.reasoning", "As `gen_ai.usage.reasoning.output_tokens`.")
OI_CACHED = _count("prompt_details.cache_read", "As `gen_ai.usage.cache_read.input_tokens`.")
OI_SESSION = _attribute(
    "session.id", "string", (ON_MAIN, ON_FETCH), Source.OPENINFERENCE, "a conversation", "As `gen_ai.conversation.id`."
)
OI_COST = _attribute(
    "llm.cost.total",
    "double",
    (ON_MAIN,),
    Source.OPENINFERENCE,
    "a price is known",
    "As `interactions.cost_usd`.",
    "{USD}",
)
OI_TOOL = _attribute("tool.name", "string", (ON_TOOL,), Source.OPENINFERENCE, "", "As `gen_ai.tool.name`.")
LANGFUSE_START = _attribute(
    "langfuse.observation.completion_start_time",
    "string",
    (ON_MAIN,),
    Source.LANGFUSE,
    "a delta came",
    "When the first delta came, ISO 8601 in UTC.",
)
LANGFUSE_USAGE = _attribute(
    "langfuse.observation.usage_details",
    "string",
    (ON_MAIN,),
    Source.LANGFUSE,
    "where stated",
    "JSON, parts that don't overlap: `input`, `input_cached_tokens`, `output`, `output_reasoning_tokens`; `total`.",
)
LANGFUSE_COST = _attribute(
    "gen_ai.usage.cost",
    "double",
    (ON_MAIN,),
    Source.LANGFUSE,
    "a price is known",
    "As `interactions.cost_usd`.",
    "{USD}",
)
