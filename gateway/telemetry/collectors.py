"""Metric families that are read, not kept: gaps from bucket counts, and the balance from the view, at each scrape.

Not here: families that the client library keeps (metrics.py).
Promise: one scrape reads the balance once, so its counts fit together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.telemetry import names
from gateway.telemetry.view import View
from gateway.wire.facts import Gaps

_GAP_LES = (*(repr(bound_s) for bound_s in names.BOUNDS_GAP_S), "+Inf")


@dataclass(slots=True)
class _GapSum:
    counts: list[int] = field(default_factory=lambda: [0] * (len(names.BOUNDS_GAP_S) + 1))
    sum_ns: int = 0


class GapHistogram(Collector):
    """The gap family: streams bring bucket counts, and a histogram that only observes values can't take those."""

    def __init__(self) -> None:
        self._by_model: dict[str, _GapSum] = {}

    def add(self, model: str, gaps: Gaps) -> None:
        """Add a stream's gaps. A stream without any leaves no trace."""
        if not any(gaps.counts):
            return
        total = self._by_model.setdefault(model, _GapSum())
        total.counts = [have + more for have, more in zip(total.counts, gaps.counts, strict=True)]
        total.sum_ns += gaps.sum_ns

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for model, total in self._by_model.items():
            buckets: list[tuple[str, float]] = []
            below = 0
            for le, count in zip(_GAP_LES, total.counts, strict=True):
                below += count
                buckets.append((le, below))
            family.add_metric([model], buckets, total.sum_ns / 1e9)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(names.GAP.name, names.GAP.help, labels=names.GAP.labels)


class BalanceCollector(Collector):
    """Opened, closed, open and lost, by worker and mode."""

    def __init__(self, view: View) -> None:
        self._view = view

    def describe(self) -> Iterable[Metric]:
        return self._families()

    def collect(self) -> Iterable[Metric]:
        opened, closed, lost, active = families = self._families()
        lost_records = dict.fromkeys(names.LOST_DOMAIN, 0)
        for worker, balance in sorted(self._view.balances().items()):
            opened.add_metric([worker], balance.opened)
            closed.add_metric([worker], balance.closed)
            for name, count in balance.lost.items():
                kind, _, reason = name.partition("/")
                # A kind or reason of another version of the forwarder is counted as what it is: a loss.
                key = (kind, reason) if (kind, reason) in lost_records else (names.OTHER, names.OTHER)
                lost_records[key] = lost_records.get(key, 0) + count
        for labels, count in lost_records.items():
            lost.add_metric(labels, count)
        for mode, open_count in self._view.open_by_mode().items():
            active.add_metric([mode.value], open_count)
        return families

    @staticmethod
    def _families() -> tuple[CounterMetricFamily, CounterMetricFamily, CounterMetricFamily, GaugeMetricFamily]:
        opened, closed, lost = (
            CounterMetricFamily(family.name.removesuffix("_total"), family.help, labels=family.labels)
            for family in (names.OPENED, names.CLOSED, names.RECORDS_LOST)
        )
        active = names.ACTIVE_STREAMS
        return opened, closed, lost, GaugeMetricFamily(active.name, active.help, labels=active.labels)
