"""Records there and back: every kind, with every field, whatever text the wire gave."""

from __future__ import annotations

import dataclasses
import struct

import orjson
import pytest
from hypothesis import given, settings

from gateway.encoding import ACK, HEADER, MAX_BATCH_BYTES, decode, encode, frame
from gateway.records import (
    KINDS,
    LOST_REASONS,
    ContentCaptured,
    ExchangeClosed,
    ExchangeOpened,
    Heartbeat,
    Hello,
    Record,
    StepFinished,
    StepStarted,
    Times,
)
from gateway.wire.content import Content, Part, StepContent
from gateway.wire.facts import Basis, Gaps, InteractionFacts, Mode, RequestFacts, Step, StreamFacts
from gateway.wire.outcome import Body, End, Outcome, Route
from gateway.wire.usage import Usage
from tests.wire.pieces import STREAMS, facts_of
from tests.wire.test_garbage import STREAM_BODIES

USAGE = Usage(9, 1, 2, 3, 4, 5, 6, {"input": {"text": 1, "smell": 0}}, {"google_search": 2})
STEP = Step(3, "other", "hologram", 1, 2, 3, 4, True, 5, 6, 7, "id", "call", "name", False, USAGE, 8)
REQUEST = RequestFacts(
    "m",
    "a",
    True,
    True,
    "i",
    "p",
    True,
    "e",
    "r",
    "flex",
    0.5,
    1.0,
    100,
    -7,
    ["stop", "é\u2028"],
    "high",
    "text",
    True,
    {"c": True, "é": False},
)
STREAM = StreamFacts(
    InteractionFacts("i", "completed", "m", "a", "flex", "c", "u"),
    [STEP, Step(4, "text")],
    {"thought": [1, 2]},
    USAGE,
    Basis.RUNNING,
    Gaps([1] * 15, 2, 3),
    {"any": 1, "text": 2},
    1,
    2,
    3,
    4,
    5,
    ["aborted", None],
    2,
    {"event_type": 1},
    ["event_type:a.b"],
    {"json": 1},
    {"bad_index": 1},
    True,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    6,
    [7],
    [8],
    "00ff",
)
CLOSED = ExchangeClosed(
    "x1",
    1_700_000_000_000_000_000,
    Route.GET,
    Mode.BACKGROUND,
    Outcome.UPSTREAM_ABORT,
    End.CUT,
    "GET",
    "/v1/interactions/i?key=REDACTED",
    REQUEST,
    Times(1, 2, 3, 4, 5, 6, 7, 8, 9),
    STREAM,
    body=Body.STREAM,
    http_status=200,
    sent_status=201,
    http_error_code="http",
    code="code",
    error_text="text",
    done_seen=True,
    bytes_up=7,
    bytes_down=8,
    faults={"tracker": 1},
    client_address="127.0.0.1",
    user_agent="agent/1",
    traceparent="00-aa-bb-01",
    tracestate="k=v",
    linked="00-cc-dd-00",
    injected="00-aa-ee-01",
    baggage={"tenant": "t"},
    upstream_scheme="http",
    upstream_host="localhost",
    upstream_port=8090,
    peer_address="127.0.0.2",
    http_version="1.0",
    tags={"team": "search", "user": "é\u2028"},
)
BARE = ExchangeClosed(
    "x2",
    0,
    Route.PASSTHROUGH,
    Mode.UNARY,
    Outcome.FORWARDED,
    End.NO_HEAD,
    "GET",
    "/",
    RequestFacts(),
    Times(),
    StreamFacts(),
)
CONTENT = Content(
    '{"input":"é"}',
    9,
    [
        StepContent(3, "function_call", "id", "name", "server", True, [Part("text", "é\u2028", 7, "audio", "a/b", 5)]),
        StepContent(4, "thought"),
    ],
    2,
    99,
)
RECORDS: list[Record] = [
    Hello(1, 4242, 17, "plain", "3.14.5", [2, 0, 90_000]),
    ExchangeOpened("x1", 1_700_000_000_000_000_000, Route.CREATE, Mode.STREAM, REQUEST),
    ExchangeOpened("x2", 0, Route.DELETE, Mode.UNARY, RequestFacts()),
    ExchangeOpened("x3", 0, Route.GET, Mode.UNARY, RequestFacts(), tags={"team": "search"}),
    StepStarted("x1", "i", 3, "text", 9, 2),
    StepStarted("x1", None, 0, "other", 0, 0),
    StepFinished("x1", "i", STEP),
    StepFinished("x1", None, Step(0, "thought")),
    ContentCaptured("x1", CONTENT),
    ContentCaptured("x2", Content()),
    CLOSED,
    BARE,
    Heartbeat(5, 4, {"ExchangeClosed/queue_full": 1}, 3, 2, 70_000, 4, 5, [0, 1, 70_000]),
    Heartbeat(),
]


def back(*records: Record) -> list[Record]:
    """The records after a journey in one batch."""
    batch = frame(1, [encode(record) for record in records])
    return decode(batch[HEADER.size :])


def test_every_kind_is_here() -> None:
    """The rows below leave no kind out, and no field of the largest at its default."""
    full, empty = dataclasses.asdict(CLOSED), dataclasses.asdict(BARE)

    assert {type(record).__name__ for record in RECORDS} == set(KINDS)
    assert [name for name in full if full[name] == empty[name]] == ["method"]
    assert LOST_REASONS == ("queue_full", "observer_died", "shutdown")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_there_and_back(record: Record) -> None:
    """A record comes back equal, of its own type, with enums where there were enums, alone and among others."""
    [again] = back(record)

    assert again == record
    assert type(again) is type(record)
    assert back(*RECORDS, record)[-1] == record


def test_enums_come_back_as_enums() -> None:
    """Not as texts that look like them."""
    [closed] = back(CLOSED)
    assert isinstance(closed, ExchangeClosed)
    found = (closed.route, closed.mode, closed.outcome, closed.end, closed.body, closed.stream.basis)

    assert [type(value) for value in found] == [Route, Mode, Outcome, End, Body, Basis]
    assert isinstance(closed.stream.steps[0].step_usage, Usage)


def test_a_frame() -> None:
    """Length and number, big-endian, before a JSON array; the answer is the number alone."""
    batch = frame(7, [encode(RECORDS[0]), encode(RECORDS[-1])])
    length, number = struct.unpack("!IQ", batch[:12])

    assert (HEADER.size, ACK.size, length, number) == (12, 8, len(batch) - 12, 7)
    assert [kind for kind, _ in orjson.loads(batch[12:])] == ["Hello", "Heartbeat"]
    assert decode(b"[]") == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"x",
        b"5",
        b"[5]",
        b'["Hello"]',
        b'[["Hello"]]',
        b'[["Goodbye",{}]]',
        b'[["Hello",{}]]',
        b'[["Hello",{"worker":1,"new":2}]]',
        b'[["ExchangeOpened",{"exchange_id":"x","started_unix_ns":0,"route":"new","mode":"unary","request":{}}]]',
        b'[["Heartbeat",[1]]]',
        b'[["Heartbeat",[1,2,{},3,4,5,6,7,[],8]]]',
        b'[["StepFinished",["x",null,[0,"text"]]]]',
        b'[["ExchangeOpened",["x",0,"new","unary"]]]',
    ],
)
def test_what_no_forwarder_wrote(payload: bytes) -> None:
    """It is refused in a way that its reader expects."""
    with pytest.raises((ValueError, TypeError)):
        decode(payload)


def test_a_forwarder_of_another_version_is_told_from_nonsense() -> None:
    """Rows have no names: fields in another order would be read as each other's values."""
    [[kind, hello]] = orjson.loads(b"[" + encode(RECORDS[0]) + b"]")
    assert decode(orjson.dumps([[kind, hello]])) == [RECORDS[0]]

    with pytest.raises(ValueError, match="another version"):
        decode(orjson.dumps([[kind, {**hello, "layout": "0123456789abcdef"}]]))


@pytest.mark.parametrize("name", sorted(path.name for path in STREAMS.glob("*.sse")))
def test_facts_of_recorded_streams(name: str) -> None:
    """The facts that a stream leaves cross whole."""
    closed = dataclasses.replace(CLOSED, stream=facts_of([(STREAMS / name).read_bytes()]))

    assert back(closed) == [closed]


@settings(deadline=None, max_examples=150)
@given(STREAM_BODIES)
def test_facts_of_any_stream(body: bytes) -> None:
    """So do those of any other, and each of its steps; the record stays far below what a batch may hold."""
    facts = facts_of([body])
    closed = dataclasses.replace(CLOSED, stream=facts)
    steps = [StepFinished("x", facts.interaction.id, step) for step in facts.steps]

    assert back(closed, *steps) == [closed, *steps]
    assert len(encode(closed)) < MAX_BATCH_BYTES // 8
