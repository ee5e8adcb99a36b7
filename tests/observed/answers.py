"""What each query of each dashboard gave in each world, and a table of it in .cache/observed.

Not here: what is expected of it (test_panels.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dashboards.pictures import units
from dashboards.pictures.asking import AskError, Series
from dashboards.pictures.charts import legend_of
from dashboards.pictures.filling import UnfilledError
from dashboards.pictures.reading import Dashboard, Panel, Query
from tests.observed.world import World

FILE: Final = Path(__file__).parents[2] / ".cache" / "observed" / "panels.md"


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one query. series: by the name of the world. error: Prometheus' words."""

    dashboard: Dashboard
    panel: Panel
    query: Query
    series: Mapping[str, Sequence[Series]]
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.dashboard.uid} {self.panel.id} {self.panel.title!r} {self.query.ref}"

    def moves(self) -> bool:
        """Whether any value of any world is more or less than 0."""
        return any(value for found in self.series.values() for one in found for _, value in one.points)


def answers(boards: Sequence[Dashboard], worlds: Mapping[str, World], **chosen: str) -> Iterator[Answer]:
    """Every query of every panel. chosen: values of variables; all of everything else."""
    for board in boards:
        for panel in board.panels:
            for query in panel.queries:
                series: dict[str, Sequence[Series]] = {}
                errors: dict[str, str] = {}
                for name, world in worlds.items():
                    try:
                        series[name] = world.ask(query.expr, is_instant=query.is_instant, **chosen)
                    except (AskError, UnfilledError) as error:
                        series[name], errors[name] = [], str(error)
                yield Answer(board, panel, query, series, errors)


def write(found: Sequence[Answer], file: Path = FILE) -> None:
    """The table: a row a query, with how many series it gave and the newest value of one of them."""
    names = list(found[0].series)
    lines = ["| dashboard | panel | query | " + " | ".join(f"{name}: series | a value" for name in names) + " |"]
    lines += ["|---|---|---|" + "---:|---|" * len(names)]
    for one in found:
        cells = [cell for name in names for cell in (str(len(one.series[name])), _sample(one, one.series[name]))]
        lines.append(f"| {one.dashboard.uid} | {one.panel.title} | {one.query.ref} | " + " | ".join(cells) + " |")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sample(answer: Answer, series: Sequence[Series]) -> str:
    if not series:
        return ""
    best = max(series, key=lambda one: max(value for _, value in one.points))
    value = max(value for _, value in best.points)
    look = answer.panel.looks.get(answer.query.legend, answer.panel.look)
    name = legend_of(answer.query, best)
    words = units.text(value, look.unit, look.decimals)
    return words if not name or name == answer.panel.title else f"{name.replace('|', '/')}: {words}"
