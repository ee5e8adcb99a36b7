"""Capture beside the tap: the facts stay as they are, the content is the same in any split, memory is bounded."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import capture
from gateway.wire.capture import CapturingReader, CapturingRequestReader
from gateway.wire.content import Part, StepContent
from gateway.wire.facts import RequestFacts, StreamFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.response import ResponseReader
from gateway.wire.steps_content import MAX_PARTS, MAX_STEPS, MAX_THOUGHTS
from tests.wire.corpus import CLASSES
from tests.wire.deltas import streams
from tests.wire.pieces import STALL_NS, STREAMS, cuts, some_splits, split_at, sse

WANTED = 32 * 1024
FILES = sorted(path for path in STREAMS.iterdir() if ".request." not in path.name)


def read(
    pieces: list[bytes], body: Body = Body.STREAM, end: End = End.CLEAN, wanted: int = WANTED
) -> tuple[StreamFacts, CapturingReader]:
    """The facts of a response, and the reader that captured its content."""
    reader = CapturingReader(Route.CREATE, 200, body, stall_ns=STALL_NS, wanted_bytes=wanted)
    for number, piece in enumerate(pieces):
        reader.feed(piece, number)
    facts = reader.finish(end, len(pieces))
    assert reader.fault is None
    return facts, reader


def content(pieces: list[bytes], body: Body = Body.STREAM, end: End = End.CLEAN) -> list[StepContent]:
    """What was captured."""
    return read(pieces, body, end)[1].content.taken()


def plain(pieces: list[bytes], body: Body, end: End) -> StreamFacts:
    """The facts as they are without capture."""
    reader = ResponseReader(Route.CREATE, 200, body, stall_ns=STALL_NS)
    for number, piece in enumerate(pieces):
        reader.feed(piece, number)
    return reader.finish(end, len(pieces))


def body_of(name: str) -> Body:
    return Body.STREAM if name.endswith(".sse") else Body.JSON


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_any_split_of_a_recorded_answer_gives_the_same_content(path: object) -> None:
    name = getattr(path, "name", "")
    data = (STREAMS / name).read_bytes()
    body = body_of(name)
    for pieces in some_splits(data):
        for end in (End.CLEAN, End.CUT):
            assert content(pieces, body, end) == content([data], body, end)


@settings(max_examples=150)
@given(streams(), cuts(), st.sampled_from(End))
def test_any_split_of_any_stream_gives_the_same_content(body: bytes, places: list[int], end: End) -> None:
    assert content(split_at(body, places), end=end) == content([body], end=end)


@settings(max_examples=150)
@given(streams(), cuts(), st.sampled_from(End))
def test_the_facts_are_those_of_the_plain_reader(body: bytes, places: list[int], end: End) -> None:
    pieces = split_at(body, places)

    assert read(pieces, end=end)[0] == plain(pieces, Body.STREAM, end)


@pytest.mark.parametrize("name", CLASSES)
def test_hostile_input_is_no_fault_and_changes_no_fact(name: str) -> None:
    """What is made to hurt the tap; read in chunks as large as a socket gives them."""
    for given_ in CLASSES[name](0.02):
        if given_.coding is not None or given_.status != 200:
            continue
        pieces = [given_.data[at : at + 65_536] for at in range(0, len(given_.data), 65_536)]
        facts, _ = read(pieces, given_.body)
        assert facts == plain(pieces, given_.body, End.CLEAN)


def delta(index: int, **fields: object) -> str:
    return json.dumps({"event_type": "step.delta", "index": index, "delta": fields})


def start(index: int, **fields: object) -> str:
    return json.dumps({"event_type": "step.start", "index": index, "step": fields})


RULES = [
    pytest.param(
        sse(start(0, type="model_output"), delta(0, type="text", text="a"), delta(0, type="text", text="b")),
        [StepContent(0, "model_output", parts=[Part("text", "ab")])],
        id="texts of a step are one",
    ),
    pytest.param(
        sse(start(0, type="thought"), delta(0, type="thought_summary", content={"text": "a"}))
        + sse(delta(0, type="thought_summary", content={"type": "text", "text": "b"}))
        + sse(delta(0, type="thought_signature", signature="S")),
        [StepContent(0, "thought", parts=[Part("reasoning", "a"), Part("reasoning", "b")])],
        id="each summary is a block; a signature is nothing",
    ),
    pytest.param(
        sse(start(0, type="thought"), delta(0, type="thought_summary", content={"type": "image", "data": "AAAA"})),
        [StepContent(0, "thought", parts=[Part("blob", modality="image", size=3)])],
        id="a summary may be an image",
    ),
    pytest.param(
        sse(start(0, type="model_output"), delta(0, text="a")),
        [StepContent(0, "model_output", parts=[Part("text", "a")])],
        id="an untyped delta with a text is text",
    ),
    pytest.param(
        sse(delta(7, type="text", text="late")),
        [StepContent(7, "other", parts=[Part("text", "late")])],
        id="a delta without its step's start",
    ),
    pytest.param(
        sse(start(0, type="function_call", id="c", name="f", arguments={}))
        + sse(delta(0, type="arguments_delta", arguments='{"a"'), delta(0, type="arguments_delta", arguments=":1}")),
        [StepContent(0, "function_call", "c", "f", parts=[Part("arguments", '{"a":1}')])],
        id="fragments of arguments add up",
    ),
    pytest.param(
        sse(start(0, type="function_call", id="c", name="f")),
        [StepContent(0, "function_call", "c", "f")],
        id="a call without arguments is a call",
    ),
    pytest.param(
        sse(start(0, type="code_execution_result", call_id="c", signature="S"))
        + sse(delta(0, type="code_execution_result", result="1", is_error=False, signature="S"))
        + sse(delta(0, type="code_execution_result", result="2", is_error=True)),
        [StepContent(0, "code_execution_result", "c", is_error=True, parts=[Part("result", '"2"')])],
        id="a result is replaced by a later one",
    ),
    pytest.param(
        sse(start(0, type="model_output"), delta(0, type="audio", data="AAAA", mime_type="audio/l16"))
        + sse(delta(0, type="audio", data="AAA="), delta(0, type="audio", data="AA==")),
        [StepContent(0, "model_output", parts=[Part("blob", modality="audio", mime_type="audio/l16", size=6)])],
        id="chunks of a sound are one",
    ),
    pytest.param(
        sse(start(0, type="model_output"), delta(0, type="image", uri="https://h/a.png?sig=x", mime_type="image/png")),
        [StepContent(0, "model_output", parts=[Part("uri", modality="image", mime_type="image/png")])],
        id="of a URI only what it leads to",
    ),
    pytest.param(
        sse(start(0, type="model_output"), delta(0, type="text", text="a"), delta(0, type="image", data="AAAA"))
        + sse(delta(0, type="text", text="b")),
        [
            StepContent(
                0, "model_output", parts=[Part("text", "a"), Part("blob", modality="image", size=3), Part("text", "b")]
            )
        ],
        id="an image between two texts parts them",
    ),
    pytest.param(
        sse(start(0, type="function_result", call_id="c"))
        + sse(delta(0, type="function_result", result=[{"type": "image", "data": "AAAA", "mime_type": "image/png"}])),
        [
            StepContent(
                0,
                "function_result",
                "c",
                parts=[Part("result", '[{"type":"blob","modality":"image","mime_type":"image/png","size_bytes":3}]')],
            )
        ],
        id="media in a result",
    ),
    pytest.param(
        sse(start(0, type="a"), delta(0, type="text", text="1"), start(0, type="b"), delta(0, type="text", text="2")),
        [StepContent(0, "a", parts=[Part("text", "1")]), StepContent(0, "b", parts=[Part("text", "2")])],
        id="a second step on an index",
    ),
    pytest.param(
        sse('{"event_type":"interaction.completed","interaction":{"steps":[{"type":"model_output","content":"a"}]}}'),
        [StepContent(0, "model_output", parts=[Part("text", "a")])],
        id="steps that only the last event tells",
    ),
    pytest.param(
        sse(start(0, type="model_output"), delta(0, type="text", text="\ud800")),
        [StepContent(0, "model_output", parts=[Part("text", "?")])],
        id="half a surrogate pair",
    ),
    pytest.param(
        sse('{"event_type":"step.start","index":0,"step":{"type":"f","arguments":' + "[" * 1000 + "]" * 1000 + "}}")
        + sse(delta(0, type="text", text="a")),
        [StepContent(0, "f", parts=[Part("arguments", "[" * 64 + "null" + "]" * 64), Part("text", "a")])],
        id="arguments that are too deep to be written",
    ),
    pytest.param(
        sse("[DONE]", start(0, type="model_output"), delta(0, type="text", text="a")), [], id="nothing behind the end"
    ),
]


@pytest.mark.parametrize(("body", "expected"), RULES)
def test_content_of_a_stream(body: bytes, expected: list[StepContent]) -> None:
    assert content([body]) == expected


@pytest.mark.parametrize(("end", "taken"), [(End.CLEAN, "ab"), (End.CUT, "a"), (End.LEFT, "a")])
def test_a_last_block_without_its_blank_line_is_taken_at_a_clean_end_alone(end: End, taken: str) -> None:
    """As the books do: after a cut, half a block is nobody's event, also where its line is whole."""
    body = sse(start(0, type="model_output"), delta(0, type="text", text="a"), delta(0, type="text", text="b"))

    assert content([body[:-1]], end=end) == [StepContent(0, "model_output", parts=[Part("text", taken)])]


def test_a_text_of_a_large_event_is_kept_too() -> None:
    """Where the books skim, the capture reads on: a whole answer in one delta, behind an image."""
    text, image = "word " * 5_000, "A" * 400_000
    body = sse(
        start(0, type="model_output"),
        delta(0, type="image", mime_type="image/png", data=image),
        delta(0, type="text", text=text),
    )
    expected = [Part("blob", modality="image", mime_type="image/png", size=300_000), Part("text", text)]
    for pieces in ([body], split_at(body, [100, 7_000, 300_000, 401_000])):
        assert content(pieces) == [StepContent(0, "model_output", parts=expected)]


def test_a_large_whole_answer_is_kept_too() -> None:
    wire = {
        "status": "completed",
        "steps": [
            {"type": "thought", "signature": "s" * 9_000, "summary": [{"type": "text", "text": "think " * 900}]},
            {"type": "model_output", "content": [{"type": "text", "text": "word " * 5_000}]},
        ],
    }
    body = json.dumps(wire).encode()
    expected = [
        StepContent(0, "thought", parts=[Part("reasoning", "think " * 900)]),
        StepContent(1, "model_output", parts=[Part("text", "word " * 5_000)]),
    ]

    assert content([body], Body.JSON) == expected
    assert content([body[:-1]], Body.JSON, End.CUT) == []


def test_a_thought_in_many_pieces_leaves_parts_for_the_answer() -> None:
    thoughts = [delta(0, type="thought_summary", content={"text": f"{number} "}) for number in range(2_000)]
    body = sse(start(0, type="thought"), *thoughts, start(1, type="model_output"), delta(1, type="text", text="done"))
    thought, answer = content([body])

    assert len(thought.parts) == MAX_THOUGHTS
    assert "".join(part.text for part in thought.parts) == "".join(f"{number} " for number in range(2_000))
    assert answer.parts == [Part("text", "done")]


def test_steps_and_parts_over_the_bounds_are_counted() -> None:
    many = sse(*(event for n in range(400) for event in (start(n, type="a"), delta(n, type="text", text="12345"))))
    _, reader = read([many])
    assert len(reader.content.taken()) == MAX_STEPS
    assert (reader.content.beyond_parts, reader.content.beyond_bytes) == (400 - MAX_STEPS, 5 * (400 - MAX_STEPS))

    images = sse(start(0, type="model_output"), *(delta(0, type="image", data="AAAA") for _ in range(600)))
    _, reader = read([images])
    assert len(reader.content.taken()[0].parts) == MAX_PARTS
    assert (reader.content.beyond_parts, reader.content.beyond_bytes) == (600 - MAX_PARTS, 3 * (600 - MAX_PARTS))


def endless(kind: str) -> Iterator[bytes]:
    """A stream that does not end: 4 MB of it."""
    if kind == "text":
        unit = sse(delta(0, type="text", text="The quick brown fox jumps over the lazy dog. "))
    elif kind == "thoughts":
        unit = sse(delta(0, type="thought_summary", content={"type": "text", "text": "Hm. "}))
    elif kind == "images":
        unit = sse(delta(0, type="image", data="A" * 40_000))
    elif kind == "results":
        unit = sse(delta(0, type="code_execution_result", result="x" * 10_000))
    elif kind == "arguments":
        unit = sse(delta(0, type="arguments_delta", arguments='{"a":'))
    elif kind == "steps":
        unit = sse(start(0, type="model_output", id="i" * 500), delta(0, type="text", text="x" * 100))
    else:
        unit = b"x" * 40_000  # of one event's data that never ends
    chunk = unit * max(1, 60_000 // len(unit))
    if kind == "one event":
        yield b'data: {"event_type":"step.delta","index":0,"delta":{"type":"text","text":"'
    for _ in range(4 * 1024 * 1024 // len(chunk)):
        yield chunk


@pytest.mark.parametrize("kind", ["text", "thoughts", "images", "results", "arguments", "steps", "one event"])
def test_an_endless_stream_stays_bounded(kind: str) -> None:
    """What is kept does not grow with what passes: some times the wanted 32 KiB."""
    reader = CapturingReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS, wanted_bytes=WANTED)
    reader.feed(sse(start(0, type="model_output")), 0)
    tracemalloc.start()
    try:
        for number, chunk in enumerate(endless(kind)):
            reader.feed(chunk, number)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    kept = sum(len(part.text.encode()) for step in reader.content.taken() for part in step.parts)

    assert reader.fault is None
    assert kept <= 2 * WANTED
    assert peak_bytes < 2 * 1024 * 1024


def test_a_fault_ends_the_capture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts go on to the end, and the fault is there to be counted."""
    body = (STREAMS / "text.sse").read_bytes()
    monkeypatch.setattr(capture, "load_json", lambda _: 1 // 0)
    reader = CapturingReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS, wanted_bytes=WANTED)
    reader.feed(body, 0)

    assert reader.finish(End.CLEAN, 1) == plain([body], Body.STREAM, End.CLEAN)
    assert isinstance(reader.fault, ZeroDivisionError)


@pytest.mark.parametrize(
    ("route", "status", "body"),
    [(Route.CREATE, 400, Body.JSON), (Route.CREATE, 200, Body.OTHER), (Route.PASSTHROUGH, 200, Body.JSON)],
)
def test_only_answers_of_an_interaction_have_content(route: Route, status: int, body: Body) -> None:
    """What an error says is no answer; other routes are none of ours."""
    reader = CapturingReader(route, status, body, stall_ns=STALL_NS, wanted_bytes=WANTED)
    reader.feed(b'{"steps":[{"type":"model_output","content":"a"}],"error":{"message":"m"}}', 0)
    reader.finish(End.CLEAN, 1)

    assert reader.content.taken() == []


def test_a_request_is_excerpted_and_understood() -> None:
    """With 4 MB of an image before the model's name."""
    wire = {"input": [{"type": "image", "data": "A" * 4_000_000}, {"type": "text", "text": "What?"}], "model": "m"}
    body = json.dumps(wire).encode()
    for pieces in ([body], split_at(body, [10, 60, 4_000_000])):
        reader, facts = CapturingRequestReader(WANTED), RequestFacts()
        for piece in pieces:
            reader.feed(piece)
        reader.read_into(facts)
        excerpt = reader.excerpt()

        assert facts.model == "m"
        assert reader.size == len(body)
        assert excerpt is not None
        assert json.loads(excerpt) == {
            "input": [{"type": "image", "data": "\0media:3000000"}, {"type": "text", "text": "What?"}],
            "model": "m",
        }


def test_a_request_without_a_body_has_no_excerpt() -> None:
    assert CapturingRequestReader(WANTED).excerpt() is None


def test_a_long_value_in_a_result_counts_what_its_excerpt_left_out() -> None:
    """A result whose texts were cut, and whose JSON was then cut once more: every byte is kept or counted."""
    texts = [letter * 50_000 for letter in "ABCDEFGH"]
    wire = {"status": "completed", "steps": [{"type": "code_execution_result", "call_id": "c", "result": texts}]}
    _, reader = read([json.dumps(wire).encode()], Body.JSON, wanted=2_048)
    [part] = reader.content.taken()[0].parts
    shown = sum(map(part.text.count, "ABCDEFGH"))
    said = part.missing + sum(map(int, re.findall(r"cut:(\d+)", part.text)))

    assert len(part.text.encode()) <= 4_096
    assert part.missing > 0
    assert 400_000 <= shown + said < 400_200  # some of it is the JSON between the texts
