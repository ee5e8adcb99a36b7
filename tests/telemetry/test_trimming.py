"""How captured content is cut: never over the cap, always whole JSON, the longest first, with what is missing said."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.telemetry import names
from gateway.telemetry.content import Teller
from gateway.telemetry.redaction import Redactor
from gateway.telemetry.trimming import MARGIN_CHARS, Leaf, Section, clean, trim
from gateway.wire.outcome import Body, Outcome
from tests.telemetry.captured import CONTENT_NAMES, CapturingBench, content
from tests.telemetry.factories import create

CUT = re.compile(r"…\[(\d+) bytes cut\]\Z")
INPUT, OUTPUT, SYSTEM, TOOLS = CONTENT_NAMES


def same(text: str) -> str:
    return text


def told(texts: list[str], max_bytes: int) -> list[str]:
    """Texts as parts of one section, cut to fit."""
    parts = [{"type": "text", "content": Leaf(text)} for text in texts]
    for part in parts:
        clean(part, same)
    section = Section([(None, part) for part in parts])
    return [part["content"] for part in section.told(trim([section], max_bytes))]


def test_what_fits_is_not_cut() -> None:
    assert told(["a" * 300, "b" * 300], 1024) == ["a" * 300, "b" * 300]


def test_the_longest_are_cut_to_one_length() -> None:
    """And say what is missing; the short one is whole."""
    long, short, longer = told(["a" * 4000, "b" * 100, "c" * 9000], 1024)

    assert short == "b" * 100
    kept = long.count("a")
    assert (long, longer) == (
        "a" * kept + f"…[{4000 - kept} bytes cut]",
        "c" * kept + f"…[{9000 - kept} bytes cut]",
    )
    assert 1000 < len(orjson.dumps([{"type": "text", "content": one} for one in (long, short, longer)])) <= 1024


@pytest.mark.parametrize("unit", ["é", "漢", "🙂", '"', "\n", "\x01", "\\"])
def test_a_cut_is_between_characters(unit: str) -> None:
    """Whatever a character costs in JSON; the bytes that are missing are those of the text."""
    [found] = told([unit * 5000], 1024)
    mark = CUT.search(found)

    assert mark is not None
    shown = found[: mark.start()]
    assert set(shown) == {unit}
    assert len(shown.encode()) + int(mark[1]) == len((unit * 5000).encode())


def test_what_was_cut_before_loses_its_end_and_says_it_all() -> None:
    """A secret may stand at a cut that was made unsearched."""
    leaf = Leaf("a" * 1000, missing=50)
    leaf.clean(same)

    assert leaf.at(4096) == "a" * (1000 - MARGIN_CHARS) + f"…[{50 + MARGIN_CHARS} bytes cut]"


def test_a_value_that_is_too_long_becomes_the_beginning_of_its_text() -> None:
    leaf = Leaf(value={"a": ["x" * 500]})
    leaf.clean(same)

    assert leaf.at(1024) == {"a": ["x" * 500]}
    assert leaf.at(100) == '{"a":["' + "x" * 70 + "…[433 bytes cut]"


def test_parts_that_do_not_fit_even_empty_are_left_out() -> None:
    """Of a conversation the oldest, else the last; the list says how many."""
    parts = [{"type": "text", "content": Leaf(str(number))} for number in range(400)]
    for part in parts:
        clean(part, same)
    asked = Section([("user", part) for part in parts], oldest_go_first=True)
    [message] = asked.told(trim([asked], 2048))
    note, *rest = message["parts"]

    assert note == {"type": "left_out", "parts": 400 - len(rest), "bytes": note["bytes"]}
    assert rest[-1] == {"type": "text", "content": "399"}
    assert len(orjson.dumps([message])) <= 2048

    answered = Section([("assistant", part) for part in parts])
    [message] = answered.told(trim([answered], 2048))
    assert message["parts"][0] == {"type": "text", "content": "0"}
    assert message["parts"][-1]["type"] == "left_out"


TEXTS = st.builds(lambda unit, times: unit * times, st.sampled_from(["a", "é", '"', "\n", "🙂 "]), st.integers(0, 4000))
VALUES = st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
INPUTS = st.lists(
    st.builds(lambda said: {"type": "text", "text": said}, TEXTS)
    | st.builds(lambda said: {"type": "function_result", "call_id": said[:600], "result": said}, TEXTS)
    | st.just({"type": "image", "data": "A" * 999, "mime_type": "image/png"}),
    max_size=40,
)
STEPS = st.lists(
    st.builds(lambda said: {"type": "model_output", "content": said}, TEXTS)
    | st.builds(lambda said: {"type": "thought", "summary": [{"text": said}] * 3}, TEXTS)
    | st.builds(lambda value: {"type": "function_call", "id": "c", "name": "f", "arguments": {"a": value}}, VALUES)
    | st.builds(lambda value: {"type": "code_execution_result", "call_id": "c", "result": value}, VALUES),
    max_size=40,
)
TOOL_LISTS = st.lists(
    st.builds(lambda said: {"type": "function", "name": "f" * 99, "description": said, "parameters": {}}, TEXTS),
    max_size=30,
)


@settings(max_examples=120)
@given(INPUTS, STEPS, TEXTS, TOOL_LISTS, st.sampled_from([1024, 1500, 4096, 32_768]))
def test_never_over_the_cap_and_always_json(
    asked: list[Any], answered: list[Any], system: str, tools: list[Any], max_bytes: int
) -> None:
    """All that is told of one exchange; and each tool's arguments and result are a part of it."""
    request = {"input": asked, "system_instruction": system, "tools": tools}
    wire = json.dumps({"status": "completed", "steps": answered}).encode()
    captured = content(wire, Body.JSON, request=request, wanted=max_bytes)
    found = Teller(Redactor([]), max_bytes).told(captured, create(Outcome.REQUIRES_ACTION))
    texts = found.texts()

    assert sum(len(text.encode()) for text in texts.values()) <= max_bytes
    assert {name: json.loads(text) for name, text in texts.items()} == found.by_name
    repeated = sum(len(orjson.dumps(value)) for _, _, value in found.steps)
    assert repeated <= max_bytes


def test_the_setting_is_the_cap() -> None:
    said = "word " * 10_000
    wire = {"status": "completed", "steps": [{"type": "model_output", "content": said}]}
    bench = CapturingBench(max_bytes=2048)
    bench.close(create(), content(json.dumps(wire).encode(), Body.JSON, request={"input": said}, wanted=2048))
    [found] = [one for one in bench.on_spans().values() if names.OUTPUT_MESSAGES in one]

    assert 1900 < sum(len(text.encode()) for text in found.values()) <= 2048
    answered = json.loads(found[OUTPUT])[0]["parts"][0]["content"]
    mark = CUT.search(answered)
    assert mark is not None
    assert len(answered[: mark.start()]) + int(mark[1]) == len(said)
