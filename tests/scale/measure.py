"""`python -m tests.scale measure`: the figures of figures.toml, measured anew here.

CPU and memory by the bench's own load, upstream and targets (tests/bench), on the compiled build where it is there;
telemetry by real exchanges of the simulated API. It takes about two minutes on an idle machine.
Not here: what the figures mean (figures.py). Promise: nothing is rounded away but by `shown`; no name of the machine.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.encoding import encode
from tests.bench.groups import Group
from tests.bench.load import Report
from tests.bench.measure import CpuByRole
from tests.bench.processes import allow_many_files
from tests.bench.run import ask, task_of
from tests.bench.scenarios import Scenario
from tests.bench.targets import PATH_ROLE, Site, gateway, site
from tests.forwarding import COMMANDS
from tests.gateway_process import GatewayProcess, Scrape, SimulatorProcess
from tests.otlp_receiver import receiving
from tests.process.test_observer_load import ten_steps
from tests.soak.streams import MIX

KIB: Final = 1024
ROUNDS: Final = 3
REST_S: Final = 10.0
EXPORT_S: Final = 2.0  # an exporter sends at most once a second
IDLE_STREAMS: Final = 1000
TEAM_HEADER: Final = "x-team"
FIRST_MODEL: Final = "gemini-3-flash-preview"
MORE_MODELS: Final = ("gemini-3-pro-preview", "gemini-2.5-flash")
PLAYED: Final = {name: max(1, often // 4) for name, often in MIX.items() if "big" not in name}


@dataclass(frozen=True, slots=True)
class Seen:
    """One load on a gateway with one forwarder."""

    report: Report
    path_us: float  # CPU of the forwarder, a delta or a request
    observer_us: float  # CPU of the observer, a request


def measured() -> str:
    """All of it, as the text of figures.toml."""
    allow_many_files()
    build = "compiled" if COMMANDS["compiled"].exists() else "python"
    with tempfile.TemporaryDirectory() as folder, site(Path(folder)) as where:
        cpu = _cpu(where, build)
        memory = _memory(where, build)
    return shown(build, {"cpu_us": cpu, "memory_kib": memory, "telemetry": _telemetry(), "start_s": _start()})


def shown(build: str, tables: Mapping[str, Mapping[str, float]]) -> str:
    """As TOML, to three digits."""
    lines = [
        "# What the gateway costs, by `python -m tests.scale measure`. Of rounds the lowest.",
        f'date = "{datetime.now(UTC).date().isoformat()}"',
        'machine = "two shared cores, everything on loopback"',
        f'build = "{build}"',
    ]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {float(f'{value:.3g}')}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _seen(where: Site, build: str, scenario: Scenario, settings: Mapping[str, str] | None = None) -> Seen:
    with gateway(where, scenario.tls, build=build, settings={"proxy.path": "fast", **(settings or {})}) as started:
        report = ask(task_of(where, started, scenario))
    load = report.seen["load"]
    if load.wrong:
        raise RuntimeError(f"{load.wrong} answers were wrong, as: {load.faults[0]}")
    units = load.deltas if scenario.unit == "event" else load.requests
    return Seen(report, report.cpu_ns[PATH_ROLE] / 1000 / units, report.cpu_ns["observer"] / 1000 / load.requests)


def _scenario(unit: str, group: Mapping[str, object], memory_at_s: float | None = None) -> Scenario:
    def groups(port: int, path: str) -> list[Group]:
        return [Group(name="load", port=port, path=path, **group)]  # type: ignore[arg-type]

    return Scenario("scale", "", "event" if unit == "event" else "request", groups, tls=True, memory_at_s=memory_at_s)


CHAT: Final = _scenario("event", {"spec": "paced:120:150:50", "connections": 500, "ramp_s": 0.5})
UNARY: Final = _scenario("request", {"spec": "unary:2048", "connections": 32, "loop": True, "seconds": 3.0})
NEW: Final = _scenario("request", {"spec": "paced:2:150:3000", "connections": 500, "ramp_s": 2.0})
AGENT: Final = _scenario("request", {"spec": "steps:10:3", "connections": 16, "loop": True, "seconds": 3.0})
IDLE: Final = _scenario(
    "request", {"spec": "paced:2:150:9000", "connections": IDLE_STREAMS, "ramp_s": 3.0}, memory_at_s=5.0
)


def _cpu(where: Site, build: str) -> dict[str, float]:
    def lowest(scenario: Scenario, figure: str, settings: Mapping[str, str] | None = None) -> float:
        return min(float(getattr(_seen(where, build, scenario, settings), figure)) for _ in range(ROUNDS))

    event, exchange = lowest(CHAT, "path_us"), lowest(UNARY, "path_us")
    return {
        "event": event,
        "exchange": exchange,
        "connection": lowest(NEW, "path_us") - exchange - 2 * event,
        "observer": lowest(AGENT, "observer_us"),
        "observer_sampled": lowest(AGENT, "observer_us", {"traces.keep_ratio": "0.1"}),
        "rest_per_s": _rest_us(where, build),
    }


def _rest_us(where: Site, build: str) -> float:
    with gateway(where, True, build=build) as started:
        time.sleep(3)  # what only a start costs
        cpu = CpuByRole(started.pids)
        before = sum(cpu.read().values())
        time.sleep(REST_S)
        return (sum(cpu.read().values()) - before) / 1000 / REST_S


def _memory(where: Site, build: str) -> dict[str, float]:
    report = _seen(where, build, IDLE).report
    rest, idle, loaded = report.rest_bytes, report.idle_bytes, report.loaded_bytes
    return {
        "stream": (loaded[PATH_ROLE] - idle[PATH_ROLE]) / KIB / IDLE_STREAMS,
        "observer_stream": (loaded["observer"] - idle["observer"]) / KIB / IDLE_STREAMS,
        "forwarder": rest[PATH_ROLE] / KIB,
        "pod": sum(rest[role] for role in (PATH_ROLE, "observer", "supervisor")) / KIB,
    }


def _telemetry() -> dict[str, float]:
    with receiving() as receiver, SimulatorProcess() as simulator:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        with GatewayProcess(simulator.url, env=traced) as running:
            asked = play(running, FIRST_MODEL)
            one = running.settled(asked)
            for more in MORE_MODELS:
                asked += play(running, more)
            three = running.settled(asked)
            exported = _all_spans(running)
            text = running.metrics_text("application/openmetrics-text; version=1.0.0")
            lines = [line for line in running.log_lines() if json.loads(line).get("event") == "exchange"]
        sent_bytes = sum(request.body_bytes for request in receiver.requests if request.path == "/v1/traces")
        model = (_series(three) - _series(one)) / len(MORE_MODELS)
        return {
            "series_rest": _series(one) - model,
            "series_model": model,
            "series_worker": _worker_series(simulator.url),
            "series_team": _team_series(simulator.url),
            "scrape_bytes_series": len(text.encode()) / _series(three),
            "spans": exported / asked,
            "span_bytes": sent_bytes / exported,
            "log_bytes": statistics.mean(len(line.encode()) + 1 for line in lines),
            "record_bytes": float(sum(len(encode(record)) for record in ten_steps())),
        }


def _all_spans(running: GatewayProcess) -> float:
    """How many were exported, once that no longer grows."""
    found = -1.0
    while (now := running.scrape().total("spans_total", result="exported")) != found:
        found = now
        time.sleep(EXPORT_S)
    return found


def play(running: GatewayProcess, model: str, headers: Mapping[str, str] | None = None) -> int:
    """Each scenario of the soak as often as it is there; returns how many exchanges that were."""
    count = 0
    for scenario, often in PLAYED.items():
        body = json.dumps({"model": model, "input": "hi", "stream": not scenario.startswith("unary")}).encode()
        for _ in range(often):
            request = urllib.request.Request(
                f"{running.url}/v1beta/interactions",
                body,
                {"content-type": "application/json", "x-simulator-scenario": scenario, **(headers or {})},
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    error.read()
            count += 1
    return count


def _series(scrape: Scrape) -> float:
    return scrape.value("series")


def _worker_series(upstream: str) -> float:
    found = []
    for workers in (1, 2):
        with GatewayProcess(upstream, workers) as running:
            found.append(_series(running.scrape()))
    return found[1] - found[0]


def _team_series(upstream: str) -> float:
    with GatewayProcess(upstream, config={"attribution.team": f"header:{TEAM_HEADER}"}) as running:
        asked = play(running, FIRST_MODEL, {TEAM_HEADER: "one"})
        before = _series(running.settled(asked))
        asked += play(running, FIRST_MODEL, {TEAM_HEADER: "two"})
        return _series(running.settled(asked)) - before


def _start() -> dict[str, float]:
    found = []
    with SimulatorProcess() as simulator:
        for _ in range(ROUNDS):
            began_s = time.monotonic()
            with GatewayProcess(simulator.url):
                found.append(time.monotonic() - began_s)
    return {"ready": min(found)}
