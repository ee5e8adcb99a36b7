"""What clients do in the simulation: lives as given, drains by their rest, the day's course, a scrape's histogram."""

from __future__ import annotations

import numpy as np
import pytest

from tests.scale.figures import limits
from tests.scale.workload import LONGEST_S, MIX, Burst, Kind, day, from_scrape, mean_s, still_open

TWO = Kind("two", 1.0, 2.0, (10.0, 20.0), (0.5, 0.5))
SCRAPE = """\
# TYPE interactions_gateway_request_duration_seconds histogram
interactions_gateway_request_duration_seconds_bucket{model="a",mode="stream",le="1"} 2
interactions_gateway_request_duration_seconds_bucket{model="a",mode="stream",le="3"} 6
interactions_gateway_request_duration_seconds_bucket{model="a",mode="stream",le="5"} 8
interactions_gateway_request_duration_seconds_bucket{model="a",mode="stream",le="+Inf"} 8
interactions_gateway_request_duration_seconds_sum{model="a",mode="stream"} 36
interactions_gateway_request_duration_seconds_count{model="a",mode="stream"} 8
interactions_gateway_request_duration_seconds_bucket{model="a",mode="unary",le="1"} 7
interactions_gateway_request_duration_seconds_bucket{model="a",mode="unary",le="5"} 7
interactions_gateway_request_duration_seconds_bucket{model="a",mode="unary",le="+Inf"} 7
interactions_gateway_request_duration_seconds_sum{model="a",mode="unary"} 3
interactions_gateway_request_duration_seconds_count{model="a",mode="unary"} 7
# TYPE interactions_gateway_stream_events_total counter
interactions_gateway_stream_events_total{event_type="step.delta"} 60
interactions_gateway_stream_events_total{event_type="step.stop"} 20
"""


def test_lives_are_as_their_histogram_says() -> None:
    drawn = TWO.draw(np.random.default_rng(1), 100_000)

    assert (drawn.min(), drawn.max()) == (1, 20)
    assert (drawn <= 10).mean() == pytest.approx(0.5, abs=0.01)
    assert TWO.mean_s == 10.0  # (5 + 15) / 2


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        (0, 1.0),
        (10, 0.25),  # half the lives, of 15 s, go on for 5 of them: 2.5 of 10
        (15, 0.0625),
        (20, 0.0),
    ],
)
def test_a_drain_cuts_what_outlasts_it(after_s: float, expected: float) -> None:
    assert TWO.still_open(after_s) == pytest.approx(expected)


def test_no_stream_of_the_mix_outlasts_an_hour() -> None:
    luck = np.random.default_rng(1)

    assert max(int(kind.draw(luck, 10_000).max()) for kind in MIX) <= LONGEST_S
    assert limits()["agent_longest_s"].value == LONGEST_S
    assert still_open(MIX, LONGEST_S) == 0
    assert sum(kind.share for kind in MIX) == pytest.approx(1)


def test_a_mix_lives_as_long_as_its_streams_do() -> None:
    luck = np.random.default_rng(1)

    for kind in MIX:
        assert kind.draw(luck, 200_000).mean() == pytest.approx(
            kind.mean_s + 0.5, rel=0.02
        )  # whole seconds, rounded up


def test_a_day_begins_low_peaks_and_bursts() -> None:
    arrivals = day((TWO,), 100, 3600, low=0.25, bursts=(Burst(1800, 60, 3.0, ramp_s=30),))

    assert mean_s((TWO,)) == 10.0
    assert [round(float(arrivals(t_s)[0]), 1) for t_s in (0, 1799, 1815, 1830, 1859, 1860)] == [
        2.5,  # a quarter of 100 streams of 10 s
        10.0,
        20.0,
        30.0,
        29.9,
        10.0,
    ]


def test_a_scrape_is_read_as_one_kind_of_stream() -> None:
    """Eight of 4.5 s on average, where the middles of their buckets say 2.125 s; drawn as whole seconds, rounded up."""
    kind = from_scrape(SCRAPE)

    assert kind.shares == (0.25, 0.5, 0.25, 0.0)
    assert kind.events_per_s == 80 / 36
    assert kind.mean_s == pytest.approx(4.0)
    assert kind.edges_s[:2] == pytest.approx((4.0 / 2.125, 3 * 4.0 / 2.125))
    assert kind.draw(np.random.default_rng(1), 100_000).mean() == pytest.approx(4.5, rel=0.02)


def test_a_gateway_without_streams_has_no_kind() -> None:
    with pytest.raises(ValueError, match="no stream has ended"):
        from_scrape("# nothing\n")
