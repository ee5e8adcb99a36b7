"""Small makers of records and telemetry, with plain defaults: a test states only what its rule is about."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.config import PricingSettings, Settings
from gateway.records import ExchangeClosed, ExchangeOpened, Heartbeat, Hello, Times
from gateway.telemetry.pipeline import Telemetry
from gateway.telemetry.view import Session
from gateway.wire.facts import Basis, InteractionFacts, Mode, RequestFacts, Step, StreamFacts
from gateway.wire.outcome import Body, End, Outcome, Route
from gateway.wire.usage import Usage

MS = 1_000_000
S = 1_000_000_000
STARTED_NS = 1_795_478_400 * S  # 2026-11-24T00:00:00Z
RECENT = "2026-11-23T23:59:30Z"
OLD = "2026-11-01T00:00:00Z"
MODEL = "gemini-3-flash-preview"
AGENT = "deep-research-preview-04-2026"
ID = "v1_ChdExample0001"
NO_VARIABLES: dict[str, str] = {}
EVEN_PRICES = PricingSettings(file=str(Path(__file__).with_name("prices.toml")))


def hello(worker: int = 0, pid: int = 100, closed_before: int = 0, tally_before: Sequence[int] = ()) -> Hello:
    return Hello(worker, pid, closed_before, "plain", "3.14.5", list(tally_before))


def opened(exchange_id: str = "x1", mode: Mode = Mode.STREAM, route: Route = Route.CREATE) -> ExchangeOpened:
    return ExchangeOpened(exchange_id, STARTED_NS, route, mode, RequestFacts(model=MODEL, understood=True))


def heartbeat(opened: int, handed: int, **lost: int) -> Heartbeat:
    """lost: ExchangeClosed lost, by reason."""
    return Heartbeat(opened, handed, {f"ExchangeClosed/{reason}": count for reason, count in lost.items()})


def step(index: int, type_: str, start_ms: int | None = None, stop_ms: int | None = None, **more: Any) -> Step:
    """A step; closed if it has a stop, or no times at all (as in a unary body)."""
    return Step(
        index,
        type_,
        wire_type=more.pop("wire_type", type_),
        start_ns=None if start_ms is None else start_ms * MS,
        stop_ns=None if stop_ms is None else stop_ms * MS,
        closed=more.pop("closed", stop_ms is not None or start_ms is None),
        number=more.pop("number", index),
        **more,
    )


def create(outcome: Outcome = Outcome.COMPLETED, **more: Any) -> ExchangeClosed:
    """A create that streamed, unless told otherwise. Fields of request and stream go by prefix: request_model=…"""
    status = outcome.value if outcome.value in {"completed", "failed", "requires_action", "cancelled"} else None
    return _closed(
        {
            "route": Route.CREATE,
            "method": "POST",
            "target": "/v1beta/interactions",
            "outcome": outcome,
            "request_model": None if "request_agent" in more else MODEL,
            "request_stream": True,
            "interaction_id": ID,
            "interaction_status": status,
            **more,
        }
    )


def poll(outcome: Outcome = Outcome.COMPLETED, **more: Any) -> ExchangeClosed:
    """A GET answered with a JSON body."""
    return _closed(
        {
            "route": Route.GET,
            "mode": Mode.UNARY,
            "method": "GET",
            "target": f"/v1beta/interactions/{ID}",
            "outcome": outcome,
            "body": Body.JSON,
            "request_interaction_id": ID,
            "interaction_id": ID,
            "interaction_model": MODEL,
            "interaction_updated": RECENT,
            **more,
        }
    )


def resume(outcome: Outcome = Outcome.COMPLETED, **more: Any) -> ExchangeClosed:
    """A GET answered with a stream."""
    return poll(outcome, **{"body": Body.STREAM, "mode": Mode.STREAM, "request_last_event_id": "e7", **more})


def cancel(outcome: Outcome = Outcome.CANCELLED, **more: Any) -> ExchangeClosed:
    return poll(
        outcome,
        **{"route": Route.CANCEL, "method": "POST", "target": f"/v1beta/interactions/{ID}/cancel", **more},
    )


def _closed(fields: dict[str, Any]) -> ExchangeClosed:
    parts: dict[str, dict[str, Any]] = {"request": {}, "interaction": {}, "stream": {}, "times": {}}
    rest: dict[str, Any] = {}
    for name, value in fields.items():
        part, _, field_name = name.partition("_")
        if part in parts:
            parts[part][field_name] = value
        else:
            rest[name] = value
    usage = rest.pop("usage", None)
    basis = rest.pop("basis", Basis.FINAL if usage is not None else None)
    stream = StreamFacts(
        interaction=InteractionFacts(**parts["interaction"]), usage=usage, basis=basis, **parts["stream"]
    )
    times = {
        "request_body_ns": 1 * MS,
        "upstream_start_ns": 2 * MS,
        "connected_ns": 5 * MS,
        "head_ns": 40 * MS,
        "first_byte_ns": 50 * MS,
        "end_ns": 1000 * MS,
        **parts["times"],
    }
    defaults = {
        "exchange_id": "x1",
        "started_unix_ns": STARTED_NS,
        "mode": Mode.STREAM,
        "end": End.CLEAN,
        "body": Body.STREAM,
        "http_status": 200,
        "upstream_host": "generativelanguage.googleapis.com",
    }
    return ExchangeClosed(
        request=RequestFacts(understood=True, **parts["request"]),
        times=Times(**times),
        stream=stream,
        **{**defaults, **rest},
    )


def parse_openmetrics(text: str) -> list[Metric]:
    """A scrape, as the official OpenMetrics parser reads it."""
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def usage(total: int | None = None, **counts: Any) -> Usage:
    return Usage(total=total, **counts)


@dataclass
class Bench:
    """A telemetry pipeline with a session, spans kept in memory, the log in a string."""

    settings: Settings = field(default_factory=lambda: Settings(pricing=EVEN_PRICES))
    traced: bool = True

    def __post_init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.log = io.StringIO()
        self.now_ns = STARTED_NS + 10 * S
        self.telemetry = Telemetry(
            self.settings,
            clock_unix_ns=lambda: self.now_ns,
            variables=NO_VARIABLES,
            span_exporter=self.spans if self.traced else None,
            log_stream=self.log,
            **self.exporters(),
        )
        self.session: Session = self.telemetry.connected(hello())

    def exporters(self) -> dict[str, Any]:
        """More of them, for who needs some."""
        return {}

    def apply(self, *records: Any) -> None:
        for record in records:
            self.telemetry.apply(self.session, record)

    def families(self) -> dict[str, Metric]:
        """The scrape, as the official OpenMetrics parser reads it."""
        body, _ = self.telemetry.render("application/openmetrics-text")
        return {family.name: family for family in parse_openmetrics(body.decode())}

    def samples(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Samples of one name without the prefix, by sorted labels; zeros left out."""
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in self.families().values()
            for sample in family.samples
            if sample.name == f"interactions_gateway_{name}" and sample.value
        }

    def value(self, name: str, **labels: str) -> float:
        """The sum of one name's samples that have these labels."""
        return sum(
            value
            for key, value in self.samples(name).items()
            if all(dict(key).get(label) == wanted for label, wanted in labels.items())
        )

    def lines(self) -> list[dict[str, Any]]:
        """The log, decoded."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def flush(self) -> None:
        self.telemetry.shutdown(5.0)
