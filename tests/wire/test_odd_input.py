"""Every row of accounting.md 4: bytes that should not be, and the whole of what the books say of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.wire.outcome import End
from gateway.wire.response import ERROR_BODY_MAX_BYTES
from tests.wire.pieces import every_split, facts_of, reader_of, sse, without

# What any event leaves behind; each test names what it adds to this. Events by type have rows of their own.
TIMES = ("first_event_ns", "last_delta_ns", "terminal_ns", "first_delta_ns", "gaps", "errors_ns", "unknown_names_ns")
BY_TYPE = ("created", "status_updates", "step_starts", "step_stops", "completed")
STEP = '{"event_type":"step.start","index":0,"step":{"type":"model_output"}}'
ERROR = '{"error":{"code":"aborted","message":"m"}}'
PRETTY = json.dumps({"error": {"code": 503, "message": "m", "details": [{}], "status": "UNAVAILABLE"}}, indent=2)
USAGE = '"usage":{"total_tokens":3}'
COMPLETED = '{"event_type":"interaction.completed","interaction":{"id":"a","status":"completed"}}'


def step(**more: Any) -> dict[str, Any]:
    """An open model_output, as it stands in the facts."""
    usual: dict[str, Any] = {"index": 0, "number": 0, "type": "model_output", "start_ns": 5, "bytes": len(STEP)}
    names = "wire_type first_delta_ns last_delta_ns stop_ns id call_id name is_error step_usage"
    return {**dict.fromkeys(names.split()), "closed": False, "deltas": 0, "max_gap_ns": 0, **usual, **more}


def code(value: str | None, **more: Any) -> dict[str, Any]:
    """One error event."""
    return {"events": 1, "errors": 1, "error_codes": [value], **more}


ROWS = [
    (
        "unknown event",
        sse('{"event_type":"a.b"}'),
        {"events": 1, "unknown": {"event_type": 1}, "unknown_names": ["event_type:a.b"]},
    ),
    (
        "unknown event, twice",
        sse('{"event_type":"a.b"}', '{"event_type":"a.b"}'),
        {"events": 2, "unknown": {"event_type": 2}, "unknown_names": ["event_type:a.b"]},
    ),
    (
        "an object with neither",
        sse("{}"),
        {"events": 1, "unknown": {"event_type": 1}, "unknown_names": ["event_type:"]},
    ),
    (
        "an event of the old dialect",
        sse('{"event_type":"interaction.complete","interaction":{"status":"completed",' + USAGE + "}}"),
        {"events": 1, "unknown": {"legacy_event": 1}, "unknown_names": ["legacy_event:interaction.complete"]},
    ),
    (
        "an unknown status",
        sse('{"event_type":"interaction.status_update","interaction_id":"a","status":"hot"}'),
        {
            "events": 1,
            "unknown": {"status": 1},
            "unknown_names": ["status:hot"],
            "interaction": {"id": "a", "status": "hot"},
        },
    ),
    (
        "a delta without a type",
        sse(STEP, '{"event_type":"step.delta","index":0,"delta":{"text":"x"}}'),
        {
            "events": 2,
            "deltas": 1,
            "steps": [step(deltas=1, bytes=len(STEP) + 58, first_delta_ns=5, last_delta_ns=5)],
            "anomalies": {"untyped_delta": 1},
        },
    ),
    (
        "an unknown sse field, each line",
        b"foo: 1\nfoo: 2\nbar\n\n",
        {"unknown": {"sse_field": 3}, "unknown_names": ["sse_field:"]},
    ),
    ("data that is no json", sse("{", "hello"), {"events": 2, "invalid": {"json": 2}}),
    ("data that is no utf-8", b'data: {"a":"\xff"}\n\n', {"events": 1, "invalid": {"utf8": 1}}),
    ("data that is no object", sse("5", "[]", '"a"', "null"), {"events": 4, "invalid": {"shape": 4}}),
    ("empty data", b"data:\n\n", {"events": 1, "invalid": {"json": 1}}),
    (
        "a last block whose json is whole",
        f"data: {STEP}".encode(),
        {"events": 1, "steps": [step()], "anomalies": {"unterminated_block": 1}},
    ),
    (
        "a last block whose json is whole, after its line end",
        f"data: {STEP}\r\n".encode(),
        {"events": 1, "steps": [step()], "anomalies": {"unterminated_block": 1}},
    ),
    (
        "half a block",
        sse(STEP) + b'data: {"event_type":"step.st',
        {"events": 1, "steps": [step()], "invalid": {"json": 1}},
    ),
    (
        "half a block that ends after its name",
        sse(STEP) + b"event: step.stop\n",
        {"events": 1, "steps": [step()], "invalid": {"json": 1}},
    ),
    (
        "half a block that ends in its name",
        sse(STEP) + b"event: st",
        {"events": 1, "steps": [step()], "invalid": {"json": 1}},
    ),
    (
        "half a block that ends in a field's name",
        sse(STEP) + b"ev",
        {"events": 1, "steps": [step()], "invalid": {"json": 1}},
    ),
    ("half a sentinel", b"data: [DON", {"invalid": {"json": 1}}),
    ("a sentinel without its blank line", b"data: [DONE]", {"events": 1, "anomalies": {"unterminated_block": 1}}),
    ("a bare error line", f"{ERROR}\n".encode(), code("aborted", anomalies={"bare_error": 1})),
    ("a bare error that ends the body", ERROR.encode(), code("aborted", anomalies={"bare_error": 1})),
    (
        "a bare error after events",
        sse(STEP) + f"{ERROR}\n\n".encode(),
        code("aborted", events=2, steps=[step()], anomalies={"bare_error": 1}),
    ),
    ("a bare line that is no error", b'{"a":1}\n{\n', {"unknown": {"sse_field": 2}, "unknown_names": ["sse_field:"]}),
    ("a bare error over many lines", PRETTY.encode(), code("503", anomalies={"bare_error": 1})),
    (
        "a bare error over many lines, with a mark",
        b"\xef\xbb\xbf" + PRETTY.encode() + b"\n",
        code("503", anomalies={"bare_error": 1}),
    ),
    ("a bare error in an array", f"[{PRETTY}]".encode(), code("503", anomalies={"bare_error": 1})),
    (
        "a whole page",
        b"<html>\n<body>\n</body>\n</html>\n",
        {"unknown": {"sse_field": 4}, "unknown_names": ["sse_field:"]},
    ),
    ("bytes after the sentinel", b"data: [DONE]\n\nfoo\n{\ndata: {\n\ndata: x", {"events": 1}),
    ("an error without event type", sse(ERROR), code("aborted")),
    ("an error of a name only", b'event: error\ndata: {"x":1}\n\n', code(None)),
    ("an error whose code is a number", sse('{"event_type":"error","error":{"code":14}}'), code("14")),
    (
        "an error, then completed",
        sse(ERROR, COMPLETED),
        code("aborted", events=2, interaction={"id": "a", "status": "completed"}),
    ),
    (
        "completed, then an error",
        sse(COMPLETED, ERROR),
        code("aborted", events=2, interaction={"id": "a", "status": "completed"}),
    ),
    (
        "completed twice",
        sse(COMPLETED, COMPLETED.replace('completed"}', 'failed"}')),
        {"events": 2, "interaction": {"id": "a", "status": "failed"}, "anomalies": {"second_completed": 1}},
    ),
    (
        "completed that is not terminal",
        sse(COMPLETED.replace('"completed"}', '"queued"}')),
        {"events": 1, "interaction": {"id": "a", "status": "queued"}, "anomalies": {"completed_not_terminal": 1}},
    ),
    (
        "completed without interaction",
        sse('{"event_type":"interaction.completed"}'),
        {"events": 1, "invalid": {"shape": 1}},
    ),
]


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_odd_input(body: bytes, expected: dict[str, Any]) -> None:
    """The facts hold what the row says and nothing else, in every split."""
    about = dict.fromkeys(("id", "status", "model", "agent", "service_tier", "created", "updated"))
    if "interaction" in expected:
        expected = {**expected, "interaction": {**about, **expected["interaction"]}}
    for pieces in every_split(body):
        assert without(facts_of(pieces), *TIMES, *BY_TYPE) == expected, pieces


@pytest.mark.parametrize("end", [End.CUT, End.LEFT])
@pytest.mark.parametrize(
    "half",
    [
        f"data: {STEP}".encode(),
        f"data: {STEP}\n".encode(),
        ERROR.encode(),
        b"event: x\n",
        b"ev",
        b"data: [DONE]\n",
        b"foo",
    ],
)
def test_half_a_block_after_a_cut_is_nobodys(half: bytes, end: End) -> None:
    """When the upstream broke or the client left, a block without its blank line is dropped: no event, no oddity."""
    for pieces in every_split(half):
        reader = reader_of(pieces, end=end)
        assert (without(reader.tracker.facts), reader.tracker.done_seen) == ({}, False)


def test_a_line_over_the_cap() -> None:
    """Skimming saves what has a type; what has none in reach, or is too much for it, counts as size."""
    image = '{"event_type":"step.delta","index":0,"delta":{"type":"image","data":"' + "A" * 200_000 + '"}}'
    hidden = '{"delta":{"text":"' + "A" * 200_000 + '"}}'
    numbers = '{"event_type":"step.delta","x":[' + "1," * 600_000 + "1]}"
    half = '{"event_type":"step.delta","x":"' + "A" * 200_000
    for pieces in _large(sse(STEP, image, hidden, numbers, half)):
        facts = facts_of(pieces)
        assert facts.invalid == {"size": 3}
        assert (facts.events, facts.deltas, set(facts.first_delta_ns)) == (5, 1, {"any", "media", "output"})
        assert (facts.steps[0].bytes, facts.anomalies) == (len(STEP) + len(image), {})


def test_half_a_block_over_the_cap() -> None:
    """At a clean end it is half an event like any other, or too large to tell; after a cut it is nobody's."""
    for half, reason in ((b'data: {"a":"' + b"x" * 200_000, "json"), (b"data: [" + b"1," * 600_000, "size")):
        for pieces in _large(half):
            assert without(facts_of(pieces)) == {"invalid": {reason: 1}}
            assert without(facts_of(pieces, end=End.CUT)) == {}


def _large(body: bytes) -> list[list[bytes]]:
    return [[body], [body[at : at + 65_536] for at in range(0, len(body), 65_536)], [body[:70_001], body[70_001:]]]


def test_a_bare_error_body_is_read_up_to_a_bound() -> None:
    """Of just the bound it is one; beyond it, it is lines that nobody knows, the same in any pieces."""
    empty = len('{\n"error": {"code": "a", "x": ""}\n}')
    for size, errors in ((ERROR_BODY_MAX_BYTES, 1), (ERROR_BODY_MAX_BYTES + 1, 0)):
        body = ('{\n"error": {"code": "a", "x": "' + "y" * (size - empty) + '"}\n}').encode()
        assert len(body) == size
        for pieces in (*_large(body), [body[:60_000], body[60_000:]]):
            facts = facts_of(pieces)
            assert facts.errors == errors
            assert facts.unknown == ({} if errors else {"sse_field": 3})


@pytest.mark.parametrize("first", [b"data: x\n\n", sse(STEP), b"data: {\n\n"])
def test_a_body_with_an_event_is_no_bare_error(first: bytes) -> None:
    """Once there was an event, even an unreadable one, lines that together would be an error are just lines."""
    assert facts_of([first + PRETTY.encode()]).errors == 0
