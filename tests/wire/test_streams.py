"""Every recorded stream, in whole, byte by byte and in random pieces: the same facts, those that stand in its bytes."""

from __future__ import annotations

import dataclasses
import json

import pytest

from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Answer, Body, End, EndFacts, Route, decide
from gateway.wire.response import ResponseReader
from gateway.wire.usage import Usage, count
from tests.wire.pieces import STALL_NS, STREAMS, reader_of, some_splits
from tests.wire.stream_facts import STREAM_FACTS, Said


def outcome_of(reader: ResponseReader, said: Said) -> str:
    """The outcome, from what the reader saw."""
    tracker = reader.tracker
    facts = EndFacts(
        Answer.UPSTREAM,
        End(said.end),
        Route(said.wanted),
        Body.STREAM,
        200,
        background=said.background,
        final_seen=tracker.final_seen,
        final_status=tracker.final_status,
        last_status=tracker.last_status,
        status_updated=tracker.status_updated,
        error_seen=tracker.error_seen,
        done_seen=tracker.done_seen,
    )
    return decide(facts).value


def summary(reader: ResponseReader, said: Said) -> Said:
    """What was read, in the form of the literals."""
    facts = reader.tracker.facts
    counted = count(facts.usage or Usage())
    return Said(
        outcome_of(reader, said),
        facts.interaction.id,
        facts.interaction.status,
        facts.events,
        [(step.index, step.type, step.deltas, step.closed) for step in facts.steps],
        set(facts.first_delta_ns),
        {f"{part.type}/{part.modality}": part.tokens for part in counted.tokens},
        facts.basis,
        {part.modality: part.tokens for part in counted.cached},
        facts.unknown,
        facts.invalid,
        facts.anomalies,
        [str(code) for code in facts.error_codes],
        reader.tracker.done_seen,
        said.end,
        said.wanted,
        said.background,
    )


def test_every_recorded_stream_has_its_facts() -> None:
    """No stream without literals, none without a stream."""
    assert {path.stem for path in STREAMS.glob("*.sse")} == set(STREAM_FACTS)


@pytest.mark.parametrize("name", STREAM_FACTS)
def test_a_stream(name: str) -> None:
    """It says what stands in its bytes; the whole of its facts is the same in whatever pieces it comes."""
    body, said = (STREAMS / f"{name}.sse").read_bytes(), STREAM_FACTS[name]
    whole: StreamFacts | None = None
    for pieces in some_splits(body):
        reader = reader_of(pieces, route=Route(said.wanted), end=End(said.end))
        assert summary(reader, said) == said
        assert whole in (None, reader.tracker.facts)
        whole = reader.tracker.facts


@pytest.mark.parametrize("name", STREAM_FACTS)
def test_a_cut_at_each_byte(name: str) -> None:
    """A stream that breaks off anywhere gives the facts of the events that were whole, and never a half one."""
    body = (STREAMS / f"{name}.sse").read_bytes()
    for at in range(0, len(body), 7):
        facts = reader_of([body[:at]], end=End.CUT).tracker.facts

        assert facts.invalid == {}
        assert facts.events <= STREAM_FACTS[name].events
        assert "unterminated_block" not in facts.anomalies


def test_details_of_steps() -> None:
    """Ids, names, errors of tools and usage of single steps stand where their events put them."""
    calls = reader_of([(STREAMS / "function_call_turn1.sse").read_bytes()]).tracker.facts.steps
    code = reader_of([(STREAMS / "code_execution.sse").read_bytes()]).tracker.facts.steps
    mcp = reader_of([(STREAMS / "mcp_url_context.sse").read_bytes()]).tracker.facts.steps
    thinking = reader_of([(STREAMS / "thinking.sse").read_bytes()]).tracker.facts.steps
    strange = reader_of([(STREAMS / "unknown_events.sse").read_bytes()]).tracker.facts.steps

    assert [(step.id, step.name) for step in calls[1:]] == [("un6k8t18", "get_weather"), ("q2w9e7aa", "get_weather")]
    assert [(step.id, step.call_id) for step in code[:4]] == [
        ("ce01", None),
        (None, "ce01"),
        ("ce02", None),
        (None, "ce02"),
    ]
    assert [step.is_error for step in code] == [None, True, None, False, None]
    assert [(step.call_id, step.name, step.is_error) for step in mcp[1:4]] == [
        ("uc1", None, False),
        (None, "lookup", None),
        ("mcp1", "lookup", None),
    ]
    assert [step.step_usage for step in thinking] == [Usage(total=112, thought=112), Usage(total=17, output=17)]
    assert [(step.wire_type, step.id) for step in strange] == [("hologram_call", "h1"), (None, None)]


def test_a_whole_text_stream_to_the_last_field() -> None:
    """Each event 100 ns after the one before: every field of the facts, with nothing left out."""
    lines = (STREAMS / "text.sse").read_bytes().split(b"\n\n")
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
    for number, block in enumerate(lines[:-1], 1):
        reader.feed(block + b"\n\n", number * 100)
    facts = json.loads(json.dumps(dataclasses.asdict(reader.finish(End.CLEAN, 5_000))))
    sizes = [len(block.partition(b"data: ")[2]) for block in lines]
    nothing = {
        "wire_type": None,
        "max_gap_ns": 0,
        "id": None,
        "call_id": None,
        "name": None,
        "is_error": None,
        "step_usage": None,
    }

    assert facts == {
        "interaction": {
            "id": "v1_ChdTextExample0001",
            "status": "completed",
            "model": "gemini-3-flash-preview",
            "agent": None,
            "service_tier": "standard",
            "created": "2026-05-12T18:44:51Z",
            "updated": "2026-05-12T18:44:51Z",
        },
        "steps": [
            {
                **nothing,
                "index": 0,
                "number": 0,
                "type": "thought",
                "start_ns": 300,
                "first_delta_ns": 400,
                "last_delta_ns": 400,
                "stop_ns": 500,
                "closed": True,
                "deltas": 1,
                "bytes": sum(sizes[2:5]),
            },
            {
                **nothing,
                "index": 1,
                "number": 1,
                "type": "model_output",
                "start_ns": 600,
                "first_delta_ns": 700,
                "last_delta_ns": 800,
                "stop_ns": 900,
                "closed": True,
                "deltas": 2,
                "bytes": sum(sizes[5:9]),
                "max_gap_ns": 100,
            },
        ],
        "steps_beyond": {},
        "usage": {
            "total": 346,
            "input": 11,
            "output": 90,
            "thought": 245,
            "tool_use": 0,
            "cached": 0,
            "initial_input": None,
            "by_modality": {"input": {"text": 11}},
            "grounding": {},
        },
        "basis": "final",
        "gaps": {"counts": [2] + [0] * 14, "sum_ns": 400, "max_ns": 300},
        "first_delta_ns": {"any": 400, "thought": 400, "text": 700, "output": 700},
        "first_event_ns": 100,
        "last_delta_ns": 800,
        "terminal_ns": 1000,
        "events": 11,
        "deltas": 3,
        "error_codes": [],
        "errors": 0,
        "unknown": {},
        "unknown_names": [],
        "invalid": {},
        "anomalies": {},
        "stalled": False,
        "created": 1,
        "status_updates": 1,
        "step_starts": 2,
        "step_stops": 2,
        "completed": 1,
        "stalls": 0,
        "think_ns": 200,
        "server_tool_ns": 0,
        "stream_ns": 300 + 4_000,
        "stall_ns": None,
        "errors_ns": [],
        "unknown_names_ns": [],
        "packed_events": "",
    }
