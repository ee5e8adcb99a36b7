"""What so many concurrent streams need: pods, nodes, memory, ports, series, spans, log; and what is full first.

Not here: the figures (figures.py), time's course (simulation.py).
Promise: pure arithmetic of its arguments. Averages only: what bursts and drains do is for simulation.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.scale.figures import Figures, Limit

US: Final = 1e6
DAY_S: Final = 86_400
PROMETHEUS_GIB: Final = 16  # a usual server, a third of it for queries
KIB: Final = 1024
QUEUE_KIB: Final = 8 * 1024  # proxy/sender.py: what a forwarder holds for an observer that doesn't take it
IDLE_S: Final = 30.0  # proxy.idle_timeout_s
FULL: Final = 0.7  # of what one unit carries, where its owner plans for another


@dataclass(frozen=True, slots=True)
class Load:
    """What comes. streams: open at once, on average. events_per_s: of an open one. mean_s: how long one lasts.

    models, teams: distinct values that become labels. keep_ratio: share of the traces that are kept.
    """

    streams: int
    events_per_s: float
    mean_s: float
    models: int = 6
    teams: int = 0
    keep_ratio: float = 1.0
    scrape_s: int = 30

    @property
    def rate(self) -> float:
        """Exchanges a second (Little's law)."""
        return self.streams / self.mean_s


@dataclass(frozen=True, slots=True)
class Pod:
    """How one is made. target_core: of a core, each forwarder on average. target_streams: each forwarder's.

    node_cores, node_gib: of the machines below; least: pods at any load.
    """

    target_core: float
    target_streams: int
    workers: int = 1
    least: int = 2
    max_open: int = 10_000
    max_series: int = 10_000
    node_cores: int = 16
    node_gib: int = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """The need. Rates are a second; *_for: pods, if that alone decided; nodes: by CPU, memory, most pods."""

    rate: float
    forward_cores: float
    observe_cores: float
    pods_for_cpu: int
    pods_for_streams: int
    pods_for_observer: int
    pods: int
    nodes: int
    pod_mib: float
    series_pod: float
    scrape_kib: float
    series: float
    samples: float
    prometheus_gib: float
    prometheus_gb_day: float
    spans: float
    trace_gb_day: float
    collector_cores: float
    log_gb_day: float
    nat_addresses: int
    conntrack_node: float
    stall_s: float

    @property
    def decided_by(self) -> str:
        """What the number of pods follows from."""
        by = {
            "availability": self.pods,
            "CPU": self.pods_for_cpu,
            "open streams": self.pods_for_streams,
            "the observer": self.pods_for_observer,
        }
        return max(("CPU", "open streams", "the observer", "availability"), key=lambda name: by[name])


def observer_us(figures: Figures, keep_ratio: float) -> float:
    """CPU of the observer an exchange: linear between a tenth of the traces kept and all."""
    slope = (figures.observer_us - figures.observer_sampled_us) / 0.9
    return figures.observer_sampled_us + (keep_ratio - 0.1) * slope


def plan(load: Load, pod: Pod, figures: Figures, limits: Mapping[str, Limit]) -> Plan:
    """Work it out. Raises ValueError where no node holds a pod."""
    rate = load.rate
    streaming_us = load.streams * load.events_per_s * figures.event_us
    forwarders = max(pod.least * pod.workers, streaming_us / US / pod.target_core)
    # a stream needs a new connection where none has ended on its forwarder for as long as one is kept
    new = math.exp(-rate / forwarders * IDLE_S)
    forward_us = streaming_us + rate * (figures.exchange_us + new * figures.connection_us)
    observe_us = rate * observer_us(figures, load.keep_ratio)
    pods_for_cpu = math.ceil((forward_us + observe_us) / US / (pod.target_core * pod.workers))
    pods_for_streams = math.ceil(load.streams / (pod.target_streams * pod.workers))
    pods_for_observer = math.ceil(observe_us / US / FULL)
    pods = max(pod.least, pods_for_cpu, pods_for_streams, pods_for_observer)
    series_pod = min(
        figures.series_rest
        + (pod.workers - 1) * figures.series_worker
        + load.models * figures.series_model
        + load.teams * load.models * figures.series_team,
        pod.max_series,
    )
    pod_mib = memory_mib(pod, figures, load.streams / pods)
    usable_cores, usable_mib = 0.9 * pod.node_cores, 0.9 * pod.node_gib * KIB
    # a pod may use a whole core for each forwarder, and does in a burst: it is given one
    a_node = min(usable_cores // pod.workers, usable_mib // pod_mib, limits["pods_per_node"].value)
    if a_node < 1:
        raise ValueError("a pod is larger than a node")
    nodes = max(math.ceil(pods / a_node), min(pods, pod.least))
    series = pods * series_pod
    spans = rate * figures.spans * load.keep_ratio
    return Plan(
        rate=rate,
        forward_cores=forward_us / US,
        observe_cores=observe_us / US,
        pods_for_cpu=pods_for_cpu,
        pods_for_streams=pods_for_streams,
        pods_for_observer=pods_for_observer,
        pods=pods,
        nodes=nodes,
        pod_mib=pod_mib,
        series_pod=series_pod,
        scrape_kib=series_pod * figures.scrape_bytes_series / KIB,
        series=series,
        samples=series / load.scrape_s,
        prometheus_gib=series * limits["prometheus_bytes_per_series"].value / KIB**3,
        prometheus_gb_day=series / load.scrape_s * limits["prometheus_bytes_per_sample"].value * DAY_S / 1e9,
        spans=spans,
        trace_gb_day=spans * figures.span_bytes * DAY_S / 1e9,
        collector_cores=spans / limits["collector_spans_per_core"].value,
        log_gb_day=rate * figures.log_bytes * DAY_S / 1e9,
        nat_addresses=math.ceil(load.streams / (FULL * limits["nat_ports_per_address"].value)),
        conntrack_node=2 * load.streams / nodes,
        stall_s=QUEUE_KIB * KIB / (rate * figures.record_bytes / (pods * pod.workers)) if rate else math.inf,
    )


def memory_mib(pod: Pod, figures: Figures, streams: float) -> float:
    """Of a pod with so many open streams."""
    rest = figures.pod_kib + (pod.workers - 1) * figures.forwarder_kib
    return (rest + streams * (figures.stream_kib + figures.observer_stream_kib)) / KIB


def memory_limit_mib(pod: Pod, figures: Figures) -> float:
    """What a pod may come to hold: every forwarder full of streams, and its queue of records too."""
    return memory_mib(pod, figures, pod.workers * pod.max_open) + pod.workers * QUEUE_KIB / KIB


@dataclass(frozen=True, slots=True)
class Strain:
    """How much of a thing's unit is needed: 1.0 is one at its limit. after: what takes over beyond the first."""

    what: str
    units: float
    after: str


def strains(load: Load, pod: Pod, found: Plan, limits: Mapping[str, Limit]) -> Sequence[Strain]:
    """Everything that has a limit, the most strained first."""
    of_cores = limits["conntrack_entries_per_core"].value * pod.node_cores
    entries = max(limits["conntrack_entries_per_node"].value, of_cores)
    trace_bytes = found.trace_gb_day * 1e9 / DAY_S
    listed = [
        Strain("one forwarder's core", found.forward_cores, "HPA on CPU: more pods"),
        Strain("one forwarder's `max_open_exchanges`", load.streams / pod.max_open, "HPA or KEDA on open streams"),
        Strain("one observer's core", found.observe_cores, "more pods; `traces.keep_ratio`"),
        Strain(
            "one outgoing address's ports to the API",
            load.streams / limits["nat_ports_per_address"].value,
            "more NAT addresses, or nodes with their own",
        ),
        Strain("one pod's ports to the API", load.streams / found.pods / limits["local_ports"].value, "more pods"),
        Strain("one node's connection table", found.conntrack_node / entries, "more nodes, `nf_conntrack_max`"),
        Strain(
            f"one Prometheus of {PROMETHEUS_GIB} GiB",
            found.prometheus_gib / (PROMETHEUS_GIB * 2 / 3),
            "remote write to Mimir, Thanos or VictoriaMetrics",
        ),
        Strain("one Collector's core", found.collector_cores, "a Collector Deployment with an HPA of its own"),
        Strain(
            "one Tempo distributor",
            trace_bytes / limits["tempo_bytes_per_distributor"].value,
            "object-store traces; `traces.keep_ratio`",
        ),
    ]
    return sorted(listed, key=lambda strain: -strain.units)
