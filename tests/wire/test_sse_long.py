"""Lines of megabytes: read without being kept, the same in every split, whatever sort of line it is."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.skim import KEEP_MAX_BYTES
from gateway.wire.sse import SKIM_OVER_BYTES, SSEEvent, SSEParser
from tests.wire.pieces import split_at

AFTER = b"data: after\n\n"
LONG = 9_000  # more than is held of an unfinished line
LARGE = 100_000  # more than is kept of one event


def parse(pieces: list[bytes]) -> tuple[list[SSEEvent], int]:
    """Every event, the last one too, and the count of unknown fields."""
    parser = SSEParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.finish(), parser.unknown_fields


def cut(body: bytes, size: int) -> list[bytes]:
    """The body in pieces of one size."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def plain(name: str | None, data: bytes) -> SSEEvent:
    """An event that is kept as it came."""
    return SSEEvent(name, data, len(data))


LINES = [
    pytest.param(b"data: " + b"x" * LONG + b"\n\n", [plain(None, b"x" * LONG)], 0, id="long data is kept"),
    pytest.param(b"data:" + b"x" * LONG + b"\r\n\r\n", [plain(None, b"x" * LONG)], 0, id="long data without a space"),
    pytest.param(
        b"data: a\ndata: " + b"x" * LONG + b"\ndata: b\n\n",
        [plain(None, b"a\n" + b"x" * LONG + b"\nb")],
        0,
        id="long data between short",
    ),
    pytest.param(
        b"event: " + b"n" * LONG + b"\ndata: a\n\n", [plain("n" * 256, b"a")], 0, id="a long name is cut, not lost"
    ),
    pytest.param(
        b"event: first\nevent:" + b"n" * LONG + b"\ndata: a\n\n",
        [plain("n" * 256, b"a")],
        0,
        id="a long name still wins",
    ),
    pytest.param(b": " + b"c" * LARGE + b"\n\n", [], 0, id="a long comment"),
    pytest.param(b"id: " + b"i" * LARGE + b"\ndata: a\n\n", [plain(None, b"a")], 0, id="a long id"),
    pytest.param(b"retry: " + b"9" * LARGE + b"\ndata: a\n\n", [plain(None, b"a")], 0, id="a long retry"),
    pytest.param(b"foo: " + b"x" * LARGE + b"\ndata: a\n\n", [plain(None, b"a")], 1, id="a long unknown field"),
    pytest.param(b"x" * LARGE + b"\ndata: a\n\n", [plain(None, b"a")], 1, id="a long line without colon"),
    pytest.param(b"data" * LONG + b"\ndata: a\n\n", [plain(None, b"a")], 1, id="a long line that begins like data"),
    pytest.param(b"event" * LONG + b"\ndata: a\n\n", [plain(None, b"a")], 1, id="a long line that begins like event"),
    pytest.param(
        b"{" + b"x" * LONG + b"\n",
        [SSEEvent(None, b"{" + b"x" * LONG, LONG + 1, bare=True)],
        0,
        id="a long bare line is kept",
    ),
    pytest.param(
        b'{"a":"' + b"x" * LARGE + b'"}\n',
        [SSEEvent(None, b'{"a":""}', LARGE + 8, skimmed=True, bare=True)],
        0,
        id="a large bare line is skimmed",
    ),
    pytest.param(
        b'event: e\ndata: {"a":"' + b"x" * LARGE + b'","b":1}\n\n',
        [SSEEvent("e", b'{"a":"","b":1}', LARGE + 14, skimmed=True)],
        0,
        id="large data is skimmed",
    ),
    pytest.param(
        b'data: {"a":"' + b"x" * SKIM_OVER_BYTES + b'"\ndata: ,"b":1}\n\n',
        [SSEEvent(None, b'{"a":""\n,"b":1}', SKIM_OVER_BYTES + 15, skimmed=True)],
        0,
        id="large data goes on in a second line",
    ),
    pytest.param(
        b"data: [" + b"1," * KEEP_MAX_BYTES + b"1]\n\n",
        [SSEEvent(None, None, 2 * KEEP_MAX_BYTES + 3, skimmed=True)],
        0,
        id="what skimming can't make small has no data",
    ),
]


@pytest.mark.parametrize(("line", "events", "unknown"), LINES)
def test_a_long_line(line: bytes, events: list[SSEEvent], unknown: int) -> None:
    """It gives the same in one piece, in small ones, and cut near its ends; what follows is read as always."""
    body, expected = line + AFTER, ([*events, plain(None, b"after")], unknown)
    ends = [*range(1, 12), *range(len(line) - 6, len(line) + 1)]

    assert parse([body]) == expected
    assert parse(cut(body, 1_000)) == expected
    assert parse(cut(body, 4_093)) == expected
    for at in ends:
        assert parse(split_at(body, [at])) == expected, at
        assert parse(split_at(body, [at, at + 8_200, at + 8_300])) == expected, at


# What may stand in a long line: whatever ends a string, or seems to.
BITS = st.sampled_from(
    [b'"', b"\\", b"\\\\\\", b'\\"', b"\n", b"\r", b"\r\n", b"data:", b"data: ", b"{", b": ", b"x", b"x" * 1_500]
)
LONG_LINES = st.lists(BITS | st.just(b"x" * LONG), max_size=14).map(b"".join)


@settings(max_examples=400)
@given(LONG_LINES, st.lists(st.integers(-2, 20) | st.integers(0, 80_000), max_size=8))
def test_passing_a_string_is_feeding_it(lines: bytes, places: list[int]) -> None:
    """Each piece is offered to `pass_string` first: the events are the same, also where the string ends in it."""
    begun = b'data: {"a":"' + b"x" * 2 * SKIM_OVER_BYTES
    body = begun + lines + b'"}\n\n' + AFTER
    parser, events = SSEParser(), []
    for piece in split_at(body, [len(begun) + place for place in places]):
        at = parser.pass_string(piece, 0)
        events += parser.feed(piece[at:])
    events += parser.finish()

    assert (events, parser.unknown_fields) == parse([body])


def test_most_of_an_image_is_passed() -> None:
    """Of a string that is left out everything up to what ends it is passed."""
    parser = SSEParser()
    parser.feed(b'data: {"a":"' + b"x" * 2 * SKIM_OVER_BYTES)

    assert parser.pass_string(b"x" * 100_000, 0) == 100_000
    assert parser.pass_string(b"xy" + b"x" * 100 + b'"}', 2) == 102
    assert parser.pass_string(b"xy\n", 0) == 2
    assert parser.pass_string(b'"}\n\n', 0) == 0


def test_the_threshold_is_exact() -> None:
    """Data of just the kept size comes as it is; one byte more is skimmed, in any split."""
    for size, skimmed in ((SKIM_OVER_BYTES, False), (SKIM_OVER_BYTES + 1, True)):
        body = b"data: " + b"x" * size + b"\n\n"
        for pieces in ([body], cut(body, 777)):
            [event] = parse(pieces)[0]
            assert (event.skimmed, event.size) == (skimmed, size)


def test_twenty_megabytes_cost_no_memory() -> None:
    """An image of 20 MB passes in a few hundred kilobytes, and the fields on both sides of it are there."""
    piece, parser = b"A" * 65_536, SSEParser()
    tracemalloc.start()
    try:
        parser.feed(b'event: step.delta\ndata: {"index":3,"delta":{"type":"image","data":"')
        for _ in range(320):
            parser.feed(piece)
        [event] = parser.feed(b'"},"event_type":"step.delta"}\n\n')
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert json.loads(event.data or b"") == {
        "index": 3,
        "delta": {"type": "image", "data": ""},
        "event_type": "step.delta",
    }
    assert event.size > 20_000_000
    assert peak < 1_000_000


def test_a_line_that_never_ends_costs_no_memory() -> None:
    """Of no sort of line, also in pieces of a few bytes."""
    for head in (b"data: ", b"event: ", b"id: ", b": ", b"foo: ", b"{", b'data: {"a":"'):
        parser = SSEParser()
        tracemalloc.start()
        try:
            parser.feed(head)
            for _ in range(60_000):
                parser.feed(b"123,45\\,")
            for _ in range(100):
                parser.feed(b"x" * 65_536)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 4 * KEEP_MAX_BYTES, head
