"""The number of series is bounded, whatever comes; what lacks room counts under `other`, and is counted as such."""

from __future__ import annotations

from gateway.config import LabelSettings, Settings
from gateway.telemetry.names import Family, Kind
from gateway.telemetry.registry import Counter, Gauge, Histogram, Registry
from gateway.wire.facts import Gaps
from tests.telemetry.factories import Bench, create, usage

REQUESTS = Family("x_requests_total", Kind.COUNTER, ("model", "outcome", "team"), "Requests.")
WAIT = Family("x_wait_seconds", Kind.HISTOGRAM, ("model", "kind"), "How long.", (1, 2))
EVENTS = Family("x_events_total", Kind.COUNTER, ("what",), "Events.")
INFO = Family("x_info", Kind.GAUGE, ("version",), "Build.")


def samples(registry: Registry) -> dict[str, float]:
    """Every sample by its name and labels, as they are written."""
    lines = registry.text(openmetrics=False).decode().splitlines()
    parts = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {sample: float(value) for sample, _, value in parts}


def test_what_is_new_beyond_the_limit_has_other_in_its_open_labels() -> None:
    """Known values go on as before; closed labels and `none` keep their words."""
    full: list[None] = []
    registry = Registry(max_series=2)
    registry.on_full = lambda: full.append(None)
    requests = Counter(REQUESTS, registry)
    for labels in (
        ("m1", "completed", "t1"),
        ("m1", "failed", "none"),
        ("m1", "completed", "t1"),  # has its child
        ("m1", "failed", "t1"),
        ("m2", "failed", "none"),
        ("m3", "failed", "none"),
        ("none", "failed", "none"),
    ):
        requests.inc(labels)

    assert samples(registry) == {
        'x_requests_total{model="m1",outcome="completed",team="t1"}': 2,
        'x_requests_total{model="m1",outcome="failed",team="none"}': 1,
        'x_requests_total{model="other",outcome="failed",team="other"}': 1,
        'x_requests_total{model="other",outcome="failed",team="none"}': 2,
        'x_requests_total{model="none",outcome="failed",team="none"}': 1,
    }
    assert len(full) == 3  # as often as something was folded, not once a combination


def test_a_child_of_a_histogram_is_as_many_series_as_it_has_samples() -> None:
    registry = Registry(max_series=10)
    wait = Histogram(WAIT, registry)
    wait.observe(("m1", "text"), 1)  # 5
    wait.add(("m2", "text"), [1, 0, 0], 1)  # 10
    wait.observe(("m3", "text"), 1)
    wait.observe(("m1", "text"), 1)

    counts = {sample: value for sample, value in samples(registry).items() if "_count" in sample}
    assert counts == {
        'x_wait_seconds_count{model="m1",kind="text"}': 2,
        'x_wait_seconds_count{model="m2",kind="text"}': 1,
        'x_wait_seconds_count{model="other",kind="text"}': 1,
    }


def test_closed_labels_have_room_also_beyond_the_limit() -> None:
    """There are few, and a sum by one of them must not lack a part."""
    registry = Registry(max_series=1)
    events = Counter(EVENTS, registry, [("a",)])
    events.inc(("b",))
    Gauge(INFO, registry).set(("1",), 1)

    assert samples(registry).keys() == {'x_events_total{what="a"}', 'x_events_total{what="b"}', 'x_info{version="1"}'}


def test_the_number_of_series_is_that_of_a_scrape(bench: Bench) -> None:
    gaps = Gaps([1] * 15, 15, 1)
    for number in range(3):
        bench.apply(create(request_model=f"gemini-{number}", usage=usage(9, input=9), stream_gaps=gaps))
    registry = bench.telemetry.registry

    assert registry.series == len(samples(registry)) > 100


def test_the_settings_limit_the_series() -> None:
    bench = Bench(Settings(labels=LabelSettings(max_series=150)))
    for number in range(20):
        bench.apply(create(request_model=f"gemini-{number}", usage=usage(9, input=9)))

    assert bench.value("requests_total") == 20
    assert bench.value("requests_total", model="other") > 10
    assert bench.value("label_overflow_total", label="series") > 10
    assert bench.value("label_overflow_total", label="model") == 0
    bench.flush()
