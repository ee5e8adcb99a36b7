"""Playing one answer on one connection: head, body in the asked cuts at the asked pace, faults, ledger.

Not here: which answer (selection.py, interactions.py), what the directives mean as text (faults.py).
Source: RFC 9112 for head and chunks, written here by hand because a fault must be able to leave any of it out.
Promise: what the ledger calls sent had been taken by the kernel; a fault happens at exactly the asked block or byte.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from http.client import responses
from typing import TYPE_CHECKING, Final

from gateway.simulator.body import Substitution, fresh_dates, make_body

if TYPE_CHECKING:
    from gateway.simulator.connection import Connection
    from gateway.simulator.faults import Directives
    from gateway.simulator.ledger import Entry
    from gateway.simulator.scenario import Answer, Event

FIRST_DELTA_PAUSE_MS: Final = 300
NEXT_DELTA_PAUSE_MS: Final = 20
WHOLE_ANSWER_PAUSE_MS: Final = 400
JITTER_RATIO: Final = 0.25


class Playback:
    """One play of an answer; call run once."""

    def __init__(
        self,
        connection: Connection,
        entry: Entry,
        answer: Answer,
        substitution: Substitution,
        directives: Directives,
        pace: float,
    ) -> None:
        self._connection, self._entry, self._answer, self._directives = connection, entry, answer, directives
        self._events = answer.events
        if directives.stop == "end" and directives.stop_after_events is not None:
            self._events = answer.events[: directives.stop_after_events]
        self._body = make_body(self._events, substitution, directives.coding)
        self._streams = answer.content_type.lower().startswith("text/event-stream")
        self._pause_s = [ms / 1000 * pace for ms in _pauses_ms(entry.scenario, answer, streams=self._streams)]
        self._sent_bytes = 0

    async def run(self, *, persistent: bool, chunks_allowed: bool) -> bool:
        """Play it; True when the connection can carry another request.

        persistent: the client wants to keep the connection; chunks_allowed: it speaks HTTP/1.1.
        """
        directives, entry = self._directives, self._entry
        entry.blocks = self._events
        if directives.no_head:
            return self._end("no_head", self._connection.abort)
        if directives.hang:
            await self._connection.leaves_within(None)
            return self._end("client_gone", self._connection.close)
        if await self._wait(directives.head_delay_s + (0.0 if self._streams else sum(self._pause_s))):
            return self._end("client_gone", self._connection.close)
        framing = "length" if not self._streams else "chunked"
        if directives.close_delimited or (self._streams and not chunks_allowed):
            framing, persistent = "close", False
        entry.status, entry.content_type = self._answer.status, self._answer.content_type
        entry.head_sent_ns = time.monotonic_ns()
        if not await self._connection.write(self._head(framing, persistent=persistent)):
            return self._end("client_gone", self._connection.close)
        if not await self._send_body(chunked=framing == "chunked"):
            return self._end("client_gone", self._connection.close)
        if directives.stop == "hold":
            await self._connection.leaves_within(None)
            return self._end("client_gone", self._connection.close)
        if directives.stop == "rst":
            return self._end("rst", self._connection.reset)
        if directives.stop == "cut":
            return self._end("cut", self._connection.abort)
        if framing == "chunked" and not await self._connection.write(b"0\r\n\r\n"):
            return self._end("client_gone", self._connection.close)
        if len(self._events) < len(self._answer.events):
            self._end("ended_early", None)
        else:
            entry.expected = self._answer.expected
            self._end("complete", None)
        return persistent

    def _head(self, framing: str, *, persistent: bool) -> bytes:
        status = self._answer.status
        lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
        lines += [f"{name}: {fresh_dates(value)}" for name, value in self._answer.headers]
        lines += [f"x-simulator-scenario: {self._entry.scenario}", f"x-simulator-seq: {self._entry.seq}"]
        if self._directives.coding != "identity":
            lines.append(f"content-encoding: {self._directives.coding}")
        if framing == "length":
            lines.append(f"content-length: {len(self._body.coded)}")
        elif framing == "chunked":
            lines.append("transfer-encoding: chunked")
        if not persistent:
            lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def _send_body(self, *, chunked: bool) -> bool:
        """Send the body up to its end or the stop; False when the client left."""
        body, ends = self._body, self._body.coded_ends
        limit = self._limit()
        stalls = {body.offset_after(after): seconds for after, seconds in self._directives.stalls}
        start = 0
        for end in itertools.chain(self._cuts(limit, frozenset(stalls)), (limit,)):
            if start in stalls and await self._wait(stalls.pop(start)):
                return False
            if end == start:
                continue
            first, last = bisect_right(ends, start), bisect_right(ends, end)
            # a pause stands before the first byte of its block, so only blocks that begin in this piece count
            begins = first if start == 0 or (first and ends[first - 1] == start) else first + 1
            stops = bisect_left(ends, end) + 1
            if await self._wait(sum(self._pause_s[begins:stops]) if self._streams else 0.0):
                return False
            piece = body.coded[start:end]
            t_ns = time.monotonic_ns()
            if not await self._connection.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece):
                return False
            self._sent_bytes = end
            self._entry.sent_ns.extend([t_ns] * (last - first))
            start = end
        return not (start in stalls and await self._wait(stalls.pop(start)))

    def _limit(self) -> int:
        directives, size = self._directives, len(self._body.coded)
        if directives.stop in {"cut", "rst", "hold"}:
            if directives.stop_after_bytes is not None:
                return min(directives.stop_after_bytes, size)
            return self._body.offset_after(directives.stop_after_events or 0)
        return size

    def _cuts(self, limit: int, stalls: frozenset[int]) -> Iterator[int]:
        """Ascending offsets below the limit at which one write ends and the next begins."""
        split = self._directives.split
        offsets: Iterator[int] = iter(self._body.coded_ends if split.how == "event" else ())
        if (sizes := split.sizes()) is not None:
            offsets = itertools.accumulate(sizes)
        offsets = itertools.takewhile(lambda offset: offset < limit, offsets)
        if not stalls:
            return offsets
        return iter(sorted({*offsets, *(offset for offset in stalls if offset < limit)}))

    async def _wait(self, seconds: float) -> bool:
        return await self._connection.leaves_within(seconds)

    def _end(self, how: str, then: object) -> bool:
        entry, body = self._entry, self._body
        now_ns = time.monotonic_ns()
        sent = body.coded[: self._sent_bytes]
        plain = sent
        if body.coded is not body.plain:
            blocks = bisect_right(body.coded_ends, self._sent_bytes)
            plain = body.plain[: body.plain_ends[blocks - 1]] if blocks else b""
        entry.body_bytes = len(sent)
        entry.body_sha256 = hashlib.sha256(sent).hexdigest()
        entry.plain_sha256 = hashlib.sha256(plain).hexdigest()
        entry.ended_ns = now_ns
        if how == "client_gone":
            entry.client_gone_ns = now_ns
        entry.ended = how
        if callable(then):
            then()
        return False


def _pauses_ms(scenario: str, answer: Answer, *, streams: bool) -> list[float]:
    """The pause before each block at pace 1, with a jitter that is the same in every play."""
    pauses: list[float] = []
    seen_delta = False
    for index, event in enumerate(answer.events):
        is_delta = "delta" in event.facts
        pauses.append(_pause_ms(event, streams=streams, first=is_delta and not seen_delta) * _jitter(scenario, index))
        seen_delta = seen_delta or is_delta
    return pauses


def _pause_ms(event: Event, *, streams: bool, first: bool) -> float:
    if event.pause_ms is not None:
        return event.pause_ms
    if not streams:
        return WHOLE_ANSWER_PAUSE_MS
    if "delta" not in event.facts:
        return 0.0
    return FIRST_DELTA_PAUSE_MS if first else NEXT_DELTA_PAUSE_MS


def _jitter(scenario: str, index: int) -> float:
    digest = hashlib.sha256(f"{scenario}:{index}".encode()).digest()
    return 1 - JITTER_RATIO + 2 * JITTER_RATIO * digest[0] / 255
