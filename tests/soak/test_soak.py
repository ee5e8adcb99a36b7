"""A long run at the pace of real models: nothing grows, nothing is lost, every byte arrives, the books balance.

100 streams at a time in laps, 2 forwarders, a scrape every second, traces taken by a real receiver. Between laps all
streams end, so that the ledger can be compared and forgotten, and what is held at rest be read. SOAK_S: how long.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.exact.books import Sample
from tests.exact.scrapes import imbalance, read, total
from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until
from tests.otlp_receiver import OtlpReceiver
from tests.soak.streams import Load, Seen
from tests.watch import MIB, Holding, Watch, holding, slope

SOAK_S: Final = float(os.environ.get("SOAK_S", "480"))
CLIENTS: Final = 100
WORKERS: Final = 2
LAP_S: Final = 20.0
WARM_UP_RATIO: Final = 0.25  # of the run: code is loaded, caches and pools fill, the allocator finds its level
REMEMBERED: Final = 1000  # ids, by setting: that memory is full before the warm-up ends
SCRAPE_EVERY_S: Final = 1.0
SETTLE_S: Final = 30.0
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0"

GROWTH_MAX_BYTES: Final = 4 * MIB  # by the fitted line, over all that was measured after the warm-up
FILES_GROWTH_MAX: Final = 40  # likewise; which forwarder has how many of the connections is the kernel's affair
FILES_LEFT_MAX: Final = 2  # more than before the first stream, once idle connections are closed
IDLE_S: Final = 60.0  # the pool keeps them for half of it
FAULTS: Final = ("tap_faults_total", "telemetry_faults_total", "records_lost_total")


@dataclass(slots=True)
class Scraper:
    """Scrapes once a second as a Prometheus would, and notes what doesn't add up."""

    gateway: GatewayProcess
    scrapes: int = 0
    problems: list[str] = field(default_factory=list)
    active: list[float] = field(default_factory=list)
    slowest_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        assert self._thread is not None
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SCRAPE_EVERY_S):
            began_s = time.monotonic()
            try:
                self.gateway.metrics_text(OPEN_METRICS)
                self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
                samples = read(self.gateway.metrics_text())
            except OSError as error:
                self.problems.append(f"scrape {self.scrapes}: {error!r}")
                continue
            self.scrapes += 1
            self.active.append(total(samples, "active_streams"))
            self.problems += [f"scrape {self.scrapes}: {problem}" for problem in problems(samples)]


def problems(samples: Mapping[Sample, float]) -> list[str]:
    """What must not be in any scrape."""
    found = [f"{name} is {total(samples, name):g}" for name in FAULTS if total(samples, name)]
    unbalanced = imbalance(samples)
    return [*found, *([unbalanced] if unbalanced else [])]


@dataclass(slots=True)
class Truth:
    """What the simulator's ledger says of all laps so far, and where the clients saw something else."""

    streams: int = 0
    body_bytes: int = 0
    differing: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    tokens: int = 0

    def take(self, entries: Sequence[Mapping[str, Any]], seen: Sequence[Seen]) -> None:
        """A lap, all of whose streams have ended."""
        by_seq = {each.seq: each for each in seen}
        self.differing += [f"{len(entries)} asked of the upstream, {len(seen)} by clients"] * (
            len(entries) != len(seen)
        )
        for entry in entries:
            each = by_seq[entry["seq"]]
            self.streams += 1
            self.body_bytes += each.body_bytes
            ended = "client_gone" if each.left else "complete"
            if (entry["body_sha256"], entry["ended"]) != (each.sha256, ended):
                self.differing.append(f"{each}: {entry['ended']}, {entry['body_bytes']} bytes")
            elif each.left:
                self.outcomes["client_abort"] += 1
            else:
                self.outcomes[entry["expected"]["outcome"]] += 1
                if entry["expected"]["basis"] == "final":
                    self.tokens += sum(entry["expected"]["tokens"].values())


def forget_ledger(simulator: SimulatorProcess) -> None:
    """It is unbounded by itself."""
    request = urllib.request.Request(f"{simulator.url}/__simulator__/ledger", method="DELETE")
    with urllib.request.urlopen(request, timeout=10):
        pass


def at_rest(simulator: SimulatorProcess) -> list[dict[str, Any]]:
    """The ledger's entries, once none is open."""

    def ended() -> list[dict[str, Any]]:
        entries = simulator.ledger()
        return [] if any(entry["ended"] == "open" for entry in entries) else entries

    entries: list[dict[str, Any]] = wait_until(ended, SETTLE_S, "the ledger at rest")
    return entries


@pytest.mark.heavy
@pytest.mark.timeout(SOAK_S * 2 + 240)
async def test_nothing_grows_and_nothing_is_lost_in_a_long_run(figures: list[str]) -> None:
    """Memory and open files flat by a fitted line, exact books at every scrape, equal bytes in every stream."""
    truth, spans, resting = Truth(), 0, []
    with SimulatorProcess(pace=1.0) as simulator, OtlpReceiver() as receiver:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        config = {"usage.remembered_interactions": REMEMBERED}
        with GatewayProcess(simulator.url, WORKERS, env=env, config=config) as gateway:
            pids = {"supervisor": gateway.pids.supervisor, "observer": gateway.pids.observer}
            pids |= {f"forwarder {number}": pid for number, pid in enumerate(gateway.pids.forwarders)}
            load = Load(gateway.url, CLIENTS)
            first = {name: holding(pid).files for name, pid in pids.items()}
            began_s = time.monotonic()
            with Scraper(gateway) as scraper, Watch(pids, every_s=1.0) as watch:
                while time.monotonic() - began_s < SOAK_S:
                    seen = await load.lap(LAP_S)
                    truth.take(await asyncio.to_thread(at_rest, simulator), seen)
                    await asyncio.to_thread(gateway.settled, truth.streams, SETTLE_S)
                    forget_ledger(simulator)
                    resting.append({name: holding(pid) for name, pid in pids.items()})
                    spans += len(receiver.spans)
                    receiver.clear()
            ended_s = time.monotonic()
            last = await asyncio.to_thread(exported, gateway)
            spans += len(receiver.spans)
            left = await asyncio.to_thread(files_left, pids, first)
            assert sorted(gateway.children()) == sorted(set(pids.values()) - {gateway.pids.supervisor})

    measured_s = ended_s - began_s - WARM_UP_RATIO * (ended_s - began_s)
    from_s = ended_s - measured_s
    grown = {name: growth(samples, from_s, measured_s) for name, samples in watch.samples.items()}
    figures += [
        f"soak of {ended_s - began_s:.0f} s: {truth.streams} streams, {truth.body_bytes / MIB:.0f} MiB,"
        f" {sum(scraper.active) / len(scraper.active):.0f} open on average, {max(scraper.active):.0f} at most,"
        f" {scraper.scrapes} scrapes (slowest {scraper.slowest_s:.2f} s), {spans} spans",
        f"  {truth.outcomes.total()} bodies equal by hash, outcomes {dict(truth.outcomes)}",
        f"  open files when idle again, beyond those before the first stream: {left}",
        *(line(name, watch.samples[name], grown[name], [each[name] for each in resting]) for name in pids),
    ]

    assert truth.differing == []
    assert scraper.problems == []
    assert max(scraper.active) >= CLIENTS * 0.9
    assert Counter(outcomes(last)) == truth.outcomes
    assert total(last, "tokens_total", basis="final", via="create") == truth.tokens
    assert total(last, "spans_total") == total(last, "spans_total", result="exported") == spans
    assert {name: grew.rss_bytes for name, grew in grown.items() if grew.rss_bytes > GROWTH_MAX_BYTES} == {}
    assert {name: grew.files for name, grew in grown.items() if grew.files > FILES_GROWTH_MAX} == {}
    assert {name: more for name, more in left.items() if more > FILES_LEFT_MAX} == {}


def exported(gateway: GatewayProcess) -> dict[Sample, float]:
    """The last scrape, once no span waits any more."""
    deadline_s = time.monotonic() + SETTLE_S
    before = -1.0
    while True:
        samples = read(gateway.metrics_text())
        now = total(samples, "spans_total")
        if now == before or time.monotonic() > deadline_s:
            return samples
        before = now
        time.sleep(2.5)  # longer than the exporter gathers


def files_left(pids: Mapping[str, int], first: Mapping[str, int]) -> dict[str, int]:
    """How many more open files each process has than at first, once that is few or the wait is over."""
    deadline_s = time.monotonic() + IDLE_S
    while True:
        left = {name: holding(pid).files - first[name] for name, pid in pids.items()}
        if max(left.values()) <= FILES_LEFT_MAX or time.monotonic() > deadline_s:
            return left
        time.sleep(0.5)


def outcomes(samples: Mapping[Sample, float]) -> dict[str, int]:
    """requests_total by outcome."""
    found: Counter[str] = Counter()
    for (name, labels), value in samples.items():
        if name == "requests_total" and value:
            found[dict(labels)["outcome"]] += int(value)
    return found


@dataclass(frozen=True, slots=True)
class Growth:
    """What the fitted line says that a process gained over the measured time."""

    rss_bytes: float
    files: float


def growth(samples: Sequence[Holding], from_s: float, measured_s: float) -> Growth:
    """By least squares over the samples since then."""
    counted = [sample for sample in samples if sample.t_s >= from_s]
    return Growth(
        slope([(sample.t_s, sample.rss_bytes) for sample in counted]) * measured_s,
        slope([(sample.t_s, sample.files) for sample in counted]) * measured_s,
    )


def line(name: str, samples: Sequence[Holding], grew: Growth, resting: Sequence[Holding]) -> str:
    """A process in the figures."""
    rss = [sample.rss_bytes / MIB for sample in samples]
    files = [sample.files for sample in samples]
    return (
        f"  {name}: {grew.rss_bytes / MIB:+.2f} MiB and {grew.files:+.1f} files by the fitted line after the warm-up;"
        f" RSS {min(rss):.1f} to {max(rss):.1f} MiB, at rest {resting[0].rss_bytes / MIB:.1f} after the first lap and"
        f" {resting[-1].rss_bytes / MIB:.1f} after the last; files {min(files)} to {max(files)}, at rest"
        f" {resting[0].files} and {resting[-1].files}"
    )
