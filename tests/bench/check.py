"""Whether a response is byte for byte what the upstream sent, and when its deltas came.

Not here: sockets (client.py).
Promise: `Checked.fault` is None only if every byte of the body was as expected, stamps aside, and nothing else came.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.bench.framing import BadFraming, dechunk
from tests.bench.payload import STAMP, STAMP_BYTES, Payload

KNOWN_MAX: Final = 8
KNOWN_MAX_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class Checked:
    """fault: what was wrong with the bytes. sent_ns, came_ns: of each stamped delta that came, in order."""

    fault: str | None = None
    sent_ns: list[int] = field(default_factory=list)
    came_ns: list[int] = field(default_factory=list)


class Checker:
    """Checks the answers of one payload."""

    def __init__(self, payload: Payload) -> None:
        self._body = payload.body
        self._stamps = payload.stamps()
        # An event is there when its last byte is.
        self._ends = _delta_ends(payload)
        self._known: list[bytes] = []  # raw bodies that were found right: the next is most often the same

    def check(self, chunked: bool, reads: Sequence[bytes], times_ns: Sequence[int]) -> Checked:
        """Of one response: the bytes after its head as they were read, and the time of each read."""
        raw = b"".join(reads)
        if not self._stamps and raw in self._known:
            return Checked()
        if not chunked:
            return Checked(_difference(raw, self._body))
        try:
            chunks = dechunk(raw)
        except BadFraming as error:
            return Checked(f"bad framing: {error}")
        if not self._stamps:
            fault = _difference(chunks.body, self._body)
            if fault is None and len(raw) <= KNOWN_MAX_BYTES:
                self._known = [raw, *self._known[: KNOWN_MAX - 1]]
            return Checked(fault)
        body = bytearray(chunks.body)
        checked = Checked()
        read_ends = _sums(reads)
        for at, end in zip(self._stamps, self._ends, strict=True):
            stamp = body[at : at + STAMP_BYTES]
            try:
                checked.sent_ns.append(int(stamp, 16))
            except ValueError:
                return Checked(f"no stamp at {at}: {bytes(stamp)!r}")
            if end > len(chunks.body):
                break
            checked.came_ns.append(times_ns[bisect_left(read_ends, chunks.raw_end(end))])
            body[at : at + STAMP_BYTES] = STAMP
        checked.fault = _difference(bytes(body), self._body)
        return checked


def _delta_ends(payload: Payload) -> list[int]:
    ends, at = [], 0
    for event in payload.events:
        at += len(event.text)
        if event.stamp_at is not None:
            ends.append(at)
    return ends


def _sums(reads: Sequence[bytes]) -> list[int]:
    ends, at = [], 0
    for read in reads:
        at += len(read)
        ends.append(at)
    return ends


def _difference(found: bytes, expected: bytes) -> str | None:
    if found == expected:
        return None
    at = next((n for n, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other), None)
    if at is None:
        return f"{len(found)} B instead of {len(expected)} B, the same as far as they go"
    return f"differs at byte {at} of {len(expected)}: {found[at : at + 16]!r} instead of {expected[at : at + 16]!r}"
