"""One SSE event to one value: every event type with every field, and whatever else may come instead."""

from __future__ import annotations

import json

import pytest

from gateway.wire.errors import WireError
from gateway.wire.events import (
    Done,
    ErrorEvent,
    Event,
    InteractionCompleted,
    InteractionCreated,
    InvalidEvent,
    StatusUpdate,
    StepDelta,
    StepStart,
    StepStop,
    UnknownEvent,
    read_event,
)
from gateway.wire.facts import DeltaKind, InteractionFacts, Invalid
from gateway.wire.sse import SSEEvent
from gateway.wire.usage import Reading, Usage


def read(data: str | bytes | None, name: str | None = None, *, skimmed: bool = False) -> Event:
    """The event in this data."""
    data = data.encode() if isinstance(data, str) else data
    return read_event(SSEEvent(name, data, 0, skimmed=skimmed))


ABOUT = {
    "id": "v1_a",
    "status": "in_progress",
    "object": "interaction",
    "model": "gemini-x",
    "agent": "deep-y",
    "service_tier": "flex",
    "created": "2026-05-12T18:44:51Z",
    "updated": "2026-05-12T18:44:52Z",
    "future": [1],
}
SAID = InteractionFacts(
    "v1_a", "in_progress", "gemini-x", "deep-y", "flex", "2026-05-12T18:44:51Z", "2026-05-12T18:44:52Z"
)
NINE = {"total_tokens": 9}
READ_NINE = Reading(Usage(total=9))
META = {"total_usage": NINE}

KNOWN: list[tuple[dict[str, object], Event]] = [
    ({"event_type": "interaction.created", "interaction": ABOUT}, InteractionCreated(SAID)),
    ({"event_type": "interaction.created", "interaction": None}, InteractionCreated(InteractionFacts())),
    ({"event_type": "interaction.created", "metadata": META}, InteractionCreated(InteractionFacts(), READ_NINE)),
    (
        {"event_type": "interaction.status_update", "interaction_id": "v1_a", "status": "queued"},
        StatusUpdate("v1_a", "queued"),
    ),
    ({"event_type": "interaction.status_update", "status": 5, "usage": NINE}, StatusUpdate(None, None, READ_NINE)),
    ({"event_type": "interaction.status_update", "metadata": META}, StatusUpdate(None, None, READ_NINE)),
    (
        {"event_type": "interaction.status_update", "usage": NINE, "metadata": {"total_usage": {"total_tokens": 1}}},
        StatusUpdate(None, None, READ_NINE),
    ),
    ({"event_type": "interaction.status_update", "usage": {}, "metadata": META}, StatusUpdate(None, None, READ_NINE)),
    (
        {
            "event_type": "step.start",
            "index": 2,
            "step": {"type": "function_call", "id": "a", "call_id": "b", "name": "c"},
            "metadata": META,
        },
        StepStart(2, "function_call", "a", "b", "c", READ_NINE),
    ),
    ({"event_type": "step.start", "index": 0, "step": [1]}, StepStart(0, None)),
    (
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "hi"}, "metadata": META},
        StepDelta(1, "text", DeltaKind.TEXT, running=READ_NINE),
    ),
    (
        {"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": '{"a'}},
        StepDelta(1, "arguments_delta", DeltaKind.TOOL, arguments='{"a'),
    ),
    (
        {"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": {}}},
        StepDelta(1, "arguments_delta", DeltaKind.TOOL),
    ),
    (
        {"event_type": "step.delta", "index": 1, "delta": {"type": "url_context_result", "is_error": True}},
        StepDelta(1, "url_context_result", DeltaKind.TOOL, is_error=True),
    ),
    (
        {"event_type": "step.delta", "index": 1, "delta": {"type": "url_context_result", "is_error": "yes"}},
        StepDelta(1, "url_context_result", DeltaKind.TOOL),
    ),
    ({"event_type": "step.delta", "index": 1, "delta": {"text": "hi"}}, StepDelta(1, None, DeltaKind.TEXT)),
    ({"event_type": "step.delta", "index": 1, "delta": {"blob": "hi"}}, StepDelta(1, None, None)),
    ({"event_type": "step.delta", "index": 1, "delta": {"type": 5, "text": "a"}}, StepDelta(1, None, DeltaKind.TEXT)),
    ({"event_type": "step.delta", "index": 1, "delta": "hi"}, StepDelta(1, None, None)),
    (
        {"event_type": "step.stop", "index": 1, "usage": NINE, "step_usage": {"total_tokens": 4}},
        StepStop(1, READ_NINE, Reading(Usage(total=4))),
    ),
    ({"event_type": "step.stop", "index": 1, "metadata": META}, StepStop(1, READ_NINE)),
    (
        {"event_type": "interaction.completed", "interaction": {**ABOUT, "usage": NINE}, "metadata": META},
        InteractionCompleted(SAID, READ_NINE, READ_NINE),
    ),
    ({"event_type": "interaction.completed", "interaction": {}}, InteractionCompleted(InteractionFacts())),
    ({"event_type": "interaction.completed"}, InteractionCompleted(None)),
    ({"event_type": "interaction.completed", "interaction": "v1_a"}, InteractionCompleted(None)),
    ({"event_type": "error", "error": {"code": "a", "message": "b"}}, ErrorEvent(WireError("a"))),
    (
        {"event_type": "error", "error": {"code": 503, "status": "UNAVAILABLE"}},
        ErrorEvent(WireError("503", "UNAVAILABLE")),
    ),
    ({"event_type": "error", "metadata": META}, ErrorEvent(WireError(None), running=READ_NINE)),
    ({"event_type": "error", "error": "broken"}, ErrorEvent(WireError(None))),
    ({"error": {"code": "a"}}, ErrorEvent(WireError("a"))),
    ({"error": None, "event_type": None}, ErrorEvent(WireError(None))),
    ({"event_type": "new.event", "metadata": META}, UnknownEvent("new.event", running=READ_NINE)),
    ({"event_type": "new.event", "error": {"code": "a"}}, UnknownEvent("new.event")),
    ({"event_type": "content.delta"}, UnknownEvent("content.delta", legacy=True)),
    ({}, UnknownEvent(None)),
]


@pytest.mark.parametrize(("wire", "event"), KNOWN)
def test_an_object(wire: dict[str, object], event: Event) -> None:
    """Each object reads as its row says, with the usual letters and with escaped ones."""
    assert read(json.dumps(wire, ensure_ascii=False)) == event
    assert read(json.dumps(wire)) == event


@pytest.mark.parametrize(
    ("data", "event"),
    [
        pytest.param(b"[DONE]", Done(), id="the sentinel"),
        pytest.param(b" [DONE]", InvalidEvent(Invalid.JSON), id="not quite the sentinel"),
        pytest.param(b'"[DONE]"', InvalidEvent(Invalid.SHAPE), id="a JSON text of the sentinel"),
        pytest.param(b"", InvalidEvent(Invalid.JSON), id="empty"),
        pytest.param(b'{"event_type":', InvalidEvent(Invalid.JSON), id="half an object"),
        pytest.param(b"{}{}", InvalidEvent(Invalid.JSON), id="two objects"),
        pytest.param(b"{'a': 1}", InvalidEvent(Invalid.JSON), id="other quotes"),
        pytest.param(b'{"a":"\xff"}', InvalidEvent(Invalid.UTF8), id="no utf-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', InvalidEvent(Invalid.UTF8), id="a surrogate in utf-8"),
        pytest.param(b"5", InvalidEvent(Invalid.SHAPE), id="a number"),
        pytest.param(b"[]", InvalidEvent(Invalid.SHAPE), id="an array"),
        pytest.param(b'[{"error":{}}]', InvalidEvent(Invalid.SHAPE), id="an array of an error"),
        pytest.param(b"null", InvalidEvent(Invalid.SHAPE), id="null"),
        pytest.param(b'"text"', InvalidEvent(Invalid.SHAPE), id="a string"),
        pytest.param(b"[" * 100_000, InvalidEvent(Invalid.JSON), id="deep and open"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, InvalidEvent(Invalid.JSON), id="deep and whole"),
        pytest.param(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", UnknownEvent(None), id="deep, but readable"),
        pytest.param(None, InvalidEvent(Invalid.SIZE), id="too much even for skimming"),
    ],
)
def test_data_that_is_no_object(data: bytes | None, event: Event) -> None:
    """Whatever stands in a data line is a value; nothing raises."""
    assert read(data) == event


@pytest.mark.parametrize(
    ("index", "read_as"),
    [
        ("0", 0),
        ("2147483647", 2147483647),
        ("2147483648", None),
        ("-1", None),
        ("true", None),
        ("1.0", None),
        ('"1"', None),
        ("null", None),
        ("[]", None),
        ("9" * 30, None),
        ("1e3", None),
    ],
)
def test_an_index(index: str, read_as: int | None) -> None:
    """An index is an integer from 0 up that fits; anything else is none."""
    for kind in ("start", "delta", "stop"):
        event = read(f'{{"event_type":"step.{kind}","index":{index}}}')
        assert isinstance(event, (StepStart, StepDelta, StepStop))
        assert event.index == read_as


def test_lone_surrogates_become_text() -> None:
    """Both SDKs take escapes that are half a letter; so does the gateway, in a form that any record can carry."""
    event = read('{"event_type":"step.start","index":0,"step":{"type":"\\ud83d","id":"a\\udc00b"}}')

    assert event == StepStart(0, "?", id="a?b")


def test_long_texts_are_cut() -> None:
    """Names end at 64, ids at 512 letters."""
    long = "é" * 2_000
    event = read(json.dumps({"event_type": "step.start", "index": 0, "step": {"type": long, "id": long}}))

    assert event == StepStart(0, "é" * 64, id="é" * 512)
    assert read(json.dumps({"event_type": long})) == UnknownEvent("é" * 64)


@pytest.mark.parametrize(
    ("data", "name", "event"),
    [
        (b'{"status":"queued"}', "interaction.status_update", StatusUpdate(None, "queued")),
        (b'{"event_type":"step.stop","index":0}', "step.start", StepStop(0)),
        (b'{"event_type":"step.stop","index":0}', None, StepStop(0)),
        (b"{}", "done", UnknownEvent("done")),
        (b'{"error":{}}', "step.start", ErrorEvent(WireError(None))),
    ],
)
def test_the_event_line_counts_only_without_an_event_type(data: bytes, name: str, event: Event) -> None:
    """`event_type` decides, then an `error`, then the name of the event line."""
    assert read(data, name) == event


def test_what_skimming_left_out_is_not_taken_for_empty() -> None:
    """Without its type a skimmed event is over the cap; a fragment that may have been left out is unknown."""
    fragment = '{"event_type":"step.delta","index":0,"delta":{"type":"arguments_delta","arguments":""}}'

    assert read("{}", skimmed=True) == InvalidEvent(Invalid.SIZE)
    assert read("{", skimmed=True) == InvalidEvent(Invalid.SIZE)
    assert read(fragment) == StepDelta(0, "arguments_delta", DeltaKind.TOOL, arguments="")
    assert read(fragment, skimmed=True) == StepDelta(0, "arguments_delta", DeltaKind.TOOL)
