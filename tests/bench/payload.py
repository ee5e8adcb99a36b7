"""What the upstream of the bench answers, whole, by a short text that client and upstream both read.

    unary:2048            a JSON answer of so many bytes
    burst:60:150          a stream of 60 deltas of 150 B of text, sent at once, an event by a write of its own
    whole:600:150         the same of 600, sent by one write
    steps:10:3            a stream of 10 steps of 3 deltas each, sent at once
    image:4x262144+1x4194304   a stream of images of so many bytes of base64, sent at once
    paced:500:150:20      a stream of 500 deltas of 150 B, one each 20 ms
    image:5x524288:400    a stream of 5 images of so many bytes, one each 400 ms

Not here: sockets, HTTP. Source: interactions-api.md for the shapes of events.
Promise: one text gives the same bytes in every process. The text of a paced delta begins with a stamp of STAMP_BYTES
hex digits, the moment of sending (CLOCK_MONOTONIC, ns); in `body` it is STAMP.
"""

from __future__ import annotations

import base64
import functools
import random
from dataclasses import dataclass
from typing import Final

STAMP: Final = b"0" * 16
STAMP_BYTES: Final = len(STAMP)
MODEL: Final = "gemini-3-flash-preview"
SEED: Final = 5
WORDS: Final = (
    b"the quick stream carries one word after another until a thought is whole and then it stops for a while "
)

_CREATED: Final = (
    b'{"interaction":{"id":"v1_BenchInteraction01","status":"in_progress","object":"interaction",'
    b'"model":"gemini-3-flash-preview"},"event_type":"interaction.created"}'
)
_USAGE: Final = (
    b'"usage":{"total_tokens":346,"total_input_tokens":11,"input_tokens_by_modality":[{"modality":"text","tokens":11}],'
    b'"total_cached_tokens":0,"total_output_tokens":90,"total_tool_use_tokens":0,"total_thought_tokens":245}'
)
_COMPLETED: Final = (
    b'{"interaction":{"id":"v1_BenchInteraction01","status":"completed",%b,"created":"2026-05-12T18:44:51Z",'
    b'"updated":"2026-05-12T18:44:51Z","service_tier":"standard","object":"interaction",'
    b'"model":"gemini-3-flash-preview"},"event_type":"interaction.completed"}'
) % _USAGE


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream. stamp_at: where in it the stamp stands, if it has one."""

    text: bytes
    is_delta: bool = False
    stamp_at: int | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """An answer. events: of a stream, in order; empty for JSON. pace_ms: between deltas; 0: all at once.

    joined: its events are sent by one write.
    """

    body: bytes
    events: tuple[Event, ...]
    pace_ms: int
    joined: bool = False

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream."""
        return bool(self.events)

    @property
    def deltas(self) -> int:
        """How many deltas it has."""
        return sum(event.is_delta for event in self.events)

    def stamps(self) -> list[int]:
        """Where in the body the stamps stand."""
        found, at = [], 0
        for event in self.events:
            if event.stamp_at is not None:
                found.append(at + event.stamp_at)
            at += len(event.text)
        return found


@functools.lru_cache(maxsize=64)
def payload(spec: str) -> Payload:
    """The answer that the text asks for. Raises ValueError for a text that asks for none."""
    kind, *values = spec.split(":")
    try:
        if kind == "unary":
            return Payload(_unary(int(values[0])), (), 0)
        if kind in ("burst", "whole"):
            count, size = map(int, values)
            return _stream(_step(0, [_text(0, size, stamped=False)] * count), 0, joined=kind == "whole")
        if kind == "steps":
            steps, deltas = map(int, values)
            return _stream([event for n in range(steps) for event in _tool_or_text(n, deltas)], 0)
        if kind == "image":
            sizes = [int(size) for part in values[0].split("+") for size in _repeated(part)]
            return _stream(_step(0, [_image(0, size) for size in sizes]), int(values[1]) if values[1:] else 0)
        if kind == "paced":
            count, size, pace_ms = map(int, values)
            return _stream(_step(0, [_text(0, size, stamped=True)] * count), pace_ms)
    except (IndexError, TypeError) as error:
        raise ValueError(spec) from error
    raise ValueError(spec)


def _repeated(part: str) -> list[str]:
    times, _, size = part.partition("x")
    return [size] * int(times)


def _stream(middle: list[Event], pace_ms: int, *, joined: bool = False) -> Payload:
    events = (
        _event("interaction.created", _CREATED),
        *middle,
        _event("interaction.completed", _COMPLETED),
        _event("done", b"[DONE]"),
    )
    return Payload(b"".join(event.text for event in events), events, pace_ms, joined)


def _event(name: str, data: bytes) -> Event:
    return Event(b"event: %b\ndata: %b\n\n" % (name.encode(), data))


def _step(index: int, deltas: list[Event], kind: bytes = b"model_output") -> list[Event]:
    start = b'{"index":%d,"step":{"type":"%b"},"event_type":"step.start"}' % (index, kind)
    stop = b'{"index":%d,"event_type":"step.stop"}' % index
    return [_event("step.start", start), *deltas, _event("step.stop", stop)]


def _tool_or_text(index: int, deltas: int) -> list[Event]:
    """Thinking and answering by turns, as agents do."""
    if index % 2:
        return _step(index, [_text(index, 150, stamped=False)] * deltas)
    signature = b'{"index":%d,"delta":{"signature":"EpwGCpkGAdHtim8kFAKE","type":"thought_signature"},' % index
    delta = Event(_event("step.delta", signature + b'"event_type":"step.delta"}').text, is_delta=True)
    return _step(index, [delta] * deltas, b"thought")


def _text(index: int, size: int, *, stamped: bool) -> Event:
    words = STAMP + WORDS * (size // len(WORDS) + 1)
    data = b'{"index":%d,"delta":{"text":"%b","type":"text"},"event_type":"step.delta"}' % (index, words[:size])
    text = _event("step.delta", data).text
    if stamped and size < STAMP_BYTES:
        raise ValueError(f"a paced delta has at least {STAMP_BYTES} B of text")
    return Event(text, is_delta=True, stamp_at=text.index(STAMP) if stamped else None)


def _image(index: int, size: int) -> Event:
    picture = base64.b64encode(random.Random(SEED).randbytes(size * 3 // 4))
    data = b'{"index":%d,"delta":{"mime_type":"image/png","data":"%b","type":"image"},"event_type":"step.delta"}' % (
        index,
        picture,
    )
    return Event(_event("step.delta", data).text, is_delta=True)


def _unary(size: int) -> bytes:
    form = (
        b'{\n "id": "v1_BenchInteraction01",\n "status": "completed",\n "steps": [\n  {\n   "type": "model_output",\n'
        b'   "content": [\n    {\n     "type": "text",\n     "text": "%b"\n    }\n   ]\n  }\n ],\n %b,\n'
        b' "created": "2026-05-12T18:44:51Z",\n "object": "interaction",\n "model": "gemini-3-flash-preview"\n}\n'
    )
    room = size - len(form % (b"", _USAGE))
    if room < 0:
        raise ValueError(f"an answer has at least {size - room} B")
    return form % ((WORDS * (room // len(WORDS) + 1))[:room], _USAGE)
