"""Whole bodies: unary answers, polls, cancels, and the errors of HTTP, small and very large."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.wire.facts import Anomaly, StreamFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader, body_kind
from gateway.wire.usage import Usage
from tests.wire.pieces import STALL_NS, STREAMS, facts_of, reader_of, some_splits, sse, without

ABOUT = {"object": "interaction", "agent": "deep-research-preview-04-2026", "created": "2026-05-12T17:04:27Z"}
Steps = list[tuple[int, str, bool, str | None, str | None, bool | None]]

RECORDED: list[tuple[str, str, Route, Steps, Usage | None]] = [
    (
        "unary",
        "completed",
        Route.CREATE,
        [(0, "thought", True, None, None, None), (1, "model_output", True, None, None, None)],
        Usage(41, 7, 2, 32, 0, 0, by_modality={"input": {"text": 7}}),
    ),
    (
        "unary_tools",
        "requires_action",
        Route.CREATE,
        [
            (0, "google_search_call", True, "gs1", None, None),
            (1, "google_search_result", True, None, "gs1", False),
            (2, "thought", True, None, None, None),
            (3, "function_call", True, "fc1", None, None),
        ],
        Usage(299, 138, 20, 141, 0, 0, by_modality={"input": {"text": 138}}),
    ),
    ("deep_research_poll_1", "queued", Route.GET, [], None),
    ("deep_research_poll_2", "in_progress", Route.GET, [(0, "thought", True, None, None, None)], None),
    (
        "deep_research_poll_3",
        "completed",
        Route.GET,
        [(0, "thought", True, None, None, None), (1, "model_output", True, None, None, None)],
        Usage(1117031, 428865, 22294, 26213),
    ),
    ("cancelled", "cancelled", Route.CANCEL, [], None),
]


@pytest.mark.parametrize(("name", "status", "route", "steps", "usage"), RECORDED)
def test_a_recorded_body(name: str, status: str, route: Route, steps: Steps, usage: Usage | None) -> None:
    """It says what stands in its bytes, in whatever pieces; its steps are closed and have no times."""
    for pieces in some_splits((STREAMS / f"{name}.json").read_bytes()):
        reader = reader_of(pieces, route=route, body=Body.JSON)
        facts = reader.tracker.facts

        assert (reader.tracker.final_seen, reader.tracker.final_status) == (True, status)
        assert [(s.index, s.type, s.closed, s.id, s.call_id, s.is_error) for s in facts.steps] == steps
        assert (facts.usage, facts.basis) == (usage, None if usage is None else "final")
        assert without(facts, "interaction", "steps", "usage", "basis") == {}
        assert all(step.start_ns is step.stop_ns is None for step in facts.steps)


def test_what_a_body_says_of_its_interaction() -> None:
    """Every field of it."""
    facts = facts_of(
        [json.dumps({**ABOUT, "id": "a", "status": "queued", "service_tier": "flex"}).encode()], body=Body.JSON
    )

    assert without(facts) == {
        "interaction": {
            "id": "a",
            "status": "queued",
            "model": None,
            "agent": "deep-research-preview-04-2026",
            "service_tier": "flex",
            "created": "2026-05-12T17:04:27Z",
            "updated": None,
        }
    }


Seen = tuple[bool, str | None]
ODD: list[tuple[str, bytes, Seen, dict[str, Any]]] = [
    (
        "a new status",
        b'{"status":"paused"}',
        (True, "paused"),
        {"unknown": {"status": 1}, "unknown_names": ["status:paused"]},
    ),
    ("no status", b'{"id":"a"}', (True, None), {"invalid": {"shape": 1}}),
    ("a status that is no text", b'{"status":5}', (True, None), {"invalid": {"shape": 1}}),
    ("an array", b"[]", (True, None), {"invalid": {"shape": 1}}),
    ("no json", b"<html>", (False, None), {"invalid": {"json": 1}}),
    ("half a body", b'{"status":"comp', (False, None), {"invalid": {"json": 1}}),
    ("no utf-8", b'{"status":"\xff"}', (False, None), {"invalid": {"utf8": 1}}),
    ("nothing", b"", (False, None), {"invalid": {"json": 1}}),
    ("a byte order mark", b'\xef\xbb\xbf{"status":"failed"}', (True, "failed"), {}),
    (
        "an error for an answer",
        b'{"error":{"code":"aborted"}}',
        (True, None),
        {"invalid": {"shape": 1}, "errors": 1, "error_codes": ["aborted"], "anomalies": {"bare_error": 1}},
    ),
    (
        "an error for an answer, in an array",
        b'[{"error":{"code":7}}]',
        (True, None),
        {"invalid": {"shape": 1}, "errors": 1, "error_codes": ["7"], "anomalies": {"bare_error": 1}},
    ),
    ("an error beside a status", b'{"status":"failed","error":{"code":"a"}}', (True, "failed"), {}),
    ("a usage beside a status that goes on", b'{"status":"queued","usage":{"total_tokens":9}}', (True, "queued"), {}),
    (
        "a usage beside a new status",
        b'{"status":"paused","usage":{"total_tokens":9}}',
        (True, "paused"),
        {"unknown": {"status": 1}, "unknown_names": ["status:paused"]},
    ),
    ("a usage that is none", b'{"status":"failed","usage":7}', (True, "failed"), {"anomalies": {"bad_usage": 1}}),
    ("steps that are none", b'{"status":"failed","steps":{"type":"thought"}}', (True, "failed"), {}),
    (
        "a step of a new type, and one that is none",
        b'{"status":"failed","steps":[{"type":"hologram"},5]}',
        (True, "failed"),
        {"unknown": {"step_type": 2}, "unknown_names": ["step_type:hologram", "step_type:"]},
    ),
]


@pytest.mark.parametrize(("body", "seen", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ODD])
def test_an_odd_body(body: bytes, seen: Seen, expected: dict[str, Any]) -> None:
    """A body gives the facts of its row and nothing else; nothing raises."""
    reader = reader_of([body], body=Body.JSON)

    assert (reader.tracker.final_seen, reader.tracker.final_status) == seen
    assert without(reader.tracker.facts, "interaction", "steps") == expected


@pytest.mark.parametrize("end", [End.CUT, End.LEFT])
def test_a_body_that_was_not_whole(end: End) -> None:
    """Half of it says nothing, and is no oddity; all of it before the break says all."""
    body = (STREAMS / "unary.json").read_bytes().rstrip()
    for at in range(len(body)):
        reader = reader_of([body[:at]], body=Body.JSON, end=end)
        assert (without(reader.tracker.facts), reader.tracker.final_seen) == ({}, False)
    whole = reader_of([body], body=Body.JSON, end=end).tracker

    assert (whole.final_status, whole.facts.usage) == ("completed", facts_of([body], body=Body.JSON).usage)
    assert without(facts_of([b"{}"], body=Body.JSON, end=end)) == {}


def large(blob: int) -> Iterator[bytes]:
    """A unary body whose image has this many bytes, in pieces; everything else stands around it."""
    yield b'{"id":"a","steps":[{"type":"model_output","content":[{"type":"image","data":"'
    for at in range(0, blob, 65_536):
        yield b"A" * min(65_536, blob - at)
    yield b'"}]},{"type":"function_call","id":"f"}],'
    yield b'"usage":{"total_tokens":9,"total_output_tokens":9},"status":"completed"}'


def test_a_large_body_says_what_a_small_one_says() -> None:
    """20 MB of image in a megabyte of memory, and the same facts."""
    reader = ResponseReader(Route.CREATE, 200, Body.JSON, stall_ns=STALL_NS)
    tracemalloc.start()
    try:
        for piece in large(20_000_000):
            reader.feed(piece, 5)
        facts = reader.finish(End.CLEAN, 5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert facts == facts_of(list(large(10)), body=Body.JSON)
    assert [step.type for step in facts.steps] == ["model_output", "function_call"]
    assert peak < 1_000_000


def test_a_large_event_says_what_a_small_one_says() -> None:
    """An image of 20 MB in a stream: the same facts as a small one but for its bytes, in little memory."""

    def stream(blob: int) -> tuple[StreamFacts, int]:
        reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
        reader.feed(sse('{"event_type":"step.start","index":0,"step":{"type":"model_output"}}'), 5)
        tracemalloc.start()
        try:
            reader.feed(b'data: {"delta":{"data":"', 5)
            for _ in range(blob // 50_000):
                reader.feed(b"A" * 50_000, 5)
            reader.feed(b'","type":"image"},"index":0,"event_type":"step.delta"}\n\n', 5)
            return reader.finish(End.CLEAN, 5), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    (small, _), (big, peak) = stream(50_000), stream(20_000_000)

    assert big.steps[0].bytes - small.steps[0].bytes == 19_950_000
    big.steps[0].bytes = small.steps[0].bytes
    assert big == small
    assert peak < 1_000_000


ERRORS: list[tuple[str, bytes, str | None]] = [
    ("a string code", b'{"error":{"code":"invalid_request","message":"m"}}', "invalid_request"),
    ("an rpc code", b'{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}', "400"),
    ("a uri for a code", b'{"error":{"code":"https://example.org/errors/quota"}}', "https://example.org/errors/quota"),
    ("in an array", b'[{"error":{"code":503}}]', "503"),
    ("the first of an array", b'[{"error":{"code":"a"}},{"error":{"code":"b"}}]', "a"),
    ("a long code", b'{"error":{"code":"' + b"x" * 900 + b'"}}', "x" * 512),
    ("an empty code", b'{"error":{"code":""}}', None),
    ("a code that is none", b'{"error":{"code":[]}}', None),
    ("true for a code", b'{"error":{"code":true}}', None),
    ("no code", b'{"error":{}}', None),
    ("a text for an error", b'{"error":"broken"}', None),
    ("null for an error", b'{"error":null}', None),
    ("no error", b'{"message":"m"}', None),
    ("an empty array", b"[]", None),
    ("nested arrays", b"[[]]", None),
    ("html", b"<!doctype html><title>502</title>", None),
    ("text", b"upstream connect error", None),
    ("half of it", b'{"error":{"code":"a"', None),
    ("no utf-8", b"\xff\xfe", None),
    ("nothing", b"", None),
    ("a large one", b'{"x":"' + b"x" * 300_000 + b'","error":{"code":"late"}}', "late"),
    ("one that is too large", b'{"x":[' + b"1," * 700_000 + b'1],"error":{"code":"late"}}', None),
]


@pytest.mark.parametrize(("body", "code"), [pytest.param(*row[1:], id=row[0]) for row in ERRORS])
@pytest.mark.parametrize("kind", Body)
def test_an_error_body(kind: Body, body: bytes, code: str | None) -> None:
    """Whatever its Content-Type, its code is kept for span and log; nothing of it counts as an event."""
    for route in Route:
        for pieces in ([body], [body[:7], body[7:]]):
            reader = reader_of(pieces, route=route, status=503, body=kind)
            assert reader.http_error_code == code
            assert (without(reader.tracker.facts), reader.tracker.final_seen) == ({}, False)


@pytest.mark.parametrize(
    ("route", "status", "kind"),
    [
        (Route.PASSTHROUGH, 200, Body.STREAM),
        (Route.DELETE, 200, Body.JSON),
        (Route.CREATE, 200, Body.OTHER),
        (Route.CREATE, 302, Body.JSON),
        (Route.CREATE, 101, Body.STREAM),
    ],
)
def test_what_is_no_answer_is_not_read(route: Route, status: int, kind: Body) -> None:
    """Other routes, redirects and other types pass unread."""
    for name in ("text.sse", "unary.json", "http_error_400.json"):
        reader = reader_of([(STREAMS / name).read_bytes()], route=route, status=status, body=kind)
        assert (without(reader.tracker.facts), reader.http_error_code) == ({}, None)


@pytest.mark.parametrize(("end", "final_seen"), [(End.CLEAN, True), (End.LEFT, True), (End.CUT, False)])
def test_an_encoding_that_cannot_be_read(end: End, final_seen: bool) -> None:
    """Nothing is known of the answer, and that is said; that it was cut is known all the same."""
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
    reader.unreadable()
    reader.feed(b"\x1f\x8b\x00", 1)
    facts = reader.finish(end, 2)

    assert without(facts) == {"anomalies": {Anomaly.UNREADABLE_ENCODING: 1}}
    assert (reader.tracker.final_seen, reader.tracker.final_status) == (final_seen, None)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/event-stream", Body.STREAM),
        ("Text/Event-Stream; charset=utf-8", Body.STREAM),
        (" text/event-stream ;x", Body.STREAM),
        ("application/json", Body.JSON),
        ("application/JSON;charset=UTF-8", Body.JSON),
        ("application/problem+json", Body.JSON),
        ("text/plain", Body.OTHER),
        ("text/html+json", Body.OTHER),
        ("text/event-streams", Body.OTHER),
        ("", Body.OTHER),
        (None, Body.OTHER),
    ],
)
def test_content_types(content_type: str | None, kind: Body) -> None:
    """Case and parameters don't matter."""
    assert body_kind(content_type) is kind
