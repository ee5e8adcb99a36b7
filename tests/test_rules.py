"""The alert rules, by the tool that reads them: silent when all is well, fired with their whole text when it isn't."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tools.programs import program

RULES = Path(__file__).parent.parent / "config" / "rules" / "forwarding.yml"
_SERIES = 'interactions_gateway_unexpected_plain_path{worker="1",instance="a:9464",job="gateway"}'
_FIRED = """
          - exp_labels: {severity: warning, worker: "1", instance: "a:9464", job: gateway}
            exp_annotations:
              summary: Forwarder 1 of a:9464 runs on the plain path
              description: >-
                The settings ask for the fast path, but its self-test failed when the forwarder started. Nothing is
                lost and nothing is wrong for clients; forwarding costs about three times the CPU. The log line
                path_is_plain says why, most often a version of aiohttp that the fast path was never seen with.
              runbook_url: docs/faults.md#gateway
"""


@pytest.mark.parametrize(
    ("values", "at", "fired"),
    [("0x10", "5m", ""), ("1x10", "30s", ""), ("1x10", "2m", _FIRED), ("1x3 0x10", "6m", "")],
    ids=["all is well", "not at once", "for longer than a minute", "well again"],
)
def test_a_plain_path_that_nobody_asked_for_wakes_somebody(tmp_path: Path, values: str, at: str, fired: str) -> None:
    case = tmp_path / "case.yml"
    case.write_text(
        f"""
rule_files: [{RULES}]
evaluation_interval: 15s
tests:
  - interval: 1m
    input_series: [{{series: '{_SERIES}', values: '{values}'}}]
    alert_rule_test:
      - alertname: InteractionsGatewayUnexpectedPlainPath
        eval_time: {at}
        exp_alerts: {fired or "[]"}
""",
        encoding="utf-8",
    )
    done = subprocess.run([program("promtool"), "test", "rules", case], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_rules() -> None:
    done = subprocess.run([program("promtool"), "check", "rules", RULES], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stdout + done.stderr
