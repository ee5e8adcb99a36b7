"""A tap whose time is measured: that of one exchange in sixteen, which stands for all of them.

To ask the system for a thread's CPU time takes about 0.5 us, twice for each chunk, and the tap itself needs 1 to 1.5:
measured on every exchange it would cost as much as what it measures. So a share of the exchanges is measured whole,
chosen by their number: which ones is settled before anything is known of them.
Not here: the reading of request bodies, which is not the tap's.
"""

from __future__ import annotations

import functools
from time import thread_time_ns

from gateway.proxy.tap import Tap
from gateway.tally import Tally
from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Body, End, Route

METERED_EVERY = 16
_STEPS = 64
_SPREAD, _BITS = 0x9E3779B1, 32  # Fibonacci hashing: of any row of numbers an even share, and no period to fall in with


def is_metered(number: int) -> bool:
    """Whether this exchange of the process, counted from 0, is measured."""
    return (number * _SPREAD & (1 << _BITS) - 1) * METERED_EVERY < 1 << _BITS


@functools.cache
def own_ns() -> int:
    """What measuring adds to what is measured."""
    return min(-thread_time_ns() + thread_time_ns() for _ in range(_STEPS))


class MeteredTap(Tap):
    """Adds its CPU time to the tally, for itself and for those that are not measured."""

    __slots__ = ("_own_ns", "_tally")

    def __init__(
        self,
        route: Route,
        http_status: int,
        body: Body,
        content_encoding: str | None,
        *,
        stall_ns: int,
        tally: Tally,
        capture_bytes: int = 0,
        detail: bool = False,
    ) -> None:
        super().__init__(
            route, http_status, body, content_encoding, stall_ns=stall_ns, capture_bytes=capture_bytes, detail=detail
        )
        self._tally = tally
        self._own_ns = own_ns()

    def feed(self, chunk: bytes, t_ns: int) -> bool:
        """As the tap's."""
        began_ns = thread_time_ns()
        behind = super().feed(chunk, t_ns)
        self._add(began_ns)
        return behind

    def go_on(self) -> bool:
        """As the tap's."""
        began_ns = thread_time_ns()
        behind = super().go_on()
        self._add(began_ns)
        return behind

    def finish(self, end: End, t_ns: int) -> StreamFacts:
        """As the tap's."""
        began_ns = thread_time_ns()
        facts = super().finish(end, t_ns)
        self._add(began_ns)
        return facts

    def _add(self, began_ns: int) -> None:
        self._tally.tap_ns += max(0, thread_time_ns() - began_ns - self._own_ns) * METERED_EVERY
