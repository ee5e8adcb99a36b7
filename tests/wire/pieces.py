"""How tests of the wire cut bytes, and what they read from them. Not here: any expectation."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

from hypothesis import strategies as st

from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader

STREAMS = Path(__file__).parent.parent / "streams"
STALL_NS = 30_000_000_000


def every_split(body: bytes) -> Iterator[list[bytes]]:
    """The body whole, byte by byte, and in each two parts."""
    yield [body]
    yield [body[at : at + 1] for at in range(len(body))]
    for cut in range(1, len(body)):
        yield [body[:cut], body[cut:]]


def some_splits(body: bytes, times: int = 20) -> Iterator[list[bytes]]:
    """The body whole, byte by byte, and in pieces at random places (the same ones in each run)."""
    yield [body]
    yield [body[at : at + 1] for at in range(len(body))]
    dice = random.Random(len(body))
    for _ in range(times):
        count = dice.randint(1, max(1, min(40, len(body) - 1)))
        yield split_at(body, [dice.randint(0, len(body)) for _ in range(count)])


def split_at(body: bytes, cuts: list[int]) -> list[bytes]:
    """The body cut at these places, wherever they fall; empty pieces too."""
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    return [body[start:stop] for start, stop in itertools.pairwise(places)]


def cuts() -> st.SearchStrategy[list[int]]:
    """Places for `split_at`."""
    return st.lists(st.integers(0, 3000), max_size=12)


def reader_of(
    pieces: list[bytes],
    *,
    route: Route = Route.CREATE,
    status: int = 200,
    body: Body = Body.STREAM,
    end: End = End.CLEAN,
) -> ResponseReader:
    """A reader that took these pieces in one instant and is over."""
    reader = ResponseReader(route, status, body, stall_ns=STALL_NS)
    for piece in pieces:
        reader.feed(piece, 5)
    reader.finish(end, 5)
    return reader


def facts_of(pieces: list[bytes], *, body: Body = Body.STREAM, end: End = End.CLEAN) -> StreamFacts:
    """The facts of a response with status 200."""
    return reader_of(pieces, body=body, end=end).tracker.facts


def without(facts: StreamFacts, *names: str) -> dict[str, object]:
    """What is not at its default in the facts, as plain values, these fields left out."""
    said, empty = dataclasses.asdict(facts), dataclasses.asdict(StreamFacts())
    return {name: value for name, value in said.items() if value != empty[name] and name not in names}


def sse(*payloads: str) -> bytes:
    """Events without a name, one for each data text."""
    return "".join(f"data: {payload}\n\n" for payload in payloads).encode()
