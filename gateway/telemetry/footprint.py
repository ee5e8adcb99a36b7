"""CPU time and memory of the gateway's processes, as the system tells them: read from /proc at each scrape.

Two short files a process and scrape are cheaper than a word of each process a second, and true at the moment of the
scrape. Where there is no /proc the families have no samples.
Promise: a worker's CPU time never goes back while this observer lives, whichever processes were that worker. What a
forwarder had used when it spoke to an earlier observer is left to that one's count.
"""

from __future__ import annotations

import os
from pathlib import Path

from gateway.records import Hello
from gateway.telemetry import names
from gateway.telemetry.collectors import Read, ReadFamilies
from gateway.telemetry.registry import Labels, Registry

_PROC = Path("/proc")


class Footprint(ReadFamilies):
    """CPU and memory by process and worker."""

    def __init__(self, registry: Registry) -> None:
        self._is_told = (_PROC / "self" / "stat").exists()
        self._ticks_per_s = os.sysconf("SC_CLK_TCK") if self._is_told else 1
        self._page_bytes = os.sysconf("SC_PAGESIZE") if self._is_told else 1
        self._lone: dict[str, int] = {}  # process to pid, of those of which there is one
        self._from: dict[tuple[int, int], int] = {}  # worker and pid to the ticks that are not counted here
        self._last: dict[tuple[int, int], int] = {}  # and to the last that were read
        self._ended: dict[int, int] = {}  # worker to the ticks of its processes that are gone
        registry.register(self)

    def lone(self, process: str, pid: int) -> None:
        """There is one process of this name, and this is it."""
        self._lone[process] = pid

    def connected(self, hello: Hello) -> None:
        """A forwarder is there."""
        place = hello.worker, hello.pid
        spoke_before = bool(hello.tally_before or hello.closed_before)
        self._from[place] = self._last[place] = (_ticks(hello.pid) or 0) if spoke_before else 0

    def disconnected(self, hello: Hello) -> None:
        """It has gone, or its connection broke."""
        place = hello.worker, hello.pid
        if place in self._last:
            self._read(place)
            ticks = self._last.pop(place) - self._from.pop(place)
            self._ended[hello.worker] = self._ended.get(hello.worker, 0) + ticks

    def read(self) -> Read:
        """Part of ReadFamilies."""
        cpu: dict[Labels, float] = {}
        memory: dict[Labels, float] = {}
        for process, pid in self._lone.items():
            ticks, pages = _ticks(pid), _resident_pages(pid)
            if ticks is not None and pages is not None:
                cpu[process, names.NONE] = ticks / self._ticks_per_s
                memory[process, names.NONE] = pages * self._page_bytes
        workers = dict(self._ended)
        for place, from_ticks in self._from.items():
            worker, pid = place
            self._read(place)
            workers[worker] = workers.get(worker, 0) + self._last[place] - from_ticks
            pages = _resident_pages(pid)
            if pages is not None:
                labels = names.FORWARDER, str(worker)
                memory[labels] = memory.get(labels, 0) + pages * self._page_bytes
        if self._is_told:
            cpu |= {(names.FORWARDER, str(worker)): ticks / self._ticks_per_s for worker, ticks in workers.items()}
        return [(names.PROCESS_CPU, list(cpu.items())), (names.PROCESS_MEMORY, list(memory.items()))]

    def _read(self, place: tuple[int, int]) -> None:
        ticks = _ticks(place[1])
        if ticks is not None:
            self._last[place] = max(ticks, self._last[place])


def _ticks(pid: int) -> int | None:
    """User and system time so far; also of a process that has ended and is not reaped yet."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident_pages(pid: int) -> int | None:
    try:
        return int((_PROC / str(pid) / "statm").read_bytes().split()[1])
    except OSError:
        return None
