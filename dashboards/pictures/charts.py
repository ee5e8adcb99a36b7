"""One panel's data drawn in its rectangle, by the panel's kind.

Not here: asking for the data and the panel's frame (sheet.py).
Promise: each returns how many series it has drawn; a value is always written with its unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullLocator

from dashboards.pictures import units
from dashboards.pictures.asking import Series
from dashboards.pictures.canvas import COLORS, FAINT, INK, LINE, PAPER, Box, Canvas, cut, signal
from dashboards.pictures.reading import Look, Panel, Query

LEGEND_ROW: Final = 14
LEGEND_SIZE: Final = 7.5
LEGEND_LETTERS, LETTER_W = 34, 6.2  # of an entry at most, and pixels of each
BINARY: Final = ("bytes", "decbytes", "Bps", "binBps")
BAR_H: Final = 24
TABLE_ROW: Final = 20
_LABEL: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where and when: the shown time as Unix seconds, and the step between two points."""

    canvas: Canvas
    box: Box
    start_s: float
    end_s: float
    step_s: float


Row: TypeAlias = tuple[Mapping[str, str], list[float | None]]  # labels, and a value a query
Answers: TypeAlias = Sequence[tuple[Query, Sequence[Series]]]


def legend_of(query: Query, series: Series, title: str = "") -> str:
    """What a series is called: by the legend's format, or by its labels."""
    if query.legend:
        return _LABEL.sub(lambda match: series.labels.get(match[1], ""), query.legend).strip() or "(none)"
    own = ", ".join(f"{name}={value}" for name, value in sorted(series.labels.items()) if name != "__name__")
    return own or title


def timeseries(panel: Panel, answers: Answers, at: Drawing) -> int:
    """Lines or a stack over time, with a legend of the greatest below."""
    named = [(legend_of(query, one, panel.title), one) for query, found in answers for one in found]
    named.sort(key=lambda pair: -max(value for _, value in pair[1].points))
    longest = max(
        (len(name) + len(units.text(one.last, panel.look.unit, panel.look.decimals)) for name, one in named), default=0
    )
    rows, columns = _legend_shape(at.box, len(named), longest)
    axes = at.canvas.axes(at.box.inner(left=56, top=4, right=8, bottom=20 + rows * LEGEND_ROW))
    colors = {id(one): COLORS[place % len(COLORS)] for place, (_, one) in enumerate(named)}
    if panel.is_stacked:
        _stack(axes, [(one, colors[id(one)]) for _, one in named], at)
    else:
        for _, one in named:
            xs, ys = _with_gaps(one, at.step_s)
            marker = "." if len(one.points) < 3 else None
            axes.plot(xs, ys, color=colors[id(one)], linewidth=1.3, marker=marker, markersize=4)
    _value_axis(axes, panel)
    _time_axis(axes, at)
    _threshold_lines(axes, panel)
    entries = [(name, one.last, colors[id(one)]) for name, one in named]
    _legend(at, panel.look, entries, rows, columns)
    return len(named)


def _stack(axes: Axes, series: Sequence[tuple[Series, str]], at: Drawing) -> None:
    times = sorted({at_s for one, _ in series for at_s, _ in one.points})
    below = [0.0] * len(times)
    for one, color in series:
        values = dict(one.points)
        above = [low + max(0.0, values.get(at_s, 0.0)) for at_s, low in zip(times, below, strict=True)]
        axes.fill_between(times, below, above, color=color, alpha=0.75, linewidth=0.4, step=None)
        below = above
    if len(times) == 1:
        axes.axvline(times[0], color=LINE)


def _with_gaps(series: Series, step_s: float) -> tuple[list[float], list[float]]:
    """Points, with a hole where more than a step is missing."""
    xs: list[float] = []
    ys: list[float] = []
    for at_s, value in series.points:
        if xs and at_s - xs[-1] > 1.5 * step_s:
            xs.append(xs[-1] + step_s)
            ys.append(float("nan"))
        xs.append(at_s)
        ys.append(value)
    return xs, ys


def _value_axis(axes: Axes, panel: Panel) -> None:
    low, high = axes.get_ylim()
    if panel.is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(10, numticks=5))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        bottom = panel.look.low if panel.look.low is not None else min(low, 0.0)
        top = panel.look.high if panel.look.high is not None else max(high, bottom)
        if axes.dataLim.y1 <= bottom:
            top = bottom + 1  # a line of nothing lies on the ground, and has no scale of its own
        axes.set_ylim(bottom, top)
        if panel.look.unit in BINARY:
            axes.yaxis.set_major_locator(MultipleLocator(2.0 ** math.ceil(math.log2(max(1.0, (top - bottom) / 4)))))
        else:
            whole = panel.look.unit == "none" and top - bottom >= 3
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=whole))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: units.text(value, panel.look.unit)))
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)


def _time_axis(axes: Axes, at: Drawing) -> None:
    shown_s = at.end_s - at.start_s
    form = "%H:%M:%S" if shown_s <= 900 else "%H:%M" if shown_s <= 2 * 86_400 else "%d %b"
    axes.set_xlim(at.start_s, at.end_s)
    count = max(2, min(6, int(at.box.w / 110)))
    ticks = [at.start_s + shown_s * (place + 0.5) / count for place in range(count)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: datetime.fromtimestamp(value, UTC).strftime(form)))


def _threshold_lines(axes: Axes, panel: Panel) -> None:
    style = panel.custom.get("thresholdsStyle", {}).get("mode", "off")
    low, high = axes.get_ylim()
    for start, color in panel.look.steps[1:] if style != "off" else ():
        if low <= start <= high:
            axes.axhline(start, color=signal(color), linewidth=0.9, linestyle=(0, (5, 3)))


def _legend_shape(box: Box, count: int, longest: int) -> tuple[int, int]:
    """Rows and columns of a legend that leaves most of the panel to the lines. longest: letters of an entry."""
    columns = max(1, int((box.w - 16) / (28 + min(longest, LEGEND_LETTERS) * LETTER_W)))
    return min(3, -(-count // columns)), columns


def _legend(at: Drawing, look: Look, entries: Sequence[tuple[str, float, str]], rows: int, columns: int) -> None:
    shown = list(entries)
    places = rows * columns
    more = len(shown) - places
    if more > 0:
        shown = shown[: places - 1]
    width = (at.box.w - 16) / columns
    for place, (name, last, color) in enumerate(shown):
        x = at.box.x + 12 + (place % columns) * width
        y = at.box.y + at.box.h - (rows - place // columns) * LEGEND_ROW
        value = units.text(last, look.unit, look.decimals)
        at.canvas.rectangle(Box(x, y + 4, 10, 4), color, radius=1)
        room = width - 20 - len(value) * LETTER_W
        at.canvas.text(x + 14, y, f"{cut(name, room, LEGEND_SIZE)}  {value}", LEGEND_SIZE, color=INK)
    if more > 0:
        x = at.box.x + 12 + (columns - 1) * width
        at.canvas.text(x, at.box.y + at.box.h - LEGEND_ROW, f"and {more + 1} more", LEGEND_SIZE, color=FAINT)


def stat(panel: Panel, answers: Answers, at: Drawing) -> int:
    """Big figures, coloured by the thresholds; a faint course behind where it was asked over time."""
    series = [(query, one) for query, found in answers for one in found]
    for place, (query, one) in enumerate(series):
        height = at.box.h / len(series)
        box = Box(at.box.x, at.box.y + place * height, at.box.w, height)
        color = signal(panel.look.color_of(one.last))
        if panel.colours_background:
            at.canvas.rectangle(box.inner(8, 0, 8, 8), color)
        if len(one.points) > 2 and panel.options.get("graphMode") == "area":
            axes = at.canvas.axes(box.inner(8, box.h * 0.5, 8, 8))
            axes.set_axis_off()
            xs, ys = _with_gaps(one, at.step_s)
            axes.fill_between(xs, ys, min(ys), color=PAPER if panel.colours_background else color, alpha=0.3)
            axes.set_xlim(at.start_s, at.end_s)
        words = units.text(one.last, panel.look.unit, panel.look.decimals)
        ink = PAPER if panel.colours_background else (color if panel.options.get("colorMode") != "none" else INK)
        size = max(9.0, min(22.0, box.w / max(4, len(words)) * 0.85, box.h * 0.32))
        middle = box.y + (box.h - 8) / 2
        at.canvas.text(box.x + box.w / 2, middle, words, size, color=ink, ha="center", va="center", weight="bold")
        if len(series) > 1:
            at.canvas.text(box.x + 14, box.y + 4, legend_of(query, one, panel.title), LEGEND_SIZE, color=ink)
    return len(series)


def bars(panel: Panel, answers: Answers, at: Drawing) -> int:
    """A bar a series, with its value; the longest is the greatest, or the panel's end."""
    named = [(legend_of(query, one, panel.title), one.last) for query, found in answers for one in found]
    named.sort(key=lambda pair: -pair[1])
    fits = max(1, int((at.box.h - 12) / BAR_H))
    shown = named if len(named) <= fits else named[: fits - 1]
    high = panel.look.high or max([value for _, value in named if value > 0], default=1.0)
    label_w = at.box.w * 0.42
    for place, (name, value) in enumerate(shown):
        y = at.box.y + 4 + place * BAR_H
        words = units.text(value, panel.look.unit, panel.look.decimals)
        color = signal(panel.look.color_of(value)) if len(panel.look.steps) > 1 else COLORS[0]
        room = at.box.w - label_w - 90
        at.canvas.text(at.box.x + 12, y + BAR_H / 2, cut(name, label_w - 18, 8), 8, va="center")
        at.canvas.rectangle(Box(at.box.x + label_w, y + 4, room, BAR_H - 8), "#eef1f5", radius=2)
        at.canvas.rectangle(
            Box(at.box.x + label_w, y + 4, max(2.0, room * min(1.0, max(0.0, value) / high)), BAR_H - 8),
            color,
            radius=2,
        )
        at.canvas.text(at.box.x + at.box.w - 12, y + BAR_H / 2, words, 8, ha="right", va="center", weight="bold")
    if len(shown) < len(named):
        y = at.box.y + 4 + len(shown) * BAR_H
        at.canvas.text(at.box.x + 12, y + 4, f"and {len(named) - len(shown)} more", 8, color=FAINT)
    return len(named)


def table(panel: Panel, answers: Answers, at: Drawing) -> int:
    """A row for each set of labels, a column for each query, sorted as the panel says."""
    labels, rows = _joined(answers)
    names = [_column(panel, query, len(answers)) for query, _ in answers]
    order = [one for one in panel.options.get("sortBy") or [] if one.get("displayName") in [*labels, *names]]
    for one in reversed(order):
        _sort(rows, one["displayName"], names, is_falling=bool(one.get("desc")))
    heads = [*labels, *names]
    widths = _widths(labels, names, rows, at.box.w - 24)
    fits = max(1, int((at.box.h - 12) / TABLE_ROW) - 1)
    shown = rows if len(rows) <= fits else rows[: fits - 1]
    _cells(at, heads, widths, 0, len(labels), weight="bold", color=FAINT)
    for number, (own, values) in enumerate(shown, 1):
        at.canvas.rectangle(Box(at.box.x + 10, at.box.y + number * TABLE_ROW - 1, at.box.w - 20, 0.8), LINE, radius=0)
        fields = [panel.looks.get(name, panel.look) for name in names]
        written = [
            "" if value is None else units.text(value, field.unit, field.decimals)
            for value, field in zip(values, fields, strict=True)
        ]
        _cells(at, [*(own.get(label, "") for label in labels), *written], widths, number, len(labels))
    if len(shown) < len(rows):
        y = at.box.y + (len(shown) + 1) * TABLE_ROW
        at.canvas.text(at.box.x + 12, y, f"and {len(rows) - len(shown)} more", 8, color=FAINT)
    return sum(len(found) for _, found in answers)


def _sort(rows: list[Row], column: str, names: Sequence[str], *, is_falling: bool) -> None:
    """By a column of values, in which nothing comes before any value, or by a label."""

    def value(row: Row) -> float:
        found = row[1][names.index(column)]
        return float("-inf") if found is None else found

    if column in names:
        rows.sort(key=value, reverse=is_falling)
    else:
        rows.sort(key=lambda row: row[0].get(column, ""), reverse=is_falling)


def _joined(answers: Answers) -> tuple[list[str], list[Row]]:
    rows: dict[frozenset[tuple[str, str]], list[float | None]] = {}
    labels: list[str] = []
    for place, (_, found) in enumerate(answers):
        for one in found:
            own = {name: value for name, value in one.labels.items() if name != "__name__"}
            labels += [name for name in own if name not in labels]
            rows.setdefault(frozenset(own.items()), [None] * len(answers))[place] = one.last
    return labels, [(dict(key), values) for key, values in rows.items()]


def _column(panel: Panel, query: Query, count: int) -> str:
    own = f"Value #{query.ref}" if count > 1 else "Value"
    return panel.renamed.get(own, query.legend or own)


def _widths(
    labels: Sequence[str],
    names: Sequence[str],
    rows: Sequence[Row],
    room: float,
) -> list[float]:
    longest = [max([len(label), *(len(row.get(label, "")) for row, _ in rows)]) for label in labels]
    wanted = [*(float(min(longest_, 34)) for longest_ in longest), *(float(max(8, len(name))) for name in names)]
    return [room * one / sum(wanted) for one in wanted]


def _cells(at: Drawing, words: Sequence[str], widths: Sequence[float], row: int, left: int, **how: str) -> None:
    """A row of a table: the first ones begin at the left of their column, the others end at its right."""
    x = at.box.x + 12
    for place, (one, width) in enumerate(zip(words, widths, strict=True)):
        y = at.box.y + row * TABLE_ROW + 3
        shown = cut(one, width, 8)
        if place < left:
            at.canvas.text(x, y, shown, 8, **how)
        else:
            at.canvas.text(x + width, y, shown, 8, ha="right", **how)
        x += width


def heatmap(panel: Panel, answers: Answers, at: Drawing) -> int:
    """How many observations fell into each bucket at each time; buckets are rows, as high as one another."""
    series = [one for _, found in answers for one in found if "le" in one.labels]
    series.sort(key=lambda one: float(one.labels["le"]))
    times = sorted({at_s for one in series for at_s, _ in one.points})
    cells: list[list[float]] = []
    below: Mapping[float, float] = {}
    for one in series:
        values = dict(one.points)
        cells.append([max(0.0, values.get(at_s, 0.0) - below.get(at_s, 0.0)) for at_s in times])
        below = values
    used = [place for place, row in enumerate(cells) if any(value > 1e-9 for value in row)]
    first, last = (max(0, used[0] - 1), used[-1]) if used else (0, len(cells) - 1)
    axes = at.canvas.axes(at.box.inner(left=56, top=4, right=8, bottom=24))
    shown = [[value if value > 1e-9 else float("nan") for value in row] for row in cells[first : last + 1]]
    edges = [*times, (times[-1] if times else at.end_s) + at.step_s]
    axes.pcolormesh(edges, range(len(shown) + 1), shown, cmap="Oranges", vmin=0, edgecolors="none")
    bounds = [one.labels["le"] for one in series[first : last + 1]]
    axes.yaxis.set_major_locator(
        FixedLocator([place + 1.0 for place in range(0, len(bounds), max(1, len(bounds) // 6))])
    )
    words = ["more" if bound == "+Inf" else units.text(float(bound), panel.look.unit) for bound in bounds]
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: words[int(value) - 1] if 0 < value <= len(words) else "")
    )
    _time_axis(axes, at)
    return len(series)


def pie(panel: Panel, answers: Answers, at: Drawing) -> int:
    """Parts of a whole, named beside it."""
    named = [
        (legend_of(query, one, panel.title), one.last) for query, found in answers for one in found if one.last > 0
    ]
    named.sort(key=lambda pair: -pair[1])
    size = min(at.box.h - 12, at.box.w * 0.45)
    axes = at.canvas.axes(Box(at.box.x + 8, at.box.y + 4, size, size))
    axes.pie([value for _, value in named] or [1], colors=COLORS, startangle=90, counterclock=False)
    for place, (name, value) in enumerate(named[: int((at.box.h - 12) / LEGEND_ROW)]):
        y = at.box.y + 6 + place * LEGEND_ROW
        at.canvas.rectangle(Box(at.box.x + size + 20, y + 4, 8, 6), COLORS[place % len(COLORS)], radius=1)
        words = f"{name}  {units.text(value, panel.look.unit, panel.look.decimals)}"
        at.canvas.text(at.box.x + size + 34, y, cut(words, at.box.w - size - 44, LEGEND_SIZE), LEGEND_SIZE)
    return len(named)


CHARTS: Final[Mapping[str, Callable[[Panel, Answers, Drawing], int]]] = {
    "timeseries": timeseries,
    "stat": stat,
    "gauge": bars,
    "bargauge": bars,
    "table": table,
    "heatmap": heatmap,
    "piechart": pie,
}
