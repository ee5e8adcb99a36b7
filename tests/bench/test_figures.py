"""The arithmetic of the bench: framing, percentiles, CPU, lowest of rounds, ratios, goals, plots."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tests.bench.buckets import Buckets
from tests.bench.distribution import Distribution
from tests.bench.framing import BadFraming, Head, dechunk, read_head
from tests.bench.goals import GOALS, stall_free
from tests.bench.measure import CpuByRole, memory_by_role, tree
from tests.bench.plots import Line, svg
from tests.bench.report import environment, markdown
from tests.bench.run import Figures, Measurement, Results
from tests.bench.scenarios import FULL, scenarios

CPU_TOLERANCE_NS = 40_000_000
BURN = """
import sys, time
while time.process_time() < 0.4: pass
print(time.process_time_ns(), flush=True)
sys.stdin.read()
"""


def test_cpu_of_a_busy_child_is_what_it_used() -> None:
    """Read from outside, while it lives and after it has gone; memory too while it lives."""
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        cpu = CpuByRole({"busy": [child.pid], "nobody": []})
        used_ns = int(child.stdout.readline())
        read = cpu.read()
        memory = memory_by_role({"busy": [child.pid]})
        pids = tree(child.pid)
        child.communicate()
    gone = cpu.read()

    assert used_ns >= 400_000_000
    assert abs(read["busy"] - used_ns) < CPU_TOLERANCE_NS
    assert read["nobody"] == 0
    assert gone["busy"] >= read["busy"] - CPU_TOLERANCE_NS
    assert 1_000_000 < memory["busy"] < 100_000_000
    assert pids == [child.pid]
    assert memory_by_role({"busy": [child.pid]}) == {"busy": 0}


def test_quantiles_of_buckets_are_interpolated_within_one() -> None:
    """Read off a scrape, several histograms together, the earlier scrape taken away."""
    text = """# TYPE lag histogram
lag_bucket{process="a",worker="0",le="0.1"} 90
lag_bucket{process="a",worker="0",le="0.2"} 97
lag_bucket{process="a",worker="0",le="+Inf"} 98
lag_bucket{process="a",worker="1",le="0.1"} 0
lag_bucket{process="a",worker="1",le="0.2"} 3
lag_bucket{process="a",worker="1",le="+Inf"} 3
lag_bucket{process="b",worker="0",le="0.1"} 7
"""
    found = Buckets.scraped(text, "lag", process="a")

    assert (found.bounds_s, found.counts, found.count) == ([0.1, 0.2], [90, 10, 1], 101)
    assert found.since(Buckets([0.1, 0.2], [0, 0, 1])).ms(0.95) == pytest.approx(150)
    assert found.ms(0.45) == pytest.approx(50.5)
    assert found.ms(1) == pytest.approx(200)
    assert math.isnan(found.since(found).ms(0.5))


def test_percentiles_are_within_one_percent() -> None:
    luck = random.Random(7)
    values = [int(luck.lognormvariate(13, 2)) for _ in range(5000)]
    found = Distribution.of(values[:2000])
    found.merge(Distribution.from_json(Distribution.of(values[2000:]).to_json()))
    values.sort()

    assert found.count == 5000
    for share in (0.01, 0.5, 0.9, 0.99, 0.999):
        expected = values[math.ceil(share * 5000) - 1] / 1e6
        assert found.ms(share) == pytest.approx(expected, rel=0.01)
    assert found.ms(1) == values[-1] / 1e6
    assert math.isnan(Distribution().ms(0.5))


def test_framing_is_taken_off_and_places_are_known() -> None:
    raw = b"3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n"
    chunks = dechunk(raw)

    assert chunks.body == b"abc0123456789"
    assert [raw[chunks.raw_end(end) - 1 : chunks.raw_end(end)] for end in (1, 3, 4, 13)] == [b"a", b"c", b"0", b"9"]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"3\r\nabc\r\n", id="no last chunk"),
        pytest.param(b"3\r\nabcd\r\n0\r\n\r\n", id="too long a chunk"),
        pytest.param(b"x\r\nabc\r\n0\r\n\r\n", id="no size"),
        pytest.param(b"3\nabc\n0\n\n", id="bare line ends"),
        pytest.param(b"0\r\n\r\nx", id="more after the end"),
    ],
)
def test_what_is_no_chunked_body_is_refused(raw: bytes) -> None:
    with pytest.raises(BadFraming):
        dechunk(raw)


def test_a_head_says_how_its_body_ends() -> None:
    assert read_head(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n") == Head(200, 12)
    assert read_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked") == Head(200, None)
    with pytest.raises(BadFraming):
        read_head(b"HTTP/1.1 200 OK\r\nX: y")
    with pytest.raises(BadFraming):
        read_head(b"SSH-2.0")


def measured(scenario: str, target: str, *rounds: Figures, fault: str | None = None) -> list[Measurement]:
    return [Measurement(scenario, target, number, figures, fault=fault) for number, figures in enumerate(rounds)]


def results() -> Results:
    """S1: nginx 20 us, the gateway 50 (all 75). S3: the gateway 30 (all 33), 27 of it without the tap."""
    return Results(
        [
            *measured(
                "S1", "nginx", Figures(path_us=21, all_us=21, rate=900), Figures(path_us=20, all_us=20, rate=800)
            ),
            *measured("S1", "gateway", Figures(path_us=50, all_us=80), Figures(path_us=60, all_us=75)),
            *measured("S1", "gateway", Figures(path_us=1, all_us=1), fault="a byte was wrong"),
            *measured("S3", "nginx", Figures(path_us=20, all_us=20, delta_p50_ms=1.0, delta_p99_ms=4.0)),
            *measured("S3", "gateway", Figures(path_us=30, all_us=33, delta_p50_ms=1.25, delta_p99_ms=3.5)),
            *measured("S3", "gateway-untapped", Figures(path_us=27, all_us=28)),
            *measured("S6", "gateway", Figures(path_us=30, all_us=33, delta_p99_ms=7.0)),
            *measured("O1", "gateway", Figures(observer_us=1500)),
            *measured("B1", "nginx", Figures(stalled_streams=0, path_us=9, delta_p50_ms=0.1, delta_p99_ms=1)),
            *measured("B8", "nginx", Figures(stalled_streams=0, path_us=9, delta_p50_ms=0.1, delta_p99_ms=1)),
            *measured("B32", "nginx", Figures(stalled_streams=5), Figures(stalled_streams=2)),
            *measured("B1", "gateway", Figures(stalled_streams=1), Figures(stalled_streams=0)),
            *measured("B8", "gateway", Figures(stalled_streams=3)),
        ],
        left_out={"haproxy": "not installed"},
    )


def test_of_several_rounds_the_lowest_counts_and_what_was_wrong_does_not() -> None:
    run = results()
    nginx, gateway = run.lowest("S1", "nginx"), run.lowest("S1", "gateway")

    assert nginx is not None
    assert (nginx.path_us, nginx.rate) == (20, 900)
    assert gateway is not None
    assert (gateway.path_us, gateway.all_us) == (50, 75)
    assert run.lowest("S1", "haproxy") is None
    assert run.ratio("S1", "gateway", "path_us") == 2.5
    assert run.ratio("S1", "gateway", "all_us") == 3.75
    assert math.isnan(run.ratio("S1", "haproxy", "path_us"))
    assert math.isnan(run.ratio("S1", "gateway", "delta_p50_ms"))


def test_goals_are_judged_by_the_figures() -> None:
    run = results()
    judged = {goal.text: (goal.shown(value), goal.verdict(value)) for goal in GOALS for value in [goal.forwarders(run)]}
    of_all = {goal.text: goal.verdict(goal.everything(run)) for goal in GOALS if goal.everything is not None}

    assert judged["S1 CPU a request, to nginx"] == ("2.50x", "aim")
    assert of_all["S1 CPU a request, to nginx"] == "must"
    assert judged["S3 CPU an event, to nginx"] == ("1.50x", "must")
    assert of_all["S3 CPU an event, to nginx"] == "must"
    assert judged["S3 added latency over nginx, p50"] == ("+0.25 ms", "must")
    assert judged["S3 added latency over nginx, p99"] == ("-0.50 ms", "aim")
    assert judged["S6 p99, to S3's"] == ("2.00x", "must")
    assert judged["tap's share of the forwarder's CPU in S3"] == ("10 %", "must")
    assert judged["observer's CPU an exchange of 10 steps"] == ("1.50 ms", "must")
    assert judged["board: stall-free streams, to nginx's"] == ("0.12x", "missed")
    assert judged["S5 CPU a request, to nginx"] == ("-", "not measured")
    assert (stall_free(run, "nginx"), stall_free(run, "gateway")) == (8, 1)
    assert math.isnan(stall_free(run, "direct"))


def test_the_report_shows_what_was_measured_and_what_was_not() -> None:
    text = markdown(results(), list(scenarios(FULL).values()), environment(), 2)

    assert "| nginx, 1 worker | 20.0 (1.00) |" in text
    assert "| the gateway | 50.0 (2.50) |" in text
    assert "| the gateway | 75.0 (3.75) |" in text
    assert "- haproxy was left out: not installed" in text
    assert "- S1, gateway, round 1 is not used: a byte was wrong" in text


def test_a_plot_is_well_formed_and_has_its_lines() -> None:
    picture = svg("Cost <us>", "streams", [Line("a & b", [(1, 0.5), (2048, 90)]), Line("none", [])])
    root = ElementTree.fromstring(picture)
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")

    assert [line.get("points") for line in lines] == ["70.0,292.5 560.0,48.9"]
    assert "a & b" in "".join(root.itertext())
