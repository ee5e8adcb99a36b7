"""How late the event loop of a process wakes: a timer that notes it, and its counts by bucket.

Not here: how the counts travel (records.Heartbeat), the metric (telemetry/processes.py).
A loop that is held for a second is one late wake-up, not ten: the timer is set anew when it has woken.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable

from gateway.records import LAG_BOUNDS_NS

EVERY_S = 0.1  # seen often enough for a p99.9 within minutes, and next to no CPU
_EVERY_NS = round(EVERY_S * 1e9)


class LoopLag:
    """A timer of the running loop. uvloop's timers are whole milliseconds: one that wakes early is not late."""

    def __init__(self, noted: Callable[[int], None]) -> None:
        """noted: told how late each wake-up was, ns."""
        self._noted = noted
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._set()

    def stop(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()

    def _set(self) -> None:
        self._due_ns = time.monotonic_ns() + _EVERY_NS
        self._timer = self._loop.call_later(EVERY_S, self._woken)

    def _woken(self) -> None:
        self._noted(max(0, time.monotonic_ns() - self._due_ns))
        self._set()


class LagCounts:
    """Wake-ups by bucket and their sum, since the process's start."""

    def __init__(self) -> None:
        self._counts = [0] * (len(LAG_BOUNDS_NS) + 1)
        self._sum_ns = 0

    def note(self, late_ns: int) -> None:
        """Count one."""
        self._counts[bisect_left(LAG_BOUNDS_NS, late_ns)] += 1
        self._sum_ns += late_ns

    def row(self) -> list[int]:
        """As a Heartbeat carries it: counts by bucket, then the sum in ns."""
        return [*self._counts, self._sum_ns]
