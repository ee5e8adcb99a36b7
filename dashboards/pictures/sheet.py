"""A whole dashboard on one sheet: each panel in its place with its title, its data, or why there is none.

Not here: drawing data (charts.py), reading files (reading.py).
Promise: every panel of the dashboard is on the sheet and in the report, also one whose query fails or gives nothing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PIL import Image

from dashboards.pictures.asking import AskError, Prometheus, Series
from dashboards.pictures.canvas import DPI, FAINT, INK, LINE, PAPER, Box, Canvas, cut
from dashboards.pictures.charts import CHARTS, Drawing
from dashboards.pictures.filling import UnfilledError, filled, times
from dashboards.pictures.reading import Dashboard, Panel, Query

CELL_W, CELL_H, GAP, EDGE, TITLE_H, HEAD_H = 60, 30, 8, 12, 26, 44
PIXELS_A_POINT: Final = 3  # a line has no more points than this lets it have
LEAST_POINTS: Final = 12
BOLD_SIZE: Final = 10.2  # as wide as bold letters of size 9 are
COLORS: Final = 96  # of the file: enough for what is drawn, and a third of the bytes


@dataclass(frozen=True, slots=True)
class Drawn:
    """What became of a panel. series: how many were drawn. error: why not all was."""

    panel: Panel
    series: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which time is shown, as Unix seconds, and the values of variables. scrape_s: between two scrapes."""

    start_s: float
    end_s: float
    values: Mapping[str, str]
    scrape_s: float = 15.0


def asked(api: Prometheus, panel: Panel, shown: Shown) -> tuple[list[tuple[Query, list[Series]]], float]:
    """Each query of a panel with its series, and the step between two points. Raises AskError, UnfilledError."""
    length_s = shown.end_s - shown.start_s
    points = max(20, panel.place.w * CELL_W // PIXELS_A_POINT)
    # a panel's own least step may be longer than all of a short time
    step_s = max(1.0, min(max(shown.scrape_s, panel.every_s), length_s / LEAST_POINTS), length_s / points)
    values = {**shown.values, **times(length_s, step_s, shown.scrape_s)}
    answers = []
    for query in panel.queries:
        expression = filled(query.expr, values)
        if query.is_instant:
            answers.append((query, api.instant(expression, shown.end_s)))
        else:
            answers.append((query, api.over(expression, shown.start_s, shown.end_s, step_s)))
    return answers, step_s


def draw(dashboard: Dashboard, api: Prometheus, shown: Shown, file: Path) -> list[Drawn]:
    """Draw a dashboard into a PNG file; says what became of each panel, in the order of the dashboard."""
    bottom = max((panel.place.y + panel.place.h for panel in dashboard.panels), default=4)
    canvas = Canvas(24 * CELL_W + 2 * EDGE, bottom * CELL_H + HEAD_H + EDGE)
    canvas.text(EDGE + 2, 12, dashboard.title, 15, weight="bold")
    for title, y in dashboard.rows:
        canvas.text(EDGE + 4, HEAD_H + y * CELL_H + 9, title, 10.5, color=INK, weight="bold")
    drawn = [_panel(panel, api, shown, canvas) for panel in dashboard.panels]
    _write(canvas, file)
    return drawn


def _panel(panel: Panel, api: Prometheus, shown: Shown, canvas: Canvas) -> Drawn:
    at = panel.place
    frame = Box(
        EDGE + at.x * CELL_W + GAP / 2, HEAD_H + at.y * CELL_H + GAP / 2, at.w * CELL_W - GAP, at.h * CELL_H - GAP
    )
    canvas.rectangle(frame, PAPER, LINE)
    canvas.text(frame.x + 10, frame.y + 8, cut(panel.title, frame.w - 16, BOLD_SIZE), 9, weight="bold")
    inside = frame.inner(top=TITLE_H)
    try:
        answers, step_s = asked(api, panel, shown)
    except (AskError, UnfilledError) as error:
        _say(canvas, inside, str(error))
        return Drawn(panel, 0, str(error))
    if not any(found for _, found in answers):
        _say(canvas, inside, panel.look.nothing or "no data")
        return Drawn(panel, 0)
    chart = CHARTS.get(panel.kind)
    if chart is None:
        error_text = f"no drawing for a panel of kind {panel.kind}"
        _say(canvas, inside, error_text)
        return Drawn(panel, 0, error_text)
    drawing = Drawing(canvas, inside, shown.start_s, shown.end_s, step_s)
    return Drawn(panel, chart(panel, answers, drawing))


def _say(canvas: Canvas, box: Box, words: str) -> None:
    lines = [words[at : at + int(box.w / 6)] for at in range(0, min(len(words), 400), int(box.w / 6))]
    canvas.text(
        box.x + box.w / 2, box.y + box.h / 2 - 6, "\n".join(lines[:6]), 8, color=FAINT, ha="center", va="center"
    )


def _write(canvas: Canvas, file: Path) -> None:
    drawn = io.BytesIO()
    canvas.figure.savefig(drawn, format="png", dpi=DPI, facecolor=canvas.figure.get_facecolor())
    image = Image.open(drawn)
    file.parent.mkdir(parents=True, exist_ok=True)
    image.convert("RGB").quantize(COLORS).save(file, optimize=True)


def with_values(shown: Shown, dashboard: Dashboard) -> Shown:
    """The same, with every variable of a dashboard that has no value yet taken for all of it."""
    every = {one.name: one.every if one.kind == "query" else one.query for one in dashboard.variables}
    return replace(shown, values={**every, **shown.values})
