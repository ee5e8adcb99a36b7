"""The Prometheus families of the core, fed from accounts; and their text.

Not here: what counts (books.py), names and domains (names.py), open exchanges and balance (collectors.py).
Source: telemetry-conventions.md 3.3, 3.5.
Promise: every label value is of a closed set; an exchange moves its metrics once, when it closes.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from gateway import __version__
from gateway.records import ExchangeClosed, Hello
from gateway.telemetry import names
from gateway.telemetry.books import Account, CountedUsage
from gateway.telemetry.collectors import BalanceCollector, GapHistogram
from gateway.telemetry.labels import closed
from gateway.telemetry.view import View
from gateway.wire.outcome import Route
from gateway.wire.usage import count

Exemplar = dict[str, str]  # trace_id and span_id, nothing else: the library checks neither names nor length in time

OPENMETRICS = "application/openmetrics-text"


class Overflows:
    """Counts folded label values; made before everything that folds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # The library's switch is global; a `_created` beside each counter would double the scrape.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._counter = counter(names.LABEL_OVERFLOW, registry, [(label,) for label in names.OVERFLOWING_LABELS])

    def __call__(self, label: str, times: int = 1, /) -> None:
        self._counter.labels(label).inc(times)


class Metrics:
    """All families but those of the exporter and of faults, which their owners make with `counter`."""

    def __init__(self, registry: CollectorRegistry, overflow: Overflows, view: View) -> None:
        self._registry = registry
        self._overflow = overflow
        self._requests = counter(names.REQUESTS, registry)
        self._duration = _histogram(names.REQUEST_DURATION, registry)
        self._first_delta = _histogram(names.FIRST_DELTA, registry)
        self._step_duration = _histogram(names.STEP_DURATION, registry)
        self._steps = counter(names.STEPS, registry)
        self._tokens = counter(names.TOKENS, registry)
        self._cached = counter(names.CACHED_TOKENS, registry)
        self._usage_missing = counter(names.USAGE_MISSING, registry)
        self._errors = counter(names.ERRORS, registry)
        self._unknown = counter(names.UNKNOWN_EVENTS, registry, [(what,) for what in names.UNKNOWNS])
        self._invalid = counter(names.INVALID_EVENTS, registry, [(reason,) for reason in names.INVALIDS])
        self._anomalies = counter(names.ANOMALIES, registry, [(name,) for name in names.ANOMALY_DOMAIN])
        self._tap_faults = counter(names.TAP_FAULTS, registry, [(where,) for where in names.TAP_PLACES])
        self._build_info = Gauge(
            names.BUILD_INFO.name, names.BUILD_INFO.help, names.BUILD_INFO.labels, registry=registry
        )
        self._gaps = GapHistogram()
        registry.register(self._gaps)
        registry.register(BalanceCollector(view))

    def connected(self, hello: Hello) -> None:
        """State the build of a forwarder that speaks."""
        self._build_info.labels(
            version=__version__,
            semconv=names.SEMCONV_REVISION,
            python=platform.python_version(),
            aiohttp=hello.aiohttp,
            path=hello.path,
        ).set(1)

    def closed(self, account: Account, exemplar: Exemplar | None) -> None:
        """Count an ended exchange. exemplar: of its trace, None when the trace isn't kept."""
        record, model = account.record, account.model
        # First, whatever may fail below: the sum of this family is the number of closed exchanges.
        self._requests.labels(record.route.value, model, record.mode.value, record.outcome.value).inc()
        self._duration.labels(model, record.mode.value).observe(record.times.end_ns / 1e9, exemplar)
        for error in account.errors:
            self._errors.labels(error.source, error.code).inc(1, exemplar)
        if account.usage_missing:
            self._usage_missing.labels(model, record.outcome.value).inc()
        if account.usage is not None:
            self._count_tokens(account.usage)
        self._count_stream(record, model, exemplar)
        self._count_steps(account)
        self._count_oddities(record)

    def _count_tokens(self, stated: CountedUsage) -> None:
        counted = count(stated.usage)
        for part in counted.tokens:
            self._tokens.labels(stated.model, part.type, part.modality, stated.basis.value, stated.via).inc(part.tokens)
        for part in counted.cached:
            self._cached.labels(stated.model, part.modality).inc(part.tokens)
        if counted.usage_exceeds_total:
            self._anomalies.labels("usage_exceeds_total").inc()
        if counted.modality_exceeds_total:
            self._anomalies.labels("modality_exceeds_total").inc(counted.modality_exceeds_total)
        if counted.folded:
            self._overflow("modality", counted.folded)

    def _count_stream(self, record: ExchangeClosed, model: str, exemplar: Exemplar | None) -> None:
        stream = record.stream
        self._gaps.add(model, stream.gaps)
        if record.route is Route.CREATE:
            for kind, at_ns in stream.first_delta_ns.items():
                known = closed(kind, names.DELTA_KINDS, "kind", self._overflow)
                self._first_delta.labels(model, known).observe(at_ns / 1e9, exemplar)

    def _count_steps(self, account: Account) -> None:
        for step in account.counted:
            type_ = closed(step.type, names.STEP_TYPE_DOMAIN, "step_type", self._overflow)
            if step.type == names.OTHER and step.wire_type is not None:
                self._overflow("step_type")  # folded by the tracker: it has a name of its own on the wire
            self._steps.labels(type_, "closed" if step.closed else "open_at_end").inc()
            if step.closed and step.start_ns is not None and step.stop_ns is not None:
                self._step_duration.labels(type_).observe((step.stop_ns - step.start_ns) / 1e9)
        for type_, counts in account.beyond.items():
            type_ = closed(type_, names.STEP_TYPE_DOMAIN, "step_type", self._overflow)  # noqa: PLW2901
            for state, number in zip(names.STEP_STATES, counts, strict=True):
                if number:
                    self._steps.labels(type_, state).inc(number)

    def _count_oddities(self, record: ExchangeClosed) -> None:
        stream = record.stream
        for family, domain, label, counts in (
            (self._unknown, names.UNKNOWNS, "what", stream.unknown),
            (self._invalid, names.INVALIDS, "reason", stream.invalid),
            (self._anomalies, names.ANOMALY_DOMAIN, "anomaly", stream.anomalies),
            (self._tap_faults, names.TAP_PLACES, "where", record.faults),
        ):
            for value, times in counts.items():
                family.labels(closed(value, domain, label, self._overflow)).inc(times)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The text of all families, and its content type: OpenMetrics (with exemplars) for who asks, else classic."""
        if prefers_openmetrics(accept):
            text: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return text, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


def prefers_openmetrics(accept: str) -> bool:
    """Whether an Accept header ranks OpenMetrics at least as high as the classic text; wildcards mean classic."""
    best = {OPENMETRICS: 0.0, "text/plain": 0.0}
    for offer in accept.split(","):
        media, *parameters = (part.strip().lower() for part in offer.split(";"))
        if media in best:
            best[media] = max(best[media], _quality(parameters))
    return best[OPENMETRICS] > 0 and best[OPENMETRICS] >= best["text/plain"]


def counter(family: names.Family, registry: CollectorRegistry, known: Iterable[tuple[str, ...]] = ()) -> Counter:
    """A counter family; known label values start at 0, so that the first increment is seen as one."""
    made = Counter(family.name, family.help, family.labels, registry=registry)
    for labels in known:
        made.labels(*labels)
    return made


def _histogram(family: names.Family, registry: CollectorRegistry) -> Histogram:
    return Histogram(family.name, family.help, family.labels, buckets=family.bounds, registry=registry)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
