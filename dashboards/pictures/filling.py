"""A dashboard's expressions with its variables filled in, as Grafana fills them in for Prometheus.

Source: Grafana's documentation of its Prometheus data source: `$__rate_interval` is the greater of four scrape
intervals and the step with one more; values of variables stand in regular expressions, so they are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?:[:.][^}]*)?\}|(\w+))")
_SPECIAL: Final = re.compile(r"([\\^$.|?*+()\[\]{}])")
_RATE_SCRAPES: Final = 4


class UnfilledError(ValueError):
    """An expression with a variable that nobody has a value for; the text names both."""


def escaped(value: str) -> str:
    """A value of a label that stands in a regular expression of PromQL as itself."""
    return _SPECIAL.sub(r"\\\\\1", value)


def times(range_s: float, step_s: float, scrape_s: float) -> dict[str, str]:
    """Grafana's own variables. range_s: the shown time; step_s: between two points; scrape_s: between two scrapes."""
    rate_s = max(step_s + scrape_s, _RATE_SCRAPES * scrape_s)
    return {
        "__rate_interval": _duration(rate_s),
        "__interval": _duration(step_s),
        "__range": _duration(range_s),
        "__range_s": str(round(range_s)),
    }


def filled(expression: str, values: Mapping[str, str]) -> str:
    """The expression as it is sent. Raises UnfilledError for a variable without a value."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in values:
            raise UnfilledError(f"no value for ${name} in {expression}")
        return values[name]

    found = _VARIABLE.sub(value, expression)
    if left := set(re.findall(r"\$\S{0,20}", found)) - set(re.findall(r"\$\S{0,20}", "".join(values.values()))):
        raise UnfilledError(f"{', '.join(sorted(left))} is left in {found}")
    return found


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))}s"
