"""Where the time went: each border, and that the parts are the whole, whatever a record says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.records import ExchangeClosed, Times
from gateway.telemetry import names
from gateway.telemetry.phases import split
from gateway.wire.facts import Anomaly, StreamFacts
from gateway.wire.outcome import Body, Outcome, Route
from tests.telemetry.factories import MS, Bench, create, poll


def shown(record: ExchangeClosed) -> dict[str, float]:
    """The phases that took time, ms."""
    return {phase: spent_ns / MS for phase, spent_ns in split(record).items() if spent_ns}


def at(**points_ms: int | None) -> dict[str, Any]:
    """Points of an exchange, ms; those not named are not reached."""
    points: dict[str, int | None] = dict.fromkeys(
        ("request_body", "upstream_start", "connected", "head", "first_byte"), None
    )
    points |= {"end": 100, "client_blocked": 0, **points_ms}
    return {f"times_{name}_ns": None if value is None else value * MS for name, value in points.items()}


def told(**spent_ms: int) -> dict[str, Any]:
    """What the tracker told, ms, of a stream that had an event."""
    return {"stream_first_event_ns": 50 * MS, **{f"stream_{name}_ns": ms * MS for name, ms in spent_ms.items()}}


ASKED = {"request_body": 4, "upstream_start": 1, "connected": 3}
SPLITS: list[Any] = [
    pytest.param(
        create(**at(**ASKED, head=20, first_byte=40), **told(think=10, server_tool=15, stream=20)),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 51, "think": 10, "server_tool": 15, "stream": 20},
        id="a stream",
    ),
    pytest.param(
        create(**at(**ASKED, head=20, first_byte=40, client_blocked=30), **told(think=10, stream=20)),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 36, "think": 10, "stream": 20, "client_blocked": 30},
        id="a slow client's time is nobody else's",
    ),
    pytest.param(
        create(**at(**ASKED, head=20, first_byte=40), body=Body.JSON),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 96},
        id="a unary answer is waited for until it is whole",
    ),
    pytest.param(
        create(**at(request_body=1, upstream_start=2, connected=30, head=60)),
        {"gateway": 2, "connect": 28, "wait": 70},
        id="a body that came while connecting",
    ),
    pytest.param(
        create(**at(request_body=90, upstream_start=0, connected=10, head=70), **told(stream=5)),
        {"connect": 10, "client_body": 60, "wait": 25, "stream": 5},
        id="the answer's head ends the wait for the body",
    ),
    pytest.param(
        create(Outcome.CLIENT_ABORT, **at(upstream_start=0, connected=10)),
        {"connect": 10, "client_body": 90},
        id="a body that never got whole",
    ),
    pytest.param(
        create(Outcome.GATEWAY_ERROR, **at(request_body=5, upstream_start=4), code="connect_error"),
        {"gateway": 4, "connect": 96},
        id="no connection",
    ),
    pytest.param(
        create(Outcome.UPSTREAM_ABORT, **at(**ASKED), http_status=None),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 96},
        id="no answer",
    ),
    pytest.param(
        create(Outcome.REJECTED, **at(request_body=50), code="max_streams", http_status=None),
        {"gateway": 100},
        id="an upstream that was never asked",
    ),
    pytest.param(
        poll(Outcome.FORWARDED, route=Route.PASSTHROUGH, body=Body.OTHER, **at(**ASKED, head=20, first_byte=40)),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 36, "stream": 60},
        id="a body that nobody reads streams from its first byte",
    ),
    pytest.param(
        poll(
            Outcome.FORWARDED,
            route=Route.PASSTHROUGH,
            body=Body.STREAM,
            **at(**ASKED, head=20, first_byte=40, client_blocked=30),
        ),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 36, "stream": 30, "client_blocked": 30},
        id="so does another route's stream, and a slow client's time is taken out",
    ),
    pytest.param(
        poll(Outcome.FORWARDED, route=Route.PASSTHROUGH, body=Body.JSON, **at(**ASKED, head=20, first_byte=40)),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 96},
        id="JSON is waited for on any route",
    ),
    pytest.param(
        create(Outcome.HTTP_ERROR, http_status=503, **at(**ASKED, head=20, first_byte=40)),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 36, "stream": 60},
        id="an error that is a stream is read by nobody",
    ),
    pytest.param(
        create(Outcome.UPSTREAM_ABORT, **at(**ASKED, head=20, first_byte=40)),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 96},
        id="a stream with bytes, and no event",
    ),
    pytest.param(
        create(
            Outcome.UNKNOWN_STATUS,
            **at(**ASKED, head=20, first_byte=40),
            stream_anomalies={Anomaly.UNREADABLE_ENCODING: 1},
        ),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 36, "stream": 60},
        id="a stream that could not be read",
    ),
    pytest.param(
        create(Outcome.UNKNOWN_STATUS, **at(**ASKED, head=20, first_byte=40), faults={"sse": 1}),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 36, "stream": 60},
        id="one whose tap was switched off at once",
    ),
    pytest.param(
        create(Outcome.UNKNOWN_STATUS, **at(**ASKED, head=20, first_byte=40), **told(think=10), faults={"sse": 1}),
        {"gateway": 1, "connect": 2, "client_body": 1, "wait": 86, "think": 10},
        id="one whose tap was switched off later",
    ),
    pytest.param(create(**at(end=0)), {}, id="nothing took time"),
    pytest.param(
        create(**at(**ASKED, client_blocked=500), **told(stream=20)), {"client_blocked": 100}, id="more than there is"
    ),
]


@pytest.mark.parametrize(("record", "expected"), SPLITS)
def test_a_split(record: ExchangeClosed, expected: dict[str, float]) -> None:
    assert shown(record) == expected


POINTS = st.none() | st.integers(-5, 60) | st.integers(-(1 << 62), 1 << 62)
DURATIONS = st.integers(0, 60) | st.integers(-(1 << 62), 1 << 62)
RECORDS = st.builds(
    lambda times, spent, first_event_ns, body, outcome, more: create(
        outcome, body=body, stream_first_event_ns=first_event_ns, **more, **times, **spent
    ),
    st.fixed_dictionaries(
        {f"times_{name}_ns": POINTS for name in ("request_body", "upstream_start", "connected", "head", "first_byte")}
        | {"times_end_ns": st.integers(0, 60) | st.integers(0, 1 << 62), "times_client_blocked_ns": DURATIONS}
    ),
    st.fixed_dictionaries({f"stream_{name}_ns": DURATIONS for name in ("think", "server_tool", "stream")}),
    POINTS,
    st.sampled_from(Body),
    st.sampled_from(Outcome),
    st.sampled_from([{}, {"route": Route.PASSTHROUGH}, {"faults": {"sse": 1}}, {"http_status": None}]),
)


@settings(max_examples=400, deadline=None)
@given(RECORDS)
def test_the_parts_are_the_whole(record: ExchangeClosed) -> None:
    """Points in any order or missing, durations of any size and sign: to the nanosecond, and none below zero."""
    parts = split(record)

    assert tuple(parts) == names.PHASES
    assert min(parts.values()) >= 0
    assert sum(parts.values()) == record.times.end_ns


def test_an_exchange_of_a_dead_forwarder_is_all_its_own() -> None:
    record = create(Outcome.GATEWAY_ERROR)
    record.times, record.stream = Times(end_ns=70 * MS), StreamFacts()

    assert shown(record) == {"gateway": 70}


def test_the_sums_of_all_phases_are_those_of_the_requests(bench: Bench) -> None:
    """And a phase counts the exchanges that had it."""
    bench.apply(
        create(**at(**ASKED, head=20, first_byte=40), **told(think=10, server_tool=15, stream=20)),
        create(**at(**ASKED, head=20, end=30), body=Body.JSON),
        poll(Outcome.FORWARDED, route=Route.PASSTHROUGH, body=Body.OTHER, **at(**ASKED, head=20, first_byte=40)),
        create(Outcome.REJECTED, **at(end=7)),
    )
    parts = bench.samples("phase_seconds_sum")

    assert sum(round(value * 1e9) for value in parts.values()) == 237 * MS
    assert round(bench.value("request_duration_seconds_sum") * 1e9) == 237 * MS
    assert bench.value("phase_seconds_count", phase="gateway") == 4
    assert bench.value("phase_seconds_count", phase="think") == 1
    assert bench.value("phase_seconds_sum", phase="stream") == 0.08


def test_phases_stand_on_the_server_span_and_in_the_log(bench: Bench) -> None:
    """Those that took time; of the span they are its duration."""
    bench.apply(create(**at(**ASKED, head=20, first_byte=40), **told(think=10, stream=20)))
    bench.flush()
    spans = {span.name: dict(span.attributes or {}) for span in bench.spans.get_finished_spans()}
    found = {name: {key for key in found if "phase" in key} for name, found in spans.items()}
    [line] = bench.lines()

    server = spans["POST /v1beta/interactions"]
    assert {name for name, keys in found.items() if keys} == {"POST /v1beta/interactions"}
    assert {key: value for key, value in server.items() if "phase" in key} == {
        "interactions.phase.gateway": 0.001,
        "interactions.phase.connect": 0.002,
        "interactions.phase.client_body": 0.001,
        "interactions.phase.wait": 0.066,
        "interactions.phase.think": 0.01,
        "interactions.phase.stream": 0.02,
    }
    assert line["phases_ms"] == {
        "client_body": 1.0,
        "connect": 2.0,
        "wait": 66.0,
        "think": 10.0,
        "stream": 20.0,
        "gateway": 1.0,
    }
