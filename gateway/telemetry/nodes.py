"""A planned span: plain values, with true times.

Not here: which spans there are (tree.py, step_spans.py), their bytes (otlp.py), their way out (exporter.py, sdk.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.telemetry.http_attributes import Attributes
from gateway.telemetry.ids import SpanRef

SERVER, CLIENT, INTERNAL = "server", "client", "internal"


@dataclass(slots=True)
class Link:
    """A link to an earlier interaction's span, or to that of a client that isn't trusted."""

    to: SpanRef
    attributes: Attributes


class SpanEvent(NamedTuple):
    """A moment of a span."""

    name: str
    unix_ns: int
    attributes: Attributes


@dataclass(slots=True)
class Node:
    """A span to be. Times are wall time, ns. span_id None: any. error: its `error.type`, and with it Error.

    content_bytes: of captured content in the tree, where this is the root: a queue bounds their sum.
    """

    name: str
    kind: str
    start_unix_ns: int
    end_unix_ns: int
    attributes: Attributes
    span_id: int | None = None
    error: str | None = None
    links: list[Link] = field(default_factory=list)
    events: Iterable[SpanEvent] = ()
    children: list[Node] = field(default_factory=list)
    content_bytes: int = 0

    def count(self) -> int:
        return 1 + sum(child.count() for child in self.children)


@dataclass(frozen=True, slots=True)
class Interval:
    """Start and end, ns since the exchange's start."""

    start_ns: int
    end_ns: int
