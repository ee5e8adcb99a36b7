"""Attribute values as OTLP carries them, in plain Python.

Not here: spans and metrics that have them (otlp_receiver.py, otlp_metrics.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Value: TypeAlias = str | bool | int | float | bytes | tuple["Value", ...] | None


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    """Attributes by name."""
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(value: AnyValue) -> Value:
    """One value."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return tuple(value_of(item) for item in value.array_value.values)
    if kind == "kvlist_value":
        return tuple((pair.key, value_of(pair.value)) for pair in value.kvlist_value.values)
    plain: Value = getattr(value, kind)
    return plain
