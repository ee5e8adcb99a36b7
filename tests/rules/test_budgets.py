"""What is spent of a budget, by the tool that evaluates it: over restarts, gaps and replicas."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tools.programs import program

RULES = Path(__file__).parents[2] / "config" / "rules" / "budgets.yml"
COST = "interactions_gateway_budget_cost_usd_total"
LIMIT = "interactions_gateway_budget_usd"

SPENT = [
    # A dollar an hour from the first sample on; what a day before the evaluation was spent is not of the day.
    pytest.param({"a": "0+1x30"}, "daily", "30h", "24", id="a day's worth"),
    # 12 hours, then the observer is started again and counts from 0: nothing is forgotten.
    pytest.param({"a": "0+1x12 0+1x12"}, "daily", "24h", "23", id="a restart in the middle"),
    # It was away for two hours, and 4 dollars were counted before its first scrape after that.
    pytest.param({"a": "0+1x12 stale _ 4+1x8"}, "daily", "23h", "24", id="a restart with a gap"),
    pytest.param({"a": "0+1x24", "b": "0+2x24"}, "daily", "24h", "72", id="two replicas add up"),
    pytest.param({"a": "0+1x719"}, "monthly", "719h", "719", id="a month's worth"),
    pytest.param({"a": "0x24"}, "daily", "24h", "0", id="nothing yet"),
]


def rules_hold(tmp_path: Path, body: str, every: str) -> None:
    case = tmp_path / "case.yml"
    case.write_text(f"rule_files: [{RULES}]\nevaluation_interval: {every}\ntests:\n{body}", encoding="utf-8")
    done = subprocess.run([program("promtool"), "test", "rules", case], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("values", "window", "when", "spent"), SPENT)
def test_what_is_spent_of_a_budget(tmp_path: Path, values: dict[str, str], window: str, when: str, spent: str) -> None:
    series = []
    for instance, of in values.items():
        common = f'budget="all",instance="{instance}"'
        series.append(f"      - {{series: '{COST}{{{common}}}', values: '{of}'}}")
        series.append(f"      - {{series: '{LIMIT}{{{common},window=\"{window}\"}}', values: '500x800'}}")
    shown = "\n".join(series)
    rules_hold(
        tmp_path,
        f"""
  - interval: 1h
    input_series:
{shown}
    promql_expr_test:
      - expr: round(interactions_gateway_budget_spent_usd, 1)
        eval_time: {when}
        exp_samples: [{{labels: '{{budget="all",window="{window}"}}', value: {spent}}}]
""",
        every=when,  # one evaluation is enough
    )
