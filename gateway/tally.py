"""What a forwarder counts of itself beside its exchanges: its loop's lag, its connections, the time of its tap.

Not here: who counts (loop_lag.py, proxy/), how it crosses (records.Heartbeat).
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.loop_lag import LagCounts
from gateway.records import CONNECT_RESULTS


class Tally:
    """Counts since the process's start. idle: for each pool, how many of its connections serve nobody now."""

    def __init__(self) -> None:
        self.late = LagCounts()
        self.tap_ns = 0
        self.connects = dict.fromkeys(CONNECT_RESULTS, 0)
        self.handshakes_full = 0
        self.handshakes_resumed = 0
        self.connections = 0  # to the upstream, open now
        self.idle: list[Callable[[], int]] = []

    def handshake(self, *, resumed: bool) -> None:
        """Count one with the upstream that was done."""
        if resumed:
            self.handshakes_resumed += 1
        else:
            self.handshakes_full += 1

    def idle_connections(self) -> int:
        """How many of the connections serve nobody now."""
        return sum(count() for count in self.idle)

    def row(self) -> list[int]:
        """The counts as a Heartbeat carries them."""
        counts = (self.tap_ns, *self.connects.values(), self.handshakes_full, self.handshakes_resumed)
        return [*counts, *self.late.row()]
