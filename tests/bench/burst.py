"""Many new streams at once, TLS to the upstream: how long the clients wait for their first delta.

Not here: paced load (scenarios.py).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from tests.bench.groups import Group
from tests.bench.run import Results, measure_all
from tests.bench.scenarios import Scenario
from tests.bench.targets import TARGETS, site

NAME: Final = "burst"
SPEC: Final = "paced:10:150:200"
ROUNDS: Final = 3


def burst(streams: int, seconds: float, targets: tuple[str, ...], rounds: int = ROUNDS) -> Results:
    """So many streams, each on a connection of its own, arriving evenly over the seconds."""

    def groups(port: int, path: str) -> list[Group]:
        return [Group("load", port, SPEC, streams, ramp_s=seconds, path=path)]

    scenario = Scenario(NAME, f"{streams} new TLS streams in {seconds:g} s", "request", groups, tls=True)
    with tempfile.TemporaryDirectory() as folder, site(Path(folder)) as where:
        return measure_all(where, [TARGETS[name] for name in targets], [scenario], rounds)


def table(results: Results) -> str:
    """The lowest of the rounds as Markdown."""
    lines = [
        "Time from connecting to the first delta, ms; CPU of the processes that forward, us a stream.",
        "",
        "| target | p50 | p99 | CPU |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys(one.target for one in results.measurements):
        found = results.lowest(NAME, name)
        if found is not None:
            cells = f"{found.first_p50_ms:.2f} | {found.first_p99_ms:.2f} | {found.path_us:.0f}"
            lines.append(f"| {TARGETS[name].title} | {cells} |")
    faults = [f"- {one.target}, round {one.round + 1}: {one.fault}" for one in results.measurements if one.fault]
    faults += [f"- {name} was left out: {why}" for name, why in results.left_out.items()]
    return "\n".join([*lines, "", *faults])
