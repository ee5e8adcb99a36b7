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
    width = max(len(course.cause.alert) for course in courses)
    heading = f"{'alert':<{width}}  severity  fires  resolves  cause"
    return [heading, *(f"{course.cause.alert:<{width}}  {'  '.join(_cells(course))}" for course in courses)]


def write(outcome: Outcome, folder: Path = FOLDER) -> None:
    """alerts.json with every figure and text, alerts.md with the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "alert": course.cause.alert,
            "cause": course.cause.words,
            "labels": dict(course.fired.labels) if course.fired else None,
            "annotations": dict(course.fired.annotations) if course.fired else None,
            "fires_s": round(course.fires_s, 1) if course.fired else None,
            "resolves_s": round(course.resolves_s, 1) if course.resolved else None,
        }
        for course in outcome.courses
    ]
    document = {
        "alerts": rows,
        "healthy": {"seconds": round(outcome.healthy_s, 1), "requests": outcome.healthy_requests},
    }
    (folder / "alerts.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    table = ["| alert | severity | fires after s | resolves after s | cause |", "|---|---|---|---|---|"]
    table += [
        f"| {course.cause.alert} | {' | '.join(cell.strip() for cell in _cells(course))} |"
        for course in outcome.courses
    ]
    (folder / "alerts.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def _cells(course: Course) -> tuple[str, str, str, str]:
    return (
        f"{course.fired.labels.get('severity', '') if course.fired else '':<8}",
        f"{course.fires_s:5.1f}" if course.fired else "never",
        f"{course.resolves_s:8.1f}" if course.resolved else "   never",
        course.cause.words,
    )
