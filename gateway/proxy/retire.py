"""How a forwarder that was replaced lets its clients go: nobody is refused or cut, and each leaves when it can.

Not here: who replaces it (rolling.py), the end for those that stay too long (forwarder.py).
Promise: a request that comes on a connection of ours is served, and its answer says `Connection: close`. A connection
is closed on its client only after IDLE_S without a request: what is sent at that very moment would be lost, as when any
keep-alive time runs out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

IDLE_S = 2.0
LOOK_EVERY_S = 0.1


class Connection(Protocol):
    """A client's connection."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request or of an answer is under way on it."""

    def force_close(self) -> None:
        """Close it."""


async def let_go(connections: Callable[[], Iterable[Connection]], *, idle_s: float = IDLE_S) -> None:
    """Return when no connection is left. The caller has stopped accepting, and bounds the time."""
    loop = asyncio.get_running_loop()
    idle_since_s: dict[Connection, float] = {}
    while present := list(connections()):
        now_s = loop.time()
        # One that was served since the last look is closed by its answer: an idle one has been idle all the while.
        idle_since_s = {one: idle_since_s.get(one, now_s) for one in present if one.is_idle}
        for one, since_s in idle_since_s.items():
            if now_s - since_s >= idle_s:
                one.force_close()
        await asyncio.sleep(LOOK_EVERY_S)
