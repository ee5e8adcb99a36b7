"""A long run: many paced streams with images among them through the gateway; memory, stalls, bytes, lateness.

Not here: books and traces under load (tests/soak). The lateness of the forwarder's loop is seen from outside: the
latency of a delta, which also has the upstream's write and the client's read in it, as the direct streams have alone.
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

from tests.bench.distribution import Distribution
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
LAG_RATIO_MAX: Final = 1.5


@dataclass(slots=True)
class Soaked:
    """What a soak saw. samples: (s, bytes by role)."""

    seconds: float
    text: Seen
    images: Seen
    direct: Seen
    control: Distribution
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
    seconds = minutes * 60
    images = max(1, round(streams * IMAGE_SHARE))
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder)) as where,
        TARGETS[target].start(where, tls) as started,
        ThreadPoolExecutor(4) as pool,
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
        samples: list[tuple[float, dict[str, int]]] = []
        began_s, pause = time.monotonic(), threading.Event()
        while not all(run.done() for run in runs):
            pause.wait(SAMPLE_EVERY_S)
            samples.append((time.monotonic() - began_s, memory_by_role(started.pids)))
        text, pictures, direct = (run.result().seen["load"] for run in runs)
        return Soaked(seconds, text, pictures, direct, control.result(), samples)


def _control(seconds: float) -> Distribution:
    with running([sys.executable, "-m", "tests.bench.control", str(seconds)], reads=True) as process:
        assert process.stdout is not None
        return Distribution.from_json(json.loads(process.stdout.readline()))


def table(soaked: Soaked) -> str:
    """The verdicts as Markdown."""
    text, images, direct, control = soaked.text, soaked.images, soaked.direct, soaked.control
    wrong = text.wrong + images.wrong
    late_ms = text.delta.ms(0.999)
    lag, to_direct = late_ms / control.ms(0.999), late_ms / direct.delta.ms(0.999)
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
            "lateness, p99.9",
            f"delta {late_ms:.2f} ms, directly {direct.delta.ms(0.999):.2f} ms (x{to_direct:.2f}),"
            f" idle control loop {control.ms(0.999):.2f} ms (x{lag:.2f})",
            f"at most x{LAG_RATIO_MAX} of the control loop",
            lag <= LAG_RATIO_MAX,
        ),
    ]
    lines = ["| what | seen | asked | verdict |", "|---|---|---|---|"]
    lines += [f"| {what} | {seen} | {asked} | {'kept' if good else 'missed'} |" for what, seen, asked, good in rows]
    lines += ["", *(f"- wrong: {fault}" for fault in [*text.faults, *images.faults, *direct.faults])]
    lines.append(
        f"Deltas: p50 {text.delta.ms(0.5):.2f}, p99 {text.delta.ms(0.99):.2f}, max {text.delta.ms(1):.1f} ms of"
        f" {text.delta.count}; directly p50 {direct.delta.ms(0.5):.2f}, p99 {direct.delta.ms(0.99):.2f},"
        f" max {direct.delta.ms(1):.1f} ms; control p50 {control.ms(0.5):.2f}, max {control.ms(1):.1f} ms."
    )
    if soaked.samples and "observer" in soaked.samples[0][1]:
        lines.append(f"Observer's memory: {soaked.slope_mib_an_hour('observer'):+.2f} MiB an hour.")
    return "\n".join(lines)
