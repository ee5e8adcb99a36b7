"""How long the tap holds the loop at once: thread CPU time of every call, by class of input, as a table.

Use: `python -m tests.wire.slices [scale]`. Not here: the inputs (corpus.py), what a call costs on average.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.proxy.tap import Tap
from gateway.wire.outcome import End, Route
from tests.wire.corpus import CLASSES, Input

CHUNK_BYTES = 256 * 1024  # the most that one read of a socket gives
STALL_NS = 30_000_000_000


@dataclass(slots=True)
class Slices:
    """The times of all calls for one class of input, in us of CPU time of the thread."""

    times_us: list[float] = field(default_factory=list)

    @property
    def max_us(self) -> float:
        """The longest."""
        return max(self.times_us)

    def at_us(self, share: float) -> float:
        """What that share of the calls did not exceed."""
        return sorted(self.times_us)[int(share * (len(self.times_us) - 1))]


def measure(inputs: Iterable[Input]) -> Slices:
    """Each input through a tap, as an owner calls it that goes on until nothing waits."""
    slices = Slices()
    gc.collect()
    gc.freeze()  # the collector's rounds over what was there before are not the tap's
    try:
        for given in inputs:
            _measure_one(given, slices.times_us)
    finally:
        gc.unfreeze()
    return slices


def _measure_one(given: Input, times_us: list[float]) -> None:
    tap = Tap(Route.CREATE, given.status, given.body, given.coding, stall_ns=STALL_NS)
    for number, at in enumerate(range(0, len(given.data), CHUNK_BYTES)):
        chunk = given.data[at : at + CHUNK_BYTES]
        begun = time.thread_time()
        more = tap.feed(chunk, number)
        times_us.append((time.thread_time() - begun) * 1e6)
        while more:
            begun = time.thread_time()
            more = tap.go_on()
            times_us.append((time.thread_time() - begun) * 1e6)
    begun = time.thread_time()
    tap.finish(End.CLEAN, 1 << 40)
    times_us.append((time.thread_time() - begun) * 1e6)
    assert tap.faults == {}


def table(scale: float) -> list[str]:
    """Lines of Markdown, a class each."""
    lines = ["| input | calls | CPU time | p50 | p99.9 | max |", "|---|--:|--:|--:|--:|--:|"]
    for name, make in CLASSES.items():
        slices = measure(make(scale))
        figures = f"{slices.at_us(0.5):,.0f} us | {slices.at_us(0.999):,.0f} us | {slices.max_us:,.0f} us"
        lines.append(f"| {name} | {len(slices.times_us):,} | {sum(slices.times_us) / 1e6:.2f} s | {figures} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)))
