"""Records in; metrics, traces, log lines and the view out: the observer's work, in one object.

Not here: sockets (observer.py), pages (admin/), any of the sinks.
Source: design.md 5 and 6, accounting.md.
Promise: `apply` never raises and never waits for a network; a fault of one sink costs that sink one record.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, TypeVarTuple

from gateway.records import (
    ContentCaptured,
    ExchangeClosed,
    ExchangeOpened,
    Heartbeat,
    Hello,
    Record,
    StepFinished,
    StepStarted,
)
from gateway.telemetry import environment, names, pricing_file
from gateway.telemetry.books import Account, Books
from gateway.telemetry.budgets import Budgets
from gateway.telemetry.chains import Chains
from gateway.telemetry.contents import Contents
from gateway.telemetry.cost_metrics import CostMetrics
from gateway.telemetry.dialects import Dialects
from gateway.telemetry.footprint import Footprint
from gateway.telemetry.ids import anonymous
from gateway.telemetry.labels import CodeLabels, ModelLabels, TeamLabels
from gateway.telemetry.log import ExchangeLog, fault_fields, make_logger
from gateway.telemetry.metrics import Metrics, Overflows
from gateway.telemetry.pricer import Pricer
from gateway.telemetry.pricing import Table
from gateway.telemetry.processes import Processes
from gateway.telemetry.registry import Counter, Gauge, Registry
from gateway.telemetry.seen import Seen
from gateway.telemetry.semconv import Semconv
from gateway.telemetry.traces import Traces
from gateway.telemetry.traffic import Traffic
from gateway.telemetry.view import Session, View
from gateway.wire.outcome import Route

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from gateway.config import Settings
    from gateway.telemetry.otlp_metrics import MetricSender, OnLoop

SAMPLING = (  # settings of which traces are kept, when they leave, and what they tell
    *("traces.keep_ratio", "traces.keep_errors", "traces.keep_stalls", "traces.keep_slower_than_s"),
    *("traces.keep_costlier_than_usd", "traces.keep_first_delta_slower_than_s", "traces.keep_models"),
    *("traces.keep_teams", "traces.early_export_after_s", "spans.detail"),
)
MAX_FAULTS_LOGGED = 100  # different ones; all are counted
SPANS_SHARE = 0.8  # of the time for the end, where metrics are sent too

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class Telemetry:
    """All that is known, and all that is told of it. Not thread-safe: one loop calls it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock_unix_ns: Callable[[], int] = time.time_ns,
        variables: Mapping[str, str] = os.environ,
        span_exporter: SpanExporter | None = None,
        log_exporter: LogRecordExporter | None = None,
        log_stream: TextIO | None = None,
    ) -> None:
        self._clock_unix_ns = clock_unix_ns
        self._log_stream = log_stream
        self.logger = make_logger(settings.log, log_stream)
        self.registry = Registry(settings.labels.max_series)
        self.view = View()
        overflow = Overflows(self.registry)
        self._faults = Counter(names.TELEMETRY_FAULTS, self.registry, [(sink,) for sink in names.SINKS])
        self._faults_logged: set[tuple[str, str]] = set()
        codes = CodeLabels(settings.labels.codes, overflow)
        models = ModelLabels(settings.labels.models, settings.labels.max_models, overflow)
        seen = Seen(settings.usage.remembered_interactions)
        teams: TeamLabels | None = None
        if settings.attribution.team is not None:
            teams = TeamLabels(
                settings.labels.teams, settings.attribution.team_names, settings.labels.max_teams, overflow
            )
        self._models, self._codes, self._teams = models, codes, teams
        chains = Chains(seen, settings.traces)
        self._books = Books(seen, models, codes, settings.usage.poll_window_s, teams=teams, chains=chains)
        self._no_team = () if teams is None else (names.OTHER,)
        self._metrics = Metrics(
            self.registry,
            overflow,
            self.view,
            wants_fast_path=settings.proxy.path != "plain",
            teams=teams is not None,
        )
        prices = self._prices(settings)
        self._pricer = Pricer(prices or Table(), overflow, self._say)
        self._costs = CostMetrics(self.registry, teams=teams is not None)
        self._budgets = Budgets(settings.budgets, self.registry)
        self._reloaded = Gauge(names.CONFIG_RELOADED, self.registry)
        self._in_force = Gauge(names.CONFIG_IN_FORCE, self.registry)
        self.reloaded(in_force=prices is not None)
        self._traffic = Traffic(self.registry, overflow)
        self.processes = Processes(self.registry, self.view)
        self.footprint = Footprint(self.registry)
        revision = settings.metrics.semconv
        self._semconv = None if revision == "off" else Semconv(self.registry, revision, self.view, codes, overflow)
        if self._semconv is not None:
            from gateway.telemetry.resource import TargetInfo, resource  # it brings the SDK

            self.registry.register(TargetInfo(resource()))
        self._log = ExchangeLog(self.logger, settings.log, log_stream)
        self._contents = Contents(
            self.registry, settings.capture, self._warn, variables=variables, exporter=log_exporter
        )
        self._traces = Traces(
            self.registry,
            codes,
            settings.traces,
            settings.spans,
            seen,
            str if teams is None else teams.name,
            self._warn,
            dialects=Dialects(settings.spans),
            variables=variables,
            exporter=span_exporter,
            contents=self._contents,
        )
        self._metric_sender = self._sender(environment.read_metrics(variables))

    def _sender(self, wishes: environment.MetricWishes) -> MetricSender | None:
        for refusal in wishes.refusals:
            self.logger.warning("setting_not_followed", **asdict(refusal))
        if not wishes.exports:
            return None
        try:
            from gateway.telemetry.otlp_metrics import MetricSender  # for who wants metrics pushed only

            return MetricSender(self.registry, self._warn, wishes.every_s, self._clock_unix_ns())
        except Exception as exc:  # a missing certificate file, say, must not cost the scrape
            self.logger.warning("metric_export_off", error=f"{type(exc).__name__}: {exc}")
            return None

    def start(self, on_loop: OnLoop) -> None:
        """Begin what goes on by itself. on_loop: `call_soon_threadsafe` of the loop that applies records."""
        if self._metric_sender is not None:
            self._metric_sender.start(on_loop)

    @property
    def reloadable(self) -> dict[str, Callable[[Settings], None]]:
        """What can be told new settings while it runs, by the setting or section that it reads; raises ValueError.

        Whatever isn't here wants a restart.
        """
        return {
            "pricing": self._reprice,
            "budgets": lambda settings: self._budgets.replace(settings.budgets),
            "labels": self.relabel,
            "attribution.team_names": self.relabel,
            **dict.fromkeys(SAMPLING, self._resample),
            "log.level": self._relevel,
        }

    def reloaded(self, *, in_force: bool) -> None:
        """The files of settings and prices were read. in_force: and nothing in them was refused."""
        self._in_force.set((), float(in_force))
        if in_force:
            self._reloaded.set((), self._clock_unix_ns() / 1e9)

    def relabel(self, settings: Settings) -> None:
        """Follow changed lists and limits of labels, and names of teams. Whether there are teams wants a restart."""
        labels = settings.labels
        self.registry.max_series = labels.max_series
        self._models.update(labels.models, labels.max_models)
        self._codes.update(labels.codes)
        if self._teams is not None:
            self._teams.update(labels.teams, settings.attribution.team_names, labels.max_teams)

    def connected(self, hello: Hello) -> Session:
        """A forwarder's connection begins; give the session back with each of its records."""
        session = self.view.connected(hello)
        self._guard("metrics", self._metrics.connected, hello)
        self._guard("metrics", self.processes.connected, hello)
        self._guard("metrics", self.footprint.connected, hello)
        return session

    def apply(self, session: Session, record: Record) -> None:
        """Take one record, in the order it was sent. Never raises."""
        if isinstance(record, ExchangeClosed):
            self._closed(session, record)
        elif isinstance(record, ExchangeOpened):
            self._guard("view", self.view.opened, session, record)
        elif isinstance(record, StepStarted):
            self._guard("view", self.view.step_started, session, record)
        elif isinstance(record, StepFinished):
            exchange, early = self._guard("view", self.view.step_finished, session, record), self._traces.early
            if exchange is not None and early is not None:
                self._guard("traces", early.ended, exchange, record.step)
        elif isinstance(record, ContentCaptured):
            session.content = record
        elif isinstance(record, Heartbeat):
            self._guard("view", self.view.heartbeat, session, record)
            if self._traces.early is not None:
                self._guard("traces", self._traces.early.sweep, self._clock_unix_ns())
            self._guard("metrics", self.processes.heartbeat, session.hello, record)

    def disconnected(self, session: Session) -> None:
        """A forwarder left or died: what it had open ends here, as gateway_error; what is unknown of it is lost."""
        if session.ended:
            return
        for record in self._guard("view", self.view.orphans, session, self._clock_unix_ns()) or []:
            self._closed(session, record)
        self._guard("view", self.view.disconnected, session)
        self._guard("metrics", self.footprint.disconnected, session.hello)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The body and content type of /metrics. Raises what a collector raises: a scrape without it would lie."""
        try:
            return self._metrics.render(accept)
        except Exception as exc:
            self._fault("render", exc)
            raise

    def shutdown(self, timeout_s: float) -> None:
        """Send spans and log events that wait, and the last numbers, within the deadline. Blocks: not on the loop."""
        deadline_s = time.monotonic() + timeout_s
        pushed = self._metric_sender is not None
        self._guard("traces", self._traces.shutdown, timeout_s * SPANS_SHARE if pushed else timeout_s)
        left_s = deadline_s - time.monotonic()
        self._guard("traces", self._contents.shutdown, max(0.0, left_s * SPANS_SHARE if pushed else left_s))
        if self._metric_sender is not None:
            # After the spans: what became of them is among the numbers.
            self._guard("metrics", self._metric_sender.shutdown, deadline_s - time.monotonic())

    def _closed(self, session: Session, record: ExchangeClosed) -> None:
        exchange = self._guard("view", self.view.closed, session, record)
        identity = self._guard("traces", self._traces.identify, record, exchange) or anonymous(record.exchange_id)
        account = self._guard("books", self._books.account, record, identity if self._traces.enabled else None)
        if account is None:
            # Undecided is not uncounted: the exchange itself still balances.
            model = names.OTHER if record.route is Route.CREATE else names.NONE
            account = Account(record, model, team=self._no_team)
        content, session.content = session.content, None
        if content is not None and content.exchange_id == record.exchange_id:
            account.content = content.content
        self._guard("cost", self._pricer.settle, account)
        kept_by = self._guard("traces", self._traces.kept_by, account, identity, exchange)
        exemplar = self._guard("traces", self._traces.exemplar, account, identity, kept_by)
        self._guard("metrics", self._metrics.closed, account, exemplar)
        if self._semconv is not None:
            self._guard("metrics", self._semconv.closed, account)
        self._guard("metrics", self._traffic.closed, record)
        self._guard("cost", self._costs.closed, account)
        self._guard("cost", self._budgets.closed, account)
        self._guard("traces", self._traces.closed, account, identity, exchange, kept_by)
        self._guard("log", self._log.closed, account, identity, session.worker)

    def _prices(self, settings: Settings) -> Table | None:
        try:
            return pricing_file.read(pricing_file.path(settings.pricing.file))
        except pricing_file.PricingError as error:
            # Checked before the start, so it was changed since. Without prices all is unpriced, which is counted.
            self.logger.error("pricing_not_read", mistakes=error.mistakes)
            return None

    def _reprice(self, settings: Settings) -> None:
        self._pricer.replace(pricing_file.read(pricing_file.path(settings.pricing.file)))

    def _resample(self, settings: Settings) -> None:
        self._traces.update(settings.traces, settings.spans)

    def _relevel(self, settings: Settings) -> None:
        self.logger = make_logger(settings.log, self._log_stream)
        self._log.relevel(self.logger, settings.log)

    def _say(self, event: str, **fields: Any) -> None:
        self.logger.info(event, **fields)

    def _warn(self, event: str, *_: Any, **fields: Any) -> None:
        self.logger.warning(event, **fields)

    def _guard(self, sink: str, work: Callable[[*Ts], T], *args: *Ts) -> T | None:
        try:
            return work(*args)
        except Exception as exc:
            self._fault(sink, exc)
            return None

    def _fault(self, sink: str, exc: Exception) -> None:
        self._faults.inc((sink,))
        fields = fault_fields(exc)
        fault = (sink, f"{fields['kind']} {fields['where'][-1:]}")
        if fault in self._faults_logged or len(self._faults_logged) >= MAX_FAULTS_LOGGED:
            return
        self._faults_logged.add(fault)
        try:
            self.logger.error("telemetry_fault", sink=sink, **fields)
        except Exception:
            # The log itself may be what is broken: its stream closed, its disk full. The count above stays.
            return
