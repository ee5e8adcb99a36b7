"""What came of each cause as a table: for the end of the run, and in .cache/alerts as JSON and Markdown.

Not here: the run (run.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.alerts.run import Course, Outcome

FOLDER: Final = Path(__file__).parents[2] / ".cache" / "alerts"


def lines(courses: Sequence[Course]) -> list[str]:
    """One for each alert: its name, severity, seconds to the webhook, seconds until it was over, its cause."""
    rows = [("alert", "severity", "fires s", "resolves s", "cause"), *map(_cells, courses)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def write(outcome: Outcome, folder: Path = FOLDER) -> None:
    """alerts.json with every figure and text, alerts.md with the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "alert": course.alert.name,
            "cause": course.cause.words,
            "labels": dict(course.fired.labels) if course.fired else None,
            "annotations": dict(course.fired.annotations) if course.fired else None,
            "fires_s": round(course.fires_s, 1) if course.fired else None,
            "resolves_s": round(course.resolves_s, 1) if course.resolved else None,
        }
        for course in outcome.courses
    ]
    healthy = {"seconds": round(outcome.healthy_s, 1), "requests": outcome.healthy_requests}
    (folder / "alerts.json").write_text(json.dumps({"alerts": rows, "healthy": healthy}, indent=1) + "\n", "utf-8")
    table = ["| alert | severity | fires after s | resolves after s | cause |", "|---|---|---|---|---|"]
    table += [f"| {' | '.join(_cells(course))} |" for course in outcome.courses]
    (folder / "alerts.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def _cells(course: Course) -> tuple[str, str, str, str, str]:
    told = ", ".join(f"{name}={value}" for name, value in course.alert.labels.items())
    return (
        f"{course.alert.name}{{{told}}}" if told else course.alert.name,
        course.fired.labels["severity"] if course.fired else "",
        f"{course.fires_s:.1f}" if course.fired else "never",
        f"{course.resolves_s:.1f}" if course.resolved else "never",
        course.cause.words,
    )
