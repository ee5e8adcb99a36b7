"""The cheap way gives the facts of the plain way, to the last field; where it isn't sure the plain way is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import response
from gateway.wire.facts import StreamFacts
from gateway.wire.fastlane import RUN_MAX_BYTES, Run, text_run
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader
from gateway.wire.sse import SSEParser
from gateway.wire.steps import MAX_STEPS
from tests.wire.deltas import streams
from tests.wire.pieces import STALL_NS, STREAMS, cuts, every_split, facts_of, some_splits, split_at

BLOCK = b'event: step.delta\ndata: {"index":0,"delta":{"text":"a","type":"text"},"event_type":"step.delta"}\n\n'
CREATED = b'data: {"event_type":"interaction.created","interaction":{"id":"a"}}\n\n'
START = b'data: {"event_type":"step.start","index":0,"step":{"type":"model_output"}}\n\n'


@contextmanager
def plain_way() -> Iterator[None]:
    """Every event read by the parser and orjson: the reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response, "text_run", lambda *_: None)
        patch.setattr(response, "next_lead", lambda piece, _, stop: stop)
        patch.setattr(response, "PLAIN_MAX_BYTES", 1 << 30)
        patch.setattr(SSEParser, "pass_string", lambda _, piece, at: at)
        yield


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many blocks the cheap way took, each time it took some."""
    taken: list[int] = []

    def text_run_counted(piece: bytes, at: int) -> Run | None:
        run = text_run(piece, at)
        if run is not None:
            taken.append(run[1])
        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response, "text_run", text_run_counted)
        yield taken


def timed_facts(pieces: list[bytes], waits_ns: list[int], blocked_ns: list[int], end: End) -> StreamFacts:
    """The facts of pieces that came with these pauses, while the client held up the response for these times."""
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
    t_ns = 0
    for number, piece in enumerate(pieces):
        t_ns += waits_ns[number % len(waits_ns)]
        reader.tracker.blocked_ns += blocked_ns[number % len(blocked_ns)]
        reader.feed(piece, t_ns)
    return reader.finish(end, t_ns)


WAITS = st.lists(st.sampled_from([0, 0, 1, 999_999, 20_000_000, STALL_NS, STALL_NS + 1, 2 * STALL_NS]), min_size=1)
BLOCKED = st.lists(st.sampled_from([0, 0, 0, 5_000_000, STALL_NS]), min_size=1)


@settings(max_examples=600)
@given(streams(), cuts(), WAITS, BLOCKED, st.sampled_from(End))
def test_the_cheap_way_is_the_plain_way(
    body: bytes, places: list[int], waits_ns: list[int], blocked_ns: list[int], end: End
) -> None:
    """Any stream in any pieces at any times."""
    pieces = split_at(body, places)
    with plain_way():
        expected = timed_facts(pieces, waits_ns, blocked_ns, end)

    assert timed_facts(pieces, waits_ns, blocked_ns, end) == expected


@settings(max_examples=300)
@given(streams(), cuts())
def test_any_split_is_the_same(body: bytes, places: list[int]) -> None:
    """Whole, in pieces, and byte by byte."""
    facts = facts_of([body])

    assert facts_of(split_at(body, places)) == facts
    assert facts_of([body[at : at + 1] for at in range(len(body))]) == facts


@pytest.mark.parametrize("path", sorted(STREAMS.glob("*.sse")), ids=lambda path: path.stem)
def test_recorded_streams(path: Path) -> None:
    """Each of them, whole, byte by byte and in pieces."""
    body = path.read_bytes()
    with plain_way():
        expected = facts_of([body])
    for pieces in some_splits(body):
        assert facts_of(pieces) == expected


USAGE = b',"metadata":{"total_usage":{"total_tokens":%d,"total_input_tokens":3}}'
DONE = b"event: done\ndata: [DONE]\n\n"
STATUS = b'data: {"event_type":"interaction.status_update","interaction_id":"a","usage":{"total_tokens":40}}\n\n'
COMPLETED = b'data: {"event_type":"interaction.completed","interaction":{"id":"a","usage":{"total_tokens":7}}}\n\n'
OTHER_ID = CREATED.replace(b'"a"', b'"b"')


def said(tokens: int) -> bytes:
    """A text delta with a running usage."""
    return BLOCK.replace(b"}\n\n", USAGE % tokens + b"}\n\n")


OTHER = BLOCK.replace(b'"index":0', b'"index":1')
NEAR = [
    pytest.param(START + BLOCK + DONE + BLOCK, id="nothing counts behind the sentinel"),
    pytest.param(START + BLOCK + OTHER + BLOCK, id="two steps in turn, one of them without start"),
    pytest.param(START + BLOCK + b"data: " + BLOCK, id="it goes on in an open block"),
    pytest.param(START + BLOCK + b"event: a\n" + BLOCK, id="behind another name"),
    pytest.param(START + BLOCK + b": c\r\n\r" + BLOCK + b"\ndata: 5\r\n\n", id="behind other line ends"),
    pytest.param(b"\xef\xbb\xbf" + BLOCK + START + BLOCK, id="behind a byte order mark"),
    pytest.param(START + BLOCK + b"{" + BLOCK, id="behind a brace"),
    pytest.param(START + BLOCK + b"\xef\xbb\xbf" + BLOCK, id="behind a late byte order mark"),
    pytest.param(b"\n\n" + BLOCK + START + BLOCK[:-1], id="first, and last"),
    pytest.param(START + said(3) + BLOCK + said(5) + said(4) + BLOCK + STATUS, id="usages, the last of the run counts"),
    pytest.param(START + said(5) + said(4), id="usages, the last one counts though it is lower"),
    pytest.param(START + said(3) + OTHER_ID + said(4) + CREATED, id="usages of two interactions"),
    pytest.param(START + said(3) + STATUS + b"\n" + said(4) + STATUS, id="usages in turn with others"),
    pytest.param(START + said(3) + STATUS.replace(b"40", b"-1"), id="a usage, and none behind it"),
    pytest.param(START + said(3) + COMPLETED + said(4), id="usages around the final one"),
]


@pytest.mark.parametrize("body", NEAR)
def test_near_misses(body: bytes) -> None:
    """What stands around a block decides what it is: the same in every split, and as in the plain way."""
    with plain_way():
        expected = facts_of([CREATED, body])
    for pieces in every_split(body):
        assert facts_of([CREATED, *pieces]) == expected


@pytest.mark.parametrize("blocked_ns", [0, STALL_NS])
@pytest.mark.parametrize("wait_ns", [STALL_NS, STALL_NS + 1, 2 * STALL_NS + 1])
def test_silence_is_noted(wait_ns: int, blocked_ns: int) -> None:
    """A delta behind a long silence tells of a stall, unless the client made it."""
    pieces = [CREATED, START, BLOCK, BLOCK]
    with plain_way():
        expected = timed_facts(pieces, [wait_ns], [blocked_ns], End.CLEAN)

    assert timed_facts(pieces, [wait_ns], [blocked_ns], End.CLEAN) == expected
    assert expected.stalled == (wait_ns - blocked_ns > STALL_NS)


SURE = [
    pytest.param(BLOCK, id="as the API spells it"),
    pytest.param(BLOCK.replace(b'"text":"a","type":"text"', b'"type":"text","text":"a"'), id="type first"),
    pytest.param(BLOCK.replace(b'{"index"', b'{"event_type":"step.delta","index"'), id="event_type first"),
    pytest.param(BLOCK.replace(b"}\n\n", b',"event_id":"evt_7"}\n\n'), id="with its id, as in the background"),
    pytest.param(BLOCK.replace(b"}\n\n", USAGE % 9 + b"}\n\n"), id="with a running usage, as in thinking streams"),
    pytest.param(BLOCK.replace(b'"a"', '"é 漢字 🙂"'.encode()), id="any script"),
    pytest.param(BLOCK.replace(b'"a"', rb'"a\nb \"c\" \\ \u00e9"'), id="escapes"),
    pytest.param(BLOCK.replace(b'"index":0', b'"index":12'), id="a later step"),
]


@pytest.mark.parametrize("block", SURE)
def test_ordinary_blocks_are_sure(block: bytes) -> None:
    """The shapes that streams are made of are told by their bytes: one, and many, and behind others."""
    data_bytes = len(block) - len(b"event: step.delta\ndata: \n\n")
    index = 12 if b"12" in block else 0

    usage = b'{"total_tokens":9,"total_input_tokens":3}' if b"usage" in block else None

    assert text_run(block, 0) == (index, 1, data_bytes, usage, len(block))
    body = CREATED + block * 40
    assert text_run(body, len(CREATED)) == (index, 40, 40 * data_bytes, usage, len(body))


UNSURE = [
    pytest.param(BLOCK[:-1], id="not whole"),
    pytest.param(BLOCK.replace(b"event: step.delta\n", b""), id="no event line"),
    pytest.param(BLOCK.replace(b"\n", b"\r\n"), id="other line ends"),
    pytest.param(BLOCK.replace(b"}\n\n", b',"metadata":{}}\n\n'), id="metadata without usage"),
    pytest.param(BLOCK.replace(b"}\n\n", USAGE.replace(b"3", b"[]") % 9 + b"}\n\n"), id="usage that is not flat"),
    pytest.param(BLOCK.replace(b"}\n\n", USAGE.replace(b"3", b"-3") % 9 + b"}\n\n"), id="a count below zero"),
    pytest.param(BLOCK.replace(b"}\n\n", USAGE.replace(b"3", b"3.0") % 9 + b"}\n\n"), id="a count with a point"),
    pytest.param(BLOCK.replace(b"}\n\n", USAGE % 10**18 + b"}\n\n"), id="a count of many digits"),
    pytest.param(BLOCK.replace(b"}\n\n", USAGE.replace(b"_input_", b"_new_") % 9 + b"}\n\n"), id="a new count"),
    pytest.param(BLOCK.replace(b"}\n\n", USAGE % 9 + USAGE % 8 + b"}\n\n"), id="two usages"),
    pytest.param(BLOCK.replace(b"}\n\n", b',"index":1}\n\n'), id="a field twice"),
    pytest.param(BLOCK.replace(b'"type":"text"', b'"type":"text","type":"image"'), id="a type twice"),
    pytest.param(BLOCK.replace(b'"type":"text"', b'"type":"image"'), id="another type"),
    pytest.param(BLOCK.replace(b',"type":"text"', b""), id="no type"),
    pytest.param(BLOCK.replace(b'"index":0', b'"index": 0'), id="a space"),
    pytest.param(BLOCK.replace(b'"index":0', b'"index":00'), id="no JSON number"),
    pytest.param(BLOCK.replace(b'"index":0', b'"index":4294967296'), id="a large index"),
    pytest.param(BLOCK.replace(b'"a"', rb'"\x"'), id="no JSON escape"),
    pytest.param(BLOCK.replace(b'"a"', rb'"\u12"'), id="half an escape"),
    pytest.param(BLOCK.replace(b'"a"', b'"\t"'), id="a control character"),
]


@pytest.mark.parametrize("block", UNSURE)
def test_what_is_unsure_is_left(block: bytes) -> None:
    """Each of these is read by the plain way."""
    assert text_run(block, 0) is None


def test_invalid_utf8_is_found_in_the_midst_of_a_run() -> None:
    """It looks like a run, but its one bad event is counted as invalid and the others as deltas."""
    facts = facts_of([CREATED + START + BLOCK * 5 + BLOCK.replace(b'"a"', b'"\xff"') + BLOCK * 5])

    assert (facts.deltas, facts.invalid) == (10, {"utf8": 1})


def test_ordinary_streams_go_the_cheap_way() -> None:
    """Every text delta of a stream, whether it comes alone, with others, or in pieces with ends anywhere."""
    body = CREATED + START + BLOCK * 100
    with counted() as taken:
        facts_of([CREATED, START, *[BLOCK] * 100])
        assert sum(taken) == 100
        taken.clear()
        facts_of([body])
        assert sum(taken) == 100
        assert len(taken) <= 1 + len(body) // (RUN_MAX_BYTES - len(BLOCK))
        taken.clear()
        facts_of([body[at : at + 1_000] for at in range(0, len(body), 1_000)])
        assert sum(taken) >= 100 - len(body) // 1_000


def test_a_step_over_the_cap_is_only_counted() -> None:
    """The cheap way is for open steps that are kept; what is beyond costs no more for being many."""
    starts = b"".join(START.replace(b'"index":0', b'"index":%d' % index) for index in range(MAX_STEPS + 1))
    late = BLOCK.replace(b'"index":0', b'"index":%d' % MAX_STEPS)
    with counted() as taken:
        facts = facts_of([CREATED + starts + late * 500])

    assert (facts.deltas, facts.steps_beyond) == (500, {"model_output": [0, 1]})
    assert sum(taken) == 500
