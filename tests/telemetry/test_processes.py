"""What processes tell of themselves, as metrics: added once, whatever becomes of connections and observers."""

from __future__ import annotations

from gateway.records import Heartbeat
from gateway.tally import Tally
from tests.telemetry.factories import MS, Bench, S, hello, opened


def beat(*lates_ns: int) -> Heartbeat:
    """A heartbeat of a forwarder whose loop has woken so late since its start."""
    tally = Tally()
    for late_ns in lates_ns:
        tally.late.note(late_ns)
    return Heartbeat(tally=tally.row())


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


def test_what_a_forwarder_counts_is_told_by_what_it_is(bench: Bench) -> None:
    """Each count under its own name and label, as it has grown; the tap's time by worker."""
    tally = Tally()
    for number, result in enumerate(tally.connects, start=2):
        tally.connects[result] = number
    tally.tap_ns, tally.handshakes_full, tally.handshakes_resumed = 1_500 * MS, 7, 11
    bench.apply(Heartbeat(tally=tally.row()))
    tally.connects["tls_error"] += 10
    tally.tap_ns += 500 * MS
    bench.apply(Heartbeat(tally=tally.row()))
    other = bench.telemetry.connected(hello(worker=1, pid=101))
    bench.telemetry.apply(other, Heartbeat(tally=tally.row()))

    connects = {dict(labels)["result"]: value for labels, value in bench.samples("upstream_connects_total").items()}
    assert connects == {"ok": 4, "dns_error": 6, "connect_error": 8, "connect_timeout": 10, "tls_error": 32}
    assert bench.value("upstream_tls_handshakes_total", resumed="false") == 14
    assert bench.value("upstream_tls_handshakes_total", resumed="true") == 22
    assert bench.value("tap_seconds_total", worker="0") == bench.value("tap_seconds_total", worker="1") == 2.0


def test_what_is_so_now_is_that_of_the_last_heartbeats(bench: Bench) -> None:
    """Sizes and connections add up over the forwarders, of ages the oldest counts; who is gone has none."""
    new = bench.telemetry.connected(hello(pid=101))
    other = bench.telemetry.connected(hello(worker=1, pid=102))
    bench.apply(Heartbeat(queue_bytes=9_999))
    bench.apply(Heartbeat(0, 0, {}, 3 * S, 100, 250 * MS, 4, 2))
    bench.telemetry.apply(new, Heartbeat(0, 0, {}, None, 20, 500 * MS, 1, 0))
    bench.telemetry.apply(other, Heartbeat(0, 0, {}, 2 * S, 0, 0, 0, 7))

    assert bench.value("record_queue_bytes", worker="0") == 120
    assert bench.value("record_lag_seconds", worker="0") == 0.5
    assert len(bench.families()["interactions_gateway_record_queue_bytes"].samples) == 2
    assert bench.value("oldest_silence_seconds") == 3
    assert bench.value("upstream_connections", state="active") == 5
    assert bench.value("upstream_connections", state="idle") == 9

    bench.telemetry.disconnected(bench.session)
    bench.telemetry.disconnected(new)

    assert bench.value("oldest_silence_seconds") == 2
    assert bench.value("upstream_connections", state="active") == 0
    assert bench.samples("record_queue_bytes") == {}


def test_restarts_are_what_the_supervisor_last_said(bench: Bench) -> None:
    """Whatever else it may come to count."""
    bench.telemetry.processes.restarted({"observer": 1, "forwarder": 0})
    bench.telemetry.processes.restarted({"observer": 1, "forwarder": 3, "moon": 2})

    assert bench.value("process_restarts_total", process="observer") == 1
    assert bench.value("process_restarts_total", process="forwarder") == 3
    assert len(bench.samples("process_restarts_total")) == 2


def test_a_scrape_says_how_many_series_it_has(bench: Bench) -> None:
    """In both formats, itself included."""
    bench.apply(opened("a"), Heartbeat(queue_bytes=1))
    for accept in ("application/openmetrics-text", "text/plain"):
        text = bench.telemetry.render(accept)[0].decode()
        samples = [line for line in text.splitlines() if not line.startswith("#")]

        assert f"interactions_gateway_series {len(samples)}\n" in text
        assert text.count("# TYPE interactions_gateway_series gauge\n") == 1


def test_the_observer_counts_its_own(bench: Bench) -> None:
    bench.telemetry.processes.observer_late(2 * MS)

    assert lag(bench, "observer") == (1, 0.002)
    assert lag(bench, "forwarder") == (0, 0)
