"""What is told of an exchange's content: on its spans as JSON texts, on its log event as structured values.

Not here: the messages' form (messages.py), secrets (redaction.py), sizes (trimming.py), events (content_events.py).
Source: telemetry-conventions.md 1.3, 2.7. Promise: nothing is told unsearched; all that is told of one exchange is at
most max_bytes of JSON, and what tool spans repeat is a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.http_attributes import Whole
from gateway.telemetry.messages import messages_of
from gateway.telemetry.nodes import Node
from gateway.telemetry.redaction import Redactor
from gateway.telemetry.trimming import Json, Section, clean, shown, trim
from gateway.wire.content import Content
from gateway.wire.outcome import Outcome, Route

# The conventions' word for why a message ended; not the list's of the span (`tool_calls`).
_FINISH = {
    Outcome.COMPLETED: "stop",
    Outcome.REQUIRES_ACTION: "tool_call",
    Outcome.INCOMPLETE: "length",
    Outcome.BUDGET_EXCEEDED: "length",
    Outcome.REQUIRES_CONTINUATION: None,
    Outcome.IN_PROGRESS: None,
    Outcome.UNKNOWN_STATUS: None,
}
_FINISH_BYTES = len(b',"finish_reason":"tool_call"')


@dataclass(slots=True)
class Told:
    """Ready to be told. by_name: lists of messages, parts or definitions by attribute. steps: see dress()."""

    by_name: dict[str, list[Json]] = field(default_factory=dict)
    steps: list[tuple[int, str, Any]] = field(default_factory=list)  # index, attribute, value

    def texts(self) -> dict[str, Whole]:
        """As attributes of a span."""
        return {name: _as_text(value) for name, value in self.by_name.items()}

    @property
    def size(self) -> int:
        """Bytes of JSON, about."""
        return sum(len(orjson.dumps(value)) for value in self.by_name.values())


class Teller:
    """Makes what is told of captured content."""

    def __init__(self, redactor: Redactor, max_bytes: int) -> None:
        self._redactor = redactor
        self._max_bytes = max_bytes

    def told(self, content: Content, record: ExchangeClosed) -> Told:
        """Raises TooSlowError where the content can't be searched for secrets in time."""
        made = messages_of(content, asks=record.route is Route.CREATE)
        sections = {
            names.INPUT_MESSAGES: Section(
                [(message.role, part) for message in made.input for part in message.parts], oldest_go_first=True
            ),
            names.OUTPUT_MESSAGES: Section([(message.role, part) for message in made.output for part in message.parts]),
            names.SYSTEM_INSTRUCTIONS: Section([(None, part) for part in made.system]),
            names.TOOL_DEFINITIONS: Section([(None, part) for part in made.tools]),
        }
        self._redactor.begin()
        for section in sections.values():
            for _, part in section.items:
                clean(part, self._redactor.text)
        finish = _FINISH.get(record.outcome, "error")
        level = trim(list(sections.values()), self._max_bytes - _FINISH_BYTES)
        told = Told({name: section.told(level) for name, section in sections.items() if section.items})
        answer = told.by_name.get(names.OUTPUT_MESSAGES)
        if answer and finish is not None:
            answer[-1]["finish_reason"] = finish
        kept = {id(part) for _, part in sections[names.OUTPUT_MESSAGES].items}
        for step, parts in made.steps:
            for part in parts:
                if id(part) in kept:
                    told.steps += [(step.index, name, value) for name, value in _tool(shown(part, level))]
        return told


def dress(root: Node, told: Told) -> None:
    """Put content on the spans of an exchange: the interaction's, and those of its tools and function calls."""
    for node in root.children:
        if names.OPERATION in node.attributes:
            node.attributes.update(told.texts())
            of_steps: dict[tuple[int, str], list[Any]] = {}
            for index, name, value in told.steps:
                of_steps.setdefault((index, name), []).append(value)
            for child in node.children:
                _dress_step(child, of_steps)


def _dress_step(node: Node, of_steps: dict[tuple[int, str], list[Any]]) -> None:
    found = [child.attributes.get(names.STEP_INDEX) for child in node.children] or [
        node.attributes.get(names.STEP_INDEX) if names.TOOL_NAME in node.attributes else None
    ]
    for index in found:
        for name in (names.TOOL_CALL_ARGUMENTS, names.TOOL_CALL_RESULT):
            values = of_steps.get((index, name)) if isinstance(index, int) else None
            if values:
                value = values.pop(0)
                node.attributes[name] = Whole(value) if isinstance(value, str) else _as_text(value)


def _tool(part: Json) -> list[tuple[str, Any]]:
    details = part.get("server_tool_call") or part.get("server_tool_call_response") or part
    found = []
    for key, name in (
        ("arguments", names.TOOL_CALL_ARGUMENTS),
        ("result", names.TOOL_CALL_RESULT),
        ("response", names.TOOL_CALL_RESULT),
    ):
        if key in details and part["type"] != "text":
            found.append((name, details[key]))
    return found


def _as_text(value: Any) -> Whole:
    return Whole(orjson.dumps(value).decode())
