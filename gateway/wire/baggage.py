"""The `baggage` header: the members that somebody asked for, by key.

Not here: who asks, and what becomes of a value (attribution, span attributes). The header goes on as it came.
Source: W3C Baggage: `key = value ; property, …`, key a token, value percent-encoded UTF-8; a header of several lines is
one list. Where a key stands twice the last member holds, as in the OpenTelemetry SDKs.
Promise: nothing raises, time is linear, and no more than MAX_BYTES and MAX_MEMBERS of a header are read.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from urllib.parse import unquote

MAX_BYTES = 8192  # what everybody must be able to carry; a member that goes beyond is not read
MAX_MEMBERS = 180
VALUE_MAX_CHARS = 256

_ODD = re.compile(r"[\x00-\x20\x7f\",;\\]")  # what a value holds in percent-encoding only


def members(lines: Iterable[str], keys: Container[str]) -> dict[str, str]:
    """The decoded values of these keys, cut to VALUE_MAX_CHARS.

    lines: the values of the `baggage` headers in their order. keys: exact, they are case-sensitive.
    A member that isn't well-formed is left out, as is one whose value is empty.
    """
    found: dict[str, str] = {}
    header = ",".join(lines)
    if len(header) > MAX_BYTES:
        header = header[:MAX_BYTES].rpartition(",")[0]
    for member in header.split(",", MAX_MEMBERS)[:MAX_MEMBERS]:
        key, equals, rest = member.partition("=")
        key = key.strip(" \t")
        if not equals or key not in keys:
            continue
        value = rest.partition(";")[0].strip(" \t")
        if value and not _ODD.search(value):
            found[key] = unquote(value)[:VALUE_MAX_CHARS]
    return found
