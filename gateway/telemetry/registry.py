"""Metric families as dictionaries of plain numbers, and their text in both formats.

Not here: which families there are (names.py), when they move (metrics.py), their way over OTLP (otlp_metrics.py).
Source: Prometheus text format 0.0.4; OpenMetrics 1.0. Kept instead of the official client, whose counters cost ten
times as much to move, and a scrape thirty times; its parsers read this text in the tests, and its own text of the same
numbers says the same.
Promise: families, samples and their order are the official client's. Their number is bounded: beyond the limit, labels
whose values come with traffic are `other` in whatever is new. Not thread-safe.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from decimal import Context, Decimal
from typing import NamedTuple, Protocol, TypeAlias

from gateway.telemetry.names import NONE, OPEN_LABELS, OTHER, Family, Kind

_EXACT = Context(prec=200)  # far more digits than any sum has: nothing is rounded

Labels = tuple[str, ...]


class Exemplar(NamedTuple):
    """What leads from a sample to its trace. unix_s: when it was seen."""

    trace_id: int
    span_id: int
    unix_s: float


class Traced(NamedTuple):
    """An exemplar at a sample. value: what was observed, in the family's unit."""

    exemplar: Exemplar
    value: float

    def text(self) -> str:
        """As OpenMetrics writes it behind the sample."""
        trace_id, span_id, unix_s = self.exemplar
        return f' # {{span_id="{span_id:016x}",trace_id="{trace_id:032x}"}} {self.value!r} {unix_s!r}'


class Number(NamedTuple):
    """A sample of a counter or gauge."""

    labels: Labels
    value: float
    traced: Traced | None = None


class Buckets(NamedTuple):
    """A sample of a histogram. counts: by bucket, not cumulative, the last above all bounds. sum: in the unit."""

    labels: Labels
    counts: list[int]
    sum: float
    traced: list[Traced]


Points: TypeAlias = tuple[Family, list[Number] | list[Buckets]]


class Collector(Protocol):
    """A family, or some, that can be told as text and as numbers."""

    @property
    def series(self) -> int:
        """How many samples it has."""

    def lines(self, *, openmetrics: bool) -> Iterable[str]:
        """Its lines, with their line ends."""

    def points(self) -> Iterable[Points]:
        """Its samples, as a copy."""


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
            OTHER if name in OPEN_LABELS and value not in ("", NONE) else value
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

    def points(self) -> list[Points]:
        """The same numbers, all of one moment. Raises what a collector raises."""
        return [points for collector in self._collectors for points in collector.points()]


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

    def inc(self, labels: Labels, amount: int | Decimal = 1, exemplar: Exemplar | None = None) -> None:
        """Count. amount: 0 or more; decimals are added up exactly."""
        child = self._children.get(labels) or self._child(labels)
        value = child.value
        if type(value) is int and type(amount) is int:
            child.value = value + amount
        else:
            child.value = _EXACT.add(Decimal(value), amount)
        if exemplar is not None:
            child.traced = Traced(exemplar, _float(amount))

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
            trace = child.traced.text() if openmetrics and child.traced is not None else ""
            yield f"{child.sample}{_plain(child.value)}{trace}\n"

    def points(self) -> Iterator[Points]:
        """Part of Collector."""
        yield (
            self._family,
            [Number(labels, _float(child.value), child.traced) for labels, child in self._children.items()],
        )


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

    def clear(self) -> None:
        """Forget all samples."""
        self._registry.grown(-len(self._values))
        self._values.clear()

    def lines(self, *, openmetrics: bool) -> Iterable[str]:
        """Part of Collector."""
        return plain(self._family, self._values.items(), openmetrics=openmetrics)

    def points(self) -> Iterator[Points]:
        """Part of Collector."""
        yield numbers(self._family, self._values.items())


class Histogram:
    """A histogram family: observed as integers in `family.parts` of its unit (durations: ns), so that sums are exact.

    known: label values that are there from the start.
    """

    def __init__(self, family: Family, registry: Registry, known: Iterable[Labels] = ()) -> None:
        self._family = family
        self._registry = registry
        self._parts = family.parts
        self._bounds = [round(bound * family.parts) for bound in family.bounds]
        self._les = [*map(_le, family.bounds), "+Inf"]
        self._children: dict[Labels, _Buckets] = {}
        self._samples = len(self._les) + 2  # of a child: its buckets, count and sum
        for labels in known:
            self._child(labels)
        registry.register(self)

    @property
    def series(self) -> int:
        """Part of Collector."""
        return len(self._children) * self._samples

    def observe(self, labels: Labels, value: int, exemplar: Exemplar | None = None) -> None:
        """Count one value."""
        child = self._children.get(labels) or self._child(labels)
        at = bisect_left(self._bounds, value)
        child.counts[at] += 1
        child.sum += value
        if exemplar is not None:
            child.traced[at] = Traced(exemplar, value / self._parts)

    def add(self, labels: Labels, counts: list[int], sum_: int) -> None:
        """Count many at once. counts: by bucket, one more than there are bounds."""
        child = self._children.get(labels) or self._child(labels)
        child.counts = [have + more for have, more in zip(child.counts, counts, strict=True)]
        child.sum += sum_

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
        name, parts = self._family.name, self._parts
        for child in self._children.values():
            below = 0
            for at, le in enumerate(self._les):
                below += child.counts[at]
                trace = child.traced[at].text() if openmetrics and at in child.traced else ""
                yield f'{name}_bucket{{{child.pairs},le="{le}"}} {below}{trace}\n'
            yield f"{name}_count{{{child.pairs}}} {below}\n{name}_sum{{{child.pairs}}} {child.sum / parts!r}\n"

    def points(self) -> Iterator[Points]:
        """Part of Collector."""
        yield (
            self._family,
            [
                Buckets(labels, list(child.counts), child.sum / self._parts, list(child.traced.values()))
                for labels, child in self._children.items()
            ],
        )


class _Value:
    __slots__ = ("sample", "traced", "value")

    def __init__(self, sample: str) -> None:
        self.sample = sample
        self.value: int | Decimal = 0
        self.traced: Traced | None = None


class _Buckets:
    __slots__ = ("counts", "pairs", "sum", "traced")

    def __init__(self, pairs: str, count: int) -> None:
        self.pairs = pairs
        self.counts = [0] * count
        self.sum = 0
        self.traced: dict[int, Traced] = {}


def _nothing() -> None:
    """Until somebody counts."""


def head(family: Family, *, openmetrics: bool) -> str:
    """The lines before a family's samples. OpenMetrics names a counter without its `_total`."""
    name = family.name.removesuffix("_total") if openmetrics and family.kind is Kind.COUNTER else family.name
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {family.kind.exposed}\n"


def plain(family: Family, samples: Iterable[tuple[Labels, float]], *, openmetrics: bool) -> Iterator[str]:
    """The lines of a counter or gauge family whose values are read, not kept."""
    yield head(family, openmetrics=openmetrics)
    for labels, value in samples:
        yield f"{_sample(family, labels)}{value}\n"


def numbers(family: Family, samples: Iterable[tuple[Labels, float]]) -> Points:
    """The same samples, not yet written down."""
    return family, [Number(labels, value) for labels, value in samples]


def _le(bound: float) -> str:
    """A bound as Go writes it, and so all of Prometheus: with an exponent from 1e6 on."""
    text = repr(float(bound))
    digits = text.index(".")
    if digits <= 6:
        return text
    return f"{text[0]}.{text[1:digits]}{text[digits + 1 :]}".rstrip("0.") + f"e+{digits - 1:02d}"


def _sample(family: Family, labels: Labels) -> str:
    return f"{family.name}{{{_pairs(family, labels)}}} " if labels else f"{family.name} "


def _plain(value: int | Decimal) -> str:
    """Without an exponent, which Decimal writes where it likes."""
    return str(value) if isinstance(value, int) else f"{value:f}"


def _float(value: int | Decimal) -> int | float:
    """As a number of OTLP: an integer, or the double that is nearest."""
    return value if isinstance(value, int) else float(value)


def _pairs(family: Family, labels: Labels) -> str:
    told = zip(family.labels, labels, strict=True)
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in (*told, *family.scope_labels))


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
