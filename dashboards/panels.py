"""A panel as a value: what it is called, what it asks, how to read it.

Not here: queries (queries/), how Grafana draws it (shapes.py), where it stands (board.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypedDict, Unpack

from dashboards.links import ALERT_PREFIX, Link, to_runbook


class Shape(Enum):
    """How a panel shows what it asks."""

    STAT = "stat"
    LINES = "lines"
    STACK = "stack"
    HEATMAP = "heatmap"
    BARS = "bars"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Ask:
    """A query of a panel.

    legend: in Grafana's notation, `{{label}}`; in a table the name of its column.
    exemplars: ask for traces too, of families that carry them.
    unit, decimals: of a table's column, where they aren't the panel's.
    """

    expr: str
    legend: str = ""
    exemplars: bool = False
    unit: str = ""
    decimals: int | None = None


class More(TypedDict, total=False):
    """What a panel may say beside what it must; Panel explains it."""

    limits: tuple[float, float]
    falling: bool
    width: int
    height: int
    decimals: int
    low: float | None
    high: float
    nothing: str
    links: tuple[Link, ...]
    alerts: tuple[str, ...]
    data_links: tuple[Link, ...]
    sort_by: str
    every: str
    over_time: bool
    log_scale: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. id: kept for good, links name it. unit: as Grafana calls it. says: how to read it, in plain words.

    limits: from the first on it is amber, from the second on red; None where no value is bad in itself.
    falling: low is bad: below the first it is red, below the second amber.
    width, height: in cells of a grid of 24 columns. low, high: ends of the axis; low is None where Grafana chooses.
    alerts: whose pages of the runbook it leads to, without the prefix InteractionsGateway.
    nothing: what stands there where there is no value. data_links: of a value. sort_by: a table's column.
    every: least step between points, for queries over long windows. over_time: a stat with its course behind it.
    """

    id: int
    title: str
    shape: Shape
    asks: tuple[Ask, ...]
    unit: str
    says: str
    limits: tuple[float, float] | None = None
    falling: bool = False
    width: int = 8
    height: int = 8
    decimals: int | None = None
    low: float | None = 0
    high: float | None = None
    nothing: str = ""
    links: tuple[Link, ...] = ()
    alerts: tuple[str, ...] = ()
    data_links: tuple[Link, ...] = ()
    sort_by: str = ""
    every: str = ""
    over_time: bool = False
    log_scale: bool = False

    @property
    def leads_to(self) -> tuple[Link, ...]:
        """Where the panel's own menu leads."""
        return (*self.links, *(to_runbook(f"{ALERT_PREFIX}{alert}") for alert in self.alerts))

    @property
    def is_instant(self) -> bool:
        """Whether its queries are asked once, for the end of the shown time."""
        return self.shape in (Shape.BARS, Shape.TABLE) or (self.shape is Shape.STAT and not self.over_time)


def stat(id_: int, title: str, expr: str, unit: str, says: str, **more: Unpack[More]) -> Panel:
    """One figure; four columns wide unless told otherwise."""
    sized: More = {"width": 4, "height": 4, **more}
    return Panel(id_, title, Shape.STAT, (Ask(expr, title),), unit, says, **sized)


def lines(id_: int, title: str, asks: Sequence[Ask], unit: str, says: str, **more: Unpack[More]) -> Panel:
    """Lines over time."""
    return Panel(id_, title, Shape.LINES, tuple(asks), unit, says, **more)


def stack(id_: int, title: str, asks: Sequence[Ask], unit: str, says: str, **more: Unpack[More]) -> Panel:
    """Areas on top of each other: parts of a whole over time."""
    return Panel(id_, title, Shape.STACK, tuple(asks), unit, says, **more)


def heatmap(id_: int, title: str, ask: Ask, unit: str, says: str, **more: Unpack[More]) -> Panel:
    """How often each bucket was observed over time; twelve columns wide unless told otherwise."""
    sized: More = {"width": 12, **more}
    return Panel(id_, title, Shape.HEATMAP, (ask,), unit, says, **sized)


def bars(id_: int, title: str, asks: Sequence[Ask], unit: str, says: str, **more: Unpack[More]) -> Panel:
    """One bar a series, at the end of the shown time."""
    return Panel(id_, title, Shape.BARS, tuple(asks), unit, says, **more)


def table(id_: int, title: str, asks: Sequence[Ask], unit: str, says: str, **more: Unpack[More]) -> Panel:
    """A row for each set of labels, a column for each query, at the end of the shown time."""
    return Panel(id_, title, Shape.TABLE, tuple(asks), unit, says, **more)
