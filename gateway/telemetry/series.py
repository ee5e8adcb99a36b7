"""How many series a scrape has, said in the scrape itself.

Not here: the counting (registry.py), what happens at the limit.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.telemetry import names
from gateway.telemetry.registry import Registry, plain


class SeriesCollector:
    """The family of one sample that counts them all, itself too."""

    series = 1

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        registry.register(self)

    def lines(self, *, openmetrics: bool) -> Iterable[str]:
        """Part of Collector."""
        return plain(names.SERIES, [((), self._registry.series)], openmetrics=openmetrics)
