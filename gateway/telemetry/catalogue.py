"""What the catalogue says of a metric family, a span and an attribute: the shapes of its entries.

Not here: the entries (names.py, span_names.py), how the reference page writes them down (reference.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from gateway import __version__

TEAM_LABEL = "team"
SCOPE = "gateway.telemetry"
NS_PER_S = 1_000_000_000

# By the end of a family's name: its unit in the notation of UCUM. What ends otherwise states its own.
_UNITS = {"seconds": "s", "bytes": "By", "usd": "{USD}", "tokens": "{token}"}
_PLACE = re.compile(r"\{(\w+)\}")


class Kind(Enum):
    """Metric types. An up-down counter is a gauge to Prometheus and a sum over OTLP."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    UP_DOWN = "up-down counter"

    @property
    def exposed(self) -> str:
        """The type as Prometheus calls it."""
        return "gauge" if self is Kind.UP_DOWN else self.value


class Source(Enum):
    """Who gave a name, and since which revision it stands there. All of GenAI is still in development."""

    OWN = "ours"
    CORE = "semconv 1.44.0"
    GEN_AI_1_41 = "GenAI 1.41"
    GEN_AI_LATEST = "GenAI 1.42-dev"
    OPENINFERENCE = "OpenInference 0.1.42"
    LANGFUSE = "Langfuse"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: public name, type, labels in order, help, bucket bounds of a histogram.

    by_team: it has the label `team` as its last one where the settings ask for it, and nowhere else.
    counts: the unit in the notation of UCUM, where the name's end doesn't tell it.
    dotted, attributes: name and labels over OTLP, where those aren't the same. schema_url: of its conventions.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()
    by_team: bool = False
    counts: str = ""
    source: Source = Source.OWN
    dotted: str = ""
    attributes: tuple[str, ...] = ()
    schema_url: str = ""

    @property
    def scope_labels(self) -> tuple[tuple[str, str], ...]:
        """What an OpenTelemetry exporter adds to each sample: who measured. None for families of our own."""
        if not self.schema_url:
            return ()
        said = (("name", SCOPE), ("version", __version__), ("schema_url", self.schema_url))
        return tuple((f"otel_scope_{what}", value) for what, value in said)

    @property
    def unit(self) -> str:
        """UCUM; `1` for what has none."""
        return self.counts or _UNITS.get(self.name.removesuffix("_total").rpartition("_")[2], "1")

    @property
    def parts(self) -> int:
        """In how many parts of its unit a histogram is observed: durations are counted in ns, and told in seconds."""
        return NS_PER_S if self.unit == "s" else 1

    def labelled(self, *, teams: bool) -> Family:
        """The family as it is told, with or without teams."""
        return replace(self, labels=(*self.labels, TEAM_LABEL)) if teams and self.by_team else self


@dataclass(frozen=True, slots=True)
class Span:
    """A kind of span. key: how attributes refer to it; name: with `{places}` for what differs."""

    key: str
    name: str
    kind: str
    help: str
    source: Source


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute. name: exact, or with `{places}` for words of closed sets. type: of the conventions.

    on: keys of the spans that carry it. when: the condition of its presence.
    """

    name: str
    type: str
    on: tuple[str, ...]
    source: Source
    when: str
    help: str
    unit: str = ""

    def matches(self, name: str) -> bool:
        """Whether an attribute of a span is this one."""
        if "{" not in self.name:
            return name == self.name
        parts = _PLACE.split(self.name)
        pattern = "".join(r"\w+" if at % 2 else re.escape(part) for at, part in enumerate(parts))
        return re.fullmatch(pattern, name) is not None
