"""The settings that the chart ships, as sweep.py's rules choose them.

Not here: why (docs/scale.md), the trying (sweep.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.scale import hpa
from tests.scale.simulation import Deployment


@dataclass(frozen=True, slots=True)
class Defaults:
    """target_core: of a core; target_streams: open ones; both of a forwarder, means over the pods.

    grace_s: for open streams; termination_s: until the kubelet kills, with the observer's last words.
    """

    target_core: float
    target_streams: int
    least: int
    most: int
    up: hpa.Rules
    down: hpa.Rules
    grace_s: int
    termination_s: int
    request_core: float
    memory_limit_mib: int

    @property
    def utilization(self) -> int:
        """averageUtilization: percent of the request."""
        return round(100 * self.target_core / self.request_core)

    def deployment(self) -> Deployment:
        """For the simulation."""
        scaler = hpa.Settings((self.target_core, float(self.target_streams)), self.least, 1000, self.up, self.down)
        return Deployment(scaler, ("cpu", "streams"), grace_s=self.grace_s)


DEFAULTS: Final = Defaults(
    target_core=0.5,
    target_streams=5000,
    least=2,
    most=20,
    up=hpa.UP,
    down=hpa.Rules(1800, (hpa.Policy("Percent", 10, 60), hpa.Policy("Pods", 1, 60))),
    grace_s=3600,
    termination_s=3625,
    request_core=0.5,
    memory_limit_mib=768,
)
