"""The run: each scenario in rounds, in a round each target in turn, of each figure the lowest.

Not here: how it is shown (report.py, plots.py), what is promised (goals.py).
Promise: a target that fails, or that changes a byte, is told as such and its figures are not used. Only ratios inside
one run mean something: the machine is shared, and its speed changes.
"""

from __future__ import annotations

import math
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.bench.groups import Seen
from tests.bench.load import Report, Task
from tests.bench.processes import running
from tests.bench.scenarios import Scenario
from tests.bench.targets import PATH_ROLE, Site, Started, Target

LOAD_TIMEOUT_S: Final = 240.0
SCRAPE_EVERY_S: Final = 1.0
KIB: Final = 1024


@dataclass(slots=True)
class Figures:
    """Of one measurement, or the lowest of several. CPU in us a unit; memory in KiB; latency in ms; nan: not measured.

    path_us: of the processes that forward; all_us: of all of the target's, the observer's work after the end included.
    """

    path_us: float = math.nan
    all_us: float = math.nan
    observer_us: float = math.nan  # a finished exchange
    upstream_us: float = math.nan
    load_us: float = math.nan
    rate: float = math.nan  # units a second
    delta_p50_ms: float = math.nan
    delta_p99_ms: float = math.nan
    delta_p999_ms: float = math.nan
    first_p50_ms: float = math.nan
    first_p99_ms: float = math.nan
    whole_p50_ms: float = math.nan
    whole_p99_ms: float = math.nan
    delta_reads: float = math.nan  # a delta, of the client
    stalls: float = math.nan
    stalled_streams: float = math.nan
    stream_kib: float = math.nan
    rest_path_kib: float = math.nan
    rest_all_kib: float = math.nan


_HIGHEST: Final = {"rate", "delta_reads"}


@dataclass(slots=True)
class Measurement:
    """One target under one scenario in one round. fault: why its figures are not used."""

    scenario: str
    target: str
    round: int
    figures: Figures
    requests: int = 0
    deltas: int = 0
    spans: int = 0
    scrapes: int = 0
    fault: str | None = None


@dataclass(slots=True)
class Results:
    """Of a run."""

    measurements: list[Measurement] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # targets by name, and why

    def lowest(self, scenario: str, target: str) -> Figures | None:
        """Each figure's lowest over the rounds (of rate and delta_reads the highest); None where there is none."""
        found = [one for one in self.measurements if (one.scenario, one.target, one.fault) == (scenario, target, None)]
        if not found:
            return None
        best = Figures()
        for name in Figures.__slots__:
            values = [value for one in found if not math.isnan(value := getattr(one.figures, name))]
            if values:
                setattr(best, name, max(values) if name in _HIGHEST else min(values))
        return best

    def ratio(self, scenario: str, target: str, figure: str, to: str = "nginx") -> float:
        """How many times the other's figure it is; nan where one is missing."""
        one, other = self.lowest(scenario, target), self.lowest(scenario, to)
        if one is None or other is None:
            return math.nan
        below = getattr(other, figure)
        return float(getattr(one, figure) / below) if below else math.nan

    def to_json(self) -> dict[str, Any]:
        """Everything; what was not measured is null."""
        value = asdict(self)
        for one in value["measurements"]:
            one["figures"] = {k: None if math.isnan(v) else round(v, 4) for k, v in one["figures"].items()}
        return value


def measure_all(site: Site, targets: Sequence[Target], scenarios: Sequence[Scenario], rounds: int) -> Results:
    """Interleaved: scenario, round, target."""
    results = Results(left_out={target.name: why for target in targets if (why := target.missing()) is not None})
    there = [target for target in targets if target.name not in results.left_out]
    for scenario in scenarios:
        for number in range(rounds):
            for target in there:
                if scenario.only is None or target.name in scenario.only:
                    one = measure(site, target, scenario, number)
                    results.measurements.append(one)
                    _tell(one, scenario.unit)
    return results


def measure(site: Site, target: Target, scenario: Scenario, number: int = 0) -> Measurement:
    """One target under one scenario, from its start to its end."""
    one = Measurement(scenario.name, target.name, number, Figures())
    try:
        with target.start(site, scenario.tls) as started:
            _spans(site)
            with scraping(started if scenario.scrapes else None) as scrapes:
                report = ask(task_of(site, started, scenario))
            one.scrapes, one.spans = len(scrapes), _spans(site)
    except (OSError, RuntimeError) as error:
        one.fault = f"{type(error).__name__}: {error}"
        return one
    load = report.seen["load"]
    one.requests, one.deltas = load.requests, load.deltas
    wrong = [fault for seen in report.seen.values() for fault in seen.faults]
    if wrong:
        one.fault = f"{sum(seen.wrong for seen in report.seen.values())} answers were wrong, as: {wrong[0]}"
    one.figures = figures_of(report, load, scenario)
    return one


def task_of(site: Site, started: Started, scenario: Scenario) -> Task:
    """What the load process is to do."""
    groups = scenario.groups(started.port, started.path)
    warm = scenario.warm(started.port, started.path)
    if started.tls:
        groups, warm = _with_tls(groups), _with_tls(warm)
    return Task(
        groups,
        warm,
        pids={**{role: list(pids) for role, pids in started.pids.items()}, "upstream": [site.upstream_pid]},
        settle=list(started.settle),
        memory_at_s=scenario.memory_at_s,
        certificate=str(site.certificate),
    )


def _with_tls(groups: list[Any]) -> list[Any]:
    return [type(group)(**{**asdict(group), "tls": True}) for group in groups]


def ask(task: Task, timeout_s: float = LOAD_TIMEOUT_S) -> Report:
    """Have a load process do it. Raises RuntimeError when it does not end well."""
    with running([sys.executable, "-m", "tests.bench.load"], reads=True) as process:
        watchdog = threading.Timer(timeout_s, process.kill)
        watchdog.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(task.to_json() + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise RuntimeError(f"the load process ended with {process.wait()}")
        return Report.from_json(line)


def figures_of(report: Report, load: Seen, scenario: Scenario) -> Figures:
    """What one measurement shows."""
    units = load.deltas if scenario.unit == "event" else load.requests
    figures = Figures()
    if not units:
        return figures
    cpu = dict(report.cpu_ns)
    upstream_ns = cpu.pop("upstream", 0)
    figures.upstream_us = upstream_ns / 1000 / units
    figures.load_us = report.load_cpu_ns / 1000 / units
    if cpu:
        figures.path_us = cpu[PATH_ROLE] / 1000 / units
        figures.all_us = sum(cpu.values()) / 1000 / units
        figures.rest_path_kib = report.rest_bytes[PATH_ROLE] / KIB
        figures.rest_all_kib = _without_upstream(report.rest_bytes) / KIB
    if "observer" in cpu:
        figures.observer_us = cpu["observer"] / 1000 / load.requests
    if cpu and report.loaded_bytes:
        grown = report.loaded_bytes[PATH_ROLE] - report.rest_bytes[PATH_ROLE]
        figures.stream_kib = grown / KIB / load.requests
    figures.rate = units / report.window_s
    for name, seen in (("delta", load.delta), ("first", load.first), ("whole", load.whole)):
        for share, label in ((0.5, "p50"), (0.99, "p99"), (0.999, "p999")):
            if hasattr(figures, f"{name}_{label}_ms") and seen.count:
                setattr(figures, f"{name}_{label}_ms", seen.ms(share))
    if load.delta.count:
        figures.delta_reads = load.reads / load.deltas
    if load.gaps:
        figures.stalls, figures.stalled_streams = load.stalls, load.stalled_streams
    return figures


def _without_upstream(by_role: dict[str, int]) -> int:
    return sum(value for role, value in by_role.items() if role != "upstream")


def _spans(site: Site) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.sink_port}/spans", timeout=60) as answer:
        return int(answer.read())


@contextmanager
def scraping(started: Started | None) -> Iterator[list[int]]:
    """Read /metrics each second; the sizes of what was read."""
    sizes: list[int] = []
    stop = threading.Event()

    def run(url: str) -> None:
        while not stop.wait(SCRAPE_EVERY_S):
            with urllib.request.urlopen(url, timeout=30) as answer:
                sizes.append(len(answer.read()))

    if started is None or started.admin_url is None:
        yield sizes
        return
    thread = threading.Thread(target=run, args=(f"{started.admin_url}/metrics",), daemon=True)
    thread.start()
    try:
        yield sizes
    finally:
        stop.set()
        thread.join()


def _tell(one: Measurement, unit: str) -> None:
    figures = one.figures
    text = f"CPU {figures.path_us:.1f} us {'an' if unit == 'event' else 'a'} {unit}, all {figures.all_us:.1f};"
    text += f" {figures.rate:,.0f}/s; delta p50 {figures.delta_p50_ms:.2f} p99 {figures.delta_p99_ms:.2f} ms"
    now = time.strftime("%H:%M:%S")
    print(f"{now} {one.scenario:>5} {one.target:<16} {one.fault or text}", file=sys.stderr, flush=True)
