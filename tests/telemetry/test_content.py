"""Captured content in the conventions' form, compared whole: on the interaction's span, on tools, on log events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber

from gateway.config import TraceSettings
from gateway.records import ContentCaptured, ExchangeClosed
from gateway.simulator.catalogue import scenarios
from gateway.telemetry import names
from gateway.wire.outcome import Body, End, Outcome
from tests.telemetry.captured import CONTENT_NAMES, CapturingBench, content
from tests.telemetry.factories import MODEL, Bench, cancel, create, poll, step
from tests.wire.pieces import STREAMS

INPUT, OUTPUT, SYSTEM, TOOLS = CONTENT_NAMES


def text(said: str, kind: str = "text") -> dict[str, Any]:
    return {"type": kind, "content": said}


def assistant(*parts: dict[str, Any], finish: str | None = "stop") -> list[dict[str, Any]]:
    message: dict[str, Any] = {"role": "assistant", "parts": list(parts)}
    return [message | ({"finish_reason": finish} if finish is not None else {})]


def call(id_: str, name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": id_, "name": name, "arguments": arguments}


def server_call(id_: str, tool: str, arguments: Any, name: str | None = None, **more: Any) -> dict[str, Any]:
    details = {"type": tool, **more, "arguments": arguments}
    return {"type": "server_tool_call", "id": id_, "name": name or tool, "server_tool_call": details}


def server_answer(id_: str, tool: str, **details: Any) -> dict[str, Any]:
    return {
        "type": "server_tool_call_response",
        "id": id_,
        "server_tool_call_response": {"type": tool, **details},
    }


def blob(modality: str, size: int, mime_type: str | None = None) -> dict[str, Any]:
    found = {"type": "blob", "modality": modality, "mime_type": mime_type, "size_bytes": size}
    return {name: value for name, value in found.items() if value is not None}


# A recorded answer, how it ended, and the messages that it holds.
ANSWERS: list[Any] = [
    pytest.param("text.sse", Outcome.COMPLETED, assistant(text("1, 2, 3, 4, 5, 6, 7, 8 — fin.")), id="text"),
    pytest.param(
        "thinking.sse",
        Outcome.COMPLETED,
        assistant(
            text("**Applying Euclid**\n\nDividing 1071 by 462 leaves 147.", "reasoning"),
            text("**Checking**\n\n462 mod 147 = 21; 147 mod 21 = 0.", "reasoning"),
            text("The greatest common divisor of 1071 and 462 is **21**."),
        ),
        id="thinking",
    ),
    pytest.param(
        "function_call_turn1.sse",
        Outcome.REQUIRES_ACTION,
        assistant(
            call("un6k8t18", "get_weather", {"location": "Paris, France"}),
            call("q2w9e7aa", "get_weather", {"location": "Lyon, France"}),
            finish="tool_call",
        ),
        id="function calls",
    ),
    pytest.param(
        "google_search.sse",
        Outcome.COMPLETED,
        assistant(
            server_call(
                "mkutnkgn", "google_search", {"queries": ["largest mountain in Europe", "Mount Elbrus height"]}
            ),
            server_answer("mkutnkgn", "google_search"),
            text("Mount Elbrus (5,642 m) is the highest mountain in Europe."),
        ),
        id="a search without a result; citations are left out",
    ),
    pytest.param(
        "code_execution.sse",
        Outcome.COMPLETED,
        assistant(
            server_call("ce01", "code_execution", {"code": "import numpyy\nprint(1)", "language": "python"}),
            server_answer(
                "ce01", "code_execution", is_error=True, result="ModuleNotFoundError: No module named 'numpyy'\n"
            ),
            server_call("ce02", "code_execution", {"code": "print(sum(range(101)))", "language": "python"}),
            server_answer("ce02", "code_execution", result="5050\n"),
            text("The sum is 5050."),
        ),
        id="code, its error and its result",
    ),
    pytest.param(
        "mcp_url_context.sse",
        Outcome.COMPLETED,
        assistant(
            server_call("uc1", "url_context", {"urls": ["https://example.org/a"]}),
            server_answer("uc1", "url_context", result=[{"url": "https://example.org/a", "status": "success"}]),
            server_call("mcp1", "mcp_server_tool", {"sku": "A-1"}, "lookup", server_name="inventory"),
            server_answer(
                "mcp1", "mcp_server_tool", server_name="inventory", result=[{"type": "text", "text": "12 in stock"}]
            ),
            text("There are 12."),
        ),
        id="server tools with names of their own",
    ),
    pytest.param(
        "image_mixed.sse",
        Outcome.COMPLETED,
        assistant(
            text("### Part 1\n\nMarcus entered the arena."),
            blob("image", 90, "image/jpeg"),
            text("### Part 2\n\nBelow the sand."),
            blob("image", 70, "image/png"),
        ),
        id="images out",
    ),
    pytest.param("audio.sse", Outcome.COMPLETED, assistant(blob("audio", 48, "audio/l16")), id="audio out"),
    pytest.param("unary.json", Outcome.COMPLETED, assistant(text("Hello.")), id="unary"),
    pytest.param(
        "unary_tools.json",
        Outcome.REQUIRES_ACTION,
        assistant(
            server_call("gs1", "google_search", {"queries": ["largest mountain in Europe"]}),
            server_answer("gs1", "google_search", result=[{"search_suggestions": "<div>…</div>"}]),
            call("fc1", "get_weather", {"location": "Mount Elbrus, Russia"}),
            finish="tool_call",
        ),
        id="unary tools",
    ),
    pytest.param(
        "error_midstream.sse",
        Outcome.STREAM_ERROR,
        assistant(text("Partial ans"), finish="error"),
        id="an error in the stream",
    ),
    pytest.param(
        "truncated_mid_event.sse",
        Outcome.UPSTREAM_ABORT,
        assistant(text("Partial ans"), finish="error"),
        id="a cut: no half event",
    ),
    pytest.param(
        "deep_research_cut.sse",
        Outcome.IN_PROGRESS,
        assistant(
            text("***Generating research plan***\n\nI start with hardware.", "reasoning"),
            text("***Reading sources***\n\n41 pages so far.", "reasoning"),
            finish=None,
        ),
        id="a run that goes on has no reason to have ended",
    ),
    pytest.param(
        "framing_torture.sse",
        Outcome.COMPLETED,
        assistant(text("two\nlinesno event line \u2028 é 🙂")),
        id="odd framing",
    ),
    pytest.param("unknown_events.sse", Outcome.COMPLETED, assistant(text("ok")), id="unknown events"),
]


@pytest.mark.parametrize(("name", "outcome", "expected"), ANSWERS)
def test_what_was_answered(name: str, outcome: Outcome, expected: list[dict[str, Any]]) -> None:
    """The same on the span, as JSON text, and on the log event, as values."""
    body = Body.STREAM if name.endswith(".sse") else Body.JSON
    end = End.CUT if outcome in (Outcome.UPSTREAM_ABORT, Outcome.IN_PROGRESS) else End.CLEAN
    bench = CapturingBench()
    bench.close(create(outcome), content((STREAMS / name).read_bytes(), body, end))
    [event] = bench.told()

    assert bench.messages() == {OUTPUT: expected}
    assert event.attributes[OUTPUT] == expected


def test_what_the_scenarios_answer_in_the_simulators_own_words() -> None:
    """Every scenario without a fault of reading: what was captured of text is the text that was sent."""
    compared = 0
    for name, scenario in scenarios().items():
        data = b"".join(event.wire for event in scenario.answer.events)
        if scenario.answer.content_type != "text/event-stream" or scenario.answer.status != 200:
            continue
        sent = _texts_sent(data)
        captured = content(data)
        found = "".join(part.text for one in captured.steps for part in one.parts if part.kind == "text")
        if sent is not None:
            assert found == sent, name
            compared += 1

    assert compared > 30


def _texts_sent(data: bytes) -> str | None:
    """The texts of a stream that is spelled plainly, read without the gateway; None for another."""
    if not data.endswith(b"data: [DONE]\n\n") or b"\r" in data or b"\xef\xbb\xbf" in data:
        return None
    said = []
    for line in data.split(b"\n"):
        if line.startswith(b"data: {"):
            try:
                wire = json.loads(line[6:])
            except ValueError:
                return None
            if "event_type" not in wire:
                return None
            delta = wire.get("delta")
            is_delta = wire.get("event_type") == "step.delta" and isinstance(delta, dict)
            if is_delta and delta.get("type", "text") == "text":
                said.append(delta.get("text", ""))
        elif line.startswith(b"data") and line != b"data: [DONE]":
            return None
    return "".join(said)


FUNCTION_RESULTS = json.loads((STREAMS / "function_call_turn2.request.json").read_bytes())
USER = "user"
# A request, and the messages, instructions and definitions that it holds.
REQUESTS: list[Any] = [
    pytest.param({"input": "Hi"}, {INPUT: [{"role": USER, "parts": [text("Hi")]}]}, id="a text"),
    pytest.param(
        {"input": [{"type": "text", "text": "What is it?"}, {"type": "image", "data": "AAAA", "mime_type": "a/b"}]},
        {INPUT: [{"role": USER, "parts": [text("What is it?"), blob("image", 3, "a/b")]}]},
        id="blocks of content are one message",
    ),
    pytest.param(
        {"input": [{"type": "audio", "uri": "https://h/a.wav?sig=abc", "mime_type": "audio/wav"}]},
        {INPUT: [{"role": USER, "parts": [{"type": "uri", "modality": "audio", "mime_type": "audio/wav"}]}]},
        id="media by address",
    ),
    pytest.param(
        {"input": {"type": "text", "text": "One"}}, {INPUT: [{"role": USER, "parts": [text("One")]}]}, id="one"
    ),
    pytest.param(
        {
            "input": [
                {"type": "user_input", "content": [{"type": "text", "text": "First?"}]},
                {"type": "thought", "summary": [{"type": "text", "text": "Hm."}], "signature": "S" * 99},
                {"type": "model_output", "content": [{"type": "text", "text": "Yes."}]},
                {"type": "function_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
                {"type": "function_result", "call_id": "c1", "name": "f", "result": {"b": 2}},
                {"type": "user_input", "content": "Second?"},
            ]
        },
        {
            INPUT: [
                {"role": USER, "parts": [text("First?")]},
                {"role": "assistant", "parts": [text("Hm.", "reasoning"), text("Yes."), call("c1", "f", {"a": 1})]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"b": 2}}]},
                {"role": USER, "parts": [text("Second?")]},
            ]
        },
        id="a whole conversation as steps",
    ),
    pytest.param(
        FUNCTION_RESULTS,
        {
            INPUT: [
                {
                    "role": "tool",
                    "parts": [
                        {
                            "type": "tool_call_response",
                            "id": "un6k8t18",
                            "response": {"content": [{"type": "text", "text": '{"weather": "Sunny and 22°C"}'}]},
                        },
                        {
                            "type": "tool_call_response",
                            "id": "q2w9e7aa",
                            "is_error": True,
                            "response": "upstream weather service timed out",
                        },
                    ],
                }
            ]
        },
        id="results of functions",
    ),
    pytest.param(
        {"input": [{"role": "user", "content": "Q"}, {"role": "model", "content": [{"type": "text", "text": "A"}]}]},
        {INPUT: [{"role": USER, "parts": [text("Q")]}, {"role": "assistant", "parts": [text("A")]}]},
        id="turns of the older dialect",
    ),
    pytest.param(
        {"system_instruction": "Be brief.", "continuation_token": "t"}, {SYSTEM: [text("Be brief.")]}, id="no input"
    ),
    pytest.param(
        {
            "tools": [
                {"type": "function", "name": "f", "description": "Does.", "parameters": {"type": "object"}},
                {"type": "google_search"},
                {"type": "mcp_server", "name": "shop", "url": "https://h/?key=k", "headers": {"Authorization": "S"}},
            ]
        },
        {
            TOOLS: [
                {"type": "function", "name": "f", "description": "Does.", "parameters": {"type": "object"}},
                {"type": "google_search", "name": "google_search"},
                {"type": "mcp_server", "name": "shop"},
            ]
        },
        id="tools; of a server's neither address nor headers",
    ),
    pytest.param({"input": 5, "tools": {}, "system_instruction": None}, {}, id="what makes no sense"),
]


@pytest.mark.parametrize(("request_", "expected"), REQUESTS)
def test_what_was_asked(request_: dict[str, Any], expected: dict[str, Any]) -> None:
    bench = CapturingBench()
    bench.close(create(), content(request=request_))
    found = [dict(event.attributes) for event in bench.told()]

    assert [{name: one[name] for name in CONTENT_NAMES if name in one} for one in found] == (
        [expected] if expected else []
    )
    if expected:
        assert bench.messages() == expected


def test_a_body_that_is_no_json_is_no_content() -> None:
    bench = CapturingBench()
    captured = content()
    captured.request, captured.request_bytes = "no json", 7
    bench.close(create(), captured)

    assert (bench.on_spans(), bench.told()) == ({}, [])


def test_an_input_that_was_too_much_is_said_to_be() -> None:
    bench = CapturingBench()
    captured = content()
    captured.request_bytes = 9_000_000
    bench.close(create(), captured)

    left_out = {"type": "left_out", "parts": 1, "bytes": 9_000_000}
    assert bench.messages() == {INPUT: [{"role": "user", "parts": [left_out]}]}


STEPS = [
    step(0, "google_search_call", 100, 200, id="c1"),
    step(1, "google_search_result", 210, 400, call_id="c1", is_error=False),
    step(2, "function_call", 510, 600, id="f1", name="get_weather"),
]


def test_tools_carry_their_arguments_and_results() -> None:
    """On the span of the execution, and on the step of a call that the client is to carry out."""
    wire = {
        "status": "requires_action",
        "steps": [
            {"type": "google_search_call", "id": "c1", "arguments": {"queries": ["q"]}},
            {"type": "google_search_result", "call_id": "c1", "result": [{"search_suggestions": "s"}]},
            {"type": "function_call", "id": "f1", "name": "get_weather", "arguments": {"city": "Paris"}},
        ],
    }
    bench = CapturingBench()
    bench.close(create(Outcome.REQUIRES_ACTION, stream_steps=STEPS), content(json.dumps(wire).encode(), Body.JSON))
    found = bench.on_spans()

    assert set(found) == {f"generate_content {MODEL}", "execute_tool google_search", "step function_call"}
    assert found["execute_tool google_search"] == {
        names.TOOL_CALL_ARGUMENTS: '{"queries":["q"]}',
        names.TOOL_CALL_RESULT: '[{"search_suggestions":"s"}]',
    }
    assert found["step function_call"] == {names.TOOL_CALL_ARGUMENTS: '{"city":"Paris"}'}


def test_a_result_that_is_a_text_stands_as_a_text() -> None:
    wire = {
        "status": "completed",
        "steps": [
            {"type": "code_execution_call", "id": "c", "arguments": {"code": "1"}},
            {"type": "code_execution_result", "call_id": "c", "result": 'a "quote"\n'},
        ],
    }
    steps = [step(0, "code_execution_call", id="c"), step(1, "code_execution_result", call_id="c")]
    bench = CapturingBench("SPAN_ONLY")
    bench.close(create(stream_steps=steps), content(json.dumps(wire).encode(), Body.JSON))

    assert bench.on_spans()["execute_tool code_execution"][names.TOOL_CALL_RESULT] == 'a "quote"\n'


def test_the_event_speaks_of_its_span() -> None:
    """Name, level, time and ids; beside the content what the interaction's span says by the conventions."""
    bench = CapturingBench("EVENT_ONLY")
    record = create(Outcome.FAILED, request_temperature=0.5, stream_errors=1)
    bench.close(record, content((STREAMS / "text.sse").read_bytes(), request={"input": "Hi"}))
    [event] = bench.told()
    [span] = [one for one in bench.spans.get_finished_spans() if one.name == f"generate_content {MODEL}"]

    assert bench.on_spans() == {}
    assert span.context is not None
    assert (event.trace_id, event.span_id) == (span.context.trace_id, span.context.span_id)
    assert (event.event_name, event.severity_number) == (names.CONTENT_EVENT, SeverityNumber.DEBUG)
    assert event.timestamp == span.end_time
    assert event.body is None
    of_span = {
        name: value for name, value in (span.attributes or {}).items() if name.startswith(("gen_ai.", "server.", "err"))
    }
    found = dict(event.attributes)
    assert {name: found.pop(name) for name in (INPUT, OUTPUT)} == {
        INPUT: [{"role": "user", "parts": [text("Hi")]}],
        OUTPUT: assistant(text("1, 2, 3, 4, 5, 6, 7, 8 — fin."), finish="error"),
    }
    assert {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()} == of_span


@pytest.mark.parametrize(
    ("where", "on_spans", "events"),
    [("NO_CONTENT", 0, 0), ("SPAN_ONLY", 1, 0), ("EVENT_ONLY", 0, 1), ("SPAN_AND_EVENT", 1, 1)],
)
def test_content_goes_where_it_is_wanted(where: str, on_spans: int, events: int) -> None:
    bench = CapturingBench(where)
    bench.close(create(), content((STREAMS / "text.sse").read_bytes()))

    assert (len(bench.on_spans()), len(bench.told())) == (on_spans, events)
    assert bench.value("content_events_total", result="exported") == events


def test_a_poll_tells_the_answer_and_never_an_input() -> None:
    """A body with the input of the interaction in it, as `include_input` brings it."""
    wire = json.loads((STREAMS / "deep_research_poll_3.json").read_bytes())
    wire["steps"].insert(0, {"type": "user_input", "content": [{"type": "text", "text": "QUESTION"}]})
    wire["input"] = "QUESTION"
    bench = CapturingBench()
    bench.close(poll(), content(json.dumps(wire).encode(), Body.JSON))
    [event] = bench.told()

    assert bench.messages() == {
        OUTPUT: assistant(
            text("***Generating research plan***", "reasoning"),
            text("# The Quantum Inflection Point\n\n## Executive Summary\n\nShort."),
        )
    }
    assert event.attributes[names.OPERATION] == "fetch_response"
    assert "QUESTION" not in repr(event.attributes)


def test_a_cancel_has_no_span_for_content() -> None:
    bench = CapturingBench()
    bench.close(cancel(), content((STREAMS / "unary.json").read_bytes(), Body.JSON))

    assert (bench.on_spans(), bench.told()) == ({}, [])


def test_content_of_another_exchange_is_nobodys() -> None:
    """Its own end was lost on the way; the next exchange that ends has not said it."""
    bench = CapturingBench()
    bench.apply(ContentCaptured("lost", content((STREAMS / "text.sse").read_bytes())), create(), create())

    assert (bench.on_spans(), bench.told()) == ({}, [])


def test_what_sampling_leaves_out_tells_nothing() -> None:
    """Neither on spans nor in events."""
    bench = CapturingBench(traces=TraceSettings(keep_ratio=0.0))
    bench.close(create(), content((STREAMS / "text.sse").read_bytes()))

    assert bench.value("spans_total", result="sampled_out") > 0
    assert (bench.on_spans(), bench.told()) == ({}, [])


def test_events_leave_where_no_span_does() -> None:
    bench = CapturingBench("EVENT_ONLY", traced=False)
    bench.close(create(), content((STREAMS / "text.sse").read_bytes()))

    assert len(bench.told()) == 1


def test_a_long_text_passes_the_cut_of_attributes() -> None:
    """Other texts end after 1,024 characters; JSON that did would be none."""
    said = "word " * 5_000
    wire = {"status": "completed", "steps": [{"type": "model_output", "content": said}]}
    bench = CapturingBench()
    bench.close(create(), content(json.dumps(wire).encode(), Body.JSON))

    assert bench.messages() == {OUTPUT: assistant(text(said))}


def records() -> list[ExchangeClosed]:
    return [create(), create(Outcome.FAILED), poll()]


def test_the_log_on_standard_output_never_has_content() -> None:
    bench = CapturingBench()
    for record in records():
        bench.close(record, content((STREAMS / "text.sse").read_bytes(), request={"input": "PROMPTMARKER"}))
    bench.flush()

    assert bench.lines()
    assert "PROMPTMARKER" not in bench.log.getvalue()
    assert "fin." not in bench.log.getvalue()


def test_the_log_says_that_content_is_captured() -> None:
    [line] = [line for line in CapturingBench().lines() if line["event"] == "content_is_captured"]

    assert (line["on_spans"], line["in_log_events"]) == (True, True)
    assert Bench().lines() == []
