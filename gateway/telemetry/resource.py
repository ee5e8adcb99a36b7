"""Who speaks: the resource of all that leaves, and as Prometheus is told of it.

Imported only where it is needed: it brings a part of the SDK, which reads OTEL_SERVICE_NAME and
OTEL_RESOURCE_ATTRIBUTES, and gives each process a `service.instance.id` of its own.
Source: telemetry-conventions.md 3.4.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from opentelemetry.sdk.resources import Resource

from gateway import __version__
from gateway.telemetry import names
from gateway.telemetry.catalogue import Family, Kind
from gateway.telemetry.registry import Points, head, plain


def resource() -> Resource:
    """Who speaks: the operator's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES over our own name."""
    found = Resource.create({names.SERVICE_VERSION: __version__})
    if str(found.attributes.get(names.SERVICE_NAME, "")).startswith("unknown_service"):  # neither gave one
        found = found.merge(Resource({names.SERVICE_NAME: names.SERVICE}))
    return found


class TargetInfo:
    """The resource as the family `target`, which an OpenTelemetry exporter shows beside its metrics."""

    def __init__(self, of: Resource) -> None:
        # Two attributes may come to one label, which may stand there once.
        told = {label_name(name): value if isinstance(value, str) else json.dumps(value) for name, value in _sorted(of)}
        self._values = tuple(told.values())
        self._family = Family(f"{names.TARGET}_info", Kind.GAUGE, tuple(told), names.TARGET_HELP)

    @property
    def series(self) -> int:
        """Part of Collector."""
        return 1

    def lines(self, *, openmetrics: bool) -> Iterator[str]:
        """Part of Collector."""
        sample = list(plain(self._family, [(self._values, 1.0)], openmetrics=openmetrics))[-1]
        if openmetrics:  # an info there, and its sample alone has the suffix
            yield f"# HELP {names.TARGET} {names.TARGET_HELP}\n# TYPE {names.TARGET} info\n"
        else:
            yield head(self._family, openmetrics=False)
        yield sample

    def points(self) -> Iterable[Points]:
        """Part of Collector. Over OTLP the resource is there itself."""
        return ()


def _sorted(of: Resource) -> list[tuple[str, object]]:
    return sorted(of.attributes.items())


def label_name(attribute: str) -> str:
    """The label that the exporter makes of an attribute's name."""
    parts = "".join(char if char.isascii() and char.isalnum() else "." for char in attribute).split(".")
    name = "_".join(part for part in parts if part)
    return f"_{name[1:]}" if name[:1].isdigit() else name
