"""A dashboard's JSON as values: panels with their queries, looks and places; variables; rows.

Not here: what the queries give (asking.py), how it looks (figure.py).
Promise: nothing is known of our own dashboards: any file of this form can be read. What isn't understood is left out,
but for a panel's type, which stays as it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
FOLDER: Final = Path(__file__).parents[1] / "json"


@dataclass(frozen=True, slots=True)
class Query:
    """A target of a panel. legend: with `{{label}}` in it. is_instant: asked once, for the end of the shown time."""

    ref: str
    expr: str
    legend: str = ""
    is_instant: bool = False
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel stands: cells of a grid of 24 columns."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Look:
    """How values look. steps: from which value on which colour; the first begins at minus infinity."""

    unit: str = ""
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    nothing: str = ""
    steps: tuple[tuple[float, str], ...] = ()

    def color_of(self, value: float) -> str:
        """The colour of a value; an empty text without steps."""
        return next((color for start, color in reversed(self.steps) if value >= start), "")


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. kind: Grafana's word for its type. options, custom: as they stand in the file.

    looks: by the name of a column, where one looks different from the others. every_s: the least step.
    """

    id: int
    title: str
    kind: str
    place: Place
    queries: tuple[Query, ...]
    look: Look = field(default_factory=Look)
    looks: Mapping[str, Look] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    row: str = ""
    every_s: float = 0.0

    @property
    def is_stacked(self) -> bool:
        """Whether series stand on top of each other."""
        return bool(self.custom.get("stacking", {}).get("mode", "none") != "none")

    @property
    def is_log(self) -> bool:
        """Whether the axis is logarithmic."""
        return bool(self.custom.get("scaleDistribution", {}).get("type") == "log")

    @property
    def colours_background(self) -> bool:
        """Whether a stat's value colours what is behind it."""
        return bool(self.options.get("colorMode") == "background")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable. kind: Grafana's word. query: of one that asks for its values. every: its value for all of them."""

    name: str
    kind: str
    query: str = ""
    every: str = ".*"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One file. rows: title and the height at which it stands. annotations: expressions."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...]
    rows: tuple[tuple[str, int], ...] = ()
    annotations: tuple[str, ...] = ()


def dashboards(folder: Path = FOLDER) -> list[Dashboard]:
    """All of a folder, by the names of their files. Raises FileNotFoundError where there is none."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no dashboard in {folder}")
    return [read(json.loads(file.read_text(encoding="utf-8"))) for file in files]


def read(document: Mapping[str, Any]) -> Dashboard:
    """One dashboard. Panels of collapsed rows stand below the others."""
    panels: list[Panel] = []
    rows: list[tuple[str, int]] = []
    row, moved = "", 0
    for found in document["panels"]:
        if found["type"] != "row":
            panels.append(_panel(found, row, moved))
            continue
        row = found.get("title", "")
        rows.append((row, found["gridPos"]["y"] + moved))
        inner = found.get("panels") or []
        panels += [_panel(one, row, moved) for one in inner]
        # Grafana makes room for them only when the row is opened
        if inner:
            bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in inner)
            moved += bottom - found["gridPos"]["y"] - 1
    return Dashboard(
        document["uid"],
        document["title"],
        tuple(panels),
        tuple(_variables(document)),
        tuple(rows),
        tuple(one["expr"] for one in document.get("annotations", {}).get("list", []) if one.get("expr")),
    )


def seconds(duration: str) -> float:
    """A duration of Prometheus, such as 1m30s. Raises ValueError."""
    parts = re.findall(r"(\d+)(ms|[smhdw])", duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is no duration")
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts)


def _panel(found: Mapping[str, Any], row: str, moved: int) -> Panel:
    config = found.get("fieldConfig") or {}
    defaults = config.get("defaults") or {}
    own = _look(defaults, Look())
    at = found["gridPos"]
    return Panel(
        found["id"],
        found.get("title", ""),
        found["type"],
        Place(at["x"], at["y"] + moved, at["w"], at["h"]),
        tuple(_query(one) for one in found.get("targets") or []),
        own,
        dict(_overrides(config.get("overrides") or [], own)),
        found.get("options") or {},
        defaults.get("custom") or {},
        _renamed(found.get("transformations") or []),
        row,
        seconds(found.get("interval") or "0s"),
    )


def _query(target: Mapping[str, Any]) -> Query:
    return Query(
        target["refId"],
        target["expr"],
        target.get("legendFormat", ""),
        bool(target.get("instant")) and not target.get("range"),
        bool(target.get("exemplar")),
    )


def _look(found: Mapping[str, Any], base: Look) -> Look:
    steps = [
        (float("-inf") if step.get("value") is None else float(step["value"]), str(step["color"]))
        for step in (found.get("thresholds") or {}).get("steps") or []
    ]
    return Look(
        found.get("unit", base.unit),
        found.get("decimals", base.decimals),
        found.get("min", base.low),
        found.get("max", base.high),
        found.get("noValue", base.nothing),
        tuple(steps) or base.steps,
    )


def _overrides(overrides: Sequence[Mapping[str, Any]], base: Look) -> Iterator[tuple[str, Look]]:
    for override in overrides:
        matcher = override["matcher"]
        if matcher["id"] == "byName":
            yield matcher["options"], _look({one["id"]: one.get("value") for one in override["properties"]}, base)


def _renamed(transformations: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Columns of a table by their new names."""
    return {
        old: new
        for one in transformations
        if one["id"] == "organize"
        for old, new in (one["options"].get("renameByName") or {}).items()
    }


def _variables(document: Mapping[str, Any]) -> Iterator[Variable]:
    for found in (document.get("templating") or {}).get("list") or []:
        query = found.get("query") or ""
        text = query if isinstance(query, str) else str(query.get("query", ""))
        yield Variable(found["name"], found["type"], text, found.get("allValue") or ".*")
