"""The text of families against the official client: its own text of the same numbers, read by its own parsers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import prometheus_client as official
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.names import Family, Kind
from gateway.telemetry.registry import Counter, Exemplar, Gauge, Histogram, Number, Registry, plain
from tests.telemetry.factories import parse_openmetrics

EVENTS = Family("x_events_total", Kind.COUNTER, ("model", "code"), 'Events of a "kind", by \\ code.')
DEPTH = Family("x_depth", Kind.GAUGE, ("where",), "How deep.")
WAIT = Family("x_wait_seconds", Kind.HISTOGRAM, ("model", "mode"), "How long.", (0.001, 0.25, 1, 2.5, 1800))
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"
SIZE = Family("x_size_tokens", Kind.HISTOGRAM, ("model",), "How large.", (16, 64, 1_048_576, 2_000_000, 4_194_304.5))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("count"), TEXTS, TEXTS, st.integers(0, 1 << 62), st.booleans()),
        st.tuples(st.just("wait"), TEXTS, TEXTS, st.integers(0, 3_600_000_000_000), st.booleans()),
        st.tuples(st.just("size"), TEXTS, st.just(""), st.integers(0, 1 << 40), st.booleans()),
        st.tuples(st.just("depth"), TEXTS, st.just(""), st.integers(-5, 1 << 40), st.just(False)),
    ),
    max_size=20,
)


class Both:
    """The same families twice."""

    def __init__(self) -> None:
        self.registry, self.official = Registry(), official.CollectorRegistry()
        official.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.events, self.depth, self.wait, self.size = (
            Counter(EVENTS, self.registry, [("known", "")]),
            Gauge(DEPTH, self.registry),
            Histogram(WAIT, self.registry),
            Histogram(SIZE, self.registry, [("known",)]),
        )
        more: Any = {"registry": self.official}
        self.their_events = official.Counter(EVENTS.name, EVENTS.help, EVENTS.labels, **more)
        self.their_events.labels("known", "")
        self.their_depth = official.Gauge(DEPTH.name, DEPTH.help, DEPTH.labels, **more)
        self.their_wait = official.Histogram(WAIT.name, WAIT.help, WAIT.labels, buckets=WAIT.bounds, **more)
        self.their_size = official.Histogram(SIZE.name, SIZE.help, SIZE.labels, buckets=SIZE.bounds, **more)
        self.their_size.labels("known")

    def move(self, family: str, one: str, other: str, value: int, traced: bool) -> None:
        exemplar = Exemplar(int(TRACE, 16), int(SPAN, 16), time.time()) if traced else None
        theirs = {"trace_id": TRACE, "span_id": SPAN} if traced else None
        if family == "count":
            self.events.inc((one, other), value, exemplar)
            self.their_events.labels(one, other).inc(value, theirs)
        elif family == "wait":
            self.wait.observe((one, other), value, exemplar)
            self.their_wait.labels(one, other).observe(value / 1e9, theirs)
        elif family == "size":
            self.size.observe((one,), value, exemplar)
            self.their_size.labels(one).observe(value, theirs)
        else:
            self.depth.set((one,), value)
            self.their_depth.labels(one).set(value)


def comparable(families: Iterable[Metric]) -> list[Any]:
    """All that a parser tells, but for the moment of an exemplar."""
    return [
        (
            family.name,
            family.type,
            family.documentation,
            [
                (
                    sample.name,
                    sample.labels,
                    pytest.approx(sample.value, rel=1e-12),
                    sample.exemplar and (sample.exemplar.labels, pytest.approx(sample.exemplar.value, rel=1e-12)),
                )
                for sample in family.samples
            ],
        )
        for family in families
    ]


@settings(deadline=None, max_examples=80)
@given(MOVES)
def test_the_same_numbers_give_what_the_official_client_gives(moves: list[tuple[str, str, str, int, bool]]) -> None:
    both = Both()
    for move in moves:
        both.move(*move)
    ours, theirs = both.registry.text(openmetrics=False).decode(), generate_latest(both.official).decode()
    open_theirs: bytes = exposition.generate_latest(both.official)  # type: ignore[no-untyped-call]
    open_ours = both.registry.text(openmetrics=True).decode()

    assert comparable(text_string_to_metric_families(ours)) == comparable(text_string_to_metric_families(theirs))
    assert comparable(parse_openmetrics(open_ours)) == comparable(parse_openmetrics(open_theirs.decode()))


def test_durations_add_up_to_the_nanosecond() -> None:
    """Kept as integers, so a sum of many small ones loses nothing; a bound belongs to its bucket."""
    registry = Registry()
    wait = Histogram(WAIT, registry)
    for _ in range(100_000):
        wait.observe(("m", "s"), 1_000_001)
    wait.observe(("m", "s"), 250_000_000)
    wait.add(("m", "s"), [1, 0, 0, 0, 0, 2], 5)
    text = registry.text(openmetrics=False).decode()

    assert 'x_wait_seconds_sum{model="m",mode="s"} 100.250100005\n' in text
    assert 'x_wait_seconds_bucket{model="m",mode="s",le="0.001"} 1\n' in text
    assert 'x_wait_seconds_bucket{model="m",mode="s",le="0.25"} 100002\n' in text
    assert 'x_wait_seconds_bucket{model="m",mode="s",le="+Inf"} 100004\n' in text


def test_plain_numbers_are_told_as_they_are() -> None:
    """A family whose unit has no smaller parts."""
    registry = Registry()
    size = Histogram(SIZE, registry)
    for tokens in (16, 17, 1 << 50):
        size.observe(("m",), tokens)
    text = registry.text(openmetrics=False).decode()

    assert 'x_size_tokens_bucket{model="m",le="16.0"} 1\n' in text
    assert 'x_size_tokens_bucket{model="m",le="64.0"} 2\n' in text
    assert f'x_size_tokens_sum{{model="m"}} {float(33 + (1 << 50))!r}\n' in text


def test_families_that_are_read_look_like_those_that_are_kept() -> None:
    registry = Registry()
    Counter(EVENTS, registry).inc(("a", 'b"\n'), 3)
    kept = registry.text(openmetrics=True).decode()

    assert "".join(plain(EVENTS, [(("a", 'b"\n'), 3)], openmetrics=True)) + "# EOF\n" == kept


def test_a_scrape_of_ten_thousand_series_blocks_for_a_moment_only() -> None:
    """The batches of the forwarders wait so long at most: CPU time, for other load on this machine is none of it."""
    registry = Registry()
    events, wait = Counter(EVENTS, registry), Histogram(WAIT, registry)
    exemplar = Exemplar(int(TRACE, 16), int(SPAN, 16), 1.0)
    for number in range(5000):
        events.inc((f"model-{number}", "code"), 1, exemplar)
    for number in range(5000 // 8):
        wait.observe((f"model-{number}", "stream"), 1_000_000, exemplar)
    durations_s = []
    for _ in range(5):
        began_s = time.thread_time()
        text = registry.text(openmetrics=True)
        durations_s.append(time.thread_time() - began_s)

    assert sum(not line.startswith(b"#") for line in text.splitlines()) == 10_000
    assert min(durations_s) < 0.05


def test_decimals_are_added_up_exactly_and_told_without_an_exponent() -> None:
    registry = Registry()
    events = Counter(EVENTS, registry)
    for amount in ("0.0000001", "0.0000002", "1E+3", "12345678901234567890.123456789"):
        events.inc(("a", "b"), Decimal(amount))
    events.inc(("a", "b"), 1)
    events.inc(("c", "d"), Decimal("1E-9"))
    events.inc(("c", "d"), 0)

    text = registry.text(openmetrics=False).decode()
    assert 'x_events_total{model="a",code="b"} 12345678901234568891.123457089\n' in text
    assert 'x_events_total{model="c",code="d"} 0.000000001\n' in text


def test_numbers_of_counters_are_integers_or_doubles_and_stay_so() -> None:
    """OTLP has no others, and a series that changes between them is two to some back ends."""
    registry = Registry()
    events = Counter(EVENTS, registry)
    for amount in (0, 3, Decimal(0), Decimal("0.1"), Decimal("0.2")):
        events.inc((type(amount).__name__, ""), amount, Exemplar(1, 2, 3.0))
        (_, samples), *_ = registry.points()
        told = {sample.labels[0]: sample for sample in samples}
        have = told[type(amount).__name__]

        assert isinstance(have, Number)
        assert have.traced is not None
        assert type(have.value) is type(have.traced.value) is (int if type(amount) is int else float)
    assert {name: sample.value for name, sample in told.items() if isinstance(sample, Number)} == {
        "int": 3,
        "Decimal": 0.3,
    }


def test_a_family_without_labels_has_no_braces() -> None:
    registry = Registry()
    Gauge(Family("x_moment_seconds", Kind.GAUGE, (), "When."), registry).set((), 1.5)

    assert registry.text(openmetrics=False).splitlines()[-1] == b"x_moment_seconds 1.5"
