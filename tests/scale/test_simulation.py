"""The simulated hours: every stream is accounted for, pods come, drain and go as in Kubernetes, load is as modelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.scale import hpa
from tests.scale.cases import case
from tests.scale.defaults import DEFAULTS
from tests.scale.figures import Figures
from tests.scale.simulation import Deployment, Outcome, Simulation
from tests.scale.workload import MIX, Burst, Floats, Kind, day, events_per_s, mean_s

FIGURES = Figures.read()
SHORT = Kind("short", 1.0, 20.0, (20.0, 40.0), (0.0, 1.0))
LONG = Kind("long", 1.0, 0.0, (1799.0, 1801.0), (0.0, 1.0))
FIXED = Deployment(hpa.Settings((1.0,), 2, 2))


def steady(*rates: float) -> Callable[[int], Floats]:
    """So many arrivals a second of each kind, always."""
    return lambda _: np.array(rates)


def accounted(out: Outcome) -> bool:
    return int(out.came.sum()) == out.refused + int((out.ended + out.cut + out.open).sum())


def test_every_stream_is_accounted_for_and_a_seed_gives_one_course() -> None:
    """With bursts, a rollout and a drain that cuts."""
    deployment = replace(DEFAULTS.deployment(), grace_s=30, rollouts_s=(900,), max_open=700)
    arrivals = day(MIX, 5000, 1800, bursts=(Burst(600, 300, 2.0),))
    one, again, other = (Simulation(FIGURES, MIX, arrivals, deployment, seed).run(1800) for seed in (1, 1, 2))

    assert accounted(one)
    assert min(one.refused, one.cut.sum(), one.ended.sum(), one.open.sum()) > 0
    assert one.history == again.history
    assert one.history != other.history


def test_open_streams_and_cpu_are_what_the_model_says() -> None:
    """Little's law, and the same costs: 2,000 streams of 30 s on average."""
    rate = 2000 / 30.5  # lives are whole seconds, rounded up
    out = Simulation(FIGURES, (SHORT,), steady(rate), FIXED).run(1200)
    cores = [used for t_s, _, _, used in out.history if t_s >= 120]
    modelled = 2000 * 20 * FIGURES.event_us + rate * (FIGURES.exchange_us + FIGURES.observer_us)
    rest = 2 * FIGURES.rest_us_per_s

    assert np.mean([streams for t_s, _, streams, _ in out.history if t_s >= 120]) == pytest.approx(2000, rel=0.02)
    assert np.mean(cores) == pytest.approx((modelled + rest) / 1e6, rel=0.05)


def test_what_a_core_cannot_do_is_late_and_told_so() -> None:
    """One forwarder with twice its capacity of events falls a second behind each second, until streams end."""
    streams = 2e6 / (20 * FIGURES.event_us)
    out = Simulation(
        FIGURES, (SHORT,), steady(streams / 30.5), replace(FIXED, autoscaler=hpa.Settings((9,), 1, 1))
    ).run(200)

    assert out.late > 0.5
    assert out.worst_s > 30


def test_a_full_forwarder_refuses() -> None:
    out = Simulation(FIGURES, (LONG,), steady(1.0), replace(FIXED, max_open=50)).run(600)

    assert int(out.open.sum()) == 100
    assert accounted(out)
    assert out.refused == int(out.came.sum()) - 100


def test_a_deleted_pod_takes_nothing_new_and_ends_with_its_last_stream() -> None:
    """A rollout at 600 s of pods with streams of half an hour: with an hour's grace nothing is cut, and old pods go."""
    out = Simulation(FIGURES, (LONG,), steady(0.5), replace(FIXED, rollouts_s=(600,))).run(600 + 1801 + 60)

    assert int(out.cut.sum()) == 0
    assert out.drain_hours == pytest.approx(2 * 1800 / 3600, rel=0.05)


def test_what_outlasts_the_grace_is_cut() -> None:
    out = Simulation(FIGURES, (LONG,), steady(0.5), replace(FIXED, rollouts_s=(600,), grace_s=60)).run(900)

    assert int(out.cut.sum()) == pytest.approx(0.5 * 610, rel=0.2)
    assert accounted(out)


def test_too_many_pods_lose_their_newest() -> None:
    """A burst brings pods; when it is over they are the ones that go, and the first keep their long streams."""
    settings = hpa.Settings((0.3,), 2, 50, down=hpa.Rules(60, hpa.DOWN.policies))
    arrivals = day((SHORT,), 2000, 10**6, low=1, bursts=(Burst(300, 300, 4.0),))
    simulation = Simulation(FIGURES, (SHORT,), arrivals, Deployment(settings))
    out = simulation.run(1200)
    before, most, after = out.history[4][1], out.most_pods, out.history[-1][1]

    assert most > 2 * before
    assert after == before
    assert max(pod.ready_s for pod in simulation._pods if pod) < 300


def test_the_autoscaler_settles_where_the_model_says() -> None:
    """The mix, until its agents are there: as many pods as the model plans, and one for what chance adds."""
    planned = case(10_000).plan(FIGURES)
    rates = 10_000 / mean_s(MIX) * np.array([kind.share for kind in MIX])
    out = Simulation(FIGURES, MIX, steady(*rates), DEFAULTS.deployment()).run(3900)
    _, pods, streams, _ = out.history[-1]

    assert streams == pytest.approx(10_000, rel=0.05)
    assert events_per_s(MIX) * 10_000 * FIGURES.event_us / 1e6 < planned.forward_cores
    assert planned.pods - 1 <= pods <= planned.pods + 1


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_million_streams_need_what_the_model_says() -> None:
    one = case(1_000_000, workers=4, keep_ratio=1.0, least=3)
    planned = one.plan(FIGURES)
    rates = 1_000_000 / mean_s(MIX) * np.array([kind.share for kind in MIX])
    deployment = replace(DEFAULTS.deployment(), workers=4)
    out = Simulation(FIGURES, MIX, steady(*rates), deployment).run(3900)
    _, pods, streams, cores = out.history[-1]

    assert streams == pytest.approx(1_000_000, rel=0.05)
    assert cores == pytest.approx(planned.forward_cores + planned.observe_cores, rel=0.05)
    assert pods == pytest.approx(planned.pods, rel=0.15)
