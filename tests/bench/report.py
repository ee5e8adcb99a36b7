"""A run as Markdown: what was run where, the cost of each target, latency, memory, the board, the goals.

Not here: figures (run.py), goals (goals.py), plots (plots.py).
"""

from __future__ import annotations

import math
import os
import platform
import ssl
import subprocess
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final

from tests.bench.goals import GOALS, stall_free
from tests.bench.processes import ROOT
from tests.bench.run import Figures, Results
from tests.bench.scenarios import BOARD_STREAMS, Scenario
from tests.bench.targets import TARGETS

LIBRARIES: Final = ("aiohttp", "uvloop", "orjson")


def environment() -> dict[str, Any]:
    """What the figures depend on, beside the load."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "commit": commit.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "kernel": platform.release(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 1),
        **{name: version(name) for name in LIBRARIES},
    }


def markdown(results: Results, scenarios: Sequence[Scenario], about: dict[str, Any], rounds: int) -> str:
    """The whole report."""
    plain = [one for one in scenarios if not one.name.startswith("B")]
    return "\n".join(
        [
            "# Benchmark",
            "",
            ", ".join(f"{name} {value}" for name, value in about.items()) + f". Rounds: {rounds}, the lowest of each.",
            "Only ratios inside one run mean something. Every body was compared byte for byte.",
            "",
            *_scenario_lines(plain),
            "## CPU of the processes that forward",
            "",
            "us a request or an event; in brackets: times nginx in this run. For the gateway: its forwarders.",
            "",
            *_cost_table(results, plain, "path_us"),
            "## CPU of all processes",
            "",
            "The same with the gateway's observer and supervisor: metrics, traces and log of every exchange.",
            "",
            *_cost_table(results, plain, "all_us"),
            *_own_cost(results, plain),
            *_latency(results, plain),
            *_memory(results, plain),
            *_board(results),
            *_goals(results),
            *_faults(results),
        ]
    )


def _scenario_lines(scenarios: Iterable[Scenario]) -> list[str]:
    return [f"- {one.name}: {one.title}; CPU per {one.unit}" for one in scenarios] + [""]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join('---' for _ in heads)}|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _measured(results: Results) -> list[str]:
    there = {one.target for one in results.measurements}
    return [name for name in TARGETS if name in there]


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cost_table(results: Results, scenarios: Sequence[Scenario], figure: str) -> list[str]:
    def cell(scenario: Scenario, target: str) -> str:
        found = results.lowest(scenario.name, target)
        if found is None:
            return ""
        ratio = results.ratio(scenario.name, target, figure)
        return _number(getattr(found, figure)) + ("" if math.isnan(ratio) else f" ({_number(ratio)})")

    rows = [
        [TARGETS[name].title, *(cell(one, name) for one in scenarios)]
        for name in _measured(results)
        if name != "direct"
    ]
    return _table(["target", *(one.name for one in scenarios)], rows)


def _own_cost(results: Results, scenarios: Sequence[Scenario]) -> list[str]:
    """Of the bench itself: with `direct` it shows how far it is from being the bottleneck."""

    def row(title: str, figure: str) -> list[str]:
        cells = []
        for one in scenarios:
            found = results.lowest(one.name, "direct")
            cells.append("" if found is None else _number(getattr(found, figure)))
        return [title, *cells]

    rows = [row("upstream, us", "upstream_us"), row("load, us", "load_us"), row("units a second", "rate")]
    text = "Without a proxy the bench itself takes, for the same units:"
    return [text, "", *_table(["direct", *(one.name for one in scenarios)], rows)]


def _latency(results: Results, scenarios: Sequence[Scenario]) -> list[str]:
    def cell(found: Figures) -> str:
        return f"{_number(found.delta_p50_ms)} / {_number(found.delta_p99_ms)} / {_number(found.delta_p999_ms)}"

    return [
        "## Latency of a delta, from the upstream's write to the client's read",
        "",
        "p50 / p99 / p99.9 in ms; in brackets the streams that stalled (a gap of over twice the pace); then the"
        " client's reads a delta: under about 1 deltas were late and came joined, which makes them cheaper too.",
        "",
        *_per_target(
            results,
            [one for one in scenarios if _has(results, one.name, "delta_p50_ms")],
            lambda found: f"{cell(found)} ({found.stalled_streams:.0f}) {found.delta_reads:.2f}",
        ),
    ]


def _memory(results: Results, scenarios: Sequence[Scenario]) -> list[str]:
    return [
        "## Memory (PSS) of the processes that forward",
        "",
        "KiB a stream, over what they hold at rest; in brackets: MiB at rest.",
        "",
        *_per_target(
            results,
            [one for one in scenarios if _has(results, one.name, "stream_kib")],
            lambda found: f"{_number(found.stream_kib)} ({_number(found.rest_path_kib / 1024)})",
            without=("direct",),
        ),
    ]


def _has(results: Results, scenario: str, figure: str) -> bool:
    return any(
        one.scenario == scenario and not math.isnan(getattr(one.figures, figure)) for one in results.measurements
    )


def _per_target(
    results: Results, scenarios: Sequence[Scenario], cell: Callable[[Figures], str], without: Sequence[str] = ()
) -> list[str]:
    rows = []
    for name in _measured(results):
        found = [results.lowest(one.name, name) for one in scenarios]
        if name not in without and any(found):
            rows.append([TARGETS[name].title, *("" if one is None else cell(one) for one in found)])
    return _table(["target", *(one.name for one in scenarios)], rows)


def _board(results: Results) -> list[str]:
    """Streams with a stall, and added time to first delta, by number of streams."""
    if not any(one.scenario.startswith("B") for one in results.measurements):
        return []

    def cell(streams: int, target: str) -> str:
        found, bare = results.lowest(f"B{streams}", target), results.lowest(f"B{streams}", "direct")
        if found is None:
            return ""
        added = math.nan if bare is None else found.first_p50_ms - bare.first_p50_ms
        return f"{found.stalled_streams:.0f}" + ("" if target == "direct" else f" ({_number(added)})")

    rows = [
        [TARGETS[name].title, _number(stall_free(results, name)), *(cell(streams, name) for streams in BOARD_STREAMS)]
        for name in _measured(results)
        if results.lowest("B1", name) is not None
    ]
    return [
        "## Board: 64 deltas of 16 B, 20 ms apart",
        "",
        "Streams that stalled, by streams at a time; in brackets: ms added to the time to first delta, p50.",
        "",
        *_table(["target", "stall-free", *map(str, BOARD_STREAMS)], rows),
    ]


def _goals(results: Results) -> list[str]:
    rows = []
    for goal in GOALS:
        own = goal.forwarders(results)
        everything = math.nan if goal.everything is None else goal.everything(results)
        bound = [goal.form.replace("+", "").format(value) for value in (goal.must, goal.aim)]
        of_all = ["", ""] if goal.everything is None else [goal.shown(everything), goal.verdict(everything)]
        rows.append([goal.text, *bound, goal.shown(own), goal.verdict(own), *of_all])
    return [
        "## Goals",
        "",
        "Forwarders: the path alone. All: with the observer and the supervisor, where CPU is counted.",
        "",
        *_table(["goal", "must", "aim", "forwarders", "verdict", "all", "verdict"], rows),
    ]


def _faults(results: Results) -> list[str]:
    lines = [f"- {name} was left out: {why}" for name, why in results.left_out.items()]
    lines += [
        f"- {one.scenario}, {one.target}, round {one.round + 1} is not used: {one.fault}"
        for one in results.measurements
        if one.fault is not None
    ]
    return ["## Not measured", "", *lines, ""] if lines else []
