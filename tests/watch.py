"""What processes hold while something goes on: resident memory and open files, sampled from /proc.

Not here: bounds. Promise: a process that has gone is told by its absence from the later samples, nothing raises.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

PAGE_BYTES: Final = os.sysconf("SC_PAGESIZE")
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Holding:
    """What one process held at a time (s, monotonic)."""

    t_s: float
    rss_bytes: int
    files: int


def holding(pid: int) -> Holding:
    """What it holds now. Raises OSError when it is not there."""
    statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return Holding(
        time.monotonic(), int(statm.split()[1]) * PAGE_BYTES, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    )


class Watch:
    """Samples named processes until the context is left."""

    def __init__(self, pids: Mapping[str, int], every_s: float) -> None:
        self._pids, self._every_s = pids, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: dict[str, list[Holding]] = {name: [] for name in pids}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            for name, pid in self._pids.items():
                try:
                    self.samples[name].append(holding(pid))
                except OSError:
                    continue

    def peak_bytes(self, name: str) -> int:
        """The largest resident memory seen."""
        return max(sample.rss_bytes for sample in self.samples[name])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the least-squares line through points, at least two of different x."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
