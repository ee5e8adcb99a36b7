"""Framing beside the Python SDK's own parser: the same bytes, in any pieces, give a client and the books one story."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.genai._gaos.utils.eventstreaming import stream_events
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.wire.sse import SSEParser
from tests.wire.pieces import split_at

# Every byte that framing knows, and some that it must not mistake for one of them. Left out is where the two are meant
# to differ: marks after the first (the SDK drops one at the head of any piece), and bytes that are no UTF-8.
TOKENS = [
    b"data",
    b"event",
    b"id",
    b"retry",
    b":",
    b": ",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"a",
    b"{",
    b"data: x\n\n",
    b"data: y\r\r",
    b"event: e\ndata: z\r\n\r\n",
    b"data: [DONE]\n\n",
    "\u2028".encode(),
    "\u0085".encode(),
    b"\x00",
]
BODIES = st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)


class Body:
    """As much of a response as the SDK's parser asks for."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def iter_bytes(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        pass


def by_the_sdk(pieces: list[bytes]) -> list[tuple[str | None, str]]:
    """Names and data, as the SDK's parser reads them, empty data left out."""
    response: Any = Body(pieces)
    decoded: Iterator[dict[str, Any]] = stream_events(response, json.loads, "[DONE]")
    fields = [(event.get("event") or None, text_of(event.get("data", ""))) for event in decoded]
    return [(name, text) for name, text in fields if text]


def by_us(pieces: list[bytes]) -> list[tuple[str | None, str]]:
    """Names and data, as the gateway reads them, up to the sentinel, empty data left out.

    To the books a block that ends the body before any data is half an event, to the SDK it is none.
    """
    parser = SSEParser()
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.finish()
    fields = [(event.name, (event.data or b"").decode()) for event in events if not event.bare]
    return [(name, text_of(text)) for name, text in fields if text not in ("", "[DONE]")]


def text_of(data: object) -> str:
    """One form for a text and for the JSON value that it may be."""
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except json.JSONDecodeError:
            return str(data)
    return json.dumps(data)


@settings(max_examples=400, deadline=None)
@given(BODIES, st.lists(st.integers(0, 300), max_size=8))
@example(b"data\n\ndata\r\rdata: a", [])
@example(b"data: a\r\n\ndata: b\n\r\n", [8])
def test_framing_agrees_with_the_python_sdk(body: bytes, cuts: list[int]) -> None:
    """Whatever the order of fields and line ends, the events are those that the SDK gives to its caller."""
    assert by_us(split_at(body, cuts)) == by_the_sdk([body])


@settings(max_examples=200, deadline=None)
@given(BODIES, st.lists(st.integers(0, 300), max_size=8))
def test_a_byte_order_mark_changes_nothing(body: bytes, cuts: list[int]) -> None:
    """At the body's start it is dropped, also when it comes in pieces."""
    assert by_us(split_at(b"\xef\xbb\xbf" + body, cuts)) == by_us([body])
