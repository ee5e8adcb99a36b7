"""What the OTEL_* variables ask for: whether spans are exported, as what service; and what of it can't be had.

Not here: endpoint, headers, certificates, timeout, compression, batch sizes: the SDK reads those itself.
Source: telemetry-conventions.md 4.6, design.md 6 (the tail rules are the only sampler).
Promise: every variable that is set and not followed is told once, by name and value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PROTOCOL = "http/protobuf"

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_LOG_ENDPOINTS = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_LOG_PROTOCOLS = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SAMPLERS = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")


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


def read_logs(environment: Mapping[str, str]) -> Wishes:
    """The same for log events, which only content capture makes."""
    found = {name: value.strip() for name, value in environment.items() if name.startswith("OTEL_") and value.strip()}
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


def read(environment: Mapping[str, str]) -> Wishes:
    """Read the variables; empty ones are unset ones."""
    found = {name: value.strip() for name, value in environment.items() if name.startswith("OTEL_") and value.strip()}
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
