"""How many events of each type a stream had: told from what is counted anyway, and one number a rarer type."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from gateway.telemetry.traffic import events_by_type
from gateway.wire.outcome import Body
from tests.wire.pieces import STREAMS, every_split, facts_of, reader_of, some_splits, sse

KNOWN = {
    *("interaction.created", "interaction.status_update", "step.start", "step.delta", "step.stop"),
    *("interaction.completed", "error"),
}
LINE_ENDS = re.compile(rb"\r\n|\r|\n")


def told(pieces: list[bytes]) -> dict[str, int]:
    """By the tracker, what there is none of left out."""
    tracker = reader_of(pieces).tracker
    return {
        type_: times for type_, times in events_by_type(tracker.facts, done_seen=tracker.done_seen).items() if times
    }


def said(body: bytes) -> Counter[str]:
    """By the data lines of a body whose events have one each."""
    found: Counter[str] = Counter()
    for line in LINE_ENDS.split(body):
        if line.startswith(b"data:"):
            data = line.removeprefix(b"data:").strip()
            name = "done" if data == b"[DONE]" else json.loads(data).get("event_type")
            found[name if name in KNOWN or name == "done" else "other"] += 1
    return found


ROWS = [
    pytest.param(
        sse('{"event_type":"interaction.created","interaction":{}}', "[DONE]"), "created done", id="both ends"
    ),
    pytest.param(
        sse('{"event_type":"step.start"}', '{"event_type":"step.stop"}'), "start stop", id="a step without index"
    ),
    pytest.param(sse('{"event_type":"step.delta","index":0}') * 3, "delta delta delta", id="deltas of no step"),
    pytest.param(sse('{"event_type":"interaction.status_update","status":"x"}'), "status_update", id="a status"),
    pytest.param(sse('{"event_type":"interaction.completed"}') * 2, "completed completed", id="completed twice"),
    pytest.param(sse('{"event_type":"error"}', '{"error":{}}'), "error error", id="errors with and without a type"),
    pytest.param(b'{"error":{"code":"a"}}', "error", id="a bare error is one"),
    pytest.param(sse('{"event_type":"new.event"}', "{}"), "other other", id="unknown ones"),
    pytest.param(sse("not JSON", "[1]"), "other other", id="unreadable ones"),
    pytest.param(sse('{"event_type":"content.delta"}'), "other", id="the old dialect"),
    pytest.param(sse("{}") + b'data: {"event_type":"step.st', "other", id="half a block is none"),
    pytest.param(b": ping\n\n", "", id="a comment is none"),
    pytest.param(sse("[DONE]") + sse('{"event_type":"step.delta"}'), "done", id="behind the sentinel nothing is read"),
]


@pytest.mark.parametrize(("body", "expected"), ROWS)
def test_each_event_counts_once_by_its_type(body: bytes, expected: str) -> None:
    wanted = Counter(expected.split())
    for pieces in every_split(body):
        assert {type_.rpartition(".")[2]: times for type_, times in told(pieces).items()} == wanted


@pytest.mark.parametrize("name", ["text", "thinking", "google_search", "function_call_turn1", "error_midstream"])
def test_a_recorded_stream_has_the_events_that_stand_in_it(name: str) -> None:
    body = (STREAMS / f"{name}.sse").read_bytes()

    wanted = said(body)
    assert wanted.total() > 5
    for pieces in some_splits(body):
        assert told(pieces) == wanted


@pytest.mark.parametrize(
    "body", [b'{"id":"a","status":"completed","steps":[{"type":"thought"}]}', b'{"error":{"code":"a"}}', b"[]"]
)
def test_a_whole_body_has_no_events(body: bytes) -> None:
    """Whether it is an interaction, an error or neither."""
    facts = facts_of([body], body=Body.JSON)

    assert not any(events_by_type(facts, done_seen=False).values())
