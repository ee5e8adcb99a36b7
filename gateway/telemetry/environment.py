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

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_LOG_ENDPOINTS = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_LOG_PROTOCOLS = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SAMPLERS = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")
_METRIC_PROTOCOLS = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
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
    """Read the variables; empty ones are unset ones."""
    found = _found(environment)
    if found.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Wishes(exports=False)
    exporters = {name.strip().lower() for name in found.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()}
    wanted = "otlp" in exporters if exporters else any(name in found for name in _ENDPOINTS)
    refusals = [
        Refusal(name, found[name], "none: the setting traces.keep_ratio decides what is kept")
        for name in _SAMPLERS
        if name in found
    ]
    if exporters - {"otlp", "none"}:
        refusals.append(Refusal("OTEL_TRACES_EXPORTER", found["OTEL_TRACES_EXPORTER"], "otlp or none"))
    protocol = next((name for name in _PROTOCOLS if name in found), None)
    if wanted and protocol is not None and found[protocol].lower() != PROTOCOL:
        # Not tried all the same: another protocol's endpoint would refuse every batch.
        refusals.append(Refusal(protocol, found[protocol], f"{PROTOCOL}; no spans are exported"))
        wanted = False
    return Wishes(wanted, tuple(refusals))


def read_logs(environment: Mapping[str, str]) -> Wishes:
    """The same for log events, which only content capture makes."""
    found = _found(environment)
    if found.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Wishes(exports=False)
    exporters = {name.strip().lower() for name in found.get("OTEL_LOGS_EXPORTER", "").split(",") if name.strip()}
    wanted = "otlp" in exporters if exporters else any(name in found for name in _LOG_ENDPOINTS)
    refusals = []
    if exporters - {"otlp", "none"}:
        refusals.append(Refusal("OTEL_LOGS_EXPORTER", found["OTEL_LOGS_EXPORTER"], "otlp or none"))
    protocol = next((name for name in _LOG_PROTOCOLS if name in found), None)
    if wanted and protocol is not None and found[protocol].lower() != PROTOCOL:
        refusals.append(Refusal(protocol, found[protocol], f"{PROTOCOL}; no log events are exported"))
        wanted = False
    return Wishes(wanted, tuple(refusals))


def read_metrics(environment: Mapping[str, str]) -> MetricWishes:
    """Read the variables of metrics. They leave only where OTEL_METRICS_EXPORTER says so: /metrics is always there."""
    found = _found(environment)
    if found.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return MetricWishes(exports=False)
    exporters = {name.strip().lower() for name in found.get("OTEL_METRICS_EXPORTER", "").split(",") if name.strip()}
    wanted = "otlp" in exporters
    refusals = []
    if exporters - {"otlp", "none", "prometheus"}:
        refusals.append(Refusal("OTEL_METRICS_EXPORTER", found["OTEL_METRICS_EXPORTER"], "otlp, prometheus or none"))
    if not wanted:
        return MetricWishes(exports=False, refusals=tuple(refusals))
    protocol = next((name for name in _METRIC_PROTOCOLS if name in found), None)
    if protocol is not None and found[protocol].lower() != PROTOCOL:
        refusals.append(Refusal(protocol, found[protocol], f"{PROTOCOL}; no metrics are exported"))
        wanted = False
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
