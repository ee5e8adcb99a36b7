"""Excerpts of JSON: the same JSON with long strings cut and media left out, in any split of the bytes."""

from __future__ import annotations

import base64
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.excerpt import CUT_MARK, MAX_STRINGS, SHORT_BYTES, Excerpter, base64_bytes, marked
from gateway.wire.room import Room
from tests.wire.pieces import cuts, every_split, split_at

LONG = "lorem ipsum " * 40  # 480 bytes
IMAGE = base64.b64encode(bytes(1000)).decode()


def excerpt(pieces: list[bytes], room_bytes: int = 1 << 20) -> Any:
    """The excerpt's value."""
    excerpter = Excerpter(Room(room_bytes))
    for piece in pieces:
        excerpter.feed(piece)
    data = excerpter.result()
    return None if data is None else json.loads(data)


RULES = [
    pytest.param({"text": LONG}, 1 << 20, {"text": LONG}, id="what fits stays as it is"),
    pytest.param({"text": LONG}, 400, {"text": LONG[:400] + CUT_MARK + "80"}, id="a long string is cut"),
    pytest.param({"a": "x" * SHORT_BYTES}, 1, {"a": "x" * SHORT_BYTES}, id="a short one never is"),
    pytest.param(
        {"a": "x" * 800, "b": "y" * 800, "c": "z" * 150},
        1000,
        {"a": "x" * 250 + CUT_MARK + "550", "b": "y" * 250 + CUT_MARK + "550", "c": "z" * 150},
        id="the longest give way first",
    ),
    pytest.param({"data": IMAGE}, 1 << 20, {"data": "\0media:1000"}, id="of media only the size"),
    pytest.param({"signature": "s" * 400}, 1 << 20, {"signature": "\0media:300"}, id="signatures as well"),
    pytest.param({"data": "c2hvcnQ="}, 1, {"data": "c2hvcnQ="}, id="unless they are short"),
    pytest.param({"note": "data", "text": LONG}, 1 << 20, {"note": "data", "text": LONG}, id="the key decides"),
    pytest.param([LONG, 1, None, {"k": [True]}], 1 << 20, [LONG, 1, None, {"k": [True]}], id="any JSON"),
    pytest.param(
        {"t": "é" * 300}, 401, {"t": "é" * 200 + CUT_MARK + "200"}, id="no half characters; bytes are counted"
    ),
    pytest.param({"t": "\n" * 300}, 401, {"t": "\n" * 200 + CUT_MARK + "200"}, id="no half escapes, as they stood"),
]


@pytest.mark.parametrize(("value", "room_bytes", "expected"), RULES)
def test_an_excerpt(value: Any, room_bytes: int, expected: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    for pieces in every_split(body):
        assert excerpt(pieces, room_bytes) == expected


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text(st.sampled_from('ab"\\\n é漢🙂/'), max_size=40).map(lambda text: text * 9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "text", "type"]), inner),
    max_leaves=12,
)


@given(JSONS, st.booleans(), cuts())
def test_with_room_enough_nothing_is_missing(value: Any, escaped: bool, places: list[int]) -> None:
    """Spelled with escapes, as Python does, or in UTF-8, as JavaScript does."""
    body = json.dumps(value, ensure_ascii=escaped).encode()

    assert excerpt(split_at(body, places)) == value


@given(JSONS, st.integers(0, 600), st.booleans(), cuts())
def test_with_little_room_the_split_changes_nothing(
    value: Any, room_bytes: int, escaped: bool, places: list[int]
) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode()

    assert excerpt(split_at(body, places), room_bytes) == excerpt([body], room_bytes)


@pytest.mark.parametrize("size", range(1, 12))
def test_the_size_of_media_is_exact(size: int) -> None:
    encoded = base64.b64encode(bytes(size)).decode()

    assert base64_bytes(len(encoded), encoded[-2:].encode()) == size


def test_megabytes_leave_little_behind() -> None:
    """20 MB of an image and 20 MB of text in one body."""
    tracemalloc.start()
    try:
        excerpter = Excerpter(Room(64 * 1024))
        excerpter.feed(b'{"data":"')
        for _ in range(320):
            excerpter.feed(b"A" * 65_536)
        excerpter.feed(b'","text":"')
        for _ in range(320):
            excerpter.feed(b"t" * 65_536)
        excerpter.feed(b'"}')
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    data = excerpter.result()
    assert data is not None
    found = json.loads(data)

    assert marked(found["data"]) == ("", 0, 320 * 65_536 * 3 // 4)
    assert marked(found["text"]) == ("t" * 65_536, 319 * 65_536, None)
    assert peak_bytes < 1024 * 1024


def test_too_much_structure_is_given_up() -> None:
    assert excerpt([b"[" + b"[]," * 200_000 + b"0]"]) is None


def test_more_long_strings_than_are_kept_are_counted() -> None:
    body = json.dumps(["x" * 200] * (MAX_STRINGS + 1)).encode()

    assert excerpt([body])[-1] == CUT_MARK + "200"


def test_an_unfinished_text_stays_unfinished() -> None:
    excerpter = Excerpter(Room(100))
    excerpter.feed(b'{"text":"' + b"x" * 500)
    data = excerpter.result()

    assert data is not None
    with pytest.raises(ValueError):
        json.loads(data)


MARKED = [
    ("plain", ("plain", 0, None)),
    ("a\0cut:12", ("a", 12, None)),
    ("\0media:12", ("", 0, 12)),
    ("a\0cut:x", ("a\0cut:x", 0, None)),
    ("a\0media:12", ("a\0media:12", 0, None)),
    ("a\0cut:1\0cut:2", ("a\0cut:1", 2, None)),
    ("\0cut:" + "9" * 30, ("\0cut:" + "9" * 30, 0, None)),
]


@pytest.mark.parametrize(("text", "expected"), MARKED)
def test_a_mark_is_read_back(text: str, expected: tuple[str, int, int | None]) -> None:
    assert marked(text) == expected
