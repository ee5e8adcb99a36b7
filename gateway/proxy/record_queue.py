"""The bounded queue of encoded records: whole records are dropped when it is full, the least valuable first.

Not here: connections, batches and their acknowledgement (sender.py).
Source: design.md 5. Promise: never holds more than its limit of encoded bytes; what stays keeps its order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

# First dropped first: content is large, steps serve the live view alone, an ExchangeClosed is metrics and trace in one.
_DROP_ORDER = (("ContentCaptured",), ("StepStarted", "StepFinished"), ("ExchangeOpened",), ("ExchangeClosed",))
_CLASS_OF = {kind: position for position, kinds in enumerate(_DROP_ORDER) for kind in kinds}


class Entry:
    """An encoded record. exchange_id is kept for an ExchangeOpened only: it may be superseded. queued_ns: monotonic."""

    __slots__ = ("encoded", "exchange_id", "kind", "queued_ns", "sequence")

    def __init__(
        self, sequence: int, kind: str, encoded: bytes, exchange_id: str | None = None, queued_ns: int = 0
    ) -> None:
        self.sequence = sequence
        self.queued_ns = queued_ns
        self.kind = kind
        self.encoded = encoded
        self.exchange_id = exchange_id


class RecordQueue:
    """Records that wait for a batch."""

    def __init__(self, limit_bytes: int, dropped: Callable[[str], None]) -> None:
        """dropped: told the kind of each record that had to go."""
        self._limit_bytes = limit_bytes
        self._dropped = dropped
        self._classes: tuple[deque[Entry], ...] = tuple(deque() for _ in _DROP_ORDER)
        self._sequence = 0
        self.bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._classes))

    def age_ns(self, now_ns: int) -> int:
        """How long the oldest has waited; 0 where none does."""
        oldest_ns = min((entries[0].queued_ns for entries in self._classes if entries), default=now_ns)
        return now_ns - oldest_ns

    def push(self, kind: str, encoded: bytes, now_ns: int, exchange_id: str | None = None) -> None:
        """Take a record; over the limit the oldest of the least valuable kind goes, be it this one."""
        self._sequence += 1
        self._classes[_CLASS_OF.get(kind, 0)].append(Entry(self._sequence, kind, encoded, exchange_id, now_ns))
        self.bytes += len(encoded)
        while self.bytes > self._limit_bytes:
            entry = next(entries for entries in self._classes if entries).popleft()
            self.bytes -= len(entry.encoded)
            self._dropped(entry.kind)

    def take(self, limit_bytes: int) -> list[Entry]:
        """Remove and return the oldest records, at least one if there is any, up to that size together."""
        taken: list[Entry] = []
        size_bytes = 0
        waiting = [entries for entries in self._classes if entries]
        while waiting:
            oldest = waiting[0] if len(waiting) == 1 else min(waiting, key=_first_sequence)
            entry_bytes = len(oldest[0].encoded)
            if taken and size_bytes + entry_bytes > limit_bytes:
                break
            size_bytes += entry_bytes
            taken.append(oldest.popleft())
            if not oldest:
                waiting.remove(oldest)
        self.bytes -= size_bytes
        return taken

    def supersede(self, exchange_ids: Collection[str]) -> None:
        """Forget the ExchangeOpened of these exchanges: they are told anew, so nothing is lost."""
        opened = self._classes[_CLASS_OF["ExchangeOpened"]]
        kept = [entry for entry in opened if entry.exchange_id not in exchange_ids]
        self.bytes -= sum(len(entry.encoded) for entry in opened) - sum(len(entry.encoded) for entry in kept)
        opened.clear()
        opened.extend(kept)


def _first_sequence(entries: deque[Entry]) -> int:
    return entries[0].sequence
