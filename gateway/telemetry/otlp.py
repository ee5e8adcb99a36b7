"""Planned spans as OTLP protobuf bytes.

Not here: what spans there are (tree.py), the way to the collector (sdk.py, exporter.py).
Source: opentelemetry/proto/trace/v1/trace.proto and its collector request, protobuf's wire format. Written by hand,
since the SDK's span objects and their encoding cost ten times as much; the tests hold the bytes equal to the SDK's.
Promise: children before their parent, as the SDK ends them; an attribute that OTLP can't carry is left out.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator

from gateway.telemetry import names
from gateway.telemetry.http_attributes import Attributes, Value, Whole
from gateway.telemetry.ids import Identity
from gateway.telemetry.nodes import CLIENT, INTERNAL, SERVER, Link, Node, SpanEvent

ATTRIBUTE_MAX_CHARS = 1024  # of a span's text; links hold short words of ours only
MAX_INT = (1 << 63) - 1

_KINDS = {INTERNAL: b"\x30\x01", SERVER: b"\x30\x02", CLIENT: b"\x30\x03"}
_TIMES = struct.Struct("<BQBQ").pack  # fields 7 and 8
_TIME = struct.Struct("<BQ").pack  # field 1 of an event
_DOUBLE = struct.Struct("<Bd").pack
_STATUS_UNSET, _STATUS_ERROR = b"\x7a\x00", b"\x7a\x02\x18\x02"
# Field 16: the parent is known to be local, or remote; and the same of a link, which is field 6 there.
_FLAGS = struct.pack("<BBI", 0x85, 0x01, 0x100)
_FLAGS_REMOTE = struct.pack("<BBI", 0x85, 0x01, 0x300)
_LINK_FLAGS = struct.pack("<BI", 0x35, 0x300)
_TRUE, _FALSE = b"\x10\x01", b"\x10\x00"


def spans(root: Node, identity: Identity, trace_state: str) -> Iterator[bytes]:
    """Each span of a tree as a `spans` field of ScopeSpans. trace_state: of the client, or empty."""
    trace = b"\x0a\x10" + identity.trace_id.to_bytes(16)
    state = _text(b"\x1a", trace_state) if trace_state else b""
    parent = None if identity.parent is None else identity.parent.span_id
    flags = _FLAGS if parent is None or identity.is_inner else _FLAGS_REMOTE
    return _spans(root, trace, state, parent, flags)


def _spans(node: Node, trace: bytes, state: bytes, parent: int | None, flags: bytes) -> Iterator[bytes]:
    span_id = node.span_id or random.getrandbits(64) or 1
    for child in node.children:
        yield from _spans(child, trace, state, span_id, _FLAGS)
    parts = [trace, b"\x12\x08", span_id.to_bytes(8), state]
    if parent is not None:
        parts += (b"\x22\x08", parent.to_bytes(8))
    parts += (
        _text(b"\x2a", node.name),
        _KINDS[node.kind],
        _TIMES(0x39, node.start_unix_ns, 0x41, node.end_unix_ns),
        attributes(b"\x4a", node.attributes),
    )
    if node.error is not None:
        parts.append(attributes(b"\x4a", {names.ERROR_TYPE: node.error}))
    parts += [_event(event) for event in node.events]
    parts += [_link(link) for link in node.links]
    parts += (_STATUS_UNSET if node.error is None else _STATUS_ERROR, flags)
    yield _framed(b"\x12", b"".join(parts))


def request(resource: Iterable[tuple[str, Value]], scope: str, version: str, encoded: Iterable[bytes]) -> bytes:
    """An ExportTraceServiceRequest with these spans."""
    in_scope = _framed(b"\x0a", _text(b"\x0a", scope) + _text(b"\x12", version)) + b"".join(encoded)
    of_resource = _framed(b"\x0a", attributes(b"\x0a", dict(resource)))
    return _framed(b"\x0a", of_resource + _framed(b"\x12", in_scope))


def attributes(tag: bytes, found: Attributes) -> bytes:
    """Attributes as fields of that tag. Text is cut as the SDK cuts it."""
    parts: list[bytes] = []
    for name, value in found.items():
        body = _value(value)
        if body is None:
            continue
        key = _KEYS.get(name)
        if key is None:
            key = _KEYS[name] = _text(b"\x0a", name) + b"\x12"  # few: all names are ours
        size = len(body)
        length = _LENGTHS[size] if size < _SHORT else _varint(size)
        size += len(key) + len(length)
        parts += (tag, _LENGTHS[size] if size < _SHORT else _varint(size), key, length, body)
    return b"".join(parts)


def _event(event: SpanEvent) -> bytes:
    found = attributes(b"\x1a", event.attributes)
    return _framed(b"\x5a", _TIME(0x09, event.unix_ns) + _text(b"\x12", event.name) + found)


def _link(link: Link) -> bytes:
    ids = b"\x0a\x10" + link.to.trace_id.to_bytes(16) + b"\x12\x08" + link.to.span_id.to_bytes(8)
    return _framed(b"\x6a", ids + attributes(b"\x22", link.attributes) + _LINK_FLAGS)


def _value(value: Value) -> bytes | None:
    if isinstance(value, str):
        data = (value if type(value) is Whole else value[:ATTRIBUTE_MAX_CHARS]).encode("utf-8", "replace")
        size = len(data)
        return b"\x0a" + (_LENGTHS[size] if size < _SHORT else _varint(size)) + data
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        if not -MAX_INT <= value <= MAX_INT:
            return None
        return b"\x18" + (_LENGTHS[value] if 0 <= value < _SHORT else _varint(value & 0xFFFF_FFFF_FFFF_FFFF))
    if isinstance(value, float):
        return _DOUBLE(0x21, value)
    items = [body for item in value if (body := _value(item)) is not None]
    return _framed(b"\x2a", b"".join([_framed(b"\x0a", body) for body in items]))


def _text(tag: bytes, text: str) -> bytes:
    return _framed(tag, text.encode("utf-8", "replace"))


def _framed(tag: bytes, body: bytes) -> bytes:
    size = len(body)
    return tag + (_LENGTHS[size] if size < _SHORT else _varint(size)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SHORT = 4096
_LENGTHS = [_varint(value) for value in range(_SHORT)]
_KEYS: dict[str, bytes] = {}
