"""The sink of captured content: onto the spans of its exchange, and out as a log event, as the operator wants.

Not here: what is told (content.py), which exchanges are kept (traces.py).
Promise: without a place to send it to, no content is read; what can't be told safely is not told, and counted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from gateway import capture
from gateway.telemetry import environment, names
from gateway.telemetry.attributes import operation
from gateway.telemetry.content import Teller, Told, dress
from gateway.telemetry.exporter import CONTENT_QUEUE_BYTES, SpanSender
from gateway.telemetry.http_attributes import Attributes
from gateway.telemetry.ids import Identity
from gateway.telemetry.nodes import CLIENT, Node
from gateway.telemetry.redaction import Redactor, TooSlowError
from gateway.telemetry.registry import Counter, Registry

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter

    from gateway.config import CaptureSettings
    from gateway.records import ExchangeClosed
    from gateway.wire.content import Content

_EVENT_ATTRIBUTES = ("gen_ai.", "server.", "error.")  # of the interaction's span


class Log(Protocol):
    """A logger's method: one event name, then fields."""

    def __call__(self, event: str, *args: Any, **fields: Any) -> Any: ...


class Contents:
    """What becomes of captured content. wanted: where it goes, by setting and environment."""

    def __init__(
        self,
        registry: Registry,
        settings: CaptureSettings,
        log: Log,
        *,
        variables: Mapping[str, str] = os.environ,
        exporter: LogRecordExporter | None = None,
    ) -> None:
        self._counting = threading.Lock()  # results come from the exporter's thread as well
        self._events = Counter(names.CONTENT_EVENTS, registry, [(result,) for result in names.CONTENT_EVENT_RESULTS])
        self._withheld = Counter(names.CONTENT_WITHHELD, registry, [(reason,) for reason in names.WITHHELD_REASONS])
        self._log = log
        self.wanted = capture.wanted(settings.content, variables)
        if self.wanted.refused is not None:
            allowed = f"{capture.ALLOWED}; taken as {self.wanted.taken_as}"
            log("setting_not_followed", variable=capture.VARIABLE, value=self.wanted.refused[:64], allowed=allowed)
        self._teller = Teller(Redactor(settings.redact), settings.max_bytes)
        self._sender: SpanSender | None = None
        self._said_slow = False
        if self.wanted.events:
            self._begin(variables, exporter)

    def _begin(self, variables: Mapping[str, str], exporter: LogRecordExporter | None) -> None:
        wishes = environment.read_logs(variables)
        for refusal in wishes.refusals:
            self._log("setting_not_followed", variable=refusal.variable, value=refusal.value, allowed=refusal.allowed)
        if not wishes.exports and exporter is None:
            self._log("content_goes_nowhere", wanted="log events", missing="an OTLP endpoint for logs")
            return
        try:
            from gateway.telemetry.content_events import AsLogRecords  # see Traces

            self._sender = SpanSender(
                self._count, self._log, AsLogRecords(exporter), variables, of="content_event", limits="OTEL_BLRP"
            )
        except Exception as exc:
            self._log("content_event_export_off", error=f"{type(exc).__name__}: {exc}")

    def begin(self, *, spans_leave: bool) -> None:
        """Say what is captured, and what of it has no way out: an operator must see that from the log."""
        if self.wanted.on:
            self._log("content_is_captured", on_spans=self.wanted.spans, in_log_events=self.wanted.events)
        if self.wanted.spans and not spans_leave:
            self._log("content_goes_nowhere", wanted="spans", missing="an OTLP endpoint for traces")

    @property
    def sends_events(self) -> bool:
        """Whether log events leave; they do also where no span does."""
        return self._sender is not None

    def tell(
        self, content: Content, record: ExchangeClosed, root: Node, identity: Identity, spans: SpanSender | None
    ) -> None:
        """Tell the content of an exchange that is kept. root: its spans, which get theirs; spans: their way out."""
        onto_spans = self.wanted.spans and spans is not None
        if operation(record) is None or not (onto_spans or self.sends_events):
            return
        try:
            told = self._teller.told(content, record)
        except TooSlowError:
            self._withhold("redaction")
            if not self._said_slow:
                self._said_slow = True
                self._log("content_withheld", reason="secrets could not be searched for in time", setting="redact")
            return
        if not told.by_name:
            return
        if self._sender is not None:
            self._sender.send(_event(told, root, identity), identity, None)
        if onto_spans and spans is not None:
            size = told.size
            if spans.content_bytes + size > CONTENT_QUEUE_BYTES:
                self._withhold("queue_full")
            else:
                dress(root, told)
                root.content_bytes = size

    def shutdown(self, timeout_s: float) -> None:
        """Send what waits, within the deadline. Blocks."""
        if self._sender is not None:
            self._sender.shutdown(timeout_s)

    def _withhold(self, reason: str) -> None:
        self._withheld.inc((reason,))

    def _count(self, result: str, events: int) -> None:
        with self._counting:
            self._events.inc((result,), events)


def _event(told: Told, root: Node, identity: Identity) -> Node:
    """The log event beside the interaction's span, as a node."""
    (span,) = [node for node in root.children if names.OPERATION in node.attributes]
    found: Attributes = {name: value for name, value in span.attributes.items() if name.startswith(_EVENT_ATTRIBUTES)}
    if span.error is not None:
        found[names.ERROR_TYPE] = span.error
    found.update(told.by_name)  # type: ignore[arg-type]  # events carry structures, spans can't
    event = Node(names.CONTENT_EVENT, CLIENT, span.end_unix_ns, span.end_unix_ns, found, span_id=identity.main)
    event.content_bytes = told.size
    return event
