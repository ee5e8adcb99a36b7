"""What processes tell of themselves, as metrics: added once, whatever becomes of connections and observers."""

from __future__ import annotations

from gateway.records import LAG_BOUNDS_NS, Heartbeat
from tests.telemetry.factories import MS, Bench, hello


def beat(*lates_ns: int) -> Heartbeat:
    """A heartbeat of a forwarder whose loop has woken so late since its start."""
    counts = [0] * (len(LAG_BOUNDS_NS) + 1)
    for late_ns in lates_ns:
        counts[sum(late_ns > bound_ns for bound_ns in LAG_BOUNDS_NS)] += 1
    return Heartbeat(tally=[*counts, sum(lates_ns)])


def lag(bench: Bench, process: str) -> tuple[float, float]:
    """How many wake-ups, and how late in all, s."""
    name = "loop_lag_seconds"
    return bench.value(f"{name}_count", process=process), bench.value(f"{name}_sum", process=process)


def test_both_processes_are_there_from_the_start(bench: Bench) -> None:
    families = bench.families()["interactions_gateway_loop_lag_seconds"]

    assert {sample.labels["process"] for sample in families.samples} == {"forwarder", "observer"}
    assert {sample.value for sample in families.samples} == {0.0}


def test_a_heartbeat_adds_what_came_since_the_last(bench: Bench) -> None:
    bench.apply(beat(MS), beat(MS), beat(MS, 3 * MS, 30 * MS))

    assert lag(bench, "forwarder") == (3, 0.034)
    assert bench.value("loop_lag_seconds_bucket", process="forwarder", le="0.001") == 1
    assert bench.value("loop_lag_seconds_bucket", process="forwarder", le="0.0032") == 2
    assert lag(bench, "observer") == (0, 0)


def test_a_forwarder_that_comes_back_counts_on_from_what_is_known_here(bench: Bench) -> None:
    """Its connection broke before the last batches were acknowledged: what it says of before is older than what is."""
    bench.apply(beat(MS), beat(MS, MS))
    bench.telemetry.disconnected(bench.session)
    bench.session = bench.telemetry.connected(hello(tally_before=beat(MS).tally))
    bench.apply(beat(MS, MS, MS))

    assert lag(bench, "forwarder") == (3, 0.003)


def test_a_new_observer_counts_from_what_the_earlier_one_acknowledged(bench: Bench) -> None:
    bench.session = bench.telemetry.connected(hello(pid=101, tally_before=beat(MS, MS).tally))
    bench.apply(beat(MS, MS, 5 * MS))

    assert lag(bench, "forwarder") == (1, 0.005)


def test_a_forwarder_that_takes_anothers_place_begins_at_zero(bench: Bench) -> None:
    bench.apply(beat(MS, MS))
    new = bench.telemetry.connected(hello(pid=101))
    bench.telemetry.apply(new, beat(MS))
    bench.apply(beat(MS, MS, MS))

    assert lag(bench, "forwarder") == (4, 0.004)


def test_the_observer_counts_its_own(bench: Bench) -> None:
    bench.telemetry.processes.observer_late(2 * MS)

    assert lag(bench, "observer") == (1, 0.002)
    assert lag(bench, "forwarder") == (0, 0)
