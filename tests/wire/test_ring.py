"""The last events of a response, kept where it is asked for; and that nothing else changes by it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader
from gateway.wire.ring import MAX_EVENTS, TYPES, Entry, unpack
from tests.wire.pieces import STALL_NS, STREAMS, sse

DELTA = '{"event_type":"step.delta","index":3,"delta":{"type":"text","text":"x"}}'
START = '{"event_type":"step.start","index":3,"step":{"type":"model_output"}}'


def read(body: bytes, *, detail: bool, chunk: int = 0) -> StreamFacts:
    """The facts of a body that comes whole, or in chunks that are 100 ns apart."""
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS, detail=detail)
    size = chunk or len(body)
    for number, at in enumerate(range(0, len(body), size), 1):
        reader.feed(body[at : at + size], number * 100)
    return reader.finish(End.CLEAN, 1_000_000)


@pytest.mark.parametrize("path", sorted(STREAMS.glob("*.sse")), ids=lambda path: path.stem)
@pytest.mark.parametrize("chunk", [0, 50])
def test_what_is_kept_beside_changes_no_fact(path: Path, chunk: int) -> None:
    body = path.read_bytes()
    detailed, plain = read(body, detail=True, chunk=chunk), read(body, detail=False, chunk=chunk)
    entries = list(unpack(detailed.packed_events))

    assert dataclasses.replace(detailed, packed_events="") == plain
    assert plain.packed_events == ""
    assert sum(entry.count for entry in entries) == plain.events
    assert sum(entry.count for entry in entries if entry.type == "step.delta") == plain.deltas
    assert [entry.t_ns for entry in entries] == sorted(entry.t_ns for entry in entries)
    assert {entry.type for entry in entries} <= set(TYPES)


def test_a_stream_event_by_event() -> None:
    """Type, index, how many together, bytes of data, time."""
    odd = ('{"event_type":"error","error":{"code":"aborted"}}', '{"event_type":"a.b"}', "{", "[DONE]")
    entries = list(unpack(read(sse(START, DELTA, *odd), detail=True).packed_events))

    assert entries == [
        Entry("step.start", 3, 1, len(START), 100),
        Entry("step.delta", 3, 1, len(DELTA), 100),
        Entry("error", None, 1, len(odd[0]), 100),
        Entry("unknown", None, 1, len(odd[1]), 100),
        Entry("invalid", None, 1, 1, 100),
        Entry("done", None, 1, 6, 100),
    ]


def test_deltas_that_are_told_together_are_one_entry() -> None:
    block = b'event: step.delta\ndata: {"index":3,"delta":{"text":"x","type":"text"},"event_type":"step.delta"}\n\n'
    entries = list(unpack(read(sse(START) + block * 5, detail=True).packed_events))

    size = len(block) - len(b"event: step.delta\ndata: \n\n")
    assert entries == [Entry("step.start", 3, 1, len(START), 100), Entry("step.delta", 3, 5, 5 * size, 100)]


def test_the_last_ones_stay() -> None:
    many = sse(START, *(f'{{"event_type":"a.{number:04d}"}}' for number in range(MAX_EVENTS + 10)))
    entries = list(unpack(read(many, detail=True, chunk=26).packed_events))

    assert len(entries) == MAX_EVENTS
    assert {entry.type for entry in entries} == {"unknown"}


def test_an_index_that_is_none_or_large() -> None:
    large = '{"event_type":"step.stop","index":2147483647}'
    none = '{"event_type":"step.stop","index":-1}'
    entries = list(unpack(read(sse(large, none), detail=True).packed_events))

    assert [entry.index for entry in entries] == [2147483647, None]


def test_what_no_tracker_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="half an event"):
        list(unpack("00"))


def test_when_errors_and_unknown_names_came() -> None:
    """The first of each name; an error in its place in the list of codes."""
    error, name = '{"event_type":"error","error":{"code":"aborted"}}', '{"event_type":"a.b"}'
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
    for t_ns, payload in ((100, name), (200, error), (300, name), (400, error)):
        reader.feed(sse(payload), t_ns)
    facts = reader.finish(End.CLEAN, 500)

    assert (facts.error_codes, facts.errors_ns) == (["aborted", "aborted"], [200, 400])
    assert (facts.unknown_names, facts.unknown_names_ns) == (["event_type:a.b"], [100])
