"""What the settings of spans change: names for other back ends beside those of the conventions, fewer token counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from gateway.config import PricingSettings, Settings, SpanSettings
from gateway.config_sources import SettingsError, load
from gateway.telemetry.dialects import Dialects
from gateway.telemetry.nodes import Node
from gateway.wire.facts import Mode
from tests.telemetry.factories import AGENT, EVEN_PRICES, MODEL, MS, STARTED_NS, Bench, S, create, poll, step, usage

STATED = usage(
    130,
    input=40,
    output=30,
    thought=5,
    tool_use=15,
    cached=8,
    by_modality={"input": {"text": 40}, "output": {"text": 26, "video": 4}},
)
STEPS = [
    step(0, "google_search_call", 1, 2, id="a"),
    step(1, "google_search_result", 2, 3, call_id="a"),
    step(2, "model_output", 3, 4, step_usage=usage(9)),
]


def spans(prices: str | None = EVEN_PRICES.file, **settings: Any) -> dict[str, ReadableSpan]:
    """The spans of a call with everything, and of a poll, by name."""
    bench = Bench(Settings(spans=SpanSettings(**settings), pricing=PricingSettings(file=prices)))
    bench.apply(
        create(usage=STATED, stream_steps=STEPS, stream_first_delta_ns={"any": 1500 * MS}),
        poll(interaction_id="v1_other", request_interaction_id="v1_other"),
    )
    bench.flush()
    return {span.name: span for span in bench.spans.get_finished_spans()}


def more(found: dict[str, ReadableSpan], name: str) -> dict[str, Any]:
    """What a span has that it would not have with the settings as they are by default."""
    plain = spans()[name].attributes or {}
    return {key: value for key, value in (found[name].attributes or {}).items() if key not in plain}


def test_openinference_gives_each_span_its_kind_and_the_call_its_figures() -> None:
    found = spans(dialect=["genai", "openinference"])
    kinds = {name: more(found, name)["openinference.span.kind"] for name in found}

    assert kinds == {
        "POST /v1beta/interactions": "CHAIN",
        f"generate_content {MODEL}": "LLM",
        "POST": "CHAIN",
        "execute_tool google_search": "TOOL",
        "step google_search_call": "CHAIN",
        "step google_search_result": "CHAIN",
        "step model_output": "CHAIN",
        "GET /v1beta/interactions/{id}": "CHAIN",
        "fetch_response": "CHAIN",
        "GET": "CHAIN",
    }
    assert more(found, f"generate_content {MODEL}") == {
        "openinference.span.kind": "LLM",
        "llm.model_name": MODEL,
        "llm.token_count.prompt": 55,
        "llm.token_count.completion": 35,
        "llm.token_count.total": 130,
        "llm.token_count.completion_details.reasoning": 5,
        "llm.token_count.prompt_details.cache_read": 8,
        "llm.cost.total": 0.00013,
    }
    assert more(found, "execute_tool google_search")["tool.name"] == "google_search"


def test_an_agents_call_is_an_agent_without_a_model() -> None:
    bench = Bench(Settings(spans=SpanSettings(dialect=("genai", "openinference"))))
    bench.apply(create(request_agent=AGENT, mode=Mode.BACKGROUND))
    bench.flush()
    (run,) = [span for span in bench.spans.get_finished_spans() if span.name == f"invoke_agent {AGENT}"]

    assert run.attributes is not None
    assert run.attributes["openinference.span.kind"] == "AGENT"
    assert "llm.model_name" not in run.attributes


def test_langfuse_gets_parts_that_do_not_overlap() -> None:
    """It would add up all that begins with `gen_ai.usage.`; this one attribute wins over them."""
    found = more(spans(dialect=["genai", "langfuse"]), f"generate_content {MODEL}")

    assert json.loads(found.pop("langfuse.observation.usage_details")) == {
        "input": 47,
        "input_cached_tokens": 8,
        "output": 30,
        "output_reasoning_tokens": 5,
        "total": 130,
    }
    assert found == {
        "langfuse.observation.completion_start_time": "2026-11-24T00:00:01.500000Z",
        "gen_ai.usage.cost": 0.00013,
    }
    assert STARTED_NS % S == 0


def test_money_and_conversation_have_their_names_there_too() -> None:
    """They are on the span already, from elsewhere."""
    settings = SpanSettings(dialect=("genai", "openinference", "langfuse"))
    have: dict[str, Any] = {
        "gen_ai.operation.name": "generate_content",
        "interactions.cost_usd": 0.25,
        "gen_ai.conversation.id": "c",
    }
    node = Node("generate_content", "client", 1, 2, dict(have))
    Dialects(settings).apply(node, create())

    assert node.attributes == have | {
        "openinference.span.kind": "LLM",
        "session.id": "c",
        "llm.cost.total": 0.25,
        "gen_ai.usage.cost": 0.25,
    }


def test_without_usage_no_span_counts_tokens() -> None:
    """Those that no price was found for neither."""
    call = f"generate_content {MODEL}"
    found = spans(None, usage="none", dialect=["genai", "openinference", "langfuse"])
    counts = [name for span in found.values() for name in span.attributes or {} if "usage" in name or "token" in name]

    assert counts == []
    assert "interactions.outcome" in (found[call].attributes or {})
    assert "interactions.cost.unpriced_tokens" in (spans(None)[call].attributes or {})


def test_without_modalities_the_sums_stay() -> None:
    name = f"generate_content {MODEL}"
    kept, whole = spans(usage_by_modality=False)[name].attributes or {}, spans()[name].attributes or {}

    assert whole.keys() - kept.keys() == {
        "gen_ai.usage.text.input_tokens",
        "gen_ai.usage.text.output_tokens",
        "interactions.usage.video.output_tokens",
    }
    assert kept["gen_ai.usage.input_tokens"] == 55


@pytest.mark.parametrize("words", ["openinference", "genai,arize", ""])
def test_the_conventions_names_are_always_there(words: str) -> None:
    with pytest.raises(SettingsError, match=r"spans\.dialect"):
        load(environ={"INTERACTIONS_GATEWAY_SPANS__DIALECT": words})

    listed = load(environ={"INTERACTIONS_GATEWAY_SPANS__DIALECT": "genai, langfuse"})
    assert listed.spans.dialect == ("genai", "langfuse")
