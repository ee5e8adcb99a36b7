"""A large chunk is read in shares: what is known at the end is the same, whenever and however far the owner goes on."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proxy import tap as tap_module
from gateway.proxy.tap import WAITING_MAX_BYTES, Tap
from gateway.wire import response
from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader
from tests.wire.deltas import streams
from tests.wire.pieces import STALL_NS, cuts, split_at

CREATED = b'data: {"event_type":"interaction.created","interaction":{"id":"a"}}\n\n'
START = b'data: {"event_type":"step.start","index":0,"step":{"type":"model_output"}}\n\n'
EVENT = b'data: {"event_type":"step.delta","index":0,"delta":{"text":"a","type":"text"}}\n\n'
CODINGS = st.sampled_from([None, "gzip", "deflate"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call reads no more than one share."""
    monkeypatch.setattr(tap_module, "SLICE_NS", -1)


def tap_of(coding: str | None = None) -> Tap:
    return Tap(Route.CREATE, 200, Body.STREAM, coding, stall_ns=STALL_NS)


def coded(pieces: list[bytes], coding: str | None) -> Iterator[bytes]:
    """The pieces as they travel."""
    if coding is None:
        yield from pieces
        return
    packer = zlib.compressobj(wbits=(16 if coding == "gzip" else 0) + zlib.MAX_WBITS)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)


def read_at_once(pieces: list[bytes], end: End) -> StreamFacts:
    """The reference: the reader, each piece at its time, the client holding up the response ever longer."""
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
    for number, piece in enumerate(pieces):
        reader.tracker.blocked_ns = number * 7
        reader.feed(piece, number * 1_000_000)
    return reader.finish(end, len(pieces) * 1_000_000)


@settings(max_examples=200)
@given(streams(), cuts(), CODINGS, st.lists(st.integers(0, 6), min_size=1), st.sampled_from(End))
def test_when_it_is_read_changes_nothing(
    body: bytes, places: list[int], coding: str | None, going_on: list[int], end: End
) -> None:
    """Each chunk counts at its own time, though others came before it was read."""
    pieces = split_at(body * 3, places)
    tap = tap_of(coding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tap_module, "SLICE_NS", -1)
        for number, chunk in enumerate(coded(pieces, coding)):
            tap.reader.tracker.blocked_ns = number * 7
            more = tap.feed(chunk, number * 1_000_000)
            for _ in range(going_on[number % len(going_on)]):
                assert more or not tap.go_on()
                more = tap.go_on()
    facts = tap.finish(end, len(pieces) * 1_000_000)

    assert (facts, tap.faults) == (read_at_once(pieces, end), {})


@pytest.mark.usefixtures("impatient")
def test_a_large_chunk_waits_and_is_worked_off() -> None:
    """feed says that some waits; go_on says so until nothing does; finish then has nothing left to read."""
    tap, calls = tap_of(), 0
    more = tap.feed(CREATED + START + EVENT * 100, 1)
    assert more
    assert tap.reader.tracker.facts.deltas < 50
    while more:
        more = tap.go_on()
        calls += 1

    assert calls >= 5
    assert tap.reader.tracker.facts.deltas == 100
    assert not tap.go_on()


def test_a_small_chunk_never_waits() -> None:
    """What streams are made of is read at once, without a look at the clock."""
    tap = tap_of()

    assert not tap.feed(CREATED + START, 1)
    assert not any(tap.feed(EVENT, number) for number in range(100))


@pytest.mark.usefixtures("impatient")
def test_what_waits_is_bounded_and_nothing_is_lost() -> None:
    """An owner that never goes on: beyond the bound feed reads on by itself."""
    tap, chunk = tap_of(), CREATED + START + EVENT * 3_000
    for number in range(12):
        assert tap.feed(chunk, number)
        assert tap._waiting_bytes <= WAITING_MAX_BYTES
    assert tap._waiting_bytes > WAITING_MAX_BYTES // 2

    assert tap.finish(End.CLEAN, 99).deltas == 12 * 3_000


@pytest.mark.usefixtures("impatient")
def test_a_fault_in_what_waits_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It switches the tap off, what waits is dropped, and the calls that follow are nothing."""
    tap = tap_of()
    assert tap.feed(CREATED + START + EVENT * 100, 1)

    def bug(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(response, "read_event", bug)
    assert not tap.go_on()
    assert not tap.go_on()
    assert not tap.feed(EVENT, 2)
    assert tap.is_blind
    assert tap.faults == {"tracker": 1}
    assert tap.finish(End.CLEAN, 3).deltas < 100


@pytest.mark.usefixtures("impatient")
def test_a_bad_encoding_is_found_in_what_waits() -> None:
    """The end of a compressed body that is no longer compressed: said to be unreadable, and no fault."""
    tap = tap_of("gzip")
    [packed] = coded([CREATED + START + EVENT * 5_000], "gzip")
    more = tap.feed(packed + b"\xff" * 40, 1)
    assert more
    while more:
        more = tap.go_on()

    facts = tap.finish(End.CLEAN, 2)
    assert (facts.anomalies, tap.faults, tap.is_blind) == ({"unreadable_encoding": 1}, {}, True)


def test_a_fault_in_the_cheap_way_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a fault of reading the stream."""
    monkeypatch.setattr("gateway.wire.fastlane.int", lambda _: 1 // 0, raising=False)
    tap = tap_of()
    tap.feed(CREATED + START, 1)
    tap.feed(
        b'event: step.delta\ndata: {"index":0,"delta":{"text":"a","type":"text"},"event_type":"step.delta"}\n\n', 2
    )

    assert tap.faults == {"sse": 1}
