"""A real gateway under a known load, beside what simulation and model say of the same streams.

Two forwarders, 300 TLS streams at a time, fast ones of 3 s and slow ones of 10. The simulation knows of them only what
the gateway's own /metrics tell: how many ended, how long they lasted, how many events they had.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tests.bench.groups import Group
from tests.bench.processes import allow_many_files
from tests.bench.run import ask, task_of
from tests.bench.scenarios import Scenario
from tests.bench.targets import PATH_ROLE, gateway, site
from tests.forwarding import COMMANDS
from tests.scale import hpa
from tests.scale.figures import Figures
from tests.scale.simulation import Deployment, Simulation
from tests.scale.workload import Kind, from_scrape

FAST, SLOW = 200, 100
LASTS_S = 20.0
STREAMS_ERROR = 0.15  # a histogram's buckets, and streams that begin and end together
CPU_ERROR = 0.5  # the machine is shared: between two runs of one measurement lie 30 % and more


def _groups(port: int, path: str) -> list[Group]:
    return [
        Group("load", port, "paced:60:150:50", FAST, loop=True, seconds=LASTS_S, ramp_s=3.0, path=path),
        Group("slow", port, "paced:20:150:500", SLOW, loop=True, seconds=LASTS_S, ramp_s=9.0, path=path),
    ]


def _measured(folder: Path, build: str) -> tuple[Kind, float, float, float]:
    """Kind of stream, arrivals a second, streams open on average, CPU of forwarders and observer a second."""
    scenario = Scenario("reality", "", "event", _groups, tls=True)
    with site(folder) as where, gateway(where, True, workers=2, build=build) as started:
        task = task_of(where, started, scenario)
        task.warm = []  # its streams would be among those that are told
        report = ask(task)
        with urllib.request.urlopen(f"{started.admin_url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    assert [seen.wrong for seen in report.seen.values()] == [0, 0]
    kind = from_scrape(text)
    ended = sum(seen.requests for seen in report.seen.values())
    # a stream's life by its client is what the load was: 60 deltas 50 ms apart, 20 of 500
    open_s = report.seen["load"].requests * 59 * 0.050 + report.seen["slow"].requests * 19 * 0.500
    cpu_ns = report.cpu_ns[PATH_ROLE] + report.cpu_ns["observer"]
    return kind, ended / report.window_s, open_s / report.window_s, cpu_ns / 1e9 / report.window_s


@pytest.mark.heavy
def test_a_real_gateway_carries_what_the_simulation_says(tmp_path: Path) -> None:
    allow_many_files()
    build = "compiled" if COMMANDS["compiled"].exists() else "python"
    kind, rate, streams, cores = _measured(tmp_path, build)
    deployment = Deployment(hpa.Settings((9.0,), 1, 1), workers=2)
    out = Simulation(Figures.read(), (kind,), lambda _: np.array([rate]), deployment).run(600)
    settled = [(count, used) for t_s, _, count, used in out.history if t_s >= 60]
    simulated = np.mean([count for count, _ in settled]), np.mean([used for _, used in settled])
    print(
        f"\nopen {streams:.0f}, simulated {simulated[0]:.0f}; cores {cores:.3f}, simulated {simulated[1]:.3f} ({build})"
    )

    assert simulated[0] == pytest.approx(streams, rel=STREAMS_ERROR)
    assert simulated[1] == pytest.approx(cores, rel=CPU_ERROR)
