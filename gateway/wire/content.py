"""What was captured of one exchange's content, as plain values: what was asked, as JSON, and the steps of the answer.

Not here: how it is found (capture.py, steps_content.py), the conventions' messages (telemetry/messages.py).
Promise: bounded by whoever fills it. It holds prompts and answers: only a process that sends them on may keep one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MEDIA = frozenset({"image", "audio", "video", "document"})

# Kinds of parts
TEXT, REASONING, ARGUMENTS, RESULT, BLOB, URI = "text", "reasoning", "arguments", "result", "blob", "uri"


@dataclass(slots=True)
class Part:
    """A piece of a step's content. text: as much as there was room for, of arguments and results as JSON.

    missing: bytes of the text that are not there. Of media only what it is: modality, mime type, and the size of
    inline data in bytes (None where it was a URI).
    """

    kind: str
    text: str = ""
    missing: int = 0
    modality: str | None = None
    mime_type: str | None = None
    size: int | None = None


@dataclass(slots=True)
class StepContent:
    """The content of one step. type: as on the wire, cut. id: of a call, or the call's of a result."""

    index: int
    type: str
    id: str | None = None
    name: str | None = None
    server_name: str | None = None
    is_error: bool | None = None
    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Content:
    """What was captured of an exchange.

    request: an excerpt of the request's JSON; None: there was none, or it was too much. request_bytes: of the whole.
    steps: of the answer, in order of their start. beyond_parts, beyond_bytes: parts of it that are counted only.
    """

    request: str | None = None
    request_bytes: int = 0
    steps: list[StepContent] = field(default_factory=list)
    beyond_parts: int = 0
    beyond_bytes: int = 0
