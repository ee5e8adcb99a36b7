"""What clients do: kinds of streams, how long they last, how often they come in the course of the day.

Not here: who carries them (simulation.py). Two sources of durations: the assumed mix below, which has the hour-long
agents that no test can wait for, and histograms as a gateway's own /metrics has them (`from_scrape`).
Promise: the same seed gives the same streams.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from prometheus_client.parser import text_string_to_metric_families

LONGEST_S: Final = 3600  # the API's own limit of an agent's run

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kind:
    """Streams alike. edges_s, shares: the chance that a stream ends within each edge and the one before, a sum of 1.

    share: of all arrivals. events_per_s: mean over the life of a stream, its silences included.
    """

    name: str
    share: float
    events_per_s: float
    edges_s: tuple[float, ...]
    shares: tuple[float, ...]

    def draw(self, luck: np.random.Generator, count: int) -> Ints:
        """So many durations in whole seconds, 1 to LONGEST_S: evenly within their bucket."""
        edges = np.array([0.0, *self.edges_s])
        bucket = luck.choice(len(self.shares), count, p=self.shares)
        drawn = edges[bucket] + luck.random(count) * (edges[bucket + 1] - edges[bucket])
        found: Ints = np.clip(np.ceil(drawn), 1, LONGEST_S).astype(np.int64)
        return found

    @property
    def mean_s(self) -> float:
        """Of a stream's life."""
        edges = (0.0, *self.edges_s)
        return sum(share * (low + high) / 2 for share, low, high in zip(self.shares, edges, self.edges_s, strict=False))

    def still_open(self, after_s: float) -> float:
        """The share of those open at a moment that are open so long after: what a drain of that length cuts."""
        left, low = 0.0, 0.0
        for share, high in zip(self.shares, self.edges_s, strict=True):
            if high > after_s:
                start = max(low, after_s)
                # of a life L the part beyond `after_s`, over all lives, by all life there is
                left += share * ((high - after_s) ** 2 - (start - after_s) ** 2) / (2 * (high - low))
            low = high
        return left / self.mean_s


def lognormal(name: str, share: float, events_per_s: float, median_s: float, p95_s: float, longest_s: float) -> Kind:
    """A kind by its median and 95th percentile; what would last longer ends at longest_s."""
    spread = math.log(p95_s / median_s) / 1.6449
    edges = [longest_s * (n / 60) ** 3 for n in range(1, 61)]

    def below(value_s: float) -> float:
        return 0.5 * (1 + math.erf((math.log(value_s / median_s)) / (spread * math.sqrt(2))))

    whole = [0.0, *map(below, edges[:-1]), 1.0]
    shares = tuple(after - before for before, after in itertools.pairwise(whole))
    return Kind(name, share, events_per_s, tuple(edges), shares)


# Assumed, not measured: nobody's production traffic is known here. Agents take some 20 minutes, 60 at most, by the
# API's own page (limits.toml); chat and thinking are the tens of seconds and the minutes that the issue names.
MIX: Final = (
    lognormal("chat", 0.90, 20.0, 12.0, 60.0, 600.0),
    lognormal("thinking", 0.09, 4.0, 60.0, 240.0, 900.0),
    lognormal("agent", 0.01, 0.5, 900.0, 2700.0, LONGEST_S),
)


def mean_s(kinds: Sequence[Kind]) -> float:
    """Of a stream's life, over all arrivals."""
    return sum(kind.share * kind.mean_s for kind in kinds)


def events_per_s(kinds: Sequence[Kind]) -> float:
    """Of an open stream, over all that are open."""
    return sum(kind.share * kind.mean_s * kind.events_per_s for kind in kinds) / mean_s(kinds)


def still_open(kinds: Sequence[Kind], after_s: float) -> float:
    """The share of all open streams that outlast a drain of that length."""
    return sum(kind.share * kind.mean_s * kind.still_open(after_s) for kind in kinds) / mean_s(kinds)


def from_scrape(text: str) -> Kind:
    """All streams of a gateway as one kind, from `request_duration_seconds` and `stream_events_total` of its /metrics.

    The buckets give the shape, the sum gives the mean, less the half second by which `draw` rounds up. What lasted
    longer than the last edge is taken to have lasted up to LONGEST_S. Raises ValueError where no stream has ended.
    """
    below: dict[float, float] = {}
    events = seconds = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "interactions_gateway_stream_events_total":
                events += sample.value
            elif sample.labels.get("mode") != "stream":
                continue
            elif sample.name == "interactions_gateway_request_duration_seconds_bucket":
                edge = float(sample.labels["le"])
                below[edge] = below.get(edge, 0.0) + sample.value
            elif sample.name == "interactions_gateway_request_duration_seconds_sum":
                seconds += sample.value
    total = below.pop(math.inf, 0.0)
    if not total or not seconds:
        raise ValueError("no stream has ended at this gateway")
    below[LONGEST_S] = total
    edges = [0.0, *sorted(edge for edge in below if edge <= LONGEST_S)]
    counts = [below[high] - below.get(low, 0.0) for low, high in itertools.pairwise(edges)]
    middle_s = sum(
        count * (low + high) / 2 for count, (low, high) in zip(counts, itertools.pairwise(edges), strict=True)
    )
    stretch = max(seconds - total / 2, total / 2) / middle_s
    shares = tuple(count / total for count in counts)
    return Kind("measured", 1.0, events / seconds, tuple(edge * stretch for edge in edges[1:]), shares)


@dataclass(frozen=True, slots=True)
class Burst:
    """For a while so many times more streams arrive, within ramp_s."""

    at_s: int
    lasts_s: int
    times: float
    ramp_s: int = 30

    def factor(self, t_s: int) -> float:
        """At a moment."""
        since_s = t_s - self.at_s
        if not 0 <= since_s < self.lasts_s:
            return 1.0
        return 1 + (self.times - 1) * min(1.0, since_s / self.ramp_s)


def day(
    kinds: Sequence[Kind], peak_streams: float, lasts_s: int, low: float = 0.25, bursts: Sequence[Burst] = ()
) -> Callable[[int], Floats]:
    """Arrivals a second of each kind at second t: from `low` of the peak up to it and down again, with bursts.

    peak_streams: open at the peak, were it to last.
    """
    peak = peak_streams / mean_s(kinds) * np.array([kind.share for kind in kinds])

    def arrivals(t_s: int) -> Floats:
        course = low + (1 - low) * (1 - math.cos(2 * math.pi * t_s / lasts_s)) / 2
        factor = math.prod(burst.factor(t_s) for burst in bursts)
        found: Floats = peak * (course * factor)
        return found

    return arrivals
