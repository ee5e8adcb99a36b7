"""Hours of a deployment, second by second: streams come, stick to their pod and end; the autoscaler looks and acts.

Not here: the autoscaler's arithmetic (hpa.py), what clients do (workload.py), what a choice is judged by (sweep.py).
Source: pods that go first when there are too many: the ReplicaSet page of the Kubernetes documentation (not ready, then
the newest by the power of two of their age, then by chance). Pods that are deleted take no new stream and end with
their last one, or when the grace is over. The autoscaler doesn't see them.
Promise: every stream that came is counted as ended, cut, refused or still open. The same seed gives the same hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from tests.scale import hpa
from tests.scale.figures import Figures
from tests.scale.workload import LONGEST_S, Floats, Ints, Kind

METRICS_S: Final = 15  # metrics-server --metric-resolution; its window is as long
METRICS_AGE_S: Final = 7  # how old a reading is when the autoscaler looks, half a period
IDLE_S: Final = 30.0  # proxy.idle_timeout_s: so long an upstream connection waits for the next stream
LATE_S: Final = 0.1  # a delta that waits longer for the forwarder's turn is late
RING: Final = LONGEST_S + 1
US: Final = 1e6


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs, and by which rules. metrics: what the autoscaler's targets are of: a forwarder's cores in use, or its
    open streams.

    start_s: from the decision to the first stream: scheduling, image, start, readiness.
    rollouts_s: moments at which every pod is replaced, a quarter at a time.
    """

    autoscaler: hpa.Settings
    metrics: tuple[Literal["cpu", "streams"], ...] = ("cpu",)
    workers: int = 1
    grace_s: int = 3600
    start_s: int = 20
    max_open: int = 10_000
    rollouts_s: tuple[int, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What came of it. cut, ended: streams by kind. late: share of all deltas. pod_hours: with those that drain."""

    came: Ints
    ended: Ints
    cut: Ints
    open: Ints
    refused: int = 0
    late: float = 0.0
    worst_s: float = 0.0
    peak_core: float = 0.0
    pod_hours: float = 0.0
    drain_hours: float = 0.0
    most_pods: int = 0
    changes: int = 0
    cpu_hours: float = 0.0
    streams_mean: float = 0.0
    history: list[tuple[int, int, float, float]] = field(default_factory=list)  # s, pods, open streams, cores in use


@dataclass(slots=True)
class _Pod:
    ready_s: int
    deadline_s: int | None = None  # set: it drains
    old: bool = False


class Simulation:
    """One run."""

    def __init__(
        self,
        figures: Figures,
        kinds: Sequence[Kind],
        arrivals: Callable[[int], Floats],
        deployment: Deployment,
        seed: int = 1,
    ) -> None:
        self._figures, self._kinds, self._arrivals, self._deployment = figures, kinds, arrivals, deployment
        self._luck = np.random.default_rng(seed)
        self._events = np.array([kind.events_per_s for kind in kinds])
        self._autoscaler = hpa.Autoscaler(deployment.autoscaler)
        self._pods: list[_Pod | None] = []
        self._desired = deployment.autoscaler.least
        size = (0, deployment.workers)
        self._ends = np.zeros((*size, len(kinds), RING), np.int32)
        self._open = np.zeros((*size, len(kinds)), np.int64)
        self._behind = np.zeros(size)
        self._idle = np.zeros(size)
        self._used = np.zeros(0)
        self._seen: list[list[hpa.PodSeen]] = []
        none = np.zeros(len(kinds), np.int64)
        self._out = Outcome(none.copy(), none.copy(), none.copy(), none.copy())
        self._late = self._deltas = self._streams_s = 0.0

    def run(self, lasts_s: int) -> Outcome:
        """From second 0, when the least number of pods is ready and nothing is open."""
        for _ in range(self._desired):
            self._add(0)
        for t_s in range(lasts_s):
            self._end(t_s)
            self._serve(t_s, self._come(t_s))
            self._drain(t_s)
            self._scale(t_s)
            self._roll(t_s)
        out = self._out
        out.open = self._open.sum((0, 1))
        out.late = self._late / self._deltas if self._deltas else 0.0
        out.streams_mean = self._streams_s / lasts_s
        return out

    def _taking(self, t_s: int) -> Ints:
        """The pods that take new streams."""
        return np.array(
            [n for n, pod in enumerate(self._pods) if pod and pod.deadline_s is None and pod.ready_s <= t_s], np.int64
        )

    def _add(self, ready_s: int) -> None:
        if None in self._pods:
            self._pods[self._pods.index(None)] = _Pod(ready_s)
            return
        self._pods.append(_Pod(ready_s))
        workers, kinds = self._deployment.workers, len(self._kinds)
        self._ends = np.concatenate([self._ends, np.zeros((1, workers, kinds, RING), np.int32)])
        self._open = np.concatenate([self._open, np.zeros((1, workers, kinds), np.int64)])
        self._behind = np.concatenate([self._behind, np.zeros((1, workers))])
        self._idle = np.concatenate([self._idle, np.zeros((1, workers))])
        self._used = np.append(self._used, 0.0)

    def _end(self, t_s: int) -> None:
        """Streams whose time has come."""
        ending = self._ends[..., t_s % RING]
        self._closed = ending.sum(2)
        self._open -= ending
        self._out.ended += ending.sum((0, 1))
        self._idle += self._closed
        ending[...] = 0

    def _come(self, t_s: int) -> Floats:
        """New streams; returns the CPU in us that they cost each forwarder at once."""
        cost = np.zeros_like(self._behind)
        taking, workers = self._taking(t_s), self._deployment.workers
        arrived = np.zeros_like(self._behind, dtype=np.int64)
        for kind, (what, rate) in enumerate(zip(self._kinds, self._arrivals(t_s), strict=True)):
            count = int(self._luck.poisson(rate))
            self._out.came[kind] += count
            if not len(taking):
                self._out.refused += count
                continue
            pods = taking[self._luck.integers(len(taking), size=count)]
            forwarders = self._luck.integers(workers, size=count)
            room = self._open.sum(2)[pods, forwarders] < self._deployment.max_open
            self._out.refused += int(count - room.sum())
            pods, forwarders = pods[room], forwarders[room]
            ends = (t_s + what.draw(self._luck, len(pods))) % RING
            streams = ((pods * workers + forwarders) * len(self._kinds) + kind) * RING + ends
            np.add.at(self._ends.reshape(-1), streams, 1)
            np.add.at(arrived, (pods, forwarders), 1)
            np.add.at(self._open, (pods, forwarders, kind), 1)
        kept = np.minimum(self._idle, arrived)
        self._idle = (self._idle - kept) * (1 - 1 / IDLE_S)
        cost += arrived * self._figures.exchange_us + (arrived - kept) * self._figures.connection_us
        return cost

    def _serve(self, t_s: int, cost: Floats) -> None:
        """One second of work; what a core can't do in it is done in the next."""
        deltas = self._open @ self._events
        work = deltas * self._figures.event_us / US + cost / US + self._behind
        done = np.minimum(work, 1.0)
        self._behind = work - done
        self._late += float(deltas[self._behind > LATE_S].sum())
        self._deltas += float(deltas.sum())
        observer = np.minimum(self._closed.sum(1) * self._figures.observer_us / US, 1.0)
        there = np.array([pod is not None for pod in self._pods])
        used = done.sum(1) + observer + there * (self._figures.rest_us_per_s / US)
        self._used += used
        out, draining = self._out, sum(1 for pod in self._pods if pod and pod.deadline_s is not None)
        out.worst_s = max(out.worst_s, float(self._behind.max()))
        out.peak_core = max(out.peak_core, float(work.max()))
        out.pod_hours += there.sum() / 3600
        out.drain_hours += draining / 3600
        out.cpu_hours += float(used.sum()) / 3600
        out.most_pods = max(out.most_pods, int(there.sum()))
        self._streams_s += float(self._open.sum())
        if t_s % 60 == 0:
            out.history.append((t_s, int(there.sum()) - draining, float(self._open.sum()), float(used.sum())))

    def _drain(self, t_s: int) -> None:
        for number, pod in enumerate(self._pods):
            if pod is None or pod.deadline_s is None:
                continue
            if t_s >= pod.deadline_s:
                self._out.cut += self._open[number].sum(0)
                self._open[number] = 0
                self._ends[number] = 0
            if not self._open[number].any():
                self._behind[number] = self._idle[number] = self._used[number] = 0
                self._pods[number] = None

    def _scale(self, t_s: int) -> None:
        """The metrics are read each METRICS_S, and looked at some seconds later."""
        if t_s % METRICS_S == METRICS_S - 1:
            there = [number for number, pod in enumerate(self._pods) if pod and pod.deadline_s is None]
            self._seen = [
                [self._reading(number, t_s, metric) for number in there] for metric in self._deployment.metrics
            ]
            self._used[:] = 0
        if t_s % hpa.SYNC_S == METRICS_AGE_S and self._seen:
            desired = self._autoscaler.decide(t_s, self._seen, self._desired)
            self._out.changes += desired != self._desired
            for _ in range(desired - self._desired):
                self._add(t_s + self._deployment.start_s)
            self._let_go(t_s, self._desired - desired)
            self._desired = desired

    def _reading(self, number: int, t_s: int, metric: str) -> hpa.PodSeen:
        pod = self._pods[number]
        assert pod is not None
        if pod.ready_s > t_s - METRICS_S and pod.ready_s:
            return hpa.PodSeen(None)
        if metric == "streams":
            return hpa.PodSeen(float(self._open[number].sum()) / self._deployment.workers)
        return hpa.PodSeen(float(self._used[number]) / METRICS_S / self._deployment.workers)

    def _let_go(self, t_s: int, count: int) -> None:
        """Delete so many: not ready ones, then the newest by the power of two of their age, then by chance."""
        there = [(n, pod) for n, pod in enumerate(self._pods) if pod and pod.deadline_s is None]
        rank = {n: (-1 if pod.ready_s > t_s else int(math.log2(t_s - pod.ready_s + 1))) for n, pod in there}
        for number in sorted(rank, key=lambda n: (rank[n], self._luck.random()))[: max(count, 0)]:
            self._delete(number, t_s)

    def _delete(self, number: int, t_s: int) -> None:
        pod = self._pods[number]
        assert pod is not None
        pod.deadline_s = t_s + self._deployment.grace_s
        pod.old = False

    def _roll(self, t_s: int) -> None:
        """A rollout under way: a quarter more pods than wanted, and an old one goes for each new that is ready."""
        if t_s in self._deployment.rollouts_s:
            for pod in self._pods:
                if pod and pod.deadline_s is None:
                    pod.old = True
        there = [(n, pod) for n, pod in enumerate(self._pods) if pod and pod.deadline_s is None]
        old = [number for number, pod in there if pod.old]
        if not old:
            return
        for _ in range(min(len(old), self._desired + math.ceil(self._desired / 4) - len(there))):
            self._add(t_s + self._deployment.start_s)
        ready = sum(1 for _, pod in there if pod.ready_s <= t_s)
        for number in old[: max(0, ready - self._desired)]:
            self._delete(number, t_s)
