"""Trace context on the wire: reading and writing `traceparent`, and the valid part of `tracestate`.

Not here: whose trace an exchange belongs to (telemetry/ids.py), which headers go upstream (proxy/propagation.py).
Source: W3C Trace Context 2021-11-23, version 00. Headers of several lines come joined by commas: such a traceparent is
none, a tracestate is one list. Promise: nothing raises, and what is not valid is as if it weren't there.
"""

from __future__ import annotations

import re

SAMPLED = 1
KNOWN_FLAGS = 3  # sampled, random; others are not passed on

TRACESTATE_READ_CHARS = 2048  # of a header; a member that goes beyond is not read
TRACESTATE_MAX_CHARS = 512
TRACESTATE_MAX_MEMBERS = 32
MEMBER_LONG_CHARS = 128  # the first to go where there is too much

# A comma: the header stood there twice. What follows in a version to come has a dash before it.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?")
_KEY = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}")
_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")


class TraceParent:
    """A span of somebody else's, ids in hex. flags: of those that are known."""

    __slots__ = ("flags", "span_id", "trace_id")

    def __init__(self, trace_id: str, span_id: str, flags: int) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def read_traceparent(header: str | None) -> TraceParent | None:
    """The span that a header names; None for a header that is missing or not valid. A later version is read as 00."""
    match = _TRACEPARENT.fullmatch(header.strip(" \t")) if header else None
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more is not None) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceParent(trace_id, span_id, int(flags, 16) & KNOWN_FLAGS)


def cut_tracestate(header: str | None) -> str | None:
    """As much of a header as is read at all, in whole members."""
    if header is None or len(header) <= TRACESTATE_READ_CHARS:
        return header
    return header[:TRACESTATE_READ_CHARS].rpartition(",")[0]


def read_tracestate(header: str | None) -> str:
    """The valid list that a header holds, its members in their order; empty for none.

    One member that isn't valid, or more than TRACESTATE_MAX_MEMBERS, make the whole list none. Of a key that stands
    twice the first member holds, which is the newest. Beyond TRACESTATE_MAX_CHARS long members go first, then the last.
    """
    if not header:
        return ""
    members: dict[str, str] = {}
    for part in header.split(","):
        member = part.strip(" \t")
        if not member:
            continue
        key, equals, value = member.partition("=")
        if not equals or _KEY.fullmatch(key) is None or _VALUE.fullmatch(value) is None:
            return ""
        members.setdefault(key, member)
    kept = list(members.values())
    if len(kept) > TRACESTATE_MAX_MEMBERS:
        return ""
    kept = _without_long(kept)
    while _size(kept) > TRACESTATE_MAX_CHARS:
        kept.pop()
    return ",".join(kept)


def _size(members: list[str]) -> int:
    return sum(map(len, members)) + max(0, len(members) - 1)


def _without_long(members: list[str]) -> list[str]:
    """Long ones go from the right, until there is room or none is left."""
    kept = members.copy()
    for at in range(len(members) - 1, -1, -1):
        if _size(kept) <= TRACESTATE_MAX_CHARS:
            break
        if len(kept[at]) > MEMBER_LONG_CHARS:
            del kept[at]
    return kept
