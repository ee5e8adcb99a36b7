"""Things that have the same time each: one timer for all of them, set for the one that is due first.

Not here: what happens then. Promise: adding and dropping cost a dictionary entry, however many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Deadlines(Generic[T]):
    """Calls `expired` for each thing that is still here its time after it was added."""

    def __init__(self, loop: asyncio.AbstractEventLoop, time_s: float, expired: Callable[[T], None]) -> None:
        self._loop = loop
        self._time_s = time_s
        self._expired = expired
        self._due_s: dict[T, float] = {}  # in the order they were added, so the first is due first
        self._timer: asyncio.TimerHandle | None = None

    def add(self, thing: T) -> None:
        """Its time begins now."""
        due_s = self._loop.time() + self._time_s
        self._due_s.pop(thing, None)
        self._due_s[thing] = due_s
        if self._timer is None:
            self._timer = self._loop.call_at(due_s, self._fire)

    def drop(self, thing: T) -> None:
        """Its time is of no interest any more, if it ever was."""
        self._due_s.pop(thing, None)

    def _fire(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        while self._due_s:
            thing, due_s = next(iter(self._due_s.items()))
            if due_s > now_s:
                self._timer = self._loop.call_at(due_s, self._fire)
                return
            del self._due_s[thing]
            self._expired(thing)
