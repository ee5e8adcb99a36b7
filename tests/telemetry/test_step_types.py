"""Every step type of the wire, from its bytes to its span: name, place in the tree, attributes, error, time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from gateway.wire.events import SERVER_TOOLS, STEP_TYPES
from gateway.wire.outcome import Body, End, Outcome, Route
from gateway.wire.response import ResponseReader
from tests.telemetry.factories import MODEL, MS, STARTED_NS, Bench, create

STALL_NS = 30_000_000_000
DELTAS: dict[str, dict[str, Any]] = {
    "model_output": {"type": "text", "text": "a"},
    "thought": {"type": "thought_summary", "content": {"type": "text", "text": "a"}},
    "function_call": {"type": "arguments_delta", "arguments": "{}"},
    "user_input": {"type": "text", "text": "a"},
}
ROWS = [
    *(("plain", type_) for type_ in ("model_output", "thought", "user_input", "function_call", "function_result")),
    *(("call", f"{tool}_call") for tool in SERVER_TOOLS),
    *(("result", f"{tool}_result") for tool in SERVER_TOOLS),
    ("unknown", "hologram"),
]


def event(name: str, **more: Any) -> bytes:
    """One block of the wire."""
    return f"event: {name}\ndata: {json.dumps({**more, 'event_type': name})}\n\n".encode()


def wire_step(kind: str, type_: str) -> dict[str, Any]:
    """The step object of `step.start`, as the wire has it."""
    step: dict[str, Any] = {"type": type_}
    if kind == "call" or type_ == "function_call":
        step |= {"id": "c1", "name": "lookup", "signature": ""}
    if kind == "result" or type_ == "function_result":
        step |= {"call_id": "c1", "name": "lookup", "signature": ""}
    return step


def stream(kind: str, type_: str, *, is_error: bool | None = None, stops: bool = True) -> tuple[bytes, int]:
    """A stream with this one step at index 4, and the data bytes of its events."""
    delta = dict(DELTAS.get(type_, {"type": type_}))
    if is_error is not None:
        delta["is_error"] = is_error
    blocks = [
        event("step.start", index=4, step=wire_step(kind, type_)),
        event("step.delta", index=4, delta=delta),
        event("step.delta", index=4, delta=delta),
        *([event("step.stop", index=4)] if stops else []),
    ]
    size = sum(len(block.partition(b"data: ")[2]) - 2 for block in blocks)
    created = event("interaction.created", interaction={"id": "v1_a", "status": "in_progress"})
    return created + b"".join(blocks), size


def shown(bench: Bench, body: bytes, **more: Any) -> dict[str, ReadableSpan]:
    """The spans below the interaction's that a body gives whose blocks come 10 ms apart, by name."""
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS)
    blocks = body.split(b"\n\n")[:-1]
    for number, block in enumerate(blocks):
        reader.feed(block + b"\n\n", (100 + number * 10) * MS)
    record = create(Outcome.COMPLETED, end=End.CLEAN, **more)
    record.stream = reader.finish(End.CLEAN, 1000 * MS)
    bench.apply(record)
    bench.flush()
    return {span.name: span for span in bench.spans.get_finished_spans() if span.kind.name == "INTERNAL"}


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def within(span: ReadableSpan) -> tuple[int, int]:
    """Start and end, ms since the exchange's start."""
    return ((span.start_time or 0) - STARTED_NS) // MS, ((span.end_time or 0) - STARTED_NS) // MS


def test_every_type_has_its_row() -> None:
    assert {type_ for _, type_ in ROWS} == STEP_TYPES | {"hologram"}
    assert len(STEP_TYPES) == 23


@pytest.mark.parametrize(("kind", "type_"), ROWS)
def test_a_step(bench: Bench, kind: str, type_: str) -> None:
    """One span each, of its own time; a server tool's stands below the tool's."""
    body, size = stream(kind, type_)
    spans = shown(bench, body)
    name = "other" if kind == "unknown" else type_
    expected: dict[str, Any] = {
        "interactions.step.index": 4,
        "interactions.step.type": name,
        "interactions.step.deltas": 2,
        "interactions.step.bytes": size,
        "interactions.step.first_delta": 0.01,
        "interactions.step.max_gap": 0.01,
    }
    if kind == "unknown":
        expected["interactions.step.wire_type"] = "hologram"
    if type_ == "function_call":
        expected |= {"gen_ai.tool.name": "lookup", "gen_ai.tool.call.id": "c1", "gen_ai.tool.type": "function"}

    step = spans.pop(f"step {name}")
    assert said(step) == expected
    assert within(step) == (110, 140)
    assert step.status.is_ok or step.status.is_unset
    if kind in {"call", "result"}:
        _check_tool(spans, step, kind, type_.removesuffix(f"_{kind}"))
    else:
        assert spans == {}


def _check_tool(spans: dict[str, ReadableSpan], step: ReadableSpan, kind: str, tool: str) -> None:
    [span] = spans.values()
    expected: dict[str, Any] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "gen_ai.tool.type": "datastore" if tool in {"file_search", "retrieval"} else "extension",
        "gen_ai.tool.call.id": "c1",
        "interactions.tool.unmatched": True,
    }
    if tool == "mcp_server_tool":
        expected["interactions.tool.mcp_name"] = "lookup"

    assert span.name == f"execute_tool {tool}"
    assert said(span) == expected
    assert within(span) == (110, 1000 if kind == "call" else 140)
    assert step.parent is not None
    assert span.context is not None
    assert step.parent.span_id == span.context.span_id


@pytest.mark.parametrize(("kind", "type_"), [row for row in ROWS if row[1].endswith("_result")])
def test_is_error_marks_the_tools_span(bench: Bench, kind: str, type_: str) -> None:
    """Of a server tool its `execute_tool`, of a function, which has none, its step; the interaction is fine."""
    spans = shown(bench, stream(kind, type_, is_error=True)[0])
    wrong = {name: said(span)["error.type"] for name, span in spans.items() if not _is_unset(span)}

    marked = f"step {type_}" if kind == "plain" else f"execute_tool {type_.removesuffix('_result')}"
    assert wrong == {marked: "tool_error"}
    assert all(_is_unset(span) for span in bench.spans.get_finished_spans() if span.kind.name != "INTERNAL")


@pytest.mark.parametrize(("kind", "type_"), ROWS)
def test_a_step_without_stop(bench: Bench, kind: str, type_: str) -> None:
    """It ends with the stream, and says so."""
    spans = shown(bench, stream(kind, type_, stops=False)[0])
    step = spans[f"step {'other' if kind == 'unknown' else type_}"]

    assert said(step)["interactions.step.open_at_end"] is True
    assert within(step) == (110, 1000)


@pytest.mark.parametrize(("kind", "type_"), ROWS)
def test_a_step_of_a_unary_body(bench: Bench, kind: str, type_: str) -> None:
    """The same, without times and deltas."""
    reader = ResponseReader(Route.CREATE, 200, Body.JSON, stall_ns=STALL_NS)
    step = {**wire_step(kind, type_), "is_error": True}
    reader.feed(json.dumps({"id": "v1_a", "status": "completed", "steps": [step]}).encode(), 100 * MS)
    record = create(body=Body.JSON)
    record.stream = reader.finish(End.CLEAN, 1000 * MS)
    bench.apply(record)
    bench.flush()
    name = "other" if kind == "unknown" else type_
    [span] = [span for span in bench.spans.get_finished_spans() if span.name == f"step {name}"]
    mains = [span for span in bench.spans.get_finished_spans() if span.name == f"generate_content {MODEL}"]

    expected = {"interactions.step.type": name, "interactions.step.index": 0, "interactions.step.timed": False}
    assert said(span).items() >= expected.items()
    assert said(span).get("error.type") == ("tool_error" if type_ == "function_result" else None)
    assert [_is_unset(main) for main in mains] == [True]


def _is_unset(span: ReadableSpan) -> bool:
    return span.status.is_unset
