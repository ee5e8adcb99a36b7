"""When each alert fires, with its whole text, and when it never does: the tables of cases/, one for each file of rules.

Shape of a table: alert to `fires` (a list) and `never` (reason to series). A case that fires has `series` (selector to
values as promtool writes them, a minute each), `silent` (the last minute of silence, such as 11m; it fires in the
next), `alerts` (all of that name, with `labels`, `summary`, `description`), and optionally `why`, and `ends` (a minute
of silence again).
Not here: how promtool is asked (promtool.py), what is asserted (test_alerts.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PREFIX = "InteractionsGateway"
FOLDER = Path(__file__).parent / "cases"

Series = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """An alert that fires: all of its labels but `alertname`, and its annotations."""

    labels: Mapping[str, str]
    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Fires:
    """Silent in every minute up to one, firing in the next."""

    file: str
    alert: str
    why: str
    series: Series
    silent_min: int
    alerts: tuple[Told, ...]
    ends_min: int | None

    @property
    def id(self) -> str:
        """For the report."""
        return f"{self.alert.removeprefix(PREFIX)}-{self.why or 'fires'}"


@dataclass(frozen=True, slots=True)
class Never:
    """Silent in every minute that has a sample."""

    file: str
    alert: str
    why: str
    series: Series

    @property
    def id(self) -> str:
        """For the report."""
        return f"{self.alert.removeprefix(PREFIX)}-never-{self.why}"


Case = Fires | Never


def cases(folder: Path = FOLDER) -> list[Case]:
    """All of all tables."""
    return [case for path in sorted(folder.glob("*.yml")) for case in _table(path)]


def _table(path: Path) -> Iterator[Case]:
    for alert, table in _read(path).items():
        for case in table["fires"]:
            told = tuple(_told(one) for one in case["alerts"])
            ends_min = _minutes(case["ends"]) if "ends" in case else None
            silent_min = _minutes(case["silent"])
            yield Fires(path.name, alert, case.get("why", ""), case["series"], silent_min, told, ends_min)
        for why, series in table["never"].items():
            yield Never(path.name, alert, why, series)


def _read(path: Path) -> Mapping[str, Any]:
    # As texts: to YAML `0x9` is a number.
    tables: Mapping[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return tables


def _told(one: Mapping[str, Any]) -> Told:
    return Told(one["labels"], one["summary"], one["description"])


def _minutes(text: str) -> int:
    return int(text.removesuffix("m"))
