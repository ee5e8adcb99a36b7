"""The rolling restart: forwarders replaced one by one, each by a process that already serves.

Not here: when it is asked for, who is reaped and started (supervisor.py), how the old one lets go (proxy/retire.py).
Source: design.md 7.
Promise: standard library only. A worker's listening socket is never without a process that accepts from it, so no
connection is refused or reset: both processes inherit the same socket, and its queue outlives the old one's copy. A
successor that dies before it is ready ends the restart; the old forwarders go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gateway.children import Child


class RollingRestart:
    """At most one successor at a time, and those that are letting go. stay_s: how long these may take."""

    def __init__(
        self, forwarders: list[Child], successor_of: Callable[[int], Child], log: Callable[..., Any], stay_s: float
    ) -> None:
        """forwarders: by worker, changed in place. successor_of: a child for the same place, not yet started."""
        self._forwarders = forwarders
        self._successor_of = successor_of
        self._log = log
        self._stay_s = stay_s
        self._due: list[int] = []
        self._successor: Child | None = None
        self._leaving: dict[Child, float | None] = {}  # and when it is late, monotonic; None: it was killed

    @property
    def children(self) -> list[Child]:
        """Beside the forwarders that are in their places."""
        return [*self._leaving] if self._successor is None else [self._successor, *self._leaving]

    def begin(self) -> None:
        """Replace every forwarder that is in its place now. Asked for again on its way, it begins anew."""
        self._due = list(range(len(self._forwarders)))
        self._log("info", "restarting", forwarders=len(self._due))

    def end(self) -> None:
        """No more of it: the gateway stops."""
        self._due.clear()

    def step(self) -> None:
        """Do what can be done now."""
        if self._successor is not None and self._successor.ready:
            self._take_place(self._successor)
            self._successor = None
            if not self._due:
                self._log("info", "restarted", forwarders=[child.pid for child in self._forwarders])
        if self._successor is None and self._due:
            self._successor = self._successor_of(self._due.pop(0))
        for child, late_s in self._leaving.items():
            if late_s is not None and late_s <= time.monotonic():
                self._log("warning", "child_killed", child=child.name, why="did not end in time")
                child.kill()
                self._leaving[child] = None

    def next_s(self) -> float | None:
        """When there is something to do at the latest, monotonic."""
        return min((late_s for late_s in self._leaving.values() if late_s is not None), default=None)

    def died(self, child: Child, exit_code: int) -> bool:
        """Whether this child was one of ours; then it is not started again."""
        if child is self._successor:
            self._successor = None
            self._due.clear()
            self._log("error", "restart_given_up", child=child.name, exit_code=exit_code)
            return True
        if child not in self._leaving:
            return False
        del self._leaving[child]
        self._log("info" if exit_code == 0 else "warning", "child_left", child=child.name, exit_code=exit_code)
        return True

    def _take_place(self, successor: Child) -> None:
        assert successor.worker is not None
        old = self._forwarders[successor.worker]
        self._forwarders[successor.worker] = successor
        self._log("info", "child_replaced", child=successor.name, pid=successor.pid, old_pid=old.pid)
        if old.pid is not None:
            old.say({"retire": True})
            self._leaving[old] = time.monotonic() + self._stay_s
