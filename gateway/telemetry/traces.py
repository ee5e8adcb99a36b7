"""Traces of closed exchanges: kept or not, built, sent, counted.

Not here: the tree (tree.py), its way out (exporter.py, sdk.py).
Source: accounting.md 7, telemetry-conventions.md 2 and 3.5.
Promise: without a place to send spans to, none is made and no exemplar names one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from gateway.telemetry import environment, names
from gateway.telemetry.attributes import operation
from gateway.telemetry.books import Account
from gateway.telemetry.contents import Contents
from gateway.telemetry.dialects import Dialects
from gateway.telemetry.exporter import SpanSender
from gateway.telemetry.ids import Identity, is_kept
from gateway.telemetry.labels import CodeLabels
from gateway.telemetry.registry import Counter, Exemplar, Registry
from gateway.telemetry.tree import build, size

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


class Log(Protocol):
    """A logger's method: one event name, then fields."""

    def __call__(self, event: str, *args: Any, **fields: Any) -> Any: ...


class Traces:
    """The span sink."""

    def __init__(
        self,
        registry: Registry,
        codes: CodeLabels,
        keep_ratio: float,
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
        self._keep_ratio = keep_ratio
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
            except Exception as exc:  # a missing certificate file, say, must not cost the metrics
                log("span_export_off", error=f"{type(exc).__name__}: {exc}")

        if contents is not None:
            contents.begin(spans_leave=self._sender is not None)

    @property
    def enabled(self) -> bool:
        return self._sender is not None

    def exemplar(self, account: Account, identity: Identity) -> Exemplar | None:
        """What leads from a metric to this exchange's trace, None when it isn't kept."""
        if self._sender is None or not is_kept(identity.trace_id, self._keep_ratio):
            return None
        span_id = identity.server if operation(account.record) is None else identity.main
        return Exemplar(identity.trace_id, span_id, time.time())

    def closed(self, account: Account, identity: Identity) -> None:
        """Send an exchange's trace, and what is told of its content, where they are on and it is kept."""
        content = account.content if self._contents is not None else None
        if self._sender is None and content is None:
            return
        if is_kept(identity.trace_id, self._keep_ratio):
            root = self._dialects.apply(build(account, identity, self._codes), account.record)
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

    def _count(self, result: str, spans: int) -> None:
        with self._counting:
            self._spans.inc((result,), spans)
