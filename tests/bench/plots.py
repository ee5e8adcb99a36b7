"""Lines over a number of streams as SVG, without a library: both axes logarithmic, light and dark backgrounds.

Not here: which figures are drawn (run.py has them, `of_board` picks them).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tests.bench.run import Results
from tests.bench.scenarios import BOARD_STREAMS
from tests.bench.targets import TARGETS

WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 240, 44, 52
COLOURS: Final = ("#888888", "#2a7f3f", "#8a5fbf", "#d1495b", "#e08e2b", "#3178c6")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """points: (x, y), both above 0."""

    name: str
    points: Points
    dashed: bool = False
    colour: str = COLOURS[0]


def of_board(results: Results) -> Mapping[str, str]:
    """The plots of a run by file name; none where the board was not measured."""
    names = [name for name in TARGETS if results.lowest("B1", name) is not None]
    if not names:
        return {}
    colours = dict(zip(names, COLOURS * len(names), strict=False))

    def line(target: str, figure: str, suffix: str = "", *, dashed: bool = False) -> Line:
        points = []
        for streams in BOARD_STREAMS:
            found = results.lowest(f"B{streams}", target)
            value = math.nan if found is None else getattr(found, figure)
            if value > 0:
                points.append((float(streams), value))
        return Line(TARGETS[target].title + suffix, points, dashed, colours[target])

    costs = [line(name, "path_us") for name in names if name != "direct"]
    latencies = [line(name, "delta_p50_ms", " p50") for name in names]
    latencies += [line(name, "delta_p99_ms", " p99", dashed=True) for name in names]
    return {
        "cost.svg": svg("CPU of the forwarding processes, us an event", "streams at a time", costs),
        "latency.svg": svg("Latency of a delta, ms", "streams at a time", latencies),
    }


def svg(title: str, x_title: str, lines: Sequence[Line]) -> str:
    """A plot as one SVG document."""
    drawn = [line for line in lines if line.points]
    xs = [x for line in drawn for x, _ in line.points] or [1.0]
    ys = [y for line in drawn for _, y in line.points] or [1.0]
    x_low, x_high = min(xs), max(*xs, min(xs) * 2)
    y_low, y_high = 10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys) * 1.0001))

    def x_at(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / x_low) / math.log(x_high / x_low)

    def y_at(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(y / y_low) / math.log(y_high / y_low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>',
    ]
    parts += [_text(x_at(x), HEIGHT - BOTTOM + 18, f"{x:g}", "middle") for x in sorted(set(xs))]
    for y in _ticks(y_low, y_high):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(y):.1f}" y2="{y_at(y):.1f}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 8, y_at(y) + 4, f"{y:g}", "end"))
    for number, line in enumerate(drawn):
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        way = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{line.colour}" stroke-width="2"{dash}/>')
        at = TOP + 18 * number
        legend = WIDTH - RIGHT + 16
        stroke = f'stroke="{line.colour}" stroke-width="2"{dash}'
        parts.append(f'<line x1="{legend}" x2="{legend + 24}" y1="{at}" y2="{at}" {stroke}/>')
        parts.append(_text(legend + 30, at + 4, line.name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _ticks(low: float, high: float) -> list[float]:
    decades = range(round(math.log10(low)), round(math.log10(high)) + 1)
    every = (1, 2, 5) if len(decades) <= 4 else (1,)
    return [step * 10**decade for decade in decades for step in every if low <= step * 10**decade <= high]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
