"""The Prometheus families of the core, fed from accounts.

Not here: what counts (books.py), names and domains (names.py), open exchanges and balance (collectors.py), text
(registry.py).
Source: telemetry-conventions.md 3.3, 3.5.
Promise: every label value is of a closed set; an exchange moves its metrics once, when it closes.
"""

from __future__ import annotations

import platform

from gateway import __version__
from gateway.records import ExchangeClosed, Hello
from gateway.telemetry import names
from gateway.telemetry.books import Account, CountedUsage
from gateway.telemetry.collectors import BalanceCollector, SeriesCollector
from gateway.telemetry.exchange_metrics import ExchangeMetrics
from gateway.telemetry.labels import closed
from gateway.telemetry.registry import Counter, Exemplar, Gauge, Histogram, Labels, Registry
from gateway.telemetry.view import View
from gateway.wire.outcome import Route

OPENMETRICS = "application/openmetrics-text"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CLASSIC_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Overflows:
    """Counts folded label values; made before everything that folds."""

    def __init__(self, registry: Registry) -> None:
        self._counter = Counter(names.LABEL_OVERFLOW, registry, [(label,) for label in names.OVERFLOWING_LABELS])
        registry.on_full = lambda: self("series")

    def __call__(self, label: str, times: int = 1, /) -> None:
        self._counter.inc((label,), times)


class Metrics:
    """All families but those of the exporter and of faults, which their owners make."""

    def __init__(
        self, registry: Registry, overflow: Overflows, view: View, *, wants_fast_path: bool, teams: bool = False
    ) -> None:
        self._wants_fast_path = wants_fast_path
        self._registry = registry
        self._overflow = overflow
        self._requests = Counter(names.REQUESTS.labelled(teams=teams), registry)
        self._duration = Histogram(names.REQUEST_DURATION, registry)
        self._first_delta = Histogram(names.FIRST_DELTA.labelled(teams=teams), registry)
        self._step_duration = Histogram(names.STEP_DURATION, registry)
        self._steps = Counter(names.STEPS, registry)
        self._tokens = Counter(names.TOKENS.labelled(teams=teams), registry)
        self._cached = Counter(names.CACHED_TOKENS, registry)
        self._usage_missing = Counter(names.USAGE_MISSING, registry)
        self._errors = Counter(names.ERRORS.labelled(teams=teams), registry)
        self._unknown = Counter(names.UNKNOWN_EVENTS, registry, [(what,) for what in names.UNKNOWNS])
        self._invalid = Counter(names.INVALID_EVENTS, registry, [(reason,) for reason in names.INVALIDS])
        self._anomalies = Counter(names.ANOMALIES, registry, [(name,) for name in names.ANOMALY_DOMAIN])
        self._tap_faults = Counter(names.TAP_FAULTS, registry, [(where,) for where in names.TAP_PLACES])
        self._build_info = Gauge(names.BUILD_INFO, registry)
        self._unexpected_plain = Gauge(names.UNEXPECTED_PLAIN_PATH, registry)
        self._gaps = Histogram(names.GAP, registry)
        self._exchange = ExchangeMetrics(registry, overflow)
        registry.register(BalanceCollector(view))
        SeriesCollector(registry)

    def connected(self, hello: Hello) -> None:
        """State the build of a forwarder that speaks."""
        self._build_info.set(
            (__version__, names.SEMCONV_REVISION, platform.python_version(), hello.aiohttp, hello.path), 1
        )
        self._unexpected_plain.set((str(hello.worker),), float(self._wants_fast_path and hello.path == "plain"))

    def closed(self, account: Account, exemplar: Exemplar | None) -> None:
        """Count an ended exchange. exemplar: of its trace, None when the trace isn't kept."""
        record, model = account.record, account.model
        # First, whatever may fail below: the sum of this family is the number of closed exchanges.
        self._requests.inc((record.route, model, record.mode, record.outcome, *account.team))
        self._duration.observe((model, record.mode), record.times.end_ns, exemplar)
        for error in account.errors:
            self._errors.inc((error.source, error.code, *account.team), 1, exemplar)
        if account.usage_missing:
            self._usage_missing.inc((model, record.outcome))
        if account.usage is not None:
            self._count_tokens(account.usage, account.team)
        self._count_stream(account, exemplar)
        self._count_steps(account)
        self._count_oddities(record)
        self._exchange.closed(account, exemplar)

    def _count_tokens(self, stated: CountedUsage, team: Labels) -> None:
        counted = stated.counted
        for part in counted.tokens:
            labels = (stated.model, part.type, part.modality, stated.basis, stated.via, *team)
            self._tokens.inc(labels, part.tokens)
        for part in counted.cached:
            self._cached.inc((stated.model, part.modality), part.tokens)
        if counted.usage_exceeds_total:
            self._anomalies.inc(("usage_exceeds_total",))
        if counted.modality_exceeds_total:
            self._anomalies.inc(("modality_exceeds_total",), counted.modality_exceeds_total)
        if counted.folded:
            self._overflow("modality", counted.folded)

    def _count_stream(self, account: Account, exemplar: Exemplar | None) -> None:
        record, model = account.record, account.model
        stream = record.stream
        if any(stream.gaps.counts):  # a stream without any leaves no trace
            self._gaps.add((model,), stream.gaps.counts, stream.gaps.sum_ns)
        if record.route is Route.CREATE:
            for kind, at_ns in stream.first_delta_ns.items():
                known = closed(kind, names.DELTA_KINDS, "kind", self._overflow)
                self._first_delta.observe((model, known, *account.team), at_ns, exemplar)

    def _count_steps(self, account: Account) -> None:
        for step in account.counted:
            type_ = closed(step.type, names.STEP_TYPE_DOMAIN, "step_type", self._overflow)
            if step.type == names.OTHER and step.wire_type is not None:
                self._overflow("step_type")  # folded by the tracker: it has a name of its own on the wire
            self._steps.inc((type_, "closed" if step.closed else "open_at_end"))
            if step.closed and step.start_ns is not None and step.stop_ns is not None:
                self._step_duration.observe((type_,), step.stop_ns - step.start_ns)
        for type_, counts in account.beyond.items():
            type_ = closed(type_, names.STEP_TYPE_DOMAIN, "step_type", self._overflow)  # noqa: PLW2901
            for state, number in zip(names.STEP_STATES, counts, strict=True):
                if number:
                    self._steps.inc((type_, state), number)

    def _count_oddities(self, record: ExchangeClosed) -> None:
        stream = record.stream
        for family, domain, label, counts in (
            (self._unknown, names.UNKNOWNS, "what", stream.unknown),
            (self._invalid, names.INVALIDS, "reason", stream.invalid),
            (self._anomalies, names.ANOMALY_DOMAIN, "anomaly", stream.anomalies),
            (self._tap_faults, names.TAP_PLACES, "where", record.faults),
        ):
            for value, times in counts.items():
                family.inc((closed(value, domain, label, self._overflow),), times)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The text of all families, and its content type: OpenMetrics (with exemplars) for who asks, else classic."""
        openmetrics = prefers_openmetrics(accept)
        return self._registry.text(openmetrics=openmetrics), OPENMETRICS_TYPE if openmetrics else CLASSIC_TYPE


def prefers_openmetrics(accept: str) -> bool:
    """Whether an Accept header ranks OpenMetrics at least as high as the classic text; wildcards mean classic."""
    best = {OPENMETRICS: 0.0, "text/plain": 0.0}
    for offer in accept.split(","):
        media, *parameters = (part.strip().lower() for part in offer.split(";"))
        if media in best:
            best[media] = max(best[media], _quality(parameters))
    return best[OPENMETRICS] > 0 and best[OPENMETRICS] >= best["text/plain"]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
