"""The page of settings is the one that the settings make, and what it says of changes is what telemetry does."""

from __future__ import annotations

from pathlib import Path

from gateway import settings_page
from gateway.config import Settings
from gateway.config_sources import leaves
from gateway.telemetry.pipeline import Telemetry

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


def test_the_page_is_the_one_that_the_settings_make() -> None:
    """`make docs` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == settings_page.page()


def test_every_setting_has_its_row() -> None:
    rows = [
        line.split(" | ")[0].strip("| `") for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line
    ]

    assert rows == [key[-1] for key, _, _ in leaves()]


def test_live_are_those_that_telemetry_can_be_told_again() -> None:
    telemetry = Telemetry(Settings())
    try:
        assert set(settings_page.LIVE) == set(telemetry.reloadable)
    finally:
        telemetry.shutdown(1.0)
