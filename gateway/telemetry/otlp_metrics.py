"""All metrics over OTLP: the registry's numbers, read on the loop each interval, sent from a thread of their own.

Not here: spans (exporter.py), whether and how often (environment.py). Imported only where metrics leave: it brings the
SDK, whose exporter reads its own environment variables (endpoint, headers, certificates, timeout, compression), encodes
and retries.
Source: the OTLP data model; telemetry-conventions.md 3. Families of our own keep their Prometheus names, so that a
metric has one name everywhere; those of the conventions have their dotted ones.
Promise: sums are cumulative since the start of this process; what is sent is one moment's numbers; a collector that is
slow or gone costs its own thread, and the next interval sends what was missed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gateway import __version__
from gateway.telemetry import names
from gateway.telemetry.catalogue import NS_PER_S, Family, Kind
from gateway.telemetry.registry import Buckets, Labels, Number, Points, Registry, Traced
from gateway.telemetry.resource import resource

READ_TIMEOUT_S = 10.0  # a loop that is held longer has other troubles
OnLoop = Callable[[Callable[[], None]], object]

_CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricSender:
    """Sends a registry. `log` is called from its thread too."""

    def __init__(
        self,
        registry: Registry,
        log: Callable[[str], object],
        every_s: float,
        started_unix_ns: int,
        exporter: MetricExporter | None = None,
    ) -> None:
        """started_unix_ns: since when the registry counts. exporter: None is OTLP as the environment describes it."""
        # Its failures are in our log; without a handler the SDK's own lines would go to stderr.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        self._registry = registry
        self._log = log
        self._every_s = every_s
        self._started_unix_ns = started_unix_ns
        self._exporter = OTLPMetricExporter() if exporter is None else exporter
        self._resource = resource()
        self._end = threading.Event()
        self._failing = False
        self._on_loop: OnLoop | None = None
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)  # left behind at a deadline

    def start(self, on_loop: OnLoop) -> None:
        """Begin. on_loop: has the loop that moves the metrics call something soon, from any thread."""
        self._on_loop = on_loop
        self._thread.start()

    def shutdown(self, timeout_s: float) -> None:
        """Send once more, for at most timeout_s. Blocks, and needs the loop to run: call it off the loop."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(max(0.0, timeout_s))

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._end.wait(self._every_s)
            self._send()
        with suppress(Exception):
            self._exporter.shutdown()

    def _send(self) -> None:
        try:
            points, read_unix_ns = self._read()
            data = metrics_data(points, self._resource, self._started_unix_ns, read_unix_ns)
            taken = self._exporter.export(data) is MetricExportResult.SUCCESS
        except Exception:  # a fault costs one interval, not the thread
            taken = False
        if taken is self._failing:
            self._failing = not taken
            self._log("metric_export_recovered" if taken else "metric_export_failing")

    def _read(self) -> tuple[list[Points], int]:
        """The registry on the loop, where nothing moves meanwhile, and when that was."""
        found: Future[tuple[list[Points], int]] = Future()

        def read() -> None:
            try:
                found.set_result((self._registry.points(), time.time_ns()))
            except Exception as exc:
                found.set_exception(exc)

        assert self._on_loop is not None
        self._on_loop(read)
        return found.result(READ_TIMEOUT_S)


def metrics_data(points: Iterable[Points], of: Resource, started_unix_ns: int, read_unix_ns: int) -> MetricsData:
    """The numbers as the SDK's exporters take them, a scope for each schema."""
    scopes: dict[str, list[Metric]] = {}
    for family, samples in points:
        if samples:
            metric = _metric(family, samples, started_unix_ns, read_unix_ns)
            scopes.setdefault(family.schema_url, []).append(metric)
    return MetricsData(
        [
            ResourceMetrics(
                of,
                [
                    ScopeMetrics(InstrumentationScope(names.SCOPE, __version__, schema_url), metrics, schema_url)
                    for schema_url, metrics in scopes.items()
                ],
                of.schema_url,
            )
        ]
    )


def _metric(family: Family, samples: list[Number] | list[Buckets], started_unix_ns: int, read_unix_ns: int) -> Metric:
    values = [
        NumberDataPoint(
            _attributes(family, sample.labels),
            started_unix_ns,
            read_unix_ns,
            sample.value,
            [] if sample.traced is None else [_exemplar(sample.traced)],
        )
        for sample in samples
        if isinstance(sample, Number)
    ]
    data: Gauge | Sum | Histogram
    if family.kind is Kind.GAUGE:
        data = Gauge(values)
    elif family.kind is Kind.HISTOGRAM:
        data = Histogram(
            [
                HistogramDataPoint(
                    _attributes(family, sample.labels),
                    started_unix_ns,
                    read_unix_ns,
                    sum(sample.counts),
                    sample.sum,
                    sample.counts,
                    [float(bound) for bound in family.bounds],
                    None,  # type: ignore[arg-type]  # least and largest are not kept, and may be left out
                    None,  # type: ignore[arg-type]
                    [_exemplar(traced) for traced in sample.traced],
                )
                for sample in samples
                if isinstance(sample, Buckets)
            ],
            _CUMULATIVE,
        )
    else:
        data = Sum(values, _CUMULATIVE, family.kind is Kind.COUNTER)
    return Metric(family.dotted or family.name, family.help, family.unit, data)


def _attributes(family: Family, labels: Labels) -> dict[str, str | int]:
    """What is empty is absent, as it is to Prometheus."""
    return {
        name: int(value) if name in names.INT_ATTRIBUTES else value
        for name, value in zip(family.attributes or family.labels, labels, strict=True)
        if value
    }


def _exemplar(traced: Traced) -> Exemplar:
    trace_id, span_id, unix_s = traced.exemplar
    return Exemplar({}, traced.value, round(unix_s * NS_PER_S), span_id, trace_id)
