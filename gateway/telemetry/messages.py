"""Captured content as the GenAI conventions' messages: roles, parts, system instructions, tool definitions.

Not here: secrets (redaction.py), sizes (trimming.py), where messages go (content.py).
Source: telemetry-conventions.md 1.3, 2.7; the conventions' JSON schemas of messages; interactions-api.md 2 and 4.
Promise: what the wire holds beside texts, calls and results (signatures, media, headers of tools) is not taken over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gateway.telemetry.trimming import Leaf
from gateway.wire.content import ARGUMENTS, BLOB, REASONING, RESULT, TEXT, URI, Content, Part, StepContent
from gateway.wire.events import SERVER_TOOLS
from gateway.wire.excerpt import marked
from gateway.wire.facts import NAME_MAX_CHARS, Invalid, cut
from gateway.wire.jsontext import load_json
from gateway.wire.steps_content import StepsContent, as_json

Json: TypeAlias = dict[str, Any]

USER, ASSISTANT, TOOL = "user", "assistant", "tool"
_ROLES = {"user_input": USER, "function_result": TOOL}
_TURN_STEPS = {"user": "user_input", "model": "model_output", "assistant": "model_output"}
_SERVER_CALLS = {f"{tool}_call": tool for tool in SERVER_TOOLS}
_SERVER_RESULTS = {f"{tool}_result": tool for tool in SERVER_TOOLS}
_MARK = re.compile(r"\\u0000(?:cut|media):(\d{1,18})")  # of an excerpt, in a JSON text that is not whole
# Readers of protobuf take 100 messages in one another, and an object in a log event is three: what is deeper is text.
MAX_DEPTH = 24
_ROOM_BYTES = 1 << 40  # the excerpt is bounded already


@dataclass(slots=True)
class Message:
    """A message: its parts are JSON objects whose long texts are leaves."""

    role: str
    parts: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class Messages:
    """All content of an exchange, before secrets and sizes. steps: the answer's parts of each step, for tool spans."""

    input: list[Message] = field(default_factory=list)
    output: list[Message] = field(default_factory=list)
    system: list[Json] = field(default_factory=list)
    tools: list[Json] = field(default_factory=list)
    steps: list[tuple[StepContent, list[Json]]] = field(default_factory=list)


def messages_of(content: Content, *, asks: bool) -> Messages:
    """asks: the exchange has an input of its own; one that only fetches an answer has none."""
    made = Messages()
    if asks and content.request is not None:
        request = load_json(content.request.encode("utf-8", "replace"))
        if isinstance(request, dict):
            made.input = _conversation(_input_steps(request.get("input")))
            made.system = list(_system(request.get("system_instruction")))
            made.tools = list(_tools(request.get("tools")))
    elif asks and content.request_bytes:
        made.input = [Message(USER, [_left_out(1, content.request_bytes)])]
    answer = [step for step in content.steps if step.type != "user_input"]
    for step in answer:
        parts = list(_parts(step))
        made.steps.append((step, parts))
        _say(made.output, _ROLES.get(step.type, ASSISTANT), parts)
    if content.beyond_parts:
        _say(made.output, ASSISTANT, [_left_out(content.beyond_parts, content.beyond_bytes)])
    return made


def _left_out(parts: int, size: int) -> Json:
    return {"type": "left_out", "parts": parts, "bytes": size}


def _conversation(steps: StepsContent) -> list[Message]:
    said: list[Message] = []
    for step in steps.taken():
        _say(said, _ROLES.get(step.type, ASSISTANT), list(_parts(step)))
    if steps.beyond_parts:
        _say(said, USER, [_left_out(steps.beyond_parts, steps.beyond_bytes)])
    return said


def _say(said: list[Message], role: str, parts: list[Json]) -> None:
    if not parts:
        return
    if not said or said[-1].role != role:
        said.append(Message(role))
    said[-1].parts += parts


def _input_steps(wire: object) -> StepsContent:
    """A text, blocks of content, steps, or turns of the older dialect: all as steps."""
    items = wire if isinstance(wire, list) else [wire]
    steps: list[Json] = []
    for wired in items:
        item = {"type": "text", "text": wired} if isinstance(wired, str) else wired
        if not isinstance(item, dict):
            continue
        type_, role = item.get("type"), item.get("role")
        if isinstance(role, str) and not isinstance(type_, str):
            steps.append({"type": _TURN_STEPS.get(role, "user_input"), "content": item.get("content")})
        elif "text" in item or "data" in item or "uri" in item:
            if steps and steps[-1].get("blocks"):
                steps[-1]["content"].append(item)
            else:
                steps.append({"type": "user_input", "content": [item], "blocks": True})
        else:
            steps.append(item)
    found = StepsContent(_ROOM_BYTES)
    found.steps(steps)
    return found


def _system(wire: object) -> Iterator[Json]:
    found = _input_steps(wire)
    for step in found.taken():
        yield from _parts(step)


def _tools(wire: object) -> Iterator[Json]:
    for tool in wire if isinstance(wire, list) else ():
        if not isinstance(tool, dict):
            continue
        type_ = cut(tool.get("type"), NAME_MAX_CHARS) or "function"
        # of other tools' settings nothing: the headers of an mcp_server are keys
        definition: Json = {"type": type_, "name": cut(tool.get("name")) or type_}
        if type_ == "function":
            if isinstance(tool.get("description"), str):
                definition["description"] = _text(tool["description"])
            if isinstance(tool.get("parameters"), dict):
                definition["parameters"] = Leaf(value=unmarked(tool["parameters"]))
        yield definition


def _parts(step: StepContent) -> Iterator[Json]:
    of_tool = _tool_part(step)
    if of_tool is not None:
        yield of_tool
    for part in step.parts:
        if part.kind in (TEXT, REASONING):
            yield {"type": part.kind, "content": _text(part.text, part.missing)}
        elif part.kind in (BLOB, URI):
            yield _present(
                {"type": part.kind, "modality": part.modality, "mime_type": part.mime_type, "size_bytes": part.size}
            )


def _tool_part(step: StepContent) -> Json | None:
    """A call or a result: of the client's functions, or of a server's tools, which are wrapped once more."""
    kinds = {part.kind: part for part in step.parts}
    arguments, result = _value(kinds.get(ARGUMENTS)), _value(kinds.get(RESULT))
    is_error = step.is_error or None
    if step.type in _SERVER_CALLS:
        tool = _SERVER_CALLS[step.type]
        call: Json = {"type": tool, "server_name": step.server_name, "arguments": arguments}
        name = step.name or tool
        return _present({"type": "server_tool_call", "id": step.id, "name": name, "server_tool_call": _present(call)})
    if step.type in _SERVER_RESULTS:
        answer: Json = {"type": _SERVER_RESULTS[step.type], "server_name": step.server_name, "is_error": is_error}
        answer["result"] = result
        part: Json = {"type": "server_tool_call_response", "id": step.id, "server_tool_call_response": _present(answer)}
        return _present(part)
    if step.type == "function_result" or (result is not None and step.type != "function_call"):
        response = {"type": "tool_call_response", "id": step.id, "is_error": is_error, "response": result}
        return _present(response)
    if step.type == "function_call" or arguments is not None:
        return _present({"type": "tool_call", "id": step.id, "name": step.name or step.type, "arguments": arguments})
    return None


def _value(part: Part | None) -> Leaf | None:
    """Arguments or a result: the JSON value, or the beginning of its text."""
    if part is None:
        return None
    value = Invalid.SIZE if part.missing else load_json(part.text.encode("utf-8", "replace"))
    if isinstance(value, Invalid):
        # an empty sum of fragments means {} (interactions-api.md 9.31)
        text = _MARK.sub(lambda mark: f"…[{mark[1]} bytes cut]", part.text)
        return Leaf(text, part.missing) if part.missing or text.strip() else Leaf(value={})
    return _text(value) if isinstance(value, str) else Leaf(value=unmarked(value))


def _utf8(text: str) -> str:
    """Text that JSON and OTLP can hold: half a surrogate pair is lost."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(text: str, missing: int = 0) -> Leaf:
    shown, cut_bytes, left_out = marked(text)
    return Leaf(_utf8(shown), missing + cut_bytes + (left_out or 0))


def unmarked(value: Any, depth: int = 0) -> Any:
    """A JSON value of an excerpt; what is missing in its texts is said where it is missing."""
    if isinstance(value, str):
        shown, missing, left_out = marked(value)
        missing += left_out or 0
        return Leaf(_utf8(shown), missing) if missing else _utf8(value)
    if depth >= MAX_DEPTH and isinstance(value, dict | list):
        deep = as_json(value).decode()
        # half a secret may stand before what is missing in the middle of it
        return None if _MARK.search(deep) else deep
    if isinstance(value, dict):
        return {_utf8(name): unmarked(item, depth + 1) for name, item in value.items()}
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    return [unmarked(item, depth + 1) for item in value] if isinstance(value, list) else value


def _present(found: Json) -> Json:
    return {name: value for name, value in found.items() if value is not None}
