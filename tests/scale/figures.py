"""The figures that the model rests on: measured ones (figures.toml), and what others say of theirs (limits.toml).

Not here: how ours come about (measure.py), what follows from them (model.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

HERE: Final = Path(__file__).parent
FIGURES: Final = HERE / "figures.toml"
LIMITS: Final = HERE / "limits.toml"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one forwarder and its observer on one core of the machine that figures.toml names.

    CPU in us: event: an event of a paced stream over TLS; exchange: a request and its answer on a kept connection;
    connection: a new one to the upstream; observer: an ended exchange, all traces kept, or a tenth (sampled);
    rest_per_s: of all processes without traffic, a second.
    Memory in KiB: stream, observer_stream: for each open one; forwarder: one at rest; pod: all at rest, one forwarder.
    Series: rest: those that no model brings; model, worker: for each more of them; team: for each, with one model.
    spans, log_bytes, record_bytes: an exchange; span_bytes: a span as it is sent.
    ready_s: from the command to the first ready answer.
    """

    event_us: float
    exchange_us: float
    connection_us: float
    observer_us: float
    observer_sampled_us: float
    rest_us_per_s: float
    stream_kib: float
    observer_stream_kib: float
    forwarder_kib: float
    pod_kib: float
    series_rest: float
    series_model: float
    series_worker: float
    series_team: float
    scrape_bytes_series: float
    spans: float
    span_bytes: float
    log_bytes: float
    record_bytes: float
    ready_s: float

    @classmethod
    def read(cls, path: Path = FIGURES) -> Self:
        """Of a file as measure.py writes it. Raises KeyError where one is missing."""
        value = tomllib.loads(path.read_text(encoding="utf-8"))
        cpu, memory, telemetry = value["cpu_us"], value["memory_kib"], value["telemetry"]
        return cls(
            event_us=cpu["event"],
            exchange_us=cpu["exchange"],
            connection_us=cpu["connection"],
            observer_us=cpu["observer"],
            observer_sampled_us=cpu["observer_sampled"],
            rest_us_per_s=cpu["rest_per_s"],
            stream_kib=memory["stream"],
            observer_stream_kib=memory["observer_stream"],
            forwarder_kib=memory["forwarder"],
            pod_kib=memory["pod"],
            ready_s=value["start_s"]["ready"],
            **telemetry,
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """What one of theirs carries. source: the page that says so."""

    value: float
    unit: str
    source: str


def limits(path: Path = LIMITS) -> Mapping[str, Limit]:
    """By name."""
    value: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Limit(**one) for name, one in value.items()}
