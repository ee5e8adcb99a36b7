"""Traces of closed exchanges: kept or not, built, sent, counted.

Not here: the rules that keep (sampling.py), the tree (tree.py), its way out (exporter.py, sdk.py).
Source: accounting.md 7, telemetry-conventions.md 2 and 3.5.
Promise: without a place to send spans to, none is made and no exemplar names one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from gateway.records import ExchangeClosed
from gateway.telemetry import environment, names
from gateway.telemetry.attributes import operation
from gateway.telemetry.books import Account
from gateway.telemetry.contents import Contents
from gateway.telemetry.dialects import Dialects
from gateway.telemetry.early import EarlyExport
from gateway.telemetry.exporter import SpanSender
from gateway.telemetry.ids import Identity, identify
from gateway.telemetry.labels import CodeLabels
from gateway.telemetry.nodes import Node
from gateway.telemetry.registry import Counter, Exemplar, Registry
from gateway.telemetry.sampling import Sampler
from gateway.telemetry.seen import Seen
from gateway.telemetry.tree import build, size
from gateway.telemetry.view import OpenExchange

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from gateway.config import SpanSettings, TraceSettings


class Log(Protocol):
    """A logger's method: one event name, then fields."""

    def __call__(self, event: str, *args: Any, **fields: Any) -> Any: ...


class Traces:
    """The span sink. early: to be told of the steps of open exchanges; None where no spans leave."""

    def __init__(
        self,
        registry: Registry,
        codes: CodeLabels,
        settings: TraceSettings,
        spans: SpanSettings,
        seen: Seen,
        team_name: Callable[[str], str],
        log: Log,
        *,
        dialects: Dialects,
        variables: Mapping[str, str] = os.environ,
        exporter: SpanExporter | None = None,
        contents: Contents | None = None,
    ) -> None:
        self._contents = contents
        self._codes = codes
        self._dialects = dialects
        self._seen = seen
        self._sampler = Sampler(settings, team_name)
        self._events = spans.detail == "full"
        self.early: EarlyExport | None = None
        self._counting = threading.Lock()  # results come from the exporter's thread as well
        self._spans = Counter(names.SPANS, registry, [(result,) for result in names.SPAN_RESULTS])
        wishes = environment.read(variables)
        for refusal in wishes.refusals:
            log("setting_not_followed", variable=refusal.variable, value=refusal.value, allowed=refusal.allowed)
        self._sender: SpanSender | None = None
        if wishes.exports or exporter is not None:
            try:
                from gateway.telemetry.sdk import way  # 25 MB and half a second, for who wants traces only

                self._sender = SpanSender(self._count, log, way(exporter), variables)
                after_ns = _ns(settings.early_export_after_s)
                self.early = EarlyExport(self._sampler, seen, self._offer, after_ns)
            except Exception as exc:  # a missing certificate file, say, must not cost the metrics
                log("span_export_off", error=f"{type(exc).__name__}: {exc}")

        if contents is not None:
            contents.begin(spans_leave=self._sender is not None)

    @property
    def enabled(self) -> bool:
        return self._sender is not None

    def update(self, settings: TraceSettings, spans: SpanSettings) -> None:
        """Take other settings over. What has left, or was refused, of an open exchange stays so."""
        self._sampler.update(settings)
        self._events = spans.detail == "full"
        if self.early is not None:
            self.early.after_ns = _ns(settings.early_export_after_s)

    def identify(self, record: ExchangeClosed, exchange: OpenExchange | None) -> Identity:
        """The ids of an exchange that has ended. exchange: what was known of it while it was open."""
        leaving = exchange.leaving if exchange is not None else None
        if leaving is not None and leaving.identity is not None:
            return leaving.identity
        return identify(record, is_repeated=self._seen.are_ids_taken(record.stream.interaction.id))

    def kept_by(self, account: Account, identity: Identity, exchange: OpenExchange | None) -> str | None:
        """The rule that keeps the trace of an exchange that has ended, None when it isn't kept."""
        leaving = exchange.leaving if exchange is not None else None
        if leaving is not None and leaving.identity is not None:
            return leaving.kept_by
        return self._sampler.rule(account, identity.trace_id)

    def exemplar(self, account: Account, identity: Identity, kept_by: str | None) -> Exemplar | None:
        """What leads from a metric to this exchange's trace, None when it isn't kept."""
        if self._sender is None or kept_by is None:
            return None
        span_id = identity.server if operation(account.record) is None else identity.main
        return Exemplar(identity.trace_id, span_id, time.time())

    def closed(self, account: Account, identity: Identity, exchange: OpenExchange | None, kept_by: str | None) -> None:
        """Send what has not left yet of an exchange's trace, and what is told of its content, where it is kept."""
        left: set[int] = set()
        if exchange is not None and self.early is not None:
            self.early.closed(exchange)
            left = exchange.leaving.left if exchange.leaving is not None else left
        content = account.content if self._contents is not None else None
        if self._sender is None and content is None:
            return
        if kept_by is not None:
            root = build(account, identity, self._codes, kept_by=kept_by, left=left, events=self._events)
            self._dialects.apply(root, account.record)
            if self._contents is not None and content is not None:
                self._contents.tell(content, account.record, root, identity, self._sender)
            if self._sender is not None:
                self._sender.send(root, identity, account.record.tracestate)
        elif self._sender is not None:
            self._count("sampled_out", size(account))

    def shutdown(self, timeout_s: float) -> None:
        """Send what waits, within the deadline. Blocks."""
        if self._sender is not None:
            self._sender.shutdown(timeout_s)

    def _offer(self, step: Node, identity: Identity, tracestate: str | None) -> bool:
        assert self._sender is not None  # there is no early export without
        return self._sender.offer(self._dialects.apply(step, None), identity, tracestate)

    def _count(self, result: str, spans: int) -> None:
        with self._counting:
            self._spans.inc((result,), spans)


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)
