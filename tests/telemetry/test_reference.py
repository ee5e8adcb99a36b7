"""The reference page is the catalogue's own, and the catalogue is the conventions'."""

from __future__ import annotations

from pathlib import Path

from gateway.telemetry import names, reference
from gateway.telemetry.catalogue import Source

PAGE = Path(__file__).parents[2] / "docs" / "telemetry.md"

# The registry of GenAI attributes as core v1.41.1, the last with GenAI in it, has it.
REGISTRY_1_41 = frozenset(
    {
        *("gen_ai.agent.description", "gen_ai.agent.id", "gen_ai.agent.name", "gen_ai.agent.version"),
        *("gen_ai.conversation.id", "gen_ai.data_source.id", "gen_ai.embeddings.dimension.count"),
        *("gen_ai.evaluation.explanation", "gen_ai.evaluation.name", "gen_ai.evaluation.score.label"),
        *("gen_ai.evaluation.score.value", "gen_ai.input.messages", "gen_ai.operation.name"),
        *("gen_ai.output.messages", "gen_ai.output.type", "gen_ai.prompt.name", "gen_ai.provider.name"),
        *("gen_ai.request.choice.count", "gen_ai.request.encoding_formats", "gen_ai.request.frequency_penalty"),
        *("gen_ai.request.max_tokens", "gen_ai.request.model", "gen_ai.request.presence_penalty"),
        *("gen_ai.request.seed", "gen_ai.request.stop_sequences", "gen_ai.request.stream"),
        *("gen_ai.request.temperature", "gen_ai.request.top_k", "gen_ai.request.top_p"),
        *("gen_ai.response.finish_reasons", "gen_ai.response.id", "gen_ai.response.model"),
        *("gen_ai.response.time_to_first_chunk", "gen_ai.retrieval.documents", "gen_ai.retrieval.query.text"),
        *("gen_ai.system_instructions", "gen_ai.token.type", "gen_ai.tool.call.arguments", "gen_ai.tool.call.id"),
        *("gen_ai.tool.call.result", "gen_ai.tool.definitions", "gen_ai.tool.description", "gen_ai.tool.name"),
        *("gen_ai.tool.type", "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_read.input_tokens"),
        *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.reasoning.output_tokens"),
        "gen_ai.workflow.name",
    }
)
# What has another name, or another type, on main of the GenAI conventions (their migration guide).
CHANGED_SINCE = frozenset({"gen_ai.usage.cache_creation.input_tokens", "gen_ai.request.top_k"})


def test_the_page_is_the_one_that_the_catalogue_makes() -> None:
    """`make docs` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == reference.page()


def test_names_since_1_41_are_those_of_its_registry() -> None:
    mine = {attribute.name for attribute in names.ATTRIBUTES if attribute.source is Source.GEN_AI_1_41}
    newer = {attribute.name for attribute in names.ATTRIBUTES if attribute.source is Source.GEN_AI_LATEST}

    assert mine <= REGISTRY_1_41
    assert not newer & REGISTRY_1_41


def test_no_attribute_of_ours_was_renamed_between_the_revisions() -> None:
    """So spans need no switch between them; the day this fails they do."""
    assert not CHANGED_SINCE & {attribute.name for attribute in names.ATTRIBUTES}
