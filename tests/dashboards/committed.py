"""The committed dashboards as plain JSON, for tests that look at what people import, not at the code that made it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards" / "json"
CHART_FOLDER = ROOT / "helm" / "interactions-gateway" / "dashboards"
PATHS = sorted(FOLDER.glob("*.json"))

Json = dict[str, Any]


@dataclass(frozen=True)
class Dashboard:
    """A committed dashboard."""

    name: str
    json: Json

    @property
    def panels(self) -> list[Json]:
        """Its panels, those of collapsed rows too, without the rows."""
        return [panel for panel in self.placed if panel["type"] != "row"]

    @property
    def placed(self) -> list[Json]:
        """All that stands on its grid when every row is open."""
        return [inner for outer in self.json["panels"] for inner in (outer, *outer.get("panels", []))]

    @property
    def targets(self) -> Iterator[tuple[Json, Json]]:
        """Each query with its panel."""
        for panel in self.panels:
            for target in panel["targets"]:
                yield panel, target

    @property
    def variables(self) -> dict[str, Json]:
        """By name."""
        return {variable["name"]: variable for variable in self.json["templating"]["list"]}

    @property
    def addresses(self) -> Iterator[str]:
        """Where its links lead, those of panels and values too."""
        yield from (link["url"] for link in self.json["links"])
        for panel in self.panels:
            links = [*panel.get("links", []), *panel["fieldConfig"]["defaults"].get("links", [])]
            yield from (link["url"] for link in links)


DASHBOARDS = [Dashboard(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in PATHS]
