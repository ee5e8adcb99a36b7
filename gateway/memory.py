"""Memory of all processes against their container's limit: when the observer is to be started anew, before it is hit.

Not here: what the observer keeps and how that is bounded (telemetry/), who restarts what dies (supervisor.py).
Source: design.md 7. A container's processes are killed together, open streams and all. The observer is the one that
can be replaced without a stream noticing, so it goes first, where that makes room.
Promise: standard library only. Without a limit, or where there is no /proc, nothing is looked at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gateway.children import Child

LOOK_EVERY_S = 0.5
NEAR_SHARE = 0.85  # of the limit; the rest is what the system keeps for sockets, and growth between two looks
WORTH_SHARE = 0.10  # of the limit: what a restart must give back, else it would only be done again and again
FLUSH_S = 6.0  # for the observer to hand over what it has; its exporters have 5 s

_PROC = Path("/proc")


class MemoryGuard:
    """limit_bytes: what all processes together may have; None: nothing is watched."""

    def __init__(self, limit_bytes: int | None, log: Callable[..., Any]) -> None:
        is_watched = limit_bytes is not None and own_bytes(os.getpid()) is not None
        self._limit_bytes = limit_bytes if is_watched else None
        self._log = log
        self._look_s: float | None = 0.0 if is_watched else None  # monotonic
        self._fresh: tuple[int, int] = (0, 0)  # the observer's pid, and what it had when it was first seen ready
        self._late_s: float | None = None  # when an observer that was told to end is killed, monotonic
        self._near = False

    def next_s(self) -> float | None:
        """When there is something to do at the latest, monotonic; None: never."""
        return min((moment_s for moment_s in (self._look_s, self._late_s) if moment_s is not None), default=None)

    def step(self, observer: Child, others: Iterable[int | None]) -> None:
        """Do what can be done now. others: pids of all processes but the observer's."""
        now_s = time.monotonic()
        if self._limit_bytes is None or self._look_s is None:
            return
        if observer.pid != self._fresh[0]:  # the one that was told to end has ended
            self._late_s = None
            if observer.pid is not None and observer.ready:
                self._fresh = observer.pid, own_bytes(observer.pid) or 0
        if self._late_s is not None and now_s >= self._late_s:
            self._late_s = None
            observer.kill()
        if now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_EVERY_S
        if observer.pid == self._fresh[0] and self._late_s is None:
            self._judge(observer, self._limit_bytes, others)

    def _judge(self, observer: Child, limit_bytes: int, others: Iterable[int | None]) -> None:
        has = own_bytes(self._fresh[0]) or 0
        total = has + sum(own_bytes(pid) or 0 for pid in others if pid is not None)
        if total < NEAR_SHARE * limit_bytes:
            self._near = False
            return
        facts = {"bytes": total, "observer_bytes": has, "limit_bytes": limit_bytes}
        if has - self._fresh[1] >= WORTH_SHARE * limit_bytes:
            self._log("warning", "observer_outgrown", **facts)
            observer.say({"drain": True})
            self._late_s = time.monotonic() + FLUSH_S
        elif not self._near:
            self._log("warning", "memory_near_limit", **facts)
        self._near = True


def own_bytes(pid: int) -> int | None:
    """Memory that this process shares with no other; None where it isn't told, or there is no such process."""
    try:
        resident, shared = (_PROC / str(pid) / "statm").read_bytes().split()[1:3]
    except OSError:
        return None
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGESIZE")
