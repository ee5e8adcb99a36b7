"""The ledger: what the simulator really received and really sent, one entry for each API request.

Not here: what an observer should make of it (the scenario's literals are only passed on), the control requests.
Source: the simulator's own socket; times are CLOCK_MONOTONIC, which all processes of a machine share.
Promise: an entry exists from the moment its request is whole, and only grows; bytes and events are counted once the
kernel has taken them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from gateway.simulator.scenario import Event, Facts

_KEY_IN_QUERY = re.compile(r"([?&]key=)[^&]*")


@dataclass(slots=True)
class Entry:
    """One request and what became of its answer.

    route: "create", "get", "cancel", "delete" or "other".
    ended: "open" while it runs, then "complete", "ended_early", "cut", "rst", "client_gone" or "no_head".
    body_bytes, body_sha256: the body as sent, after content coding and before transfer coding.
    plain_sha256: the same before content coding; of a coded body only the blocks that were sent whole.
    expected: the figures of the whole response, set only when all of it was sent.
    """

    seq: int
    method: str
    target: str
    route: str
    request: dict[str, object]
    received_ns: int
    scenario: str = ""
    interaction_id: str = ""
    head_sent_ns: int | None = None
    ended_ns: int | None = None
    client_gone_ns: int | None = None
    status: int | None = None
    content_type: str = ""
    blocks: tuple[Event, ...] = ()
    sent_ns: list[int] = field(default_factory=list)
    body_bytes: int = 0
    body_sha256: str = ""
    plain_sha256: str = ""
    ended: str = "open"
    expected: Facts | None = None

    def as_json(self) -> dict[str, object]:
        """The entry with JSON types only; events holds one object for each block that was sent whole."""
        return {
            "seq": self.seq,
            "method": self.method,
            "target": _KEY_IN_QUERY.sub(r"\1REDACTED", self.target),
            "route": self.route,
            "scenario": self.scenario,
            "interaction_id": self.interaction_id,
            "request": self.request,
            "received_ns": self.received_ns,
            "head_sent_ns": self.head_sent_ns,
            "ended_ns": self.ended_ns,
            "client_gone_ns": self.client_gone_ns,
            "status": self.status,
            "content_type": self.content_type,
            "events": [
                {"index": index, "t_ns": t_ns, **self.blocks[index].facts} for index, t_ns in enumerate(self.sent_ns)
            ],
            "body_bytes": self.body_bytes,
            "body_sha256": self.body_sha256,
            "plain_sha256": self.plain_sha256,
            "ended": self.ended,
            "expected": None if self.expected is None else dict(self.expected),
        }


class Ledger:
    """The entries of one simulator in order of arrival; unbounded, so a long soak resets it now and then."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._last_seq = 0
        self._changed = asyncio.Event()

    def open(self, method: str, target: str, route: str, request: dict[str, object], received_ns: int) -> Entry:
        """A new entry with the next sequence number; numbers are never used again, also not after a reset."""
        self._last_seq += 1
        entry = Entry(self._last_seq, method, target, route, request, received_ns)
        self._entries.append(entry)
        self.changed()
        return entry

    def changed(self) -> None:
        """Wake those who wait; to be called when an entry has ended."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, seq: int, *, ended: bool) -> None:
        """Wait until the entry with that seq exists, or until it has ended; for ever after a reset that took it."""
        while not any(entry.seq == seq and (not ended or entry.ended != "open") for entry in self._entries):
            await self._changed.wait()

    def as_json(self, after: int = 0) -> list[dict[str, object]]:
        """The entries whose seq is greater than after."""
        return [entry.as_json() for entry in self._entries if entry.seq > after]

    def reset(self) -> None:
        """Forget all entries; requests still running keep writing to theirs, unseen."""
        self._entries.clear()
