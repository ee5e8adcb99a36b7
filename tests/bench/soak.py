"""A long run: many paced streams with images among them through the gateway; memory, stalls, bytes, lateness.

Not here: books and traces under load (tests/soak). How late the forwarder's loop woke is what the gateway says of it
(loop_lag_seconds), beside an idle loop that the same timer watches, over the same time, in the same buckets.
Promise: it ends by itself; every body is compared byte for byte.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.records import LAG_BOUNDS_NS
from tests.bench.buckets import Buckets, scrape
from tests.bench.groups import Group, Seen
from tests.bench.load import Report, Task
from tests.bench.measure import memory_by_role
from tests.bench.processes import running
from tests.bench.run import ask
from tests.bench.scenarios import IMAGE
from tests.bench.targets import INTERACTIONS, PATH_ROLE, TARGETS, site
from tests.watch import MIB, slope

SAMPLE_EVERY_S: Final = 5.0
TEXT: Final = "paced:100:150:100"  # 10 s
PICTURES: Final = f"{IMAGE}:400"
IMAGE_SHARE: Final = 0.02
DIRECT_STREAMS: Final = 10
RAMP_S: Final = 10.0
WARM_SHARE: Final = 0.2  # of the run, before memory counts: arenas, caches and connections fill
END_S: Final = 180.0

GROWTH_MAX_MIB: Final = 4.0  # by the fitted slope, over the rest of the run
LAG: Final = "interactions_gateway_loop_lag_seconds"
LAG_SHARE: Final = 0.999
LAG_RATIO_MAX: Final = 1.5


@dataclass(slots=True)
class Soaked:
    """What a soak saw. lag: of the forwarder's loop. samples: (s, bytes by role)."""

    seconds: float
    text: Seen
    images: Seen
    direct: Seen
    lag: Buckets
    control: Buckets
    samples: Sequence[tuple[float, dict[str, int]]]

    def slope_mib_an_hour(self, role: str) -> float:
        """Of the memory of that role, after the warming; 0 with too few samples to say."""
        points = [(t_s / 3600, by_role[role] / MIB) for t_s, by_role in self._steady()]
        return slope(points) if len(points) > 1 else 0.0

    def growth_mib(self, role: str) -> float:
        """What the slope makes of the time that it was fitted over."""
        times_s = [t_s for t_s, _ in self._steady()]
        return self.slope_mib_an_hour(role) * (times_s[-1] - times_s[0]) / 3600 if times_s else 0.0

    def _steady(self) -> list[tuple[float, dict[str, int]]]:
        return [sample for sample in self.samples if WARM_SHARE * self.seconds <= sample[0] <= self.seconds]

    def held_mib(self, role: str) -> tuple[float, float]:
        """The least and the most of it, after the warming."""
        held = [by_role[role] / MIB for _, by_role in self._steady()] or [0.0]
        return min(held), max(held)


def soak(minutes: float, streams: int, target: str = "gateway", *, tls: bool = False) -> Soaked:
    """Run it. target: of targets.py."""
    if (why := TARGETS[target].missing()) is not None:
        raise RuntimeError(f"{target}: {why}")
    seconds = minutes * 60
    images = max(1, round(streams * IMAGE_SHARE))
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder)) as where,
        TARGETS[target].start(where, tls) as started,
        ThreadPoolExecutor(5) as pool,
    ):

        def load(port: int, spec: str, connections: int, *, direct: bool = False) -> Future[Report]:
            path = INTERACTIONS if direct else started.path
            group = Group("load", port, spec, connections, loop=True, seconds=seconds, ramp_s=RAMP_S, path=path)
            return pool.submit(ask, Task([group]), seconds + END_S)

        # The images have a process of their own: to check one takes some ms, in which no delta would be stamped.
        runs = [
            load(started.port, TEXT, streams - images),
            load(started.port, PICTURES, images),
            load(where.plain_port, TEXT, DIRECT_STREAMS, direct=True),
        ]
        control = pool.submit(_control, seconds)
        lag = pool.submit(_lag, started.admin_url, seconds)
        samples: list[tuple[float, dict[str, int]]] = []
        began_s, pause = time.monotonic(), threading.Event()
        while not all(run.done() for run in runs):
            pause.wait(SAMPLE_EVERY_S)
            for failed in (lag, control):
                if failed.done():
                    failed.result()  # now, not after half an hour
            samples.append((time.monotonic() - began_s, memory_by_role(started.pids)))
        text, pictures, direct = (run.result().seen["load"] for run in runs)
        return Soaked(seconds, text, pictures, direct, lag.result(), control.result(), samples)


def _control(seconds: float) -> Buckets:
    with running([sys.executable, "-m", "tests.bench.control", str(seconds)], reads=True) as process:
        assert process.stdout is not None
        return _buckets(json.loads(process.stdout.readline()))


def _lag(admin_url: str | None, seconds: float) -> Buckets:
    if admin_url is None:  # another target than the gateway says nothing of its loop
        return _buckets([0] * (len(LAG_BOUNDS_NS) + 1))
    before = Buckets.scraped(scrape(admin_url), LAG, process="forwarder")
    time.sleep(seconds)
    return Buckets.scraped(scrape(admin_url), LAG, process="forwarder").since(before)


def _buckets(counts: list[int]) -> Buckets:
    return Buckets([bound_ns / 1e9 for bound_ns in LAG_BOUNDS_NS], counts)


def table(soaked: Soaked) -> str:
    """The verdicts as Markdown."""
    text, images, direct, control = soaked.text, soaked.images, soaked.direct, soaked.control
    wrong = text.wrong + images.wrong
    late_ms, idle_ms = soaked.lag.ms(LAG_SHARE), control.ms(LAG_SHARE)
    rows = [
        (
            "bytes",
            f"{text.requests} text and {images.requests} image streams compared, {wrong} wrong",
            "none wrong",
            wrong == 0 and text.requests > 0 and images.requests > 0,
        ),
        (
            "stalls (gap over 200 ms)",
            f"{text.stalls} of {text.gaps} gaps; directly {direct.stalls} of {direct.gaps}",
            "none",
            text.stalls == 0,
        ),
        (
            "forwarder's memory",
            f"{soaked.slope_mib_an_hour(PATH_ROLE):+.2f} MiB an hour, {soaked.growth_mib(PATH_ROLE):+.2f} MiB in all,"
            " held {:.1f} to {:.1f} MiB".format(*soaked.held_mib(PATH_ROLE)),
            f"under {GROWTH_MAX_MIB:+g} MiB in all",
            soaked.growth_mib(PATH_ROLE) < GROWTH_MAX_MIB,
        ),
        (
            "forwarder's loop lag, p99.9",
            f"{late_ms:.2f} ms of {soaked.lag.count} wake-ups; the idle control loop {idle_ms:.2f} ms of"
            f" {control.count} (x{late_ms / idle_ms:.2f}); both interpolated within the same buckets",
            f"at most x{LAG_RATIO_MAX} of the control loop",
            late_ms <= LAG_RATIO_MAX * idle_ms,
        ),
    ]
    lines = ["| what | seen | asked | verdict |", "|---|---|---|---|"]
    lines += [f"| {what} | {seen} | {asked} | {'kept' if good else 'missed'} |" for what, seen, asked, good in rows]
    lines += ["", *(f"- wrong: {fault}" for fault in [*text.faults, *images.faults, *direct.faults])]
    lines.append(
        f"Latency of a delta, {_of(text)}; directly {_of(direct)}. Loop lag p50 {soaked.lag.ms(0.5):.2f},"
        f" p99 {soaked.lag.ms(0.99):.2f} ms; control p50 {control.ms(0.5):.2f}, p99 {control.ms(0.99):.2f} ms."
    )
    if soaked.samples and "observer" in soaked.samples[0][1]:
        lines.append(f"Observer's memory: {soaked.slope_mib_an_hour('observer'):+.2f} MiB an hour.")
    return "\n".join(lines)


def _of(seen: Seen) -> str:
    shares = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
    return ", ".join(f"{name} {seen.delta.ms(share):.2f}" for name, share in shares) + f" ms of {seen.delta.count}"
