"""Pictures of all dashboards, drawn from the healthy world: every panel with its data, as the renderer states it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from dashboards.pictures import units
from dashboards.pictures.asking import Prometheus
from dashboards.pictures.charts import CHARTS
from dashboards.pictures.reading import Dashboard, dashboards, read
from dashboards.pictures.sheet import CELL_H, CELL_W, EDGE, HEAD_H, Drawn, Shown, asked, draw, with_values
from tests.observed.test_panels import EMPTY_WHEN_HEALTHY
from tests.observed.world import RATE_S, World

pytestmark = pytest.mark.timeout(300)

MOST_BYTES = 250_000
WRITTEN = [
    pytest.param(0.0, "s", None, "0 s", id="nothing"),
    pytest.param(0.0421, "s", None, "42.1 ms", id="milliseconds"),
    pytest.param(0.0000331, "s", None, "33.1 µs", id="microseconds"),
    pytest.param(5400.0, "s", None, "1.5 h", id="hours"),
    pytest.param(0.9312, "percentunit", 1, "93.1 %", id="a share"),
    pytest.param(12.5, "percent", None, "12.5 %", id="percent"),
    pytest.param(1536.0, "bytes", None, "1.5 KiB", id="bytes"),
    pytest.param(3 * 1024.0**3, "Bps", None, "3 GiB/s", id="bytes a second"),
    pytest.param(1234.5678, "currencyUSD", 2, "$1,234.57", id="dollars"),
    pytest.param(0.00042, "currencyUSD", 2, "$0.00042", id="a part of a cent is not nothing"),
    pytest.param(-3.25, "none", None, "-3.25", id="below nothing"),
    pytest.param(1_234_000.0, "short", None, "1.23 M", id="many"),
    pytest.param(0.25, "reqps", None, "0.25 req/s", id="a rate"),
    pytest.param(7.0, "furlong", None, "7 furlong", id="a unit that nobody knows"),
]


@pytest.mark.parametrize(("value", "unit", "decimals", "expected"), WRITTEN)
def test_a_value_is_written_with_its_unit(value: float, unit: str, decimals: int | None, expected: str) -> None:
    assert units.text(value, unit, decimals) == expected


def shown(world: World, board: Dashboard) -> Shown:
    """All of the run; rates as wide as in the other tests."""
    return with_values(Shown(world.start_s, world.end_s, {}, RATE_S / 4), board)


@pytest.mark.parametrize("board", dashboards(), ids=lambda board: board.uid)
def test_every_panel_is_drawn_with_its_data(
    board: Dashboard, healthy: World, tmp_path: Path, figures: list[str]
) -> None:
    """Each series that the queries give is drawn; the file is an image as large as the dashboard."""
    file = tmp_path / f"{board.uid}.png"
    drawn = draw(board, healthy.api, shown(healthy, board), file)
    expected = []
    for panel in board.panels:
        answers, _ = asked(healthy.api, panel, shown(healthy, board))
        series = sum(len(found) for _, found in answers)
        assert series > 0 or (board.uid, panel.title) in EMPTY_WHEN_HEALTHY, panel.title
        expected.append(Drawn(panel, series))
    figures.append(f"{file.name}: {len(drawn)} panels, {sum(one.series for one in drawn)} series drawn")

    assert drawn == expected
    with Image.open(file) as image:
        image.load()
        assert image.format == "PNG"
        bottom = max(panel.place.y + panel.place.h for panel in board.panels)
        assert image.size == (24 * CELL_W + 2 * EDGE, bottom * CELL_H + HEAD_H + EDGE)
    assert file.stat().st_size < MOST_BYTES


def panel(number: int, kind: str, expr: str) -> dict[str, object]:
    """The least that a file says of a panel."""
    at = {"x": number % 4 * 6, "y": number // 4 * 8, "w": 6, "h": 8}
    return {"id": number, "type": kind, "title": kind, "gridPos": at, "targets": [{"refId": "A", "expr": expr}]}


def test_every_kind_can_be_drawn_and_what_cannot_is_said(healthy: World, tmp_path: Path) -> None:
    """A query that fails, a variable without a value and a kind that nobody draws are on the sheet as their error."""
    expressions = {"heatmap": "sum by (le) (interactions_gateway_request_duration_seconds_bucket)"}
    kinds = sorted(CHARTS)
    panels = [panel(at, kind, expressions.get(kind, "sum by (job) (up)")) for at, kind in enumerate(kinds)]
    wrong = [("stat", "sum("), ("stat", "up{job='$nobody'}"), ("flamegraph", "up"), ("stat", "up == 7")]
    panels += [panel(len(kinds) + at, kind, expr) for at, (kind, expr) in enumerate(wrong)]
    board = read({"uid": "u", "title": "t", "panels": panels})
    drawn = draw(board, healthy.api, shown(healthy, board), tmp_path / "u.png")
    good, bad = drawn[: len(kinds)], drawn[len(kinds) :]

    assert [(one.panel.kind, bool(one.series), one.error) for one in good] == [(kind, True, "") for kind in kinds]
    assert [one.series for one in bad] == [0, 0, 0, 0]
    assert "parse error" in bad[0].error
    assert bad[1].error == "no value for $nobody in up{job='$nobody'}"
    assert bad[2].error == "no drawing for a panel of kind flamegraph"
    assert bad[3].error == ""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command."""
    command = [sys.executable, "-m", "dashboards.pictures", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_command_draws_one_dashboard(healthy: World, tmp_path: Path) -> None:
    """And says what it has drawn; the time can be given as ISO 8601 too."""
    span = ["--from", f"{healthy.start_s}", "--to", f"{healthy.end_s}", "--scrape-interval", "4s"]
    done = run("--prometheus", healthy.api.url, "--dashboard", "interactions-health", "--out", str(tmp_path), *span)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path}/interactions-health.png  ")
    assert [file.name for file in tmp_path.iterdir()] == ["interactions-health.png"]


def test_the_command_says_what_is_wrong(healthy: World, tmp_path: Path) -> None:
    """One sentence, and nothing drawn."""
    here = ["--out", str(tmp_path), "--prometheus"]
    cases = {
        "no Prometheus at http://127.0.0.1:9: ": run(*here, "http://127.0.0.1:9"),
        "nowhere is no address of a Prometheus": run(*here, "nowhere"),
        "no dashboard 'nobody'; there are interactions-cost": run(*here, healthy.api.url, "--dashboard", "nobody"),
        "must begin before it ends": run(*here, healthy.api.url, "--from", "2026-01-02", "--to", "2026-01-01"),
        "must be name=value": run(*here, healthy.api.url, "--var", "model"),
        "is no duration": run(*here, healthy.api.url, "--range", "long"),
    }

    for words, done in cases.items():
        assert done.returncode == 2, words
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_interval_of_scrapes_is_asked_for(healthy: World) -> None:
    """A rate's window is four of it, as Grafana takes it."""
    assert Prometheus(healthy.api.url).scrape_interval_s() == 1.0
