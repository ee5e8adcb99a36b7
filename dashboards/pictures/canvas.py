"""A sheet to draw panels on: a matplotlib figure measured in pixels from the top left, as dashboards are.

Not here: what is drawn (charts.py), which panels there are (sheet.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

DPI: Final = 100
INK, FAINT, LINE, PAPER, SHEET = "#1f2933", "#6b7785", "#d8dee6", "#ffffff", "#eef1f5"
COLORS: Final = (
    *("#3b76c4", "#e08b2c", "#46a35e", "#c94f4f", "#8a63b8", "#3aa6b0", "#b3872f", "#d66fa0", "#6f8f3a", "#7a6a5d"),
    *("#7fa7de", "#f0bd82", "#8fcf9f", "#e59a9a", "#bda3dc", "#8fd3d9", "#dcc083", "#ebacc9", "#afc98a", "#b5a99e"),
)
# Grafana's words for colours of thresholds; others are taken as they are.
SIGNALS: Final = {
    "green": "#3f9e5a",
    "orange": "#e08b2c",
    "yellow": "#d9b62b",
    "red": "#cf4444",
    "blue": "#3b76c4",
    "semi-dark-green": "#3f9e5a",
    "dark-green": "#2f7d46",
    "dark-red": "#a83232",
    "text": INK,
    "": INK,
}


def signal(name: str) -> str:
    """The colour of a threshold."""
    return SIGNALS.get(name, name if name.startswith("#") else FAINT)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the sheet, pixels from its top left."""

    x: float
    y: float
    w: float
    h: float

    def inner(self, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> Box:
        """What margins leave of it, at least one pixel."""
        return Box(self.x + left, self.y + top, max(1, self.w - left - right), max(1, self.h - top - bottom))


class Canvas:
    """A sheet of so many pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=SHEET)

    def text(self, x: float, y: float, words: str, size: float = 9, **how: Any) -> None:
        """Words whose upper left corner is there; how: as matplotlib's Text. `$` stands for itself."""
        look = {"color": INK, "ha": "left", "va": "top", "parse_math": False, **how}
        self.figure.text(x / self.width, 1 - y / self.height, words, fontsize=size, **look)

    def rectangle(self, box: Box, color: str, edge: str = "none", radius: float = 4) -> None:
        """A filled rectangle with round corners."""
        self.figure.patches.append(
            FancyBboxPatch(
                (box.x, self.height - box.y - box.h),
                box.w,
                box.h,
                boxstyle=f"round,pad=0,rounding_size={radius}",
                facecolor=color,
                edgecolor=edge,
                linewidth=0.8,
                transform=None,
                figure=self.figure,
                zorder=-1,  # below the axes
            )
        )

    def axes(self, box: Box) -> Axes:
        """Axes that fill a rectangle."""
        axes = self.figure.add_axes(
            (
                box.x / self.width,
                1 - (box.y + box.h) / self.height,
                box.w / self.width,
                box.h / self.height,
            )
        )
        axes.set_facecolor("none")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(LINE)
        axes.tick_params(colors=FAINT, labelsize=7.5, length=0, pad=3)
        return axes


def cut(words: str, width: float, size: float = 9) -> str:
    """Words, cut to about so many pixels."""
    fits = max(4, int(width / (size * 0.78)))
    return words if len(words) <= fits else words[: fits - 1] + "…"
