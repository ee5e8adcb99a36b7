"""Steps to their content: of streamed events, of a whole body, of a request's input; bounded whatever they hold.

Not here: bytes (capture.py), which role a step has in a conversation (telemetry/messages.py).
Source: interactions-api.md 2, 4. Promise: nothing raises for what the wire holds; media and signatures are never kept.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from gateway.wire.content import ARGUMENTS, BLOB, MEDIA, REASONING, RESULT, TEXT, URI, Part, StepContent
from gateway.wire.excerpt import base64_bytes, marked, missing_inside
from gateway.wire.facts import NAME_MAX_CHARS, cut
from gateway.wire.room import Room, Text, whole_characters

MAX_STEPS = 256
MAX_PARTS = 512  # of all steps together
MAX_THOUGHTS = 32  # of one step; what comes then is added to the last
MAX_DEPTH = 64  # of a tool's result, and of arguments that are too deep to be written

_OTHER = "other"


class _Step:
    """A step that may grow. text: of its last part, None where that is media. kept: False: it is only counted."""

    __slots__ = ("content", "kept", "text", "thoughts")

    def __init__(self, content: StepContent, kept: bool) -> None:
        self.content = content
        self.kept = kept
        self.text: Text | None = None
        self.thoughts = 0


class StepsContent:
    """Takes the steps of an answer or of an input. room_bytes: for all texts together."""

    def __init__(self, room_bytes: int) -> None:
        self._room = Room(room_bytes)
        self._steps: list[_Step] = []
        self._texts: dict[int, tuple[Part, Text]] = {}  # by the identity of the part
        self._inside: dict[int, int] = {}  # by the same: bytes that a JSON value says are missing inside
        self._at: dict[int, _Step] = {}  # by index, the last that started there
        self._parts = 0
        self.beyond_parts = 0
        self.beyond_bytes = 0

    def event(self, wire: object, name: str | None) -> None:
        """Take an event of a stream. name: of the event, where its JSON says none."""
        if not isinstance(wire, dict):
            return
        said = wire.get("event_type")
        type_ = said if isinstance(said, str) else name
        if type_ == "step.delta":
            delta, index = wire.get("delta"), _index(wire)
            if isinstance(delta, dict) and index is not None:
                self._delta(self._at.get(index) or self._started(index, {}), delta)
        elif type_ == "step.start":
            step, index = wire.get("step"), _index(wire)
            if isinstance(step, dict) and index is not None:
                self._whole(self._started(index, step), step)
        elif type_ == "interaction.completed" and not self._steps:
            # by the API's types its steps may stand there; a stream that told them says the same twice
            interaction = wire.get("interaction")
            if isinstance(interaction, dict):
                self.steps(interaction.get("steps"))

    def steps(self, wire: object) -> None:
        """Take steps that are whole."""
        for index, step in enumerate(wire if isinstance(wire, list) else ()):
            if isinstance(step, dict):
                self._whole(self._started(index, step), step)

    def unread(self, size: int) -> None:
        """Something of that size could not be read."""
        self.beyond_parts += 1
        self.beyond_bytes += size

    def taken(self) -> list[StepContent]:
        """The steps that have any content, with their texts as they are now."""
        for part, text in self._texts.values():
            shown = whole_characters(bytes(text.data)) if text.missing else bytes(text.data)
            part.text = shown.decode("utf-8", "replace")
            part.missing = text.missing + len(text.data) - len(shown)
            if part.missing and part.kind in (ARGUMENTS, RESULT):
                # what an excerpt had left out behind the cut: nobody else says it
                part.missing += max(0, self._inside.get(id(part), 0) - missing_inside(shown))
        return [step.content for step in self._steps if step.content.parts or step.content.id is not None]

    def _started(self, index: int, wire: dict[str, Any]) -> _Step:
        content = StepContent(
            index,
            cut(wire.get("type"), NAME_MAX_CHARS) or _OTHER,
            cut(wire.get("id")) or cut(wire.get("call_id")),
            cut(wire.get("name")),
            cut(wire.get("server_name")),
        )
        step = _Step(content, len(self._steps) < MAX_STEPS)
        if step.kept:
            self._steps.append(step)
            self._at[index] = step
        else:
            self._at.pop(index, None)
        return step

    def _delta(self, step: _Step, delta: dict[str, Any]) -> None:
        type_ = delta.get("type")
        if type_ == "text" or (not isinstance(type_, str) and isinstance(delta.get("text"), str)):
            text = delta.get("text")
            if isinstance(text, str):
                self._grow(step, REASONING if step.content.type == "thought" else TEXT, text)
        elif type_ == "arguments_delta":
            fragment = delta.get("arguments")
            if isinstance(fragment, str):
                self._grow(step, ARGUMENTS, fragment)
        elif type_ == "thought_summary":
            self._block(step, delta.get("content"), REASONING)
        elif isinstance(type_, str) and type_ in MEDIA:
            self._media(step, delta)
        else:
            self._call_or_result(step, delta)

    def _whole(self, step: _Step, wire: dict[str, Any]) -> None:
        kind = REASONING if step.content.type == "thought" else TEXT
        for name in ("content", "summary"):
            blocks = wire.get(name)
            if isinstance(blocks, str):
                self._new(step, kind, blocks)
            elif isinstance(blocks, dict):
                self._block(step, blocks, kind)
            elif isinstance(blocks, list):
                for block in blocks:
                    self._block(step, block, kind)
        self._call_or_result(step, wire)

    def _block(self, step: _Step, block: object, kind: str) -> None:
        """A block of content: a text of that kind, or media."""
        if isinstance(block, str):
            self._new(step, kind, block)
        elif isinstance(block, dict):
            text = block.get("text")
            if isinstance(block.get("type"), str) and block["type"] in MEDIA:
                self._media(step, block)
            elif isinstance(text, str):
                self._new(step, kind, text)

    def _call_or_result(self, step: _Step, wire: dict[str, Any]) -> None:
        content = step.content
        content.name = cut(wire.get("name")) or content.name
        content.server_name = cut(wire.get("server_name")) or content.server_name
        is_error = wire.get("is_error")
        if isinstance(is_error, bool):
            content.is_error = is_error
        # an empty object in a step's start only holds the place of what its deltas bring
        if wire.get("arguments"):
            self._replace(step, ARGUMENTS, as_json(wire["arguments"]))
        if wire.get("result") is not None:
            self._replace(step, RESULT, as_json(without_media(wire["result"])))

    def _replace(self, step: _Step, kind: str, data: bytes) -> None:
        """What a step has once: the last word holds."""
        inside = missing_inside(data)
        for part in step.content.parts:
            if part.kind == kind:
                _, text = self._texts[id(part)]
                self._room.clear(text)
                self._room.add(text, data)
                self._inside[id(part)] = inside
                return
        opened = self._opened(step, kind, len(data) + inside)
        if opened is not None:
            self._room.add(opened, data)
            self._inside[id(step.content.parts[-1])] = inside

    def _grow(self, step: _Step, kind: str, text: str) -> None:
        """More of the step's last part, if that is of this kind."""
        parts = step.content.parts
        if parts and parts[-1].kind == kind and step.text is not None:
            self._add(step.text, text)
        else:
            self._new(step, kind, text)

    def _new(self, step: _Step, kind: str, said: str) -> None:
        if kind == REASONING:
            step.thoughts += 1
            if step.thoughts > MAX_THOUGHTS and step.text is not None:
                self._add(step.text, said)
                return
        text = self._opened(step, kind, len(said.encode("utf-8", "replace")))
        if text is not None:
            self._add(text, said)

    def _opened(self, step: _Step, kind: str, size: int) -> Text | None:
        part = Part(kind)
        if not self._fits(step, part, size):
            return None
        text = step.text = self._room.text()
        self._texts[id(part)] = (part, text)
        return text

    def _add(self, text: Text, said: str) -> None:
        """Let a text grow by what an excerpt may have cut already."""
        shown, missing, left_out = marked(said)
        self._room.add(text, shown.encode("utf-8", "replace"))
        text.missing += missing + (left_out or 0)

    def _media(self, step: _Step, wire: dict[str, Any]) -> None:
        modality = str(wire["type"])
        mime_type, size = cut(wire.get("mime_type"), NAME_MAX_CHARS), _size(wire)
        parts = step.content.parts
        # chunks of one sound; an image's delta is an image
        if modality == "audio" and parts and parts[-1].modality == "audio" and size is not None:
            sound = parts[-1]
            sound.size = (sound.size or 0) + size
            sound.mime_type = sound.mime_type or mime_type
            return
        part = Part(URI if size is None else BLOB, modality=modality, mime_type=mime_type, size=size)
        if self._fits(step, part, size or 0):
            step.text = None

    def _fits(self, step: _Step, part: Part, size: int) -> bool:
        if self._parts >= MAX_PARTS or not step.kept:
            self.unread(size)
            return False
        self._parts += 1
        step.content.parts.append(part)
        return True


def without_media(value: Any, depth: int = 0) -> Any:
    """A JSON value with its media reduced to what they are."""
    if isinstance(value, dict):
        type_ = value.get("type")
        if isinstance(type_, str) and type_ in MEDIA and ("data" in value or "uri" in value):
            size, mime_type = _size(value), cut(value.get("mime_type"), NAME_MAX_CHARS)
            reduced: dict[str, Any] = {"type": URI if size is None else BLOB, "modality": type_, "mime_type": mime_type}
            return reduced if size is None else reduced | {"size_bytes": size}
        return {name: without_media(item, depth + 1) for name, item in value.items()} if depth < MAX_DEPTH else None
    if isinstance(value, list):
        return [without_media(item, depth + 1) for item in value] if depth < MAX_DEPTH else None
    return value


def _size(wire: dict[str, Any]) -> int | None:
    """The size of inline data in bytes; None where there is none."""
    data = wire.get("data")
    if not isinstance(data, str):
        return None
    before, missing, size = marked(data)
    if size is not None:
        return size
    return base64_bytes(len(before) + missing, data[-2:].encode("utf-8", "replace") if not missing else b"")


def as_json(value: Any) -> bytes:
    """The text of a value that the wire held; what is too deep to be written is cut."""
    if isinstance(value, dict | list | str):
        try:
            return orjson.dumps(value)
        except (TypeError, ValueError):  # half a surrogate pair, an integer over 64 bits
            pass
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    except RecursionError:  # it can be read deeper than it can be written
        return as_json(without_media(value))


def _index(wire: dict[str, Any]) -> int | None:
    index = wire.get("index")
    return index if type(index) is int and 0 <= index < 1 << 31 else None
