"""What a tap may meet, by class: the scenarios and recorded streams, ordinary streams, and what is made to hurt.

Not here: what should be known of it. `scale` makes the made ones larger: 1 for a table, less for a quick look.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from gateway.simulator.catalogue import scenarios
from gateway.wire.outcome import Body
from gateway.wire.response import body_kind
from tests.wire.pieces import STREAMS

MIB = 1024 * 1024
CREATED = b'data: {"event_type":"interaction.created","interaction":{"id":"a","status":"in_progress"}}\n\n'
START = b'data: {"event_type":"step.start","index":%d,"step":{"type":"%b"}}\n\n'
STOP = b'data: {"event_type":"step.stop","index":%d}\n\n'
DELTA = b'event: step.delta\ndata: {"index":%d,"delta":{"text":"%b","type":"text"},"event_type":"step.delta"%b}\n\n'
BEGUN = CREATED + START % (0, b"model_output")
TEXT = b"The quick brown fox jumps over the lazy dog, twi."
USAGE = b',"metadata":{"total_usage":{"total_tokens":142,"total_input_tokens":18,"total_output_tokens":12}}'
IMAGE = b'event: step.delta\ndata: {"index":0,"delta":{"type":"image","data":"'
AFTER = b'"},"event_type":"step.delta"}\n\n'


@dataclass(frozen=True, slots=True)
class Input:
    """One response body, as its bytes travel."""

    data: bytes
    body: Body = Body.STREAM
    coding: str | None = None
    status: int = 200


Make = Callable[[float], Iterator[Input]]


def _played(_: float) -> Iterator[Input]:
    for scenario in scenarios().values():
        for answer in (scenario.answer, *scenario.polls):
            data = b"".join(event.wire for event in answer.events)
            yield Input(data, body_kind(answer.content_type), status=answer.status)
            yield Input(gzip.compress(data), body_kind(answer.content_type), "gzip", answer.status)


def _recorded(_: float) -> Iterator[Input]:
    for path in sorted(STREAMS.iterdir()):
        yield Input(path.read_bytes(), Body.STREAM if path.suffix == ".sse" else Body.JSON)


def _stream(unit: bytes, times: int) -> Make:
    """This, as often as that, behind a right beginning."""

    def make(scale: float) -> Iterator[Input]:
        yield Input(BEGUN + unit * max(1, int(times * scale)))

    return make


def _numbered(unit: str, times: int) -> Make:
    """The same with a number in each."""

    def make(scale: float) -> Iterator[Input]:
        yield Input(BEGUN + b"".join((unit % number).encode() for number in range(max(1, int(times * scale)))))

    return make


def _line(unit: bytes, size: int, before: bytes = b'data: {"a":[', after: bytes = b"0]}\n\n") -> Make:
    """One event whose one line holds so many bytes of these."""

    def make(scale: float) -> Iterator[Input]:
        yield Input(BEGUN + before + unit * max(1, int(size * scale) // len(unit)) + after)

    return make


def _small_lines(unit: bytes, before: bytes = b'data: {"a":[', after: bytes = b"0]}\n\n") -> Make:
    """Many events that are just not skimmed."""
    line = before + unit * ((16_000 - len(before)) // len(unit)) + after
    return _stream(line, 64)


def _citations(scale: float) -> Iterator[Input]:
    """A large answer as there may be: hundreds of sources, in a stream's last event and as a whole body."""
    source = {"type": "url_citation", "url": "https://example.org/" + "p" * 90, "title": "t" * 40, "start_index": 1}
    text = {"type": "text", "text": "x" * 3_000, "annotations": [source] * int(900 * scale)}
    wire = {"id": "a", "status": "completed", "steps": [{"type": "model_output", "content": [text]}]}
    yield Input(
        BEGUN + b"data: " + json.dumps({"event_type": "interaction.completed", "interaction": wire}).encode() + b"\n\n"
    )
    yield Input(json.dumps(wire).encode(), Body.JSON)


def _bodies(scale: float) -> Iterator[Input]:
    """Whole bodies that are hard to read, right and wrong, small and large."""
    for unit in (
        b"[],",
        b'{"a":0},',
        b'"",',
        b"1e9,",
        b'"\\"\\"\\"",',
        b'"' + b"x" * 900 + b'",',
        b"[" * 500 + b"]" * 500 + b",",
    ):
        for size in (15_000, 250_000, int(4 * MIB * scale)):
            for end in (b"0]}", b"NaN]}", b""):
                yield Input(b'{"status":"completed","steps":[' + unit * (size // len(unit)) + end, Body.JSON)
        yield Input(b'{"error":[' + unit * (15_000 // len(unit)) + b"0]}", Body.JSON, status=400)
        yield Input(b'{"error":[' + unit * (15_000 // len(unit)) + b"0]}", Body.STREAM)


def _bombs(*codings: str) -> Make:
    """Small bodies that unpack to 64 MiB: of nothing, of an image, of deltas."""

    def make(scale: float) -> Iterator[Input]:
        for unit, begun in ((b"\n", b""), (b"A", IMAGE), (DELTA % (0, TEXT, b""), b"")):
            plain = BEGUN + begun + unit * int(64 * MIB * scale / len(unit))
            for coding in codings:
                yield Input(_packed(plain, coding), coding=coding)

    return make


def _packed(plain: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.compress(plain, 6)
    if coding == "deflate":
        return zlib.compress(plain, 6)
    if coding == "br":
        return bytes(brotli.compress(plain, quality=4))
    return zstd.compress(plain)


def _arguments(scale: float) -> Iterator[Input]:
    """Function calls whose arguments add up to just what is checked."""
    for unit in ("[],", '{\\"a\\":0},', "[[[[[[]]]]]],"):
        delta = {"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": ""}}
        wire = json.dumps(delta).replace('""', '"[' + unit * (30_000 // 4 // len(unit)) + '0],"').encode()
        call = START % (1, b"function_call") + b"".join(b"data: " + wire + b"\n\n" for _ in range(4)) + STOP % 1
        yield Input(BEGUN + call * max(1, int(20 * scale)))


CLASSES: dict[str, Make] = {
    "all scenarios, plain and gzip": _played,
    "recorded streams": _recorded,
    "text deltas": _stream(DELTA % (0, TEXT, b""), 20_000),
    "text deltas in other scripts": _stream(DELTA % (0, "é漢字🙂".encode() * 8, b""), 20_000),
    "text deltas with running usage": _stream(DELTA % (0, TEXT, USAGE), 20_000),
    "text deltas of two steps in turn": _stream(DELTA % (0, TEXT, b"") + DELTA % (1, TEXT, b""), 10_000),
    "text deltas of 3 KiB": _stream(DELTA % (0, TEXT * 60, b""), 2_000),
    "text deltas with bad UTF-8": _stream(DELTA % (0, b"\xff", b""), 20_000),
    "images of 4 MiB": _stream(IMAGE + b"A" * 4 * MIB + AFTER, 4),
    "a line of 20 MiB": _stream(IMAGE + b"A" * 20 * MIB + AFTER, 1),
    "answers with 900 sources": _citations,
    "whole bodies, hard to read": _bodies,
    "bombs, gzip and deflate": _bombs("gzip", "deflate"),
    "bombs, zstd": _bombs("zstd"),
    "bombs, brotli": _bombs("br"),
    "arguments, hard to check": _arguments,
    "tiny events, no JSON": _stream(b"data:{\n\n", 100_000),
    "tiny events, NaN": _stream(b'data:{"a":NaN}\n\n', 50_000),
    "tiny events, a number": _stream(b"data:0\n\n", 100_000),
    "tiny events, lone CR": _stream(b"data:0\r\r", 100_000),
    "bare braces": _stream(b"{\n", 500_000),
    "bare errors": _stream(b'{"error":{}}\n', 100_000),
    "empty lines": _stream(b"\n", 2 * MIB),
    "data lines of one event": _stream(b"data:\n", 300_000),
    "unknown fields": _stream(b"x\n", 500_000),
    "100,000 unknown events": _numbered('data: {"event_type":"new.%d"}\n\n', 100_000),
    "100,000 unknown steps": _numbered('data: {"event_type":"step.start","index":%d,"step":{"type":"s"}}\n\n', 100_000),
    "100,000 unknown deltas": _numbered(
        'data: {"event_type":"step.delta","index":0,"delta":{"type":"d%d"}}\n\n', 100_000
    ),
    "a million fields": _line(b'"a":1,', 6 * MIB, b'data: {"a":{', b'"b":1}}\n\n'),
    "deep JSON": _small_lines(b"[" * 900 + b"]" * 900 + b","),
    "deep JSON without end": _small_lines(b"["),
    "lists of lists": _small_lines(b"[],"),
    "lists of objects": _small_lines(b'{"a":0},'),
    "lists of lists, NaN": _small_lines(b"[],", after=b"NaN]}\n\n"),
    "4 MiB of brackets": _line(b"[],", 4 * MIB),
    "4 MiB of short strings": _line(b'"",', 4 * MIB),
    "4 MiB of escapes": _line(b'\\"', 4 * MIB, b'data: {"a":["', b'"]}\n\n'),
    "4 MiB of backslashes": _line(b"\\", 4 * MIB, b'data: {"a":["', b'"]}\n\n'),
    "4 MiB of strings with escapes": _line(b'"' + b"\\n" * 13 + b'",', 4 * MIB),
    "4 MiB of strings of 2 KiB": _line(b'"' + b"x" * 2_048 + b'",', 4 * MIB),
    "250 KiB that stay, of lists": _line(b'[],"' + b"x" * 50 + b'",', 250_000),
    "250 KiB that stay, of fields": _line(b'{"abcd":"efghijklm"},', 250_000),
    "250 KiB that stay, of numbers": _line(b"1e9,", 250_000),
    "usage of 20,000 modalities": _line(
        b'{"modality":"m","tokens":1},',
        560_000,
        b'data: {"event_type":"e","metadata":{"total_usage":{"input_tokens_by_modality":[',
        b"0]}}}\n\n",
    ),
}
