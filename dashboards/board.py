"""A dashboard as a value: rows of panels, and what Grafana reads of it.

Not here: the panels themselves. Promise: nothing overlaps; a variable stands there exactly if something uses it; the
description of each panel says which of the chosen model and team don't narrow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards import variables
from dashboards.links import TAG, UIDS, Link, to_dashboard
from dashboards.panels import Panel
from dashboards.shapes import built

COLUMNS = 24
ROW_IDS_FROM = 1000  # panels have smaller ones
_NARROWING = ("model", "team")


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, left to right, wrapped at 24 columns."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. title: one of links.UIDS. says: for whom it is and what it answers. shows: the time, from."""

    title: str
    says: str
    rows: tuple[Row, ...]
    shows: str = "now-1h"
    refresh: str = "1m"

    @property
    def uid(self) -> str:
        """Its name in addresses and files."""
        return UIDS[self.title]

    @property
    def panels(self) -> Iterator[Panel]:
        """All of its panels."""
        for row in self.rows:
            yield from row.panels

    def panel(self, id_: int) -> Panel:
        """The panel with this id. StopIteration if there is none."""
        return next(panel for panel in self.panels if panel.id == id_)

    @property
    def links(self) -> tuple[Link, ...]:
        """To the other dashboards, and to the runbook."""
        others = (to_dashboard(title) for title in UIDS if title != self.title)
        return (*others, Link("Runbook", "${runbook}/README.md", "What to do about each alert"))

    def variables(self) -> set[str]:
        """The variables that something here uses."""
        texts = [link.url for link in self.links]
        for panel in self.panels:
            texts += [ask.expr for ask in panel.asks]
            texts += [link.url for link in (*panel.leads_to, *panel.data_links)]
        return variables.used(texts)

    def built(self) -> model.Dashboard:
        """The dashboard as Grafana reads it."""
        board = (
            build.Dashboard(self.title)
            .uid(self.uid)
            .description(self.says)
            .tags([TAG])
            .time(self.shows, "now")
            .refresh(self.refresh)
            .timezone("browser")
            .editable()
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .links([link.built() for link in self.links])
            .variables(variables.needed(self.variables()))
        )
        at_y = 0
        for number, row in enumerate(self.rows):
            heading = build.Row(row.title).id(ROW_IDS_FROM + number).grid_pos(model.GridPos(1, COLUMNS, 0, at_y))
            placed = list(_placed(row.panels, at_y + 1))
            made = [built(panel, position, self.described(panel)) for panel, position in placed]
            if row.collapsed:
                for panel in made:
                    heading.with_panel(panel)
                at_y += 1
            else:
                at_y = max(position.y + position.h for _, position in placed)
            board.with_row(heading.collapsed(row.collapsed))
            if not row.collapsed:
                for panel in made:
                    board.with_panel(panel)
        return board.build()

    def described(self, panel: Panel) -> str:
        """What the panel says, and what of the choice on top it, or some of it, doesn't heed."""
        return " ".join((panel.says, *self._unheeded(panel)))

    def _unheeded(self, panel: Panel) -> Iterator[str]:
        choices = [name for name in _NARROWING if name in self.variables()]
        heeded = {ask.legend: variables.used([ask.expr]) for ask in panel.asks}
        by_none = [name for name in choices if not any(name in of_ask for of_ask in heeded.values())]
        if by_none:
            yield f"Not narrowed by the chosen {' and '.join(by_none)}."
        for name in choices:
            some = [legend for legend, of_ask in heeded.items() if name not in of_ask]
            if some and name not in by_none:
                yield f"The chosen {name} does not narrow: {', '.join(some)}."

    def text(self) -> str:
        """The file, as it is committed."""
        return JSONEncoder(sort_keys=True, indent=2).encode(self.built()) + "\n"


def _placed(panels: tuple[Panel, ...], top: int) -> Iterator[tuple[Panel, model.GridPos]]:
    x, y, tallest = 0, top, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield panel, model.GridPos(panel.height, panel.width, x, y)
        x, tallest = x + panel.width, max(tallest, panel.height)
