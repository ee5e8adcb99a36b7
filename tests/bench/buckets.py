"""A Prometheus histogram as the bench reads it: off a scrape, from one moment to another, and its quantiles.

A quantile is interpolated between the bounds of its bucket, evenly, as PromQL's histogram_quantile does; so two
histograms of the same bounds are off by the same. Of the last bucket, which has no end, only its start is known.
"""

from __future__ import annotations

import itertools
import math
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Buckets:
    """bounds_s: upper bounds without the last, endless one. counts: by bucket, one more than there are bounds."""

    bounds_s: Sequence[float]
    counts: Sequence[int]

    @classmethod
    def scraped(cls, text: str, name: str, **labels: str) -> Buckets:
        """The sum of all of a family's histograms that have these labels. Raises LookupError where there is none."""
        by_bound: dict[float, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"{name}_bucket" and labels.items() <= sample.labels.items():
                    bound_s = float(sample.labels["le"])
                    by_bound[bound_s] = by_bound.get(bound_s, 0) + sample.value
        if not by_bound:
            raise LookupError(f"no {name} with {labels}")
        bounds_s = sorted(by_bound)
        below = [0, *(int(by_bound[bound_s]) for bound_s in bounds_s)]
        return cls(bounds_s[:-1], [upto - before for before, upto in itertools.pairwise(below)])

    def since(self, earlier: Buckets) -> Buckets:
        """What came after that."""
        counts = [now - then for now, then in zip(self.counts, earlier.counts, strict=True)]
        return Buckets(self.bounds_s, counts)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts)

    def ms(self, share: float) -> float:
        """The quantile of that share, in ms; nan of none."""
        rank, below = share * self.count, 0
        edges_s = [0.0, *self.bounds_s, self.bounds_s[-1]]
        for at, count in enumerate(self.counts):
            if count and below + count >= rank:
                low_s, high_s = edges_s[at], edges_s[at + 1]
                return (low_s + (high_s - low_s) * (rank - below) / count) * 1e3
            below += count
        return math.nan


def scrape(admin_url: str) -> str:
    """The text of /metrics."""
    with urllib.request.urlopen(f"{admin_url}/metrics", timeout=TIMEOUT_S) as answer:
        text: str = answer.read().decode()
    return text
