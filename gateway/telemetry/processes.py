"""What the processes tell of themselves: how late their loops wake, what waits for the observer, their connections.

Not here: exchanges (metrics.py), the balance (collectors.py), what the system says of them (footprint.py).
Source: records.py says what a tally is. Promise: what a forwarder counted is added once, however often its connection
breaks or this observer is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import zip_longest

from gateway.records import CONNECT_RESULTS, LAG_BOUNDS_NS, TALLY, Heartbeat, Hello
from gateway.telemetry import names
from gateway.telemetry.catalogue import NS_PER_S
from gateway.telemetry.collectors import Read, ReadFamilies
from gateway.telemetry.registry import Counter, Histogram, Registry
from gateway.telemetry.view import View

MAX_REMEMBERED_FORWARDERS = 1024  # that may come back after their connection broke


class Processes(ReadFamilies):
    """Their families; those of what is so now are read from the sessions' last heartbeats."""

    def __init__(self, registry: Registry, view: View) -> None:
        self._view = view
        self._lag = Histogram(names.LOOP_LAG, registry)
        for process in names.LOOPS:
            self._lag.add((process,), [0] * (len(LAG_BOUNDS_NS) + 1), 0)
        self._connects = Counter(names.UPSTREAM_CONNECTS, registry, [(result,) for result in CONNECT_RESULTS])
        self._handshakes = Counter(names.TLS_HANDSHAKES, registry, [(resumed,) for resumed in names.RESUMED])
        self._told: dict[tuple[int, int], list[int]] = {}  # worker and pid to the tally that is counted already
        self._tap_ns: dict[str, int] = {}  # by worker
        self._restarts = dict.fromkeys(names.LOOPS, 0)
        self._started_unix_s = time.time()
        registry.register(self)

    def connected(self, hello: Hello) -> None:
        """A forwarder speaks; its count so far went to an earlier observer, or is remembered here."""
        self._told.setdefault((hello.worker, hello.pid), hello.tally_before)
        self._tap_ns.setdefault(str(hello.worker), 0)

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
            self._add(
                str(hello.worker), [max(0, now - then) for now, then in zip_longest(record.tally, told, fillvalue=0)]
            )

    def observer_late(self, late_ns: int) -> None:
        """The observer's own loop woke so late."""
        self._lag.observe((names.OBSERVER,), late_ns)

    def restarted(self, times: Mapping[str, int]) -> None:
        """How often the supervisor has started a process again so far, by process."""
        self._restarts.update({process: times[process] for process in names.LOOPS if process in times})

    def started(self, unix_s: float) -> None:
        """The gateway began then: before this process, where that is a later one of several."""
        self._started_unix_s = unix_s

    def _add(self, worker: str, growth: list[int]) -> None:
        counts = dict(zip(TALLY, growth, strict=False))
        *late, late_ns = growth[len(TALLY) :]
        self._tap_ns[worker] = self._tap_ns.get(worker, 0) + counts["tap_ns"]
        for result in CONNECT_RESULTS:
            self._connects.inc((result,), counts[result])
        for resumed, name in zip(names.RESUMED, ("handshakes_resumed", "handshakes_full"), strict=True):
            self._handshakes.inc((resumed,), counts[name])
        self._lag.add((names.FORWARDER,), late, late_ns)

    def read(self) -> Read:
        """Part of ReadFamilies."""
        queued_bytes: dict[str, int] = {}
        oldest_ns: dict[str, int] = {}
        silence_ns = active = idle = 0
        for session in self._view.sessions:
            worker, beat = session.worker, session.heartbeat
            queued_bytes[worker] = queued_bytes.get(worker, 0) + beat.queue_bytes
            oldest_ns[worker] = max(oldest_ns.get(worker, 0), beat.queue_age_ns)
            silence_ns = max(silence_ns, beat.oldest_silence_ns or 0)
            active, idle = active + beat.active_connections, idle + beat.idle_connections
        restarts = self._restarts.items()
        return [
            (names.RECORD_QUEUE_BYTES, [((worker,), value) for worker, value in queued_bytes.items()]),
            (names.RECORD_LAG, [((worker,), value / NS_PER_S) for worker, value in oldest_ns.items()]),
            (names.OLDEST_SILENCE, [((), silence_ns / NS_PER_S)]),
            (names.UPSTREAM_CONNECTIONS, [((names.ACTIVE,), active), ((names.IDLE,), idle)]),
            (names.TAP_SECONDS, [((worker,), value / NS_PER_S) for worker, value in self._tap_ns.items()]),
            (names.PROCESS_RESTARTS, [((process,), value) for process, value in restarts]),
            (names.STARTED, [((), self._started_unix_s)]),
        ]
