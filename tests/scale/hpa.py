"""The horizontal pod autoscaler's arithmetic: what the pods show now, to how many there should be.

Not here: pods, time's course (simulation.py).
Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ ("Algorithm details", "Configurable
scaling behavior"), and where the page is short, the controller's replica_calculator.go and horizontal.go.
Promise: no clock and no chance; the same calls give the same counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

SYNC_S: Final = 15  # --horizontal-pod-autoscaler-sync-period
TOLERANCE: Final = 0.1  # --horizontal-pod-autoscaler-tolerance


@dataclass(frozen=True, slots=True)
class Policy:
    """At most so many pods, or percent of those there were, in a period."""

    kind: Literal["Percent", "Pods"]
    value: int
    period_s: int


@dataclass(frozen=True, slots=True)
class Rules:
    """One direction of `behavior`; of several policies the one that allows most counts (selectPolicy: Max)."""

    window_s: int
    policies: tuple[Policy, ...]


UP: Final = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))  # what Kubernetes does unasked
DOWN: Final = Rules(300, (Policy("Percent", 100, 15),))


@dataclass(frozen=True, slots=True)
class Settings:
    """The autoscaler's object. targets: one a metric, for the mean over pods, in the metric's own unit."""

    targets: tuple[float, ...]
    least: int
    most: int
    up: Rules = UP
    down: Rules = DOWN


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod that isn't being deleted. value: None where it isn't ready, or its metric is older than its readiness."""

    value: float | None


def wanted(pods: Sequence[PodSeen], current: int, target: float) -> int:
    """The count by the metric alone, before windows, policies and limits."""
    ready = [pod.value for pod in pods if pod.value is not None]
    unready = len(pods) - len(ready)
    if not ready:
        return current
    ratio = sum(ready) / len(ready) / target
    if not (unready and ratio > 1):
        return current if abs(1 - ratio) <= TOLERANCE else math.ceil(ratio * len(ready))
    damped = sum(ready) / len(pods) / target  # those that aren't ready are taken to use nothing
    if abs(1 - damped) <= TOLERANCE or damped < 1:
        return current
    return max(current, math.ceil(damped * len(pods)))


class Autoscaler:
    """One object's memory: recommendations within the windows, changes within the policies' periods."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._said: list[tuple[float, int]] = []
        self._changed: list[tuple[float, int]] = []

    def decide(self, now_s: float, metrics: Sequence[Sequence[PodSeen]], current: int) -> int:
        """The count to set; to be called each SYNC_S, `current` being what was set last. Of several metrics the highest
        count is wanted.
        """
        settings = self._settings
        said = max(wanted(pods, current, target) for pods, target in zip(metrics, settings.targets, strict=True))
        self._said = [
            (at_s, count)
            for at_s, count in self._said
            if at_s > now_s - max(settings.up.window_s, settings.down.window_s)
        ]
        self._said.append((now_s, said))
        lowest_up = min([said, *(count for at_s, count in self._said if at_s > now_s - settings.up.window_s)])
        highest_down = max([said, *(count for at_s, count in self._said if at_s > now_s - settings.down.window_s)])
        steady = min(max(current, lowest_up), highest_down)
        count = self._limited(now_s, current, steady)
        if count != current:
            self._changed.append((now_s, count - current))
        return count

    def _limited(self, now_s: float, current: int, steady: int) -> int:
        settings = self._settings
        if steady > current:
            allowed = max(self._allowed_up(now_s, current, policy) for policy in settings.up.policies)
            return min(steady, max(allowed, current), settings.most)
        if steady < current:
            allowed = min(self._allowed_down(now_s, current, policy) for policy in settings.down.policies)
            return max(steady, min(allowed, current), settings.least)
        return min(max(current, settings.least), settings.most)

    def _before(self, now_s: float, current: int, period_s: int) -> int:
        """How many there were when the period began."""
        return current - sum(by for at_s, by in self._changed if at_s > now_s - period_s)

    def _allowed_up(self, now_s: float, current: int, policy: Policy) -> int:
        before = self._before(now_s, current, policy.period_s)
        return before + policy.value if policy.kind == "Pods" else math.ceil(before * (1 + policy.value / 100))

    def _allowed_down(self, now_s: float, current: int, policy: Policy) -> int:
        before = self._before(now_s, current, policy.period_s)
        return before - policy.value if policy.kind == "Pods" else math.floor(before * (1 - policy.value / 100))
