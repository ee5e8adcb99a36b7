"""The log on standard output: one line an ended exchange, and the gateway's own events, as JSON or for people.

Not here: metrics, spans. Source: style.md 6; telemetry-conventions.md 2.6 (the wire's own codes go here).
Promise: one event name a line, then fields; no key, prompt or model text, and nothing a terminal would obey.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from gateway.telemetry.attributes import error_codes
from gateway.telemetry.books import Account
from gateway.telemetry.cost import Cost
from gateway.telemetry.cost_metrics import is_wasted
from gateway.telemetry.http_attributes import split_target
from gateway.telemetry.ids import Identity
from gateway.telemetry.tags import tag_fields
from gateway.wire.outcome import Outcome
from gateway.wire.usage import Usage

if TYPE_CHECKING:
    from gateway.config import LogSettings

NS_PER_MS = 1_000_000

_BAD_ENDS = frozenset(
    {
        Outcome.STREAM_ERROR,
        Outcome.UPSTREAM_ABORT,
        Outcome.TRUNCATED,
        Outcome.GATEWAY_ERROR,
        Outcome.REJECTED,
        Outcome.UNKNOWN_STATUS,
    }
)
_EXCHANGE = "exchange"
_NUMBERS = frozenset({int, float, bool})  # of these 0 says something
# In a line of JSON: what might not be printable, escaped or not. It may be harmless; then cleaning changes nothing.
_SUSPECT = re.compile(rb'\\[^"\\]|[^\x20-\x7e]')


def make_logger(settings: LogSettings, stream: TextIO | None = None) -> FilteringBoundLogger:
    """A logger of its own, whatever else in the process uses structlog. stream: standard output by default."""
    renderer: structlog.typing.Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=False)
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.format == "live":
        processors.append(_live_line)
    processors += [_printable, renderer]
    logger: FilteringBoundLogger = structlog.wrap_logger(
        # a whole line in one write: lines of several processes on one pipe must not mix
        structlog.WriteLogger(stream if stream is not None else sys.stdout),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_level(settings)),
        cache_logger_on_first_use=False,
    )
    return logger


class ExchangeLog:
    """Writes one line for each ended exchange. stream: where logger writes."""

    def __init__(self, logger: FilteringBoundLogger, settings: LogSettings, stream: TextIO | None = None) -> None:
        self._logger = logger
        self._level = _level(settings)
        self._json = settings.format == "json"
        self._stream = stream if stream is not None else sys.stdout

    def relevel(self, logger: FilteringBoundLogger, settings: LogSettings) -> None:
        """Write from another level on. logger: made for it."""
        self._logger, self._level = logger, _level(settings)

    def closed(self, account: Account, identity: Identity, worker: str) -> None:
        """Bad ends are warnings, so that a log of level warning has only them."""
        bad = account.record.outcome in _BAD_ENDS or bool(account.record.faults)
        level = logging.WARNING if bad else logging.INFO
        if level < self._level:
            return
        fields = exchange_fields(account, identity, worker)
        if self._json:
            self._stream.write(_json_line(fields, "warning" if bad else "info"))
            self._stream.flush()
        else:
            self._logger.log(level, _EXCHANGE, **fields)


def _json_line(fields: dict[str, Any], level: str) -> str:
    """The logger's own line, at a sixth of its cost."""
    stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    fields |= {"event": _EXCHANGE, "level": level, "timestamp": stamp}
    try:
        line = orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS)
        clean = _SUSPECT.search(line) is None
    except TypeError:  # half a surrogate pair
        clean = False
    return (line if clean else orjson.dumps(_clean(fields), option=orjson.OPT_NON_STR_KEYS)).decode() + "\n"


def _level(settings: LogSettings) -> int:
    return logging.getLevelNamesMapping()[settings.level.upper()]


def exchange_fields(account: Account, identity: Identity, worker: str) -> dict[str, Any]:
    """Everything the line says; what is not known or zero by nature is left out."""
    record, stream, times = account.record, account.record.stream, account.record.times
    interaction, request = stream.interaction, record.request
    path, query = split_target(record.target)
    usage = account.usage
    fields: dict[str, Any] = {
        "exchange_id": record.exchange_id,
        "worker": worker,
        "route": record.route.value,
        "mode": record.mode.value,
        "outcome": record.outcome.value,
        "method": record.method,
        "path": path,
        "query": query,
        "client": record.client_address,
        **tag_fields(account.tags),
        "http_status": record.http_status,
        "model": request.model or interaction.model,
        "agent": request.agent or interaction.agent,
        "interaction_id": interaction.id or request.interaction_id,
        "previous_interaction_id": request.previous_interaction_id,
        "status": interaction.status,
        "service_tier": interaction.service_tier,
        "trace_id": identity.trace_hex,
        "code": record.code,
        "error": record.error_text,
        "error_codes": error_codes(record),
        "tokens": _tokens(stream.usage),
        "basis": stream.basis.value if stream.basis is not None else None,
        "counted": {"via": usage.via, "tokens": _tokens(usage.usage)} if usage is not None else None,
        **_cost(account.cost),
        "wasted": is_wasted(account) or None,
        "steps": len(stream.steps) + sum(sum(counts) for counts in stream.steps_beyond.values()),
        "steps_counted": len(account.counted) + sum(sum(counts) for counts in account.beyond.values()),
        "deltas": stream.deltas,
        "duration_ms": _ms(times.end_ns),
        "upstream_head_ms": _ms(times.head_ns),
        "first_delta_ms": _ms(stream.first_delta_ns.get("any")),
        "first_text_ms": _ms(stream.first_delta_ns.get("text")),
        "max_gap_ms": _ms(stream.gaps.max_ns) if any(stream.gaps.counts) else None,
        "client_blocked_ms": _ms(times.client_blocked_ns or None),
        "phases_ms": {phase: _ms(spent_ns) for phase, spent_ns in account.phases.items() if spent_ns},
        "bytes_up": record.bytes_up,
        "bytes_down": record.bytes_down,
        "stalled": stream.stalled or None,
        "unknown": dict(stream.unknown),
        "unknown_names": stream.unknown_names,
        "invalid": dict(stream.invalid),
        "anomalies": dict(stream.anomalies),
        "tap_faults": dict(record.faults),
    }
    return {name: value for name, value in fields.items() if value or type(value) in _NUMBERS}


def fault_fields(exc: BaseException) -> dict[str, Any]:
    """A fault of ours: its kind and where it was, without its text, which may quote what passed through."""
    frames = traceback.extract_tb(exc.__traceback__)
    return {
        "kind": type(exc).__name__,
        "where": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
    }


def live_line(fields: MutableMapping[str, Any]) -> str:
    """An exchange as one aligned line: model, outcome, steps, time to first delta, tokens, ms."""
    subject = fields.get("model") or fields.get("agent") or f"({fields.get('route', '')})"
    first_ms = fields.get("first_delta_ms")
    total = fields.get("tokens", {}).get("total")
    return (
        f"{_cut(subject, 28):<28} {fields.get('outcome', ''):<21}"
        f" {fields.get('steps', 0):>3} steps"
        f"  first {'-' if first_ms is None else f'{first_ms:,.0f} ms':>10}"
        f"  {'-' if total is None else f'{total:,}':>10} tokens"
        f"  {fields.get('duration_ms', 0):>10,.0f} ms"
    )


def _live_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if event.get("event") == _EXCHANGE:
        return {"event": live_line(event)}
    if event.get("level") == "info":
        raise structlog.DropEvent  # one line an interaction
    return event


def _printable(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = _clean(value)
    return event


def _clean(value: Any) -> Any:
    # A name of the wire may hold escape sequences, which a terminal that shows the log would obey.
    if isinstance(value, str):
        return value if value.isprintable() else "".join(char if char.isprintable() else "?" for char in value)
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _tokens(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    kinds = ("total", "input", "output", "thought", "tool_use", "cached")
    return {kind: getattr(usage, kind) for kind in kinds if getattr(usage, kind) is not None}


def _cost(cost: Cost | None) -> dict[str, Any]:
    if cost is None:
        return {}
    return {
        "cost_usd": float(cost.usd) if cost.usd is not None else None,
        "cost_parts_usd": {type_: float(usd) for type_, usd in cost.parts.items()},
        "cost_tier": cost.tier,
        "unpriced_tokens": cost.unpriced,
        "unpriced_calls": cost.unpriced_calls,
    }


def _ms(value_ns: int | None) -> float | None:
    return None if value_ns is None else round(value_ns / NS_PER_MS, 3)
