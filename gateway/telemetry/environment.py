"""What the OTEL_* variables ask for: whether spans and metrics are exported; and what of it can't be had.

Not here: endpoint, headers, certificates, timeout, compression, batch sizes: the SDK reads those itself.
Source: telemetry-conventions.md 4.6, design.md 6 (the tail rules are the only sampler).
Promise: every variable that is set and not followed is told once, by name and value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PROTOCOL = "http/protobuf"
EXPORT_INTERVAL_MS = 60_000

_SAMPLERS = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")
_METRIC_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
# Variables of metrics that can have one value only, and what it is.
_METRIC_ONLY = {
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": ("cumulative", "cumulative"),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
        "explicit_bucket_histogram",
        "explicit_bucket_histogram, with the bounds of docs/telemetry.md",
    ),
    "OTEL_METRICS_EXEMPLAR_FILTER": ("trace_based", "trace_based: exemplars lead to kept traces"),
    "OTEL_METRIC_EXPORT_TIMEOUT": ("", "none: OTEL_EXPORTER_OTLP_METRICS_TIMEOUT decides"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A variable that is set and not followed."""

    variable: str
    value: str
    allowed: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """exports: whether spans go out."""

    exports: bool
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricWishes:
    """exports: whether metrics go out, each every_s."""

    exports: bool
    every_s: float = EXPORT_INTERVAL_MS / 1000
    refusals: tuple[Refusal, ...] = ()


def read(environment: Mapping[str, str]) -> Wishes:
    """Read the variables of traces; empty ones are unset ones."""
    found = _found(environment)
    if _is_disabled(found):
        return Wishes(exports=False)
    refusals = [
        Refusal(name, found[name], "none: the setting traces.keep_ratio decides what is kept")
        for name in _SAMPLERS
        if name in found
    ]
    return Wishes(_is_wanted(found, "traces", "spans", refusals), tuple(refusals))


def read_logs(environment: Mapping[str, str]) -> Wishes:
    """The same for log events, which only content capture makes."""
    found = _found(environment)
    if _is_disabled(found):
        return Wishes(exports=False)
    refusals: list[Refusal] = []
    return Wishes(_is_wanted(found, "logs", "log events", refusals), tuple(refusals))


def read_metrics(environment: Mapping[str, str]) -> MetricWishes:
    """Read the variables of metrics. They leave only where OTEL_METRICS_EXPORTER says so: /metrics is always there."""
    found = _found(environment)
    if _is_disabled(found):
        return MetricWishes(exports=False)
    refusals: list[Refusal] = []
    exporters = _exporters(found, "metrics", ("otlp", "prometheus", "none"), refusals)
    if "otlp" not in exporters:
        return MetricWishes(exports=False, refusals=tuple(refusals))
    wanted = _speaks(found, "metrics", "metrics", refusals)
    interval = found.get(_METRIC_INTERVAL, str(EXPORT_INTERVAL_MS))
    is_interval = interval.isdecimal() and int(interval) > 0
    if not is_interval:
        refusals.append(Refusal(_METRIC_INTERVAL, interval, f"milliseconds above 0; it is {EXPORT_INTERVAL_MS}"))
    refusals += [
        Refusal(name, found[name], allowed)
        for name, (value, allowed) in _METRIC_ONLY.items()
        if name in found and found[name].lower() != value
    ]
    return MetricWishes(wanted, (int(interval) if is_interval else EXPORT_INTERVAL_MS) / 1000, tuple(refusals))


def _found(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value.strip() for name, value in environment.items() if name.startswith("OTEL_") and value.strip()}


def _is_disabled(found: Mapping[str, str]) -> bool:
    return found.get("OTEL_SDK_DISABLED", "").lower() == "true"


def _is_wanted(found: Mapping[str, str], signal: str, sent: str, refusals: list[Refusal]) -> bool:
    """Whether a signal leaves: where its exporter is named so, or none is and there is an endpoint."""
    exporters = _exporters(found, signal, ("otlp", "none"), refusals)
    wanted = "otlp" in exporters if exporters else _first(found, signal, "ENDPOINT") is not None
    return wanted and _speaks(found, signal, sent, refusals)


def _exporters(
    found: Mapping[str, str], signal: str, known: tuple[str, ...], refusals: list[Refusal]
) -> frozenset[str]:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    named = frozenset(name.strip().lower() for name in found.get(variable, "").split(",") if name.strip())
    if named - set(known):
        refusals.append(Refusal(variable, found[variable], f"{', '.join(known[:-1])} or {known[-1]}"))
    return named


def _speaks(found: Mapping[str, str], signal: str, sent: str, refusals: list[Refusal]) -> bool:
    """Whether its protocol is ours. Another one isn't tried: its endpoint would refuse every batch."""
    variable = _first(found, signal, "PROTOCOL")
    if variable is None or found[variable].lower() == PROTOCOL:
        return True
    refusals.append(Refusal(variable, found[variable], f"{PROTOCOL}; no {sent} are exported"))
    return False


def _first(found: Mapping[str, str], signal: str, what: str) -> str | None:
    """The variable that counts: a signal's own goes before that of all."""
    names = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}", f"OTEL_EXPORTER_OTLP_{what}")
    return next((name for name in names if name in found), None)
