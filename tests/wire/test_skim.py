"""Skimming of large JSON: long strings are left out, everything else stays, in any split and little memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.skim import KEEP_MAX_BYTES, STRING_MAX_BYTES, Skimmer
from gateway.wire.sse import SKIM_OVER_BYTES
from gateway.wire.whole import WholeBody
from tests.wire.pieces import every_split, split_at

# Texts around the bound, of letters that are hard on a scanner: quotes, backslashes, letters of several bytes.
LETTERS = st.sampled_from(['"', "\\", "a", "é", "\n", "\u2028", "🙂", "/", "{", "]"])
TEXTS = st.one_of(
    st.text(max_size=8),
    st.text(LETTERS, max_size=12),
    st.builds(lambda text, times: text * times, st.text(LETTERS, min_size=1, max_size=4), st.integers(200, 1100)),
    st.integers(STRING_MAX_BYTES - 3, STRING_MAX_BYTES + 3).map(lambda size: "x" * size),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(LETTERS, max_size=5), inner, max_size=4),
    max_leaves=12,
)


def skim(pieces: list[bytes]) -> bytes | None:
    """What skimming leaves of these pieces."""
    skimmer = Skimmer()
    for piece in pieces:
        skimmer.feed(piece)
    return skimmer.result()


def blanked(value: Any, *, ascii_only: bool) -> Any:
    """The reference: a decoded value whose long strings, by their size on the wire, are empty."""
    if isinstance(value, str):
        on_the_wire = len(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")) - 2
        return "" if on_the_wire > STRING_MAX_BYTES else value
    if isinstance(value, list):
        return [blanked(item, ascii_only=ascii_only) for item in value]
    if isinstance(value, dict):
        return {name: blanked(item, ascii_only=ascii_only) for name, item in value.items()}
    return value


@settings(max_examples=300, deadline=None)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.lists(st.integers(0, 6000), max_size=10))
def test_skimming_blanks_long_strings_and_nothing_else(
    value: Any, ascii_only: bool, indent: int | None, cuts: list[int]
) -> None:
    """Beside a plain reference: decode, blank the long strings, compare as values; any split gives the same bytes."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    left = skim([text])

    assert left is not None
    assert json.loads(left) == blanked(value, ascii_only=ascii_only)
    assert skim(split_at(text, cuts)) == left


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b'"', b"\\", b"a", b"{", b"x" * 600]), max_size=20).map(b"".join), st.data())
def test_garbage_is_skimmed_alike_in_any_split(text: bytes, data: st.DataObject) -> None:
    """What is no JSON gives no exception, and the same bytes however it was cut."""
    assert skim(split_at(text, data.draw(st.lists(st.integers(0, 3000), max_size=6)))) == skim([text])


LONG = b"x" * (STRING_MAX_BYTES + 1)
TEXT_ROWS = [
    pytest.param(b'{"a":"b"}', b'{"a":"b"}', id="short strings stay"),
    pytest.param(b'"' + LONG[1:] + b'"', b'"' + LONG[1:] + b'"', id="a string of just the bound stays"),
    pytest.param(b'"' + LONG + b'"', b'""', id="a longer one is left out"),
    pytest.param(b'{"' + LONG + b'":1}', b'{"":1}', id="a long key too"),
    pytest.param(b'["' + LONG + b'\\"","a"]', b'["","a"]', id="an escaped quote ends no string"),
    pytest.param(b'["' + LONG + b'\\\\","a"]', b'["","a"]', id="a quote after an escaped backslash does"),
    pytest.param(b'["' + LONG + b'\\\\\\"","a"]', b'["","a"]', id="three backslashes escape it again"),
    pytest.param(b'["' + LONG, b'["', id="an open long string leaves its quote"),
    pytest.param(b'["abc', b'["abc', id="an open short one stays open"),
    pytest.param(b'\\"a\\', b'\\"a\\', id="backslashes outside of strings are nothing"),
    pytest.param(b"", b"", id="nothing"),
]


@pytest.mark.parametrize(("text", "expected"), TEXT_ROWS)
def test_skimmed_text(text: bytes, expected: bytes) -> None:
    """A text leaves what its row says, in whatever pieces."""
    for pieces in every_split(text):
        assert skim(pieces) == expected


@pytest.mark.parametrize("unit", [b"1,", b'"a",', b'"' + b"k" * 500 + b'":1,', b"["])
def test_what_stays_too_much_is_given_up(unit: bytes) -> None:
    """Beyond the bound there is no result, and no memory is kept for it."""
    skimmer, pieces = Skimmer(), KEEP_MAX_BYTES // len(unit) // 100 + 1
    tracemalloc.start()
    try:
        for _ in range(pieces * 3):
            skimmer.feed(unit * 100)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert skimmer.overflowed
    assert skimmer.result() is None
    assert peak < 3 * KEEP_MAX_BYTES
    assert held < KEEP_MAX_BYTES


def test_just_the_bound_is_kept() -> None:
    """The bound is exact, in one piece and in many."""
    for size, kept in ((KEEP_MAX_BYTES, True), (KEEP_MAX_BYTES + 1, False)):
        text = b"1" * size
        assert (skim([text]) is not None) is kept
        assert (skim(split_at(text, [5, 70_000, size - 1])) is not None) is kept


@pytest.mark.parametrize("filler", [100, SKIM_OVER_BYTES, 3_000_000])
def test_a_whole_body_small_or_large(filler: int) -> None:
    """A small body is kept as it is, a large one skimmed; a byte order mark before either is dropped."""
    text = json.dumps({"first": 1, "blob": "x" * filler, "last": [2]}).encode()
    expected = {"first": 1, "blob": "x" * filler if len(text) + 3 <= SKIM_OVER_BYTES else "", "last": [2]}
    for pieces in ([b"\xef\xbb\xbf" + text], split_at(b"\xef\xbb\xbf" + text, [1, 2, 90, 65_000, 70_000])):
        body = WholeBody()
        for piece in pieces:
            body.feed(piece)
        assert json.loads(body.data() or b"") == expected
