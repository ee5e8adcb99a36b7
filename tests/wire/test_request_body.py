"""What the body of a create tells: each field, whatever else stands there, and bodies of megabytes."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.facts import RequestFacts
from gateway.wire.request import MAX_INPUT_ITEMS, RequestReader
from tests.wire.pieces import STREAMS, some_splits, split_at


def read(*pieces: bytes) -> RequestFacts:
    """The facts of a body in these pieces."""
    reader, facts = RequestReader(), RequestFacts()
    for piece in pieces:
        reader.feed(piece)
    reader.read_into(facts)
    return facts


def said(**fields: Any) -> RequestFacts:
    """Facts of a body that was understood."""
    return RequestFacts(understood=True, **fields)


def settled(**fields: object) -> dict[str, object]:
    """A body with these settings."""
    return {"generation_config": fields}


RESULT: dict[str, object] = {"type": "function_result", "call_id": "a", "name": "f", "result": {"is_error": True}}
NONE = {"a": False, "b": False}
TURN_2 = {"un6k8t18": False, "q2w9e7aa": True}
FIELDS: list[tuple[dict[str, object], RequestFacts]] = [
    ({}, said()),
    ({"model": "gemini-x"}, said(model="gemini-x")),
    ({"agent": "deep-y", "background": True}, said(agent="deep-y", background=True)),
    ({"stream": True}, said(stream=True)),
    ({"stream": "true", "background": 1}, said()),
    ({"previous_interaction_id": "v1_a"}, said(previous_interaction_id="v1_a")),
    ({"continuation_token": "t"}, said(continuation=True)),
    ({"continuation_token": None}, said()),
    ({"service_tier": "flex"}, said(service_tier="flex")),
    (settled(temperature=0.5, top_p=1), said(temperature=0.5, top_p=1.0)),
    (settled(temperature="hot", top_p=True), said()),
    (settled(max_output_tokens=100, seed=-7), said(max_output_tokens=100, seed=-7)),
    (settled(max_output_tokens=1.5, seed=True), said()),
    (settled(seed=1 << 63), said()),
    (settled(thinking_level="high"), said(thinking_level="high")),
    (settled(stop_sequences=["a", 5, "b"]), said(stop_sequences=["a", "b"])),
    (settled(stop_sequences=["x" * 99] * 99), said(stop_sequences=["x" * 64] * 16)),
    (settled(stop_sequences="a"), said()),
    ({"generation_config": [1]}, said()),
    ({"response_format": {"type": "text"}}, said(output_type="text")),
    ({"response_format": [{"type": "audio"}]}, said(output_type="speech")),
    ({"response_format": [{"type": "image"}, {"type": "image"}]}, said(output_type="image")),
    ({"response_format": [{"type": "text"}, {"type": "image"}]}, said()),
    ({"response_format": {"type": "object", "properties": {}}}, said(output_type="json")),
    ({"response_format": {"type": "video"}}, said()),
    ({"response_format": [5, {"type": []}]}, said()),
    ({"response_modalities": ["IMAGE"]}, said(output_type="image")),
    ({"response_modalities": ["text", "image"]}, said()),
    ({"model": 5, "agent": [], "service_tier": {}, "previous_interaction_id": False}, said()),
    ({"model": "é" * 900, "service_tier": "t" * 900}, said(model="é" * 512, service_tier="t" * 64)),
    ({"input": [RESULT, {**RESULT, "call_id": "b", "is_error": True}]}, said(function_results={"a": False, "b": True})),
    ({"input": [RESULT, {**RESULT, "is_error": True}]}, said(function_results={"a": True})),
    (
        {"input": [{**RESULT, "is_error": False}, {**RESULT, "call_id": "b", "is_error": 1}]},
        said(function_results=NONE),
    ),
    ({"input": RESULT}, said(function_results={"a": False})),
    ({"input": [{**RESULT, "call_id": 5}, {"call_id": "a"}, {**RESULT, "type": "text"}, None, "a"]}, said()),
    ({"input": {"a": RESULT}}, said()),
    ({"input": [{**RESULT, "call_id": "c" * 900}]}, said(function_results={"c" * 512: False})),
    (
        {"input": [{**RESULT, "call_id": str(number)} for number in range(40)]},
        said(function_results={str(number): False for number in range(8, 40)}),
    ),
    ({"input": [RESULT, *[5] * MAX_INPUT_ITEMS]}, said()),
    ({"input": "a prompt", "tools": [{"headers": {"authorization": "secret"}}], "new": {"a": 1}}, said()),
]


@pytest.mark.parametrize(("body", "facts"), FIELDS)
def test_a_field(body: dict[str, object], facts: RequestFacts) -> None:
    """Each field is read for what it is; anything else leaves it out."""
    assert read(json.dumps(body).encode()) == facts
    assert read(json.dumps(body, ensure_ascii=False, indent=1).encode()) == facts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"null",
        b"5",
        b'"a"',
        b"[]",
        b'[{"model":"a"}]',
        b'{"model":"a"',
        b'{"model":"\xff"}',
        b"\x00",
        b"[" * 9999,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"model=a&stream=true",
    ],
)
def test_garbage_is_not_understood(body: bytes) -> None:
    """Nothing raises, nothing is guessed."""
    for pieces in ([body], [body[:3], body[3:]]):
        assert read(*pieces) == RequestFacts()


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "1" + "0" * 4_000, "-" + "9" * 4_000]
)
def test_numbers_that_are_too_much(number: str) -> None:
    """Python's own JSON takes some of them; none gets into a record."""
    body = f'{{"model":"m","generation_config":{{"temperature":{number},"top_p":{number},"seed":{number}}}}}'
    facts = read(body.encode())

    assert (facts.temperature, facts.top_p, facts.seed) == (None, None, None)
    assert facts.model == "m"


def test_odd_texts() -> None:
    """A byte order mark is dropped, half a letter becomes a question mark, the last of two fields holds."""
    assert read(b'\xef\xbb\xbf{"model":"m"}') == said(model="m")
    assert read(b'{"model":"a\\ud800","agent":"\\udc00"}') == said(model="a?", agent="?")
    assert read(b'{"model":"a","model":"b"}') == said(model="b")


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "function_call_turn2",
            said(
                model="gemini-3-flash-preview",
                stream=True,
                previous_interaction_id="v1_ChdFuncExample0003a",
                function_results=TURN_2,
            ),
        ),
        (
            "requires_continuation_hop2",
            said(
                model="gemini-3-flash-preview",
                stream=True,
                previous_interaction_id="v1_ChdContExample0013a",
                continuation=True,
            ),
        ),
    ],
)
def test_a_recorded_request(name: str, facts: RequestFacts) -> None:
    """It says what stands in its bytes, in whatever pieces."""
    for pieces in some_splits((STREAMS / f"{name}.request.json").read_bytes()):
        assert read(*pieces) == facts


def test_twenty_megabytes_of_image() -> None:
    """What stands before and after it is read, in a megabyte of memory."""
    reader, facts = RequestReader(), RequestFacts()
    tracemalloc.start()
    try:
        reader.feed(b'{"model":"gemini-x","input":[{"type":"image","data":"')
        for _ in range(400):
            reader.feed(b"A" * 50_000)
        reader.feed(b'"}],"stream":true,"generation_config":{"seed":7}}')
        reader.read_into(facts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert facts == said(model="gemini-x", stream=True, seed=7)
    assert peak < 1_000_000


def test_a_large_function_result() -> None:
    """Its id and its `is_error` are read, however long what it says."""
    result = b'{"type":"function_result","result":"' + b"A" * 300_000 + b'","is_error":true,"call_id":"a"}'

    assert read(b'{"input":[', result, b'],"model":"m"}') == said(model="m", function_results={"a": True})


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["model", "stream", "generation_config", "response_format", "type", "seed", "top_p"]
                    ),
                    inner,
                )
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    st.lists(st.integers(0, 80), max_size=4),
)
def test_any_body_in_any_split(body: bytes, cuts: list[int]) -> None:
    """Never raises, and says the same however it was cut."""
    assert read(*split_at(body, cuts)) == read(body)
