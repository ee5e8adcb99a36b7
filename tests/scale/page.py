"""The tables of docs/scale.md, between its markers `<!-- name -->` and `<!-- /name -->`.

Not here: the words around them, which are the page's own.
Promise: what stands between the markers follows from figures.toml, limits.toml, sweep.toml and the model alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench.processes import ROOT
from tests.scale import sweep
from tests.scale.cases import CASES, case
from tests.scale.defaults import DEFAULTS
from tests.scale.figures import Figures
from tests.scale.model import Load, Plan, memory_limit_mib
from tests.scale.workload import MIX, events_per_s, mean_s, still_open

PAGE: Final = ROOT / "docs" / "scale.md"
_PART: Final = re.compile(r"(<!-- (?P<name>[a-z]+) -->\n)(?P<text>.*?)(<!-- /(?P=name) -->)", re.DOTALL)
_HEADS: Final = {
    "target": "CPU target",
    "streams": "open streams aimed at (agents only)",
    "window": "`scaleDown` window (rough day)",
    "down": "`scaleDown` policy (rough day)",
    "grace": "grace (one rollout)",
    "start": "a new pod takes (arrivals tripled)",
    "burst": "arrivals, for 10 minutes",
}
_BESIDE: Final = {"streams": "metric"}  # groups that share a table
DRAINS_S: Final = (30, 120, 300, 570, 1800, 3600)


def filled(text: str, figures: Figures, rows: Sequence[sweep.Row]) -> str:
    """The page with its tables made anew. Raises KeyError for a marker that names no table."""
    made = tables(figures, rows)
    return _PART.sub(lambda part: part[1] + made[part["name"]] + "\n" + part[4], text)


def write(path: Path = PAGE) -> None:
    """Make the page's tables anew."""
    text = path.read_text(encoding="utf-8")
    path.write_text(filled(text, Figures.read(), sweep.read()), encoding="utf-8")


def tables(figures: Figures, rows: Sequence[sweep.Row]) -> Mapping[str, str]:
    """All, by the name of their markers."""
    return {
        "sizes": _sizes(figures),
        "strains": _strains(figures),
        "figures": _figures(figures),
        "mix": _mix(),
        "drains": _drains(),
        "defaults": _defaults(figures),
        **{group: _swept(rows, group) for group in _HEADS},
    }


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def number(value: float) -> str:
    """To three digits at most, with thousands apart."""
    if value and abs(value) < 0.001:
        return "under 0.001"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 or rounded == int(rounded) else f"{rounded:g}"


def size_rows(plan: Plan, load: Load) -> Mapping[str, str]:
    """One size, by what is told of it."""
    return {
        "exchanges a second": number(plan.rate),
        "deltas a second": number(load.streams * load.events_per_s),
        "cores: forwarders / observers": f"{number(plan.forward_cores)} / {number(plan.observe_cores)}",
        "**pods**, decided by": f"**{plan.pods}**, {plan.decided_by}",
        "nodes (16 cores, 64 GiB)": number(plan.nodes),
        "memory a pod, MiB": number(plan.pod_mib),
        "series a pod / in all": f"{number(plan.series_pod)} / {number(plan.series)}",
        "a scrape, KiB": number(plan.scrape_kib),
        f"samples a second, each {load.scrape_s} s": number(plan.samples),
        "Prometheus, GiB of memory": number(plan.prometheus_gib),
        "Prometheus, GB of disk a day": number(plan.prometheus_gb_day),
        "traces kept, spans a second": f"{load.keep_ratio:.0%}, {number(plan.spans)}",
        "Collector cores": number(plan.collector_cores),
        "traces a day, GB": number(plan.trace_gb_day),
        "log a day, GB": number(plan.log_gb_day),
        "outgoing addresses for the API's ports": number(plan.nat_addresses),
        "an observer may hang without a loss, s": number(plan.stall_s),
    }


def _sizes(figures: Figures) -> str:
    columns = [size_rows(one.plan(figures), one.load) for one in CASES.values()]
    forwarders = ["forwarders a pod", *(number(one.pod.workers) for one in CASES.values())]
    rows = [forwarders, *([name, *(column[name] for column in columns)] for name in columns[0])]
    return _table(["open streams", *CASES], rows)


def _strains(figures: Figures) -> str:
    """With one pod of one forwarder as unit, all traces kept: how often each thing's limit is reached."""
    sizes = (100, 10_000, 1_000_000)
    found = [{one.what: one for one in case(size).strains(figures)} for size in sizes]
    order = case(sizes[-1]).strains(figures)
    rows = [
        [
            one.what,
            *(
                f"**{number(of[one.what].units)}**" if of[one.what].units > 1 else number(of[one.what].units)
                for of in found
            ),
            one.after,
        ]
        for one in order
    ]
    return _table(["what", *(f"{size:,}" for size in sizes), "beyond one"], rows)


def _figures(figures: Figures) -> str:
    streams_core = 1e6 / (figures.event_us * events_per_s(MIX))
    return _table(
        ["figure", "", "how"],
        [
            [
                "an event of a stream, forwarder",
                f"{number(figures.event_us)} us",
                "500 TLS streams, an event each 50 ms",
            ],
            [
                "a request and its answer, forwarder",
                f"{number(figures.exchange_us)} us",
                "unary, 2 KB, kept TLS connection",
            ],
            [
                "a new connection to the API, forwarder",
                f"{number(figures.connection_us)} us",
                "500 new TLS streams in 2 s, less the two above",
            ],
            [
                "an exchange of 10 steps, observer",
                f"{number(figures.observer_us)} us; {number(figures.observer_sampled_us)} with a tenth of the traces",
                "streams of 10 steps, 16 at a time",
            ],
            [
                "a pod without traffic",
                f"{number(figures.rest_us_per_s / 1000)} ms of CPU a second, {number(figures.pod_kib / 1024)} MiB",
                "10 s",
            ],
            [
                "an open stream",
                f"{number(figures.stream_kib)} KiB, and {number(figures.observer_stream_kib)} in the observer",
                "1,000 idle TLS streams",
            ],
            [
                "series",
                f"{number(figures.series_rest)}, and {number(figures.series_model)} a model, "
                f"{number(figures.series_worker)} a forwarder, {number(figures.series_team)} a team and model",
                "three models, two teams, the simulated API's scenarios",
            ],
            ["a series in a scrape", f"{number(figures.scrape_bytes_series)} bytes", "the same"],
            [
                "an exchange",
                f"{number(figures.spans)} spans of {number(figures.span_bytes)} bytes, "
                f"{number(figures.log_bytes)} bytes of log",
                "the same",
            ],
            ["the records of an exchange of 10 steps", f"{number(figures.record_bytes)} bytes", "encoded"],
            ["*so:* open streams a core", number(streams_core), f"at {number(events_per_s(MIX))} events a second each"],
        ],
    )


def _mix() -> str:
    rows = [
        [
            kind.name,
            f"{kind.share:.0%}",
            f"{kind.share * kind.mean_s / mean_s(MIX):.0%}",
            number(kind.mean_s),
            number(kind.events_per_s),
        ]
        for kind in MIX
    ]
    rows.append(["all", "", "", number(mean_s(MIX)), number(events_per_s(MIX))])
    return _table(["kind", "of arrivals", "of open streams", "mean life, s", "events a second"], rows)


def _drains() -> str:
    def share(value: float) -> str:
        return "0" if value < 5e-5 else f"{100 * value:.2g} %"

    rows = [[name, *(share(of(seconds)) for seconds in DRAINS_S)] for name, of in _outlasting().items()]
    return _table(["open streams cut after", *(f"{seconds} s" for seconds in DRAINS_S)], rows)


def _outlasting() -> Mapping[str, Callable[[float], float]]:
    return {**{kind.name: kind.still_open for kind in MIX}, "all": lambda after_s: still_open(MIX, after_s)}


def _defaults(figures: Figures) -> str:
    down = " or ".join(
        f"{policy.value}{' %' if policy.kind == 'Percent' else ' pod'}" for policy in DEFAULTS.down.policies
    )
    pod = CASES["10,000"].pod
    return _table(
        ["setting", "default", "chosen since"],
        [
            [
                "CPU request of a forwarder",
                f"{DEFAULTS.request_core * 1000:.0f}m, no limit",
                "what it uses at its target; a burst borrows up to a core",
            ],
            [
                "`averageUtilization`",
                f"{DEFAULTS.utilization} % of it",
                "the highest target at which a doubling makes no delta late",
            ],
            [
                "open streams a forwarder, where an adapter serves them",
                f"{DEFAULTS.target_streams:,}",
                "the most at which agents that come four times as fast are not refused",
            ],
            ["`minReplicas`", str(DEFAULTS.least), "one may go"],
            ["`scaleUp`", "Kubernetes' own", "100 % or 4 pods each 15 s; what is slow is the metric, not this"],
            [
                "`scaleDown` window",
                f"{DEFAULTS.down.window_s} s",
                "the cheapest on a rough day: each pod that goes drains for up to an hour",
            ],
            ["`scaleDown` policies", f"{down} a minute", "the slowest that costs no more"],
            ["`grace_period_s`", f"{DEFAULTS.grace_s} s", "the shortest that cuts no stream"],
            [
                "`terminationGracePeriodSeconds`",
                f"{DEFAULTS.termination_s} s",
                "that, 10 s for the load balancer, 15 s for the observer's last words",
            ],
            [
                "memory limit of a forwarder's pod",
                f"{DEFAULTS.memory_limit_mib}Mi",
                f"{number(memory_limit_mib(pod, figures))} MiB with `max_open_exchanges` streams and a full queue",
            ],
        ],
    )


def _swept(rows: Sequence[sweep.Row], group: str) -> str:
    head = _HEADS[group]
    columns: Mapping[str, Callable[[sweep.Row], str]] = {
        head: lambda row: row.name,
        "late deltas; worst": _late,
        "pods (draining)": lambda row: f"{row.pods:g} ({row.draining:g})",
        "most": lambda row: f"{row.most:g}",
        "changes": lambda row: f"{row.changes:g}",
        "cut (agents)": lambda row: f"{row.cut:,.0f} ({row.cut_agents:,.0f})" if row.cut else "0",
        "refused": lambda row: f"{row.refused:,.0f}",
    }
    of_group = [row for row in rows if row.group in (group, _BESIDE.get(group))]
    told = {name: cell for name, cell in columns.items() if any(cell(row) != "0" for row in of_group)}
    return _table(list(told), [[cell(row) for cell in told.values()] for row in of_group])


def _late(row: sweep.Row) -> str:
    if not row.late:
        return "none"
    return f"{row.late:.2%}; " + ("over a minute" if row.worst_s > 60 else f"{row.worst_s:g} s")
