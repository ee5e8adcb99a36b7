"""Metric families that are read, not kept: the balance from the view, and the number of series, at each scrape.

Not here: families that keep their numbers (registry.py).
Promise: one scrape reads the balance once, so its counts fit together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TypeAlias

from gateway.telemetry import names
from gateway.telemetry.names import Family
from gateway.telemetry.registry import Labels, Points, Registry, numbers, plain
from gateway.telemetry.view import View

Read: TypeAlias = list[tuple[Family, list[tuple[Labels, float]]]]


class ReadFamilies(ABC):
    """A Collector of counters and gauges that are read when somebody asks."""

    @abstractmethod
    def read(self) -> Read:
        """The families with their samples, of one moment."""

    @property
    def series(self) -> int:
        """Part of Collector."""
        return sum(len(samples) for _, samples in self.read())

    def lines(self, *, openmetrics: bool) -> Iterator[str]:
        """Part of Collector."""
        for family, samples in self.read():
            yield from plain(family, samples, openmetrics=openmetrics)

    def points(self) -> Iterator[Points]:
        """Part of Collector."""
        for family, samples in self.read():
            yield numbers(family, samples)


class BalanceCollector(ReadFamilies):
    """Opened, closed, open and lost, by worker and mode."""

    def __init__(self, view: View) -> None:
        self._view = view

    def read(self) -> Read:
        """Part of ReadFamilies."""
        balances = sorted(self._view.balances().items())
        lost = dict.fromkeys(names.LOST_DOMAIN, 0)
        for _, balance in balances:
            for name, count in balance.lost.items():
                kind, _, reason = name.partition("/")
                # A kind or reason of another version of the forwarder is counted as what it is: a loss.
                key = (kind, reason) if (kind, reason) in lost else (names.OTHER, names.OTHER)
                lost[key] = lost.get(key, 0) + count
        active = self._view.open_by_mode()
        return [
            (names.OPENED, [((worker,), balance.opened) for worker, balance in balances]),
            (names.CLOSED, [((worker,), balance.closed) for worker, balance in balances]),
            (names.RECORDS_LOST, list(lost.items())),
            (names.ACTIVE_STREAMS, [((mode,), count) for mode, count in active.items()]),
        ]


class SeriesCollector(ReadFamilies):
    """How many series the scrape has, this one included."""

    series = 1  # asking would ask the registry, which asks here

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        registry.register(self)

    def read(self) -> Read:
        """Part of ReadFamilies."""
        return [(names.SERIES, [((), self._registry.series)])]
