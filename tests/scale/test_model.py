"""The model's arithmetic, by figures that a head can follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.scale.__main__ import main
from tests.scale.figures import Figures, limits
from tests.scale.model import Load, Pod, memory_limit_mib, observer_us, plan, strains

ROUND = Figures(
    event_us=10,
    exchange_us=1000,
    connection_us=9000,
    observer_us=1000,
    observer_sampled_us=100,
    rest_us_per_s=0,
    stream_kib=90,
    observer_stream_kib=10,
    forwarder_kib=30 * 1024,
    pod_kib=80 * 1024,
    series_rest=1000,
    series_model=200,
    series_worker=10,
    series_team=100,
    scrape_bytes_series=100,
    spans=5,
    span_bytes=500,
    log_bytes=1000,
    record_bytes=4096,
    ready_s=1,
)
LOAD = Load(streams=10_000, events_per_s=10, mean_s=100, models=5)
POD = Pod(target_core=0.5, target_streams=5000)


def test_a_size_is_worked_out() -> None:
    """100 exchanges a second; 1 core for events, 0.1 for exchanges, 0.1 for the observers."""
    found = plan(LOAD, POD, ROUND, limits())

    assert found.rate == 100
    assert (round(found.forward_cores, 6), found.observe_cores) == (1.1, 0.1)
    assert (found.pods_for_cpu, found.pods_for_streams, found.pods_for_observer) == (3, 2, 1)
    assert (found.pods, found.decided_by, found.nodes) == (3, "CPU", 2)
    assert found.pod_mib == pytest.approx(80 + 10_000 / 3 * 100 / 1024)
    assert (found.series_pod, found.series, found.samples) == (2000, 6000, 200)
    assert (found.spans, found.trace_gb_day, found.log_gb_day) == (500, 21.6, 8.64)
    assert found.prometheus_gb_day == pytest.approx(200 * 2 * 86_400 / 1e9)
    assert found.collector_cores == 500 / 15_000
    assert found.conntrack_node == 10_000
    assert found.stall_s == pytest.approx(8 * 1024 * 1024 / (100 / 3 * 4096))


def test_few_streams_a_second_need_new_connections() -> None:
    """None of a forwarder's ended within the 30 seconds for which a connection is kept: each exchange pays for one."""
    rare = replace(LOAD, streams=1, mean_s=1000)

    assert plan(rare, POD, ROUND, limits()).forward_cores == pytest.approx((10 * 10 + 0.001 * 10_000) / 1e6, rel=0.01)


@pytest.mark.parametrize(
    ("load", "pod", "decided_by", "pods"),
    [
        (replace(LOAD, streams=1), POD, "availability", 2),
        (replace(LOAD, events_per_s=0.1), POD, "open streams", 2),
        (
            replace(LOAD, events_per_s=0, mean_s=5, streams=35_000),
            replace(POD, workers=64, node_cores=96),
            "the observer",
            10,
        ),
    ],
)
def test_what_decides_the_number_of_pods_is_told(load: Load, pod: Pod, decided_by: str, pods: int) -> None:
    found = plan(load, pod, replace(ROUND, exchange_us=0), limits())

    assert (found.pods, found.decided_by) == (pods, decided_by)


def test_series_stop_at_the_limit_of_a_pod() -> None:
    assert plan(replace(LOAD, teams=100), POD, ROUND, limits()).series_pod == 10_000


def test_sampling_costs_the_observer_less() -> None:
    assert [round(observer_us(ROUND, ratio), 6) for ratio in (1.0, 0.1, 0.0)] == [1000, 100, 0]


def test_a_pod_full_of_streams_sets_the_memory_limit() -> None:
    assert memory_limit_mib(POD, ROUND) == pytest.approx(80 + 10_000 * 100 / 1024 + 8)


def test_the_most_strained_thing_comes_first() -> None:
    found = strains(LOAD, POD, plan(LOAD, POD, ROUND, limits()), limits())

    assert [(one.what, round(one.units, 3)) for one in found[:3]] == [
        ("one forwarder's core", 1.1),
        ("one forwarder's `max_open_exchanges`", 1.0),
        ("one outgoing address's ports to the API", 0.155),
    ]
    assert [one.units for one in found] == sorted((one.units for one in found), reverse=True)


def test_every_limit_names_its_page() -> None:
    assert {name for name, limit in limits().items() if not limit.source.startswith("https://")} == set()


def test_the_command_plans(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--streams", "100", "--events-per-s", "20", "--mean-s", "30"])

    assert "2, availability" in capsys.readouterr().out
