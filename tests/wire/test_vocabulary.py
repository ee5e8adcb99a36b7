"""The wire's vocabulary as literals: each known event, step, delta, status, tier, and the kinds of each delta."""

from __future__ import annotations

import json

import pytest

from gateway.wire import events
from gateway.wire.events import DELTA_TYPES, STEP_TYPES, TIERS
from gateway.wire.facts import Anomaly, DeltaKind, Invalid, Unknown
from gateway.wire.outcome import RUNNING_STATUSES, STATUSES, TERMINAL_STATUSES, Outcome
from tests.wire.pieces import facts_of, sse

STEPS = [
    "user_input",
    "model_output",
    "thought",
    "function_call",
    "function_result",
    "google_search_call",
    "google_search_result",
    "google_maps_call",
    "google_maps_result",
    "url_context_call",
    "url_context_result",
    "code_execution_call",
    "code_execution_result",
    "file_search_call",
    "file_search_result",
    "mcp_server_tool_call",
    "mcp_server_tool_result",
    "retrieval_call",
    "retrieval_result",
    "tool_search_call",
    "tool_search_result",
    "processing_call",
    "processing_result",
]

# accounting.md 3, delta by delta: the kinds whose time to first delta it can set, beside `any`
KINDS = {
    "text": {"text", "output"},
    "text_annotation_delta": set(),
    "image": {"media", "output"},
    "audio": {"media", "output"},
    "video": {"media", "output"},
    "document": {"media", "output"},
    "thought_summary": {"thought"},
    "thought_signature": {"thought"},
    "arguments_delta": {"tool", "output"},
    "function_result": {"tool"},
    "google_search_call": {"tool"},
    "google_search_result": {"tool"},
    "google_maps_call": {"tool"},
    "google_maps_result": {"tool"},
    "url_context_call": {"tool"},
    "url_context_result": {"tool"},
    "code_execution_call": {"tool"},
    "code_execution_result": {"tool"},
    "file_search_call": {"tool"},
    "file_search_result": {"tool"},
    "mcp_server_tool_call": {"tool"},
    "mcp_server_tool_result": {"tool"},
    "retrieval_call": {"tool"},
    "retrieval_result": {"tool"},
    "tool_search_call": {"tool"},
    "tool_search_result": {"tool"},
    "processing_call": {"tool"},
    "processing_result": {"tool"},
}
TERMINAL = [
    "requires_action",
    "requires_continuation",
    "completed",
    "failed",
    "cancelled",
    "incomplete",
    "budget_exceeded",
]
RUNNING = ["in_progress", "queued"]
OUTCOMES = [
    *TERMINAL,
    "in_progress",
    *["stream_error", "http_error", "upstream_abort", "truncated", "client_abort"],
    *["gateway_error", "rejected", "unknown_status", "forwarded"],
]


def test_the_lists_are_whole() -> None:
    """23 steps, 28 deltas, 9 statuses, 4 tiers, 17 outcomes: the module knows these and no others."""
    assert (len(STEPS), len(KINDS), len(TERMINAL + RUNNING), len(OUTCOMES)) == (23, 28, 9, 17)
    assert set(STEPS) == STEP_TYPES
    assert set(KINDS) == DELTA_TYPES
    assert set(TERMINAL) == TERMINAL_STATUSES
    assert set(RUNNING) == RUNNING_STATUSES
    assert set(TERMINAL + RUNNING) == STATUSES
    assert {"flex", "standard", "priority", "deferred"} == TIERS
    assert set(OUTCOMES) == {outcome.value for outcome in Outcome}


def test_the_label_sets_are_closed() -> None:
    """What becomes a label is public: these words, no others."""
    assert [kind.value for kind in DeltaKind] == ["any", "output", "text", "thought", "tool", "media"]
    assert [reason.value for reason in Invalid] == ["json", "utf8", "shape", "size"]
    assert [what.value for what in Unknown] == (
        ["event_type", "step_type", "delta_type", "status", "tier", "modality", "sse_field", "legacy_event"]
    )
    assert {"untyped_delta", "unterminated_block", "bare_error", "second_completed", "second_interaction"} <= {
        anomaly.value for anomaly in Anomaly
    }


@pytest.mark.parametrize("type_", STEPS)
def test_a_step(type_: str) -> None:
    """Each known step keeps its type; nothing about it is unknown."""
    facts = facts_of([sse(json.dumps({"event_type": "step.start", "index": 0, "step": {"type": type_}}))])

    assert [(step.type, step.wire_type) for step in facts.steps] == [(type_, None)]
    assert facts.unknown == {}


@pytest.mark.parametrize(("type_", "kinds"), KINDS.items())
def test_a_delta(type_: str, kinds: set[str]) -> None:
    """Each known delta sets the times of its kinds, and `any`."""
    facts = facts_of([sse(json.dumps({"event_type": "step.delta", "index": 0, "delta": {"type": type_}}))])

    assert facts.first_delta_ns == dict.fromkeys(kinds | {"any"}, 5)
    assert (facts.deltas, facts.unknown) == (1, {})


@pytest.mark.parametrize("status", TERMINAL + RUNNING)
def test_a_status(status: str) -> None:
    """Each known status is taken from a status update; none of them is unknown."""
    facts = facts_of([sse(json.dumps({"event_type": "interaction.status_update", "status": status}))])

    assert (facts.interaction.status, facts.unknown) == (status, {})


@pytest.mark.parametrize("tier", ["flex", "standard", "priority", "deferred"])
def test_a_tier(tier: str) -> None:
    """Each known tier is taken from the interaction; none of them is unknown."""
    interaction = {"id": "v1_a", "status": "completed", "service_tier": tier}
    facts = facts_of([sse(json.dumps({"event_type": "interaction.completed", "interaction": interaction}))])

    assert (facts.interaction.service_tier, facts.unknown) == (tier, {})


@pytest.mark.parametrize(
    "name", ["interaction.start", "content.start", "content.delta", "content.stop", "interaction.complete"]
)
def test_the_old_dialect(name: str) -> None:
    """Its events are known for what they are; neither their usage nor their end is taken."""
    usage = {"total_tokens": 9}
    interaction = {"id": "v1_a", "status": "completed", "usage": usage}
    event = {"event_type": name, "interaction": interaction, "usage": usage, "metadata": {"total_usage": usage}}
    facts = facts_of([sse(json.dumps(event))])

    assert facts.unknown == {"legacy_event": 1}
    assert (facts.usage, facts.interaction.status, facts.terminal_ns) == (None, None, None)
    assert name in events.LEGACY_EVENTS


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        ({"event_type": "interaction.heartbeat"}, "event_type"),
        ({"event_type": "Step.Delta"}, "event_type"),
        ({"event_type": ""}, "event_type"),
        ({}, "event_type"),
        ({"event_type": 5}, "event_type"),
        ({"event_type": "step.start", "index": 0, "step": {"type": "hologram_call"}}, "step_type"),
        ({"event_type": "step.start", "index": 0, "step": {}}, "step_type"),
        ({"event_type": "step.start", "index": 0}, "step_type"),
        ({"event_type": "step.delta", "index": 0, "delta": {"type": "smell"}}, "delta_type"),
        ({"event_type": "step.delta", "index": 0, "delta": {"type": ""}}, "delta_type"),
        ({"event_type": "interaction.status_update", "status": "warming_up"}, "status"),
        ({"event_type": "interaction.created", "interaction": {"status": "COMPLETED"}}, "status"),
        ({"event_type": "interaction.created", "interaction": {"service_tier": "cosmic"}}, "tier"),
    ],
)
def test_unknown_vocabulary(wire: dict[str, object], what: str) -> None:
    """Each occurrence counts once for what it is; its name is kept as a sample."""
    facts = facts_of([sse(json.dumps(wire), json.dumps(wire))])

    assert facts.unknown == {what: 2}
    assert [name.partition(":")[0] for name in facts.unknown_names] == [what]
