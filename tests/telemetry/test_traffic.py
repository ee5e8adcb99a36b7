"""What passes, when it counts and as what: bytes, refusals, clients that left, the time that the gateway added."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.outcome import Body, End, Outcome
from tests.telemetry.factories import MS, Bench, create, opened, poll

US = 1_000
ZEROS = {
    "stream_bytes_total": ("direction", {"up", "down"}),
    "client_disconnects_total": ("phase", {"before_first_delta", "streaming", "after_terminal"}),
    "rejected_total": (
        "reason",
        {"header_size", "url_length", "body_size", "slow_header", "max_streams", "bad_request", "draining"},
    ),
}


def test_closed_label_values_stand_at_zero_from_the_start(bench: Bench) -> None:
    """The first increment is seen as one."""
    families = bench.families()
    for name, (label, values) in ZEROS.items():
        samples = families["interactions_gateway_" + name.removesuffix("_total")].samples

        assert {sample.labels[label] for sample in samples} == values
        assert {sample.value for sample in samples} == {0.0}


def test_bytes_count_when_the_exchange_closes(bench: Bench) -> None:
    bench.apply(opened())
    assert bench.samples("stream_bytes_total") == {}
    bench.apply(create(bytes_up=10, bytes_down=2_000), poll(bytes_down=300))

    assert bench.value("stream_bytes_total", direction="up") == 10
    assert bench.value("stream_bytes_total", direction="down") == 2_300


DEPARTURES = [
    pytest.param({}, None, id="a client that stays"),
    pytest.param({"end": End.LEFT}, "before_first_delta", id="before anything came"),
    pytest.param({"end": End.LEFT, "stream_deltas": 1}, "streaming", id="within the deltas"),
    pytest.param({"end": End.LEFT, "stream_deltas": 1, "stream_terminal_ns": 9}, "after_terminal", id="after the end"),
    pytest.param({"end": End.LEFT, "done_seen": True}, "after_terminal", id="at the sentinel"),
    pytest.param({"end": End.LEFT, "http_status": 500}, "before_first_delta", id="of an error"),
    pytest.param({"end": End.NO_HEAD, "outcome": Outcome.CLIENT_ABORT}, "before_first_delta", id="before a head came"),
    pytest.param({"end": End.NO_HEAD, "outcome": Outcome.UPSTREAM_ABORT}, None, id="the upstream left"),
    pytest.param(
        {"end": End.CUT, "stream_deltas": 1, "outcome": Outcome.UPSTREAM_ABORT}, None, id="the upstream broke"
    ),
]


@pytest.mark.parametrize(("fields", "phase"), DEPARTURES)
def test_when_a_client_left(bench: Bench, fields: dict[str, Any], phase: str | None) -> None:
    """Also where the outcome is another word: SDKs close at the sentinel."""
    bench.apply(create(**fields))

    found = {dict(labels)["phase"]: value for labels, value in bench.samples("client_disconnects_total").items()}
    assert found == ({} if phase is None else {phase: 1})


REFUSALS = [
    pytest.param("body_too_large", "body_size", id="the code is another word"),
    pytest.param("draining", "draining", id="it is the same"),
    pytest.param("max_streams", "max_streams", id="too many"),
    pytest.param("new_limit", "other", id="a code that the list lacks"),
]


@pytest.mark.parametrize(("code", "reason"), REFUSALS)
def test_refusals_count_by_their_reason(bench: Bench, code: str, reason: str) -> None:
    bench.apply(create(Outcome.REJECTED, code=code), create(Outcome.GATEWAY_ERROR, code=code))

    assert {dict(labels)["reason"]: value for labels, value in bench.samples("rejected_total").items()} == {reason: 1}
    assert bench.value("label_overflow_total", label="reason") == (reason == "other")


ADDED = [
    pytest.param(
        {"times_upstream_start_ns": 30 * US, "times_connected_ns": 31 * US, "times_sent_ns": 80 * US},
        79 * US,
        id="a connection was there",
    ),
    pytest.param(
        {"times_upstream_start_ns": 30 * US, "times_connected_ns": 90 * MS, "times_sent_ns": 90 * MS + 40 * US},
        70 * US,
        id="the wait for a connection is the upstream's",
    ),
    pytest.param({"times_upstream_start_ns": 30 * US}, None, id="none came"),
    pytest.param({"times_upstream_start_ns": None}, None, id="the upstream was never asked"),
]


@pytest.mark.parametrize(("times", "added_ns"), ADDED)
def test_what_the_gateway_added_to_a_request(bench: Bench, times: dict[str, Any], added_ns: int | None) -> None:
    bench.apply(create(**times))

    assert bench.value("added_latency_seconds_count", path="request") == (added_ns is not None)
    assert bench.value("added_latency_seconds_sum", path="request") == pytest.approx((added_ns or 0) / 1e9)


def test_what_it_added_to_the_first_bytes_of_the_response(bench: Bench) -> None:
    """Only of responses that had any; their bucket is one of microseconds."""
    bench.apply(create(times_first_event_delay_ns=120 * US), create(body=Body.OTHER))

    assert bench.value("added_latency_seconds_count", path="first_event") == 1
    assert bench.value("added_latency_seconds_bucket", path="first_event", le="0.0001") == 0
    assert bench.value("added_latency_seconds_bucket", path="first_event", le="0.00025") == 1
