"""What the processes tell of themselves: how late their loops wake.

Not here: exchanges (metrics.py), the balance (collectors.py).
Source: records.py says what a tally is. Promise: what a forwarder counted is added once, however often its connection
breaks or this observer is replaced.
"""

from __future__ import annotations

from itertools import zip_longest

from gateway.records import LAG_BOUNDS_NS, Heartbeat, Hello
from gateway.telemetry import names
from gateway.telemetry.registry import Histogram, Registry

MAX_REMEMBERED_FORWARDERS = 1024  # that may come back after their connection broke


class Processes:
    """Their families."""

    def __init__(self, registry: Registry) -> None:
        self._lag = Histogram(names.LOOP_LAG, registry)
        for process in names.PROCESSES:
            self._lag.add((process,), [0] * (len(LAG_BOUNDS_NS) + 1), 0)
        self._told: dict[tuple[int, int], list[int]] = {}  # worker and pid to the tally that is counted already

    def connected(self, hello: Hello) -> None:
        """A forwarder speaks; its count so far went to an earlier observer, or is remembered here."""
        self._told.setdefault((hello.worker, hello.pid), hello.tally_before)

    def heartbeat(self, hello: Hello, record: Heartbeat) -> None:
        """Add what its tally has grown by."""
        if not record.tally:
            return
        place = hello.worker, hello.pid
        # Taken out and put back: what is forgotten first is who has been silent longest.
        told, self._told[place] = self._told.pop(place, []), record.tally
        if len(self._told) > MAX_REMEMBERED_FORWARDERS:
            del self._told[next(iter(self._told))]
        if told != record.tally:
            *counts, sum_ns = (max(0, now - then) for now, then in zip_longest(record.tally, told, fillvalue=0))
            self._lag.add((names.FORWARDER,), counts, sum_ns)

    def observer_late(self, late_ns: int) -> None:
        """The observer's own loop woke so late."""
        self._lag.observe((names.OBSERVER,), late_ns)
