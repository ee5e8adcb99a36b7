"""Metric families that are read, not kept: the balance from the view, at each scrape.

Not here: families that keep their numbers (registry.py).
Promise: one scrape reads the balance once, so its counts fit together.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.telemetry import names
from gateway.telemetry.names import Family
from gateway.telemetry.registry import Labels, plain
from gateway.telemetry.view import View


class BalanceCollector:
    """Opened, closed, open and lost, by worker and mode."""

    def __init__(self, view: View) -> None:
        self._view = view

    @property
    def series(self) -> int:
        """Part of Collector."""
        return sum(len(samples) for _, samples in self._families())

    def lines(self, *, openmetrics: bool) -> Iterator[str]:
        """Part of Collector."""
        for family, samples in self._families():
            yield from plain(family, samples, openmetrics=openmetrics)

    def _families(self) -> list[tuple[Family, list[tuple[Labels, float]]]]:
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
