"""What the settings of autoscaler and drain cost, tried one by one on a day, and by which rule they are chosen.

Not here: a run (simulation.py), the page (page.py).
Promise: a row's figures depend on its name, the figures and the seeds only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Self

from tests.scale.defaults import DEFAULTS
from tests.scale.figures import HERE, Figures
from tests.scale.hpa import Policy, Rules
from tests.scale.simulation import Deployment, Outcome, Simulation
from tests.scale.workload import MIX, Burst, Kind, day

SWEEP: Final = HERE / "sweep.toml"
PEAK_STREAMS: Final = 10_000
DAY_S: Final = 6 * 3600  # a day's course in a quarter of its time: harder on the autoscaler than a day
BURSTS: Final = (Burst(3600, 600, 2.0), Burst(10800, 600, 2.0))
# A rough day: arrivals nearly double for 5 minutes out of 20, six times; at its peak the API is gone for a quarter of
# an hour, and all that waited comes back at once.
ROUGH: Final = (
    *(Burst(2400 + 1200 * n, 300, 1.8) for n in range(6)),
    Burst(10800, 900, 0.05, 5),
    Burst(11700, 300, 1.5, 5),
)
ROLLOUT_S: Final = 2 * 3600
SEEDS: Final = (1, 2)
LATE_MAX: Final = 0.0001  # of all deltas


@dataclass(frozen=True, slots=True)
class Row:
    """One setting tried. late, worst_s: of the worst seed; the rest: means of a day; pods: with those that drain."""

    group: str
    name: str
    value: float
    late: float
    worst_s: float
    pods: float
    draining: float
    most: float
    changes: float
    cut: float
    cut_agents: float
    refused: float

    @classmethod
    def of(cls, group: str, name: str, value: float, outcomes: Sequence[Outcome]) -> Self:
        """Of the seeds' outcomes."""

        def mean(figure: str) -> float:
            return sum(float(getattr(one, figure)) for one in outcomes) / len(outcomes)

        hours = DAY_S / 3600
        return cls(
            group,
            name,
            value,
            late=float(f"{max(one.late for one in outcomes):.2g}"),
            worst_s=round(max(one.worst_s for one in outcomes), 1),
            pods=round(mean("pod_hours") / hours, 2),
            draining=round(mean("drain_hours") / hours, 2),
            most=round(mean("most_pods"), 1),
            changes=round(mean("changes"), 1),
            cut=round(sum(float(one.cut.sum()) for one in outcomes) / len(outcomes)),
            cut_agents=round(sum(float(one.cut[-1]) for one in outcomes) / len(outcomes)),
            refused=round(mean("refused")),
        )


@dataclass(frozen=True, slots=True)
class Try:
    """A setting to be tried on a day. value: what is tried, as a number."""

    value: float
    deployment: Deployment
    kinds: tuple[Kind, ...] = MIX
    bursts: tuple[Burst, ...] = BURSTS
    peak: int = PEAK_STREAMS


def _with(**changes: object) -> Deployment:
    """The defaults but for what is named: of the autoscaler, else of the deployment."""
    base = DEFAULTS.deployment()
    scaler = {name: value for name, value in changes.items() if name in ("targets", "least", "most", "up", "down")}
    rest = {name: value for name, value in changes.items() if name not in scaler}
    return replace(base, autoscaler=replace(base.autoscaler, **scaler), **rest)  # type: ignore[arg-type]


# The API is gone for somewhat longer than the window remembers, at the peak.
LONG_OUTAGE: Final = (Burst(9900, 2100, 0.05, 5),)
TRIPLED: Final = tuple(replace(one, times=3.0) for one in BURSTS)
AGENTS: Final = tuple(replace(kind, share=1.0) for kind in MIX if kind.name == "agent")
AGENT_STREAMS: Final = 30_000
AGENT_BURSTS: Final = (Burst(3600, 600, 4.0), Burst(10800, 600, 4.0))


def tries() -> Mapping[str, Mapping[str, Try]]:
    """All, by group and name."""
    cpu, streams = DEFAULTS.deployment().autoscaler.targets
    window_s, policies = DEFAULTS.down.window_s, DEFAULTS.down.policies
    return {
        "target": {
            f"{target:.0%} of a core": Try(target, _with(targets=(target, streams)))
            for target in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
        },
        "streams": {
            f"{most:,} a forwarder": Try(most, _with(targets=(cpu, float(most))), AGENTS, AGENT_BURSTS, AGENT_STREAMS)
            for most in (4000, 5000, 6000, 8000)
        },
        "metric": {
            "none: CPU alone": Try(1, _with(targets=(cpu,), metrics=("cpu",)), AGENTS, (), AGENT_STREAMS),
            "5,000, no CPU, the mix": Try(2, _with(targets=(streams,), metrics=("streams",))),
        },
        "window": {
            f"{tried_s} s": Try(tried_s, _with(down=Rules(tried_s, policies)), bursts=ROUGH)
            for tried_s in (60, 300, 900, 1800, 3600)
        },
        "down": {
            f"{percent} % a minute, at least one": Try(
                percent, _with(down=Rules(window_s, down(percent))), bursts=ROUGH
            )
            for percent in (100, 25, 10)
        },
        "grace": {
            f"{grace_s} s": Try(grace_s, _with(grace_s=grace_s, rollouts_s=(ROLLOUT_S,)))
            for grace_s in (30, 120, 300, 570, 1800, 3600)
        },
        "start": {f"{start_s} s": Try(start_s, _with(start_s=start_s), bursts=TRIPLED) for start_s in (5, 20, 60, 180)},
        "burst": {
            f"{times:g} times": Try(times, _with(), bursts=tuple(replace(one, times=times) for one in BURSTS))
            for times in (1.0, 1.5, 2.0, 3.0, 5.0)
        }
        | {"none for 35 minutes, then as before": Try(0.05, _with(), bursts=LONG_OUTAGE)},
    }


def down(percent: int) -> tuple[Policy, ...]:
    """So much of the pods a minute may go, and at least one."""
    return Policy("Percent", percent, 60), Policy("Pods", 1, 60)


def chosen(rows: Sequence[Row]) -> Mapping[str, float]:
    """The values that the rules choose: of those that keep deltas in time and refuse and cut nothing, the cheapest.

    Of several that are as cheap to a tenth of a pod the most careful: the longest window, the slowest way down.
    Raises ValueError where no value will do.
    """
    found: dict[str, float] = {}
    for group, careful in (("target", min), ("streams", min), ("window", max), ("down", min), ("grace", max)):
        fit = [row for row in rows if row.group == group and row.late <= LATE_MAX and not row.refused]
        fit = [row for row in fit if group != "grace" or not row.cut]
        least = min(row.pods for row in fit)
        found[group] = careful(row.value for row in fit if row.pods <= least + 0.1)
    return found


def run(figures: Figures, group: str, name: str, seeds: Sequence[int] = SEEDS) -> Row:
    """Try one."""
    one = tries()[group][name]
    return Row.of(group, name, one.value, [outcome(figures, one, seed) for seed in seeds])


def outcome(figures: Figures, one: Try, seed: int) -> Outcome:
    """A day with it."""
    arrivals = day(one.kinds, one.peak, DAY_S, bursts=one.bursts)
    return Simulation(figures, one.kinds, arrivals, one.deployment, seed).run(DAY_S)


def sweep(figures: Figures, groups: Sequence[str] = (), before: Sequence[Row] = ()) -> list[Row]:
    """Try all; where groups are named, those alone, and the others' rows are as before."""
    kept = {(row.group, row.name): row for row in before if row.group not in groups}
    return [kept.get((group, name)) or run(figures, group, name) for group, of in tries().items() for name in of]


def to_toml(rows: Sequence[Row]) -> str:
    """For sweep.toml."""
    lines = ["# What each setting costs, by `python -m tests.scale sweep`."]
    for row in rows:
        lines += ["", "[[row]]"]
        for field in fields(row):
            value = getattr(row, field.name)
            lines.append(f"{field.name} = " + (f'"{value}"' if isinstance(value, str) else f"{value:g}"))
    return "\n".join(lines) + "\n"


def read(path: Path = SWEEP) -> list[Row]:
    """As `to_toml` wrote them."""
    value = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Row(**row) for row in value["row"]]
