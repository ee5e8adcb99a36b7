"""The rules as files: made from sources and settings, and rules to Prometheus."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dashboards import alert_settings, rules
from tests.tools.programs import program


def test_the_rules_are_what_sources_and_settings_make() -> None:
    made = rules.filled(alert_settings.load(wanted=rules.placeholders()))
    committed = {path.name: path.read_text(encoding="utf-8") for path in rules.FILLED.glob("*.yml")}

    assert committed == made, "run make rules"
    assert rules.CHART_SETTINGS.read_text(encoding="utf-8") == rules.chart_settings(), "run make rules"


def test_prometheus_takes_them_all() -> None:
    files: list[Path] = sorted(rules.FILLED.glob("*.yml"))
    done = subprocess.run(
        [program("promtool"), "check", "rules", *files], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
