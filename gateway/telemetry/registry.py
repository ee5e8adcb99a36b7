"""Metric families as dictionaries of plain numbers, and their text in both formats.

Not here: which families there are (names.py), when they move (metrics.py).
Source: Prometheus text format 0.0.4; OpenMetrics 1.0. Kept instead of the official client, whose counters cost ten
times as much to move, and a scrape thirty times; its parsers read this text in the tests, and its own text of the same
numbers says the same.
Promise: families, samples and their order are the official client's. Their number is bounded: beyond the limit, labels
whose values come with traffic are `other` in whatever is new. Not thread-safe.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from gateway.telemetry.names import NONE, OPEN_LABELS, OTHER, Family, Kind

NS_PER_S = 1e9

Labels = tuple[str, ...]


class Exemplar(NamedTuple):
    """What leads from a sample to its trace. labels: as text, escaped by its maker; unix_s: when it was seen."""

    labels: str
    unix_s: float


class Collector(Protocol):
    """A family, or some, that can be written down."""

    @property
    def series(self) -> int:
        """How many samples it has."""

    def lines(self, *, openmetrics: bool) -> Iterable[str]:
        """Its lines, with their line ends."""


class Registry:
    """The families of one scrape, in the order of their registration.

    max_series: beyond it a new child of a family has `other` in its open labels. Closed labels keep their values, so
    that sums by outcome or type stay true: their combinations are few, and may exceed the limit. on_full: told of each.
    """

    def __init__(self, max_series: int | None = None) -> None:
        self._collectors: list[Collector] = []
        self._kept = 0  # samples of the families that grow
        self.max_series = max_series
        self.on_full: Callable[[], object] = _nothing

    @property
    def series(self) -> int:
        """How many samples a scrape has."""
        return sum(collector.series for collector in self._collectors)

    def grown(self, samples: int) -> None:
        """A family has a new child, of so many samples."""
        self._kept += samples

    def place(self, family: Family, labels: Labels, samples: int) -> Labels:
        """The labels under which something new is to be counted: its own while there is room. samples: of a child."""
        if self.max_series is None or self._kept + samples <= self.max_series:
            return labels
        folded = tuple(
            OTHER if name in OPEN_LABELS and value != NONE else value
            for name, value in zip(family.labels, labels, strict=True)
        )
        if folded != labels:
            self.on_full()
        return folded

    def register(self, collector: Collector) -> None:
        """Take a family in."""
        self._collectors.append(collector)

    def text(self, *, openmetrics: bool) -> bytes:
        """The scrape. Raises what a collector raises."""
        lines: list[str] = []
        for collector in self._collectors:
            lines.extend(collector.lines(openmetrics=openmetrics))
        if openmetrics:
            lines.append("# EOF\n")
        return "".join(lines).encode("utf-8", "replace")


class Counter:
    """A counter family. known: label values that start at 0, so that the first increment is seen as one."""

    def __init__(self, family: Family, registry: Registry, known: Iterable[Labels] = ()) -> None:
        self._family = family
        self._registry = registry
        self._children: dict[Labels, _Value] = {}
        for labels in known:
            self._add(labels)
        registry.register(self)

    @property
    def series(self) -> int:
        """Part of Collector."""
        return len(self._children)

    def inc(self, labels: Labels, amount: int = 1, exemplar: Exemplar | None = None) -> None:
        """Count. amount: 0 or more."""
        child = self._children.get(labels) or self._child(labels)
        child.value += amount
        if exemplar is not None:
            child.exemplar = f" # {{{exemplar.labels}}} {amount} {exemplar.unix_s!r}"

    def _child(self, labels: Labels) -> _Value:
        labels = self._registry.place(self._family, labels, 1)
        return self._children.get(labels) or self._add(labels)

    def _add(self, labels: Labels) -> _Value:
        child = self._children[labels] = _Value(_sample(self._family, labels))
        self._registry.grown(1)
        return child

    def lines(self, *, openmetrics: bool) -> Iterator[str]:
        """Part of Collector."""
        yield head(self._family, openmetrics=openmetrics)
        for child in self._children.values():
            yield f"{child.sample}{child.value}{child.exemplar if openmetrics else ''}\n"


class Gauge:
    """A gauge family."""

    def __init__(self, family: Family, registry: Registry) -> None:
        self._family = family
        self._registry = registry
        self._values: dict[Labels, float] = {}
        registry.register(self)

    @property
    def series(self) -> int:
        """Part of Collector."""
        return len(self._values)

    def set(self, labels: Labels, value: float) -> None:
        """Set one sample."""
        if labels not in self._values:
            self._registry.grown(1)
        self._values[labels] = value

    def lines(self, *, openmetrics: bool) -> Iterable[str]:
        """Part of Collector."""
        return plain(self._family, self._values.items(), openmetrics=openmetrics)


class Histogram:
    """A histogram family of durations: observed in ns, exactly, and told in seconds."""

    def __init__(self, family: Family, registry: Registry) -> None:
        self._family = family
        self._registry = registry
        self._bounds_ns = [round(bound_s * NS_PER_S) for bound_s in family.bounds]
        self._les = [*(repr(float(bound_s)) for bound_s in family.bounds), "+Inf"]
        self._children: dict[Labels, _Buckets] = {}
        self._samples = len(self._les) + 2  # of a child: its buckets, count and sum
        registry.register(self)

    @property
    def series(self) -> int:
        """Part of Collector."""
        return len(self._children) * self._samples

    def observe(self, labels: Labels, value_ns: int, exemplar: Exemplar | None = None) -> None:
        """Count one duration."""
        child = self._children.get(labels) or self._child(labels)
        at = bisect_left(self._bounds_ns, value_ns)
        child.counts[at] += 1
        child.sum_ns += value_ns
        if exemplar is not None:
            child.exemplars[at] = f" # {{{exemplar.labels}}} {value_ns / NS_PER_S!r} {exemplar.unix_s!r}"

    def add(self, labels: Labels, counts: list[int], sum_ns: int) -> None:
        """Count many at once. counts: by bucket, one more than there are bounds."""
        child = self._children.get(labels) or self._child(labels)
        child.counts = [have + more for have, more in zip(child.counts, counts, strict=True)]
        child.sum_ns += sum_ns

    def _child(self, labels: Labels) -> _Buckets:
        labels = self._registry.place(self._family, labels, self._samples)
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = _Buckets(_pairs(self._family, labels), len(self._les))
            self._registry.grown(self._samples)
        return child

    def lines(self, *, openmetrics: bool) -> Iterator[str]:
        """Part of Collector."""
        yield head(self._family, openmetrics=openmetrics)
        name = self._family.name
        for child in self._children.values():
            below = 0
            for at, le in enumerate(self._les):
                below += child.counts[at]
                exemplar = child.exemplars.get(at, "") if openmetrics else ""
                yield f'{name}_bucket{{{child.pairs},le="{le}"}} {below}{exemplar}\n'
            yield f"{name}_count{{{child.pairs}}} {below}\n{name}_sum{{{child.pairs}}} {child.sum_ns / NS_PER_S!r}\n"


class _Value:
    __slots__ = ("exemplar", "sample", "value")

    def __init__(self, sample: str) -> None:
        self.sample = sample
        self.value = 0
        self.exemplar = ""


class _Buckets:
    __slots__ = ("counts", "exemplars", "pairs", "sum_ns")

    def __init__(self, pairs: str, count: int) -> None:
        self.pairs = pairs
        self.counts = [0] * count
        self.sum_ns = 0
        self.exemplars: dict[int, str] = {}


def _nothing() -> None:
    """Until somebody counts."""


def head(family: Family, *, openmetrics: bool) -> str:
    """The lines before a family's samples. OpenMetrics names a counter without its `_total`."""
    name = family.name.removesuffix("_total") if openmetrics and family.kind is Kind.COUNTER else family.name
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {family.kind.value}\n"


def plain(family: Family, samples: Iterable[tuple[Labels, float]], *, openmetrics: bool) -> Iterator[str]:
    """The lines of a counter or gauge family whose values are read, not kept."""
    yield head(family, openmetrics=openmetrics)
    for labels, value in samples:
        yield f"{_sample(family, labels)}{value}\n"


def _sample(family: Family, labels: Labels) -> str:
    return f"{family.name}{{{_pairs(family, labels)}}} "


def _pairs(family: Family, labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(family.labels, labels, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
