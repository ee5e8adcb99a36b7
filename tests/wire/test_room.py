"""Texts in a bounded room: what is kept hangs on lengths alone, and every byte is kept or counted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.room import Room, Text, whole_characters, whole_escapes

CUTS = [  # what is left of bytes that were cut anywhere
    pytest.param(b"abc", b"abc", id="nothing is cut in ASCII"),
    pytest.param("aé".encode()[:2], b"a", id="the first byte of two"),
    pytest.param("aé".encode(), "aé".encode(), id="both bytes of two"),
    pytest.param("a漢".encode()[:3], b"a", id="two bytes of three"),
    pytest.param("a🙂".encode()[:4], b"a", id="three bytes of four"),
    pytest.param("a🙂".encode(), "a🙂".encode(), id="all bytes of four"),
    pytest.param(b"", b"", id="nothing"),
]
ESCAPES = [
    pytest.param(rb"a\n", rb"a\n", id="a whole escape"),
    pytest.param(b"a\\", b"a", id="a backslash alone"),
    pytest.param(rb"a\\", rb"a\\", id="an escaped backslash"),
    pytest.param(b"a\\\\\\", rb"a\\", id="an escaped backslash and one alone"),
    pytest.param(rb"a\u00e9", rb"a\u00e9", id="a whole number"),
    pytest.param(rb"a\u00e", b"a", id="a number without its end"),
    pytest.param(rb"a\u", b"a", id="a number without any digit"),
    pytest.param(rb"a\\u00e", rb"a\\u00e", id="no number behind an escaped backslash"),
    pytest.param(b"", b"", id="nothing"),
]


@pytest.mark.parametrize(("data", "whole"), CUTS)
def test_half_a_character_is_left_out(data: bytes, whole: bytes) -> None:
    assert whole_characters(data) == whole


@pytest.mark.parametrize(("data", "whole"), ESCAPES)
def test_half_an_escape_is_left_out(data: bytes, whole: bytes) -> None:
    assert whole_escapes(data) == whole


@given(
    st.integers(1, 400),
    st.lists(st.integers(0, 300), min_size=1, max_size=8),
    st.integers(1, 90),
    st.randoms(use_true_random=False),
)
def test_what_is_kept_hangs_on_the_lengths_alone(
    limit: int, sizes: list[int], piece_bytes: int, dice: random.Random
) -> None:
    """However the texts come: each at once, or all in small pieces in any order."""
    at_once, mixed = Room(limit), Room(limit)
    wholes, texts = [at_once.text() for _ in sizes], [mixed.text() for _ in sizes]
    for text, size in zip(wholes, sizes, strict=True):
        at_once.add(text, b"x" * size)
    pieces = [
        (number, min(piece_bytes, size - at)) for number, size in enumerate(sizes) for at in range(0, size, piece_bytes)
    ]
    dice.shuffle(pieces)
    for number, piece in pieces:
        mixed.add(texts[number], b"x" * piece)

    assert [len(text.data) for text in texts] == [len(text.data) for text in wholes]
    assert [len(text.data) + text.missing for text in texts] == sizes
    assert sum(len(text.data) for text in texts) <= limit


def test_one_long_text_does_not_push_out_the_others() -> None:
    """A thought of megabytes leaves room for a short answer, and for as much of a long one."""
    room = Room(1000)
    thought, answer, remark = room.text(), room.text(), room.text()
    room.add(thought, b"t" * 1_000_000)
    room.add(remark, b"r" * 100)
    room.add(answer, b"a" * 1_000_000)

    assert (len(remark.data), remark.missing) == (100, 0)
    assert len(thought.data) == len(answer.data) == 250


def test_a_text_that_begins_anew_gives_its_room_back() -> None:
    room = Room(100)
    first, second = room.text(), room.text()
    room.add(first, b"x" * 90)
    room.clear(first)
    room.add(second, b"y" * 90)

    assert (bytes(first.data), first.missing, len(second.data), second.missing) == (b"", 0, 90, 0)


def test_a_text_alone_is_empty() -> None:
    assert (Text().data, Text().missing) == (bytearray(), 0)
