"""`promtool test rules` for many cases at once: a file a case, and what promtool says of each.

Not here: the cases (cases.py).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dashboards import rules
from tests.rules.cases import Case, Fires, Never, Series, Told
from tests.tools.programs import program

RUNBOOK = "docs/runbook"
PROCESSES = 2  # one takes its files one after the other
_REPEATED = re.compile(r"(.+)x(\d+)")


def verdicts(cases: Sequence[Case], folder: Path) -> Mapping[str, str]:
    """By id: empty for a case that holds, else what promtool says."""
    paths = {}
    for number, case in enumerate(cases):
        path = folder / f"{number}.json"  # which is YAML, too
        path.write_text(json.dumps(_test(case)), encoding="utf-8")
        paths[str(path)] = case.id
    with ThreadPoolExecutor(PROCESSES) as pool:
        texts = pool.map(_run, (list(paths)[part::PROCESSES] for part in range(PROCESSES)))
    found = {paths[path]: said for text in texts for path, said in text.items()}
    return {id_: "" if said == "SUCCESS" else said for id_, said in found.items()}


def _run(paths: Sequence[str]) -> Mapping[str, str]:
    command = [str(program("promtool")), "test", "rules", *paths]
    # One stream of both: failures go to the error output, between the names of their files.
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
    said = re.split(r"^Unit Testing:  (.+)$", done.stdout, flags=re.MULTILINE)[1:]
    return {path: text.strip() for path, text in zip(said[::2], said[1::2], strict=True)}


def minutes(series: Series) -> int:
    """The minute of the last sample."""
    return max(sum(map(_samples, values.split())) for values in series.values()) - 1


def _samples(part: str) -> int:
    found = _REPEATED.fullmatch(part)
    if found is None:
        return 1
    return int(found[2]) + (found[1] != "_")  # the first and so many more; but so many gaps


def _test(case: Case) -> Mapping[str, Any]:
    looks = {at_min: [_shown(one, case.alert) for one in told] for at_min, told in _looks(case)}
    return {
        "rule_files": [str(rules.FILLED / case.file)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "alert_rule_test": [
                    {"eval_time": f"{at_min}m", "alertname": case.alert, "exp_alerts": told}
                    for at_min, told in looks.items()
                ],
            }
        ],
    }


def _looks(case: Case) -> Iterator[tuple[int, tuple[Told, ...]]]:
    match case:
        case Fires():
            yield from ((at_min, ()) for at_min in range(case.silent_min + 1))
            yield case.silent_min + 1, case.alerts
            if case.ends_min is not None:
                yield case.ends_min, ()
        case Never():
            yield from ((at_min, ()) for at_min in range(minutes(case.series) + 1))


def _shown(told: Told, alert: str) -> Mapping[str, Any]:
    return {
        "exp_labels": dict(told.labels),
        "exp_annotations": {
            "summary": told.summary,
            "description": told.description,
            "runbook_url": f"{RUNBOOK}/{alert}.md",
        },
    }
