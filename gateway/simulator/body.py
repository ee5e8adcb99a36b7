"""The body of one play: an answer's blocks with fresh ids, present times and the asked model, coded if wanted.

Not here: sending it (playback.py), the literal blocks (scenario.py).
Source: the placeholders of the scenario files: ids v1_SimInteractionNNNN, values of "created" and "updated", and the
scenario's own "model" or "agent"; in header values {{http_date:+SECONDS}}.
Promise: ids and times keep their length, so only another model name can change a body's length.
"""

from __future__ import annotations

import json
import re
import secrets
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

from gateway.simulator.scenario import Event

PLACEHOLDER_ID: Final = re.compile(rb"v1_SimInteraction\d{4}")
FRESH_ID_HEX_CHARS: Final = 15  # with "v1_Sim" as long as a placeholder
_HTTP_DATE = re.compile(r"\{\{http_date:\+(\d+)\}\}")
_TIME = re.compile(rb'("(created|updated)": ?")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"')


def wall_time() -> str:
    """The present UTC time as the API writes it, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fresh_dates(value: str) -> str:
    """A header's value with each {{http_date:+SECONDS}} as the HTTP date that many seconds from now."""
    return _HTTP_DATE.sub(lambda match: formatdate(time.time() + int(match[1]), usegmt=True), value)


@dataclass(slots=True)
class Substitution:
    """What replaces the placeholders in every body of one interaction.

    names: literal texts such as a model to the text asked for, both without quotes; keyed by the JSON key.
    created: kept from the first answer; updated is the present time of each body.
    """

    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    created: str = field(default_factory=wall_time)
    ids: dict[bytes, bytes] = field(default_factory=dict)

    def apply(self, wire: bytes) -> bytes:
        """The block with all placeholders replaced; the same placeholder always gives the same id."""
        times = {b"created": self.created.encode(), b"updated": wall_time().encode()}
        wire = PLACEHOLDER_ID.sub(self._fresh, wire)
        wire = _TIME.sub(lambda match: match[1] + times[match[2]] + b'"', wire)
        for key, (literal, asked) in self.names.items():
            for colon in (":", ": "):
                old = f'"{key}"{colon}"{literal}"'.encode()
                wire = wire.replace(old, f'"{key}"{colon}{json.dumps(asked)}'.encode())
        return wire

    def _fresh(self, match: re.Match[bytes]) -> bytes:
        if match[0] not in self.ids:
            self.ids[match[0]] = b"v1_Sim" + secrets.token_hex(FRESH_ID_HEX_CHARS)[:FRESH_ID_HEX_CHARS].encode()
        return self.ids[match[0]]


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes ready to be sent.

    plain, coded: before and after content coding; the same object without one.
    plain_ends, coded_ends: for each block the offset behind its last byte. A coding's own last bytes follow the last
    block and belong to none.
    """

    plain: bytes
    coded: bytes
    plain_ends: tuple[int, ...]
    coded_ends: tuple[int, ...]

    def offset_after(self, events: int) -> int:
        """The coded offset behind so many blocks, at most that behind the last one."""
        return self.coded_ends[min(events, len(self.coded_ends)) - 1] if events and self.coded_ends else 0


def make_body(events: tuple[Event, ...], substitution: Substitution, coding: str) -> Body:
    """Render the blocks; coding is "identity", "gzip" or "deflate" and is flushed behind every block."""
    blocks = [substitution.apply(event.wire) for event in events]
    plain_ends = _ends(blocks)
    plain = b"".join(blocks)
    if coding == "identity":
        return Body(plain, plain, plain_ends, plain_ends)
    # wbits 31 is the gzip wrapper, 15 the zlib wrapper that HTTP calls deflate
    packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    packed = [packer.compress(block) + packer.flush(zlib.Z_SYNC_FLUSH) for block in blocks]
    return Body(plain, b"".join(packed) + packer.flush(), plain_ends, _ends(packed))


def _ends(blocks: list[bytes]) -> tuple[int, ...]:
    ends: list[int] = []
    for block in blocks:
        ends.append(len(block) + (ends[-1] if ends else 0))
    return tuple(ends)
