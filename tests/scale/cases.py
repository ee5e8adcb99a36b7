"""The three sizes that docs/scale.md works out.

Not here: the arithmetic (model.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.scale.defaults import DEFAULTS
from tests.scale.figures import Figures, limits
from tests.scale.model import Load, Plan, Pod, Strain, plan, strains
from tests.scale.workload import MIX, events_per_s, mean_s


@dataclass(frozen=True, slots=True)
class Case:
    """A load and how its pods are made."""

    load: Load
    pod: Pod

    def plan(self, figures: Figures) -> Plan:
        """Its need."""
        return plan(self.load, self.pod, figures, limits())

    def strains(self, figures: Figures) -> list[Strain]:
        """What is full, the most strained first."""
        return list(strains(self.load, self.pod, self.plan(figures), limits()))


def case(streams: int, workers: int = 1, keep_ratio: float = 1.0, least: int = DEFAULTS.least) -> Case:
    """So many streams of the assumed mix."""
    load = Load(streams, events_per_s(MIX), mean_s(MIX), keep_ratio=keep_ratio)
    return Case(load, Pod(DEFAULTS.target_core, DEFAULTS.target_streams, workers, least))


CASES: Final[Mapping[str, Case]] = {
    "100": case(100),
    "10,000": case(10_000),
    # Fewer, larger pods: each is a target to scrape, with all its series; and not every trace is worth its price.
    "1,000,000": case(1_000_000, workers=4, keep_ratio=0.01, least=3),
}
