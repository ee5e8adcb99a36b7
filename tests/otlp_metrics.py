"""Metrics as they arrive over OTLP, in plain values; and as the samples that Prometheus would make of them.

Not here: receiving (otlp_receiver.py), what the metrics ought to be.
Source: opentelemetry/proto/metrics/v1; the specification's page on Prometheus for names, suffixes, cumulative buckets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from tests.otlp_values import Value, attributes

Sample: TypeAlias = tuple[str, frozenset[tuple[str, str]]]

CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclass(frozen=True, slots=True)
class Point:
    """One data point. kind: counter, up-down counter, gauge or histogram. scope: name, version, schema URL.

    value: of a histogram its count. buckets: not cumulative. exemplars: trace id, span id (in hex), value.
    """

    name: str
    kind: str
    unit: str
    help: str
    attributes: Mapping[str, Value]
    value: float
    start_ns: int
    time_ns: int
    scope: tuple[str, str, str]
    resource: Mapping[str, Value]
    sum: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    exemplars: tuple[tuple[str, str, float], ...] = ()


def points(export: ExportMetricsServiceRequest) -> Iterator[Point]:
    """Every point of a request. Raises for a sum or histogram that is not cumulative."""
    for of_resource in export.resource_metrics:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_metrics:
            scope = (of_scope.scope.name, of_scope.scope.version, of_scope.schema_url)
            for metric in of_scope.metrics:
                yield from _of_metric(metric, scope, resource)


def _of_metric(metric: Metric, scope: tuple[str, str, str], resource: Mapping[str, Value]) -> Iterator[Point]:
    which = metric.WhichOneof("data")
    if which == "histogram":
        _cumulative(metric, metric.histogram.aggregation_temporality)
        for wide in metric.histogram.data_points:
            yield _histogram(metric, wide, scope, resource)
    elif which == "sum":
        _cumulative(metric, metric.sum.aggregation_temporality)
        kind = "counter" if metric.sum.is_monotonic else "up-down counter"
        yield from (_number(metric, kind, point, scope, resource) for point in metric.sum.data_points)
    elif which == "gauge":
        yield from (_number(metric, "gauge", point, scope, resource) for point in metric.gauge.data_points)
    else:
        raise ValueError(f"{metric.name} is of a kind that nobody sends: {which}")


def _cumulative(metric: Metric, temporality: AggregationTemporality.ValueType) -> None:
    if temporality != CUMULATIVE:
        raise ValueError(f"{metric.name} is not cumulative")


def _number(
    metric: Metric, kind: str, point: NumberDataPoint, scope: tuple[str, str, str], resource: Mapping[str, Value]
) -> Point:
    return Point(
        metric.name,
        kind,
        metric.unit,
        metric.description,
        attributes(point.attributes),
        point.as_int if point.WhichOneof("value") == "as_int" else point.as_double,
        point.start_time_unix_nano,
        point.time_unix_nano,
        scope,
        resource,
        exemplars=_exemplars(point),
    )


def _histogram(
    metric: Metric, point: HistogramDataPoint, scope: tuple[str, str, str], resource: Mapping[str, Value]
) -> Point:
    if sum(point.bucket_counts) != point.count or len(point.bucket_counts) != len(point.explicit_bounds) + 1:
        raise ValueError(f"{metric.name}: its buckets are not its count")
    return Point(
        metric.name,
        "histogram",
        metric.unit,
        metric.description,
        attributes(point.attributes),
        point.count,
        point.start_time_unix_nano,
        point.time_unix_nano,
        scope,
        resource,
        point.sum,
        tuple(point.explicit_bounds),
        tuple(point.bucket_counts),
        _exemplars(point),
    )


def _exemplars(point: NumberDataPoint | HistogramDataPoint) -> tuple[tuple[str, str, float], ...]:
    return tuple(
        (
            seen.trace_id.hex(),
            seen.span_id.hex(),
            seen.as_int if seen.WhichOneof("value") == "as_int" else seen.as_double,
        )
        for seen in point.exemplars
    )


def samples(found: Iterable[Point]) -> dict[Sample, float]:
    """As Prometheus names them, labels that are empty left out. Raises for one that is there twice."""
    made: dict[Sample, float] = {}
    for point in found:
        for name, more, value in _samples(point):
            labels = {_label(label): str(text) for label, text in point.attributes.items()} | more
            if point.scope[2]:
                scope = zip(("name", "version", "schema_url"), point.scope, strict=True)
                labels |= {f"otel_scope_{what}": text for what, text in scope}
            place = name, frozenset(labels.items())
            if place in made:
                raise ValueError(f"{place} is there twice")
            made[place] = value
    return made


def _samples(point: Point) -> Sequence[tuple[str, dict[str, str], float]]:
    name = _label(point.name)
    if point.unit == "s" and not name.removesuffix("_total").endswith("_seconds"):
        name += "_seconds"
    if point.kind == "counter" and not name.endswith("_total"):
        name += "_total"
    if point.kind != "histogram":
        return [(name, {}, point.value)]
    made: list[tuple[str, dict[str, str], float]] = [(f"{name}_count", {}, point.value), (f"{name}_sum", {}, point.sum)]
    below = 0
    for bound, count in zip((*point.bounds, float("inf")), point.buckets, strict=True):
        below += count
        made.append((f"{name}_bucket", {"le": "+Inf" if bound == float("inf") else repr(bound)}, below))
    return made


def _label(name: str) -> str:
    return name.replace(".", "_")
