"""Values as people read them: Grafana's words for units, and the text of a number in each.

Not here: where the text stands (charts.py). A unit that isn't known is written behind the number as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

_DIGITS: Final = 3  # that a reader can use; decimals of a panel win
_KIBI: Final = 1024.0
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """A value with its unit. decimals: as many exactly; else three digits that matter."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    return sign + _WRITERS.get(unit, _other(unit))(size, decimals)


def _plain(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    if value == 0:
        return "0"
    if value >= 100 or value == round(value):
        return f"{value:,.0f}"
    places = max(0, _DIGITS - 1 - math.floor(math.log10(value)))
    shown = f"{value:.{min(places, 12)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _scaled(steps: Sequence[tuple[float, str]]) -> Callable[[float, int | None], str]:
    """A writer that takes the greatest step that a value reaches, or else the last."""

    def write(value: float, decimals: int | None) -> str:
        size, name = next((step for step in steps if value >= step[0]), steps[-1])
        if value == 0:
            size, name = next((step for step in steps if step[0] == 1), steps[-1])
        return f"{_plain(value / size, decimals)}{name}"

    return write


def _seconds(value: float, decimals: int | None) -> str:
    if value >= _DAY_S:
        return f"{_plain(value / _DAY_S, 1)} d"
    if value >= _HOUR_S:
        return f"{_plain(value / _HOUR_S, 1)} h"
    if value >= 2 * _MINUTE_S:
        return f"{_plain(value / _MINUTE_S, 1)} min"
    if value >= 1 or value == 0:
        return f"{_plain(value, decimals)} s"
    if value >= 0.001:
        return f"{_plain(value * 1e3, decimals)} ms"
    return f"{_plain(value * 1e6, decimals)} µs"


def _dollars(value: float, decimals: int | None) -> str:
    if value and value < 0.5 * 10.0 ** -(decimals or 0):
        decimals = None  # something is not nothing
    return _scaled([(1e9, " B"), (1e6, " M"), (1e4, " K"), (1.0, "")])(value, decimals)


_SHORT: Final = _scaled([(1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " K"), (1.0, ""), (0.0, "")])
_BYTES: Final = _scaled(
    [(_KIBI**4, " TiB"), (_KIBI**3, " GiB"), (_KIBI**2, " MiB"), (_KIBI, " KiB"), (1.0, " B"), (0.0, " B")]
)


def _short(value: float, decimals: int | None) -> str:
    return _SHORT(value, decimals) if value >= 1 or value == 0 else _plain(value, decimals)


def _bytes(value: float, decimals: int | None) -> str:
    return _BYTES(value, decimals) if value >= 1 or value == 0 else f"{_plain(value, decimals)} B"


def _other(unit: str) -> Callable[[float, int | None], str]:
    return lambda value, decimals: f"{_short(value, decimals)} {unit}".strip()


_WRITERS: Final[dict[str, Callable[[float, int | None], str]]] = {
    "": _short,
    "short": _short,
    "none": _plain,
    "s": _seconds,
    "ms": lambda value, decimals: _seconds(value / 1e3, decimals),
    "percent": lambda value, decimals: f"{_plain(value, decimals)} %",
    "percentunit": lambda value, decimals: f"{_plain(value * 100, decimals)} %",
    "bytes": _bytes,
    "decbytes": _bytes,
    "Bps": lambda value, decimals: f"{_bytes(value, decimals)}/s",
    "binBps": lambda value, decimals: f"{_bytes(value, decimals)}/s",
    "currencyUSD": lambda value, decimals: f"${_dollars(value, decimals)}",
    "reqps": lambda value, decimals: f"{_short(value, decimals)} req/s",
    "cps": lambda value, decimals: f"{_short(value, decimals)} /s",
    "eps": lambda value, decimals: f"{_short(value, decimals)} evt/s",
    "ops": lambda value, decimals: f"{_short(value, decimals)} ops/s",
}
