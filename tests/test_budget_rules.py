"""The rules of budgets and prices, by the tool that evaluates them: what is spent, over restarts and replicas."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tools.programs import program

RULES = Path(__file__).parent.parent / "config" / "rules" / "budgets.yml"
COST = "interactions_gateway_budget_cost_usd_total"
LIMIT = "interactions_gateway_budget_usd"
UNPRICED = "interactions_gateway_cost_unpriced_tokens_total"

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


def rules_hold(tmp_path: Path, body: str, every: str = "30m") -> None:
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
    )


ALERTS = [
    pytest.param("79", [], id="less"),
    pytest.param("80", ["NearlySpent"], id="80 percent"),
    pytest.param("100", ["NearlySpent", "Spent"], id="all of it"),
]


@pytest.mark.parametrize(("spent", "fired"), ALERTS)
def test_a_budget_that_is_spent_is_told(tmp_path: Path, spent: str, fired: list[str]) -> None:
    texts = {
        "NearlySpent": f"""
          - exp_labels: {{severity: info, budget: research, window: daily}}
            exp_annotations:
              summary: The daily budget research is nearly spent
              description: "{spent}.00 US dollars are spent, which is 80 % or more of it."
              runbook_url: docs/cost.md#budgets""",
        "Spent": f"""
          - exp_labels: {{severity: warning, budget: research, window: daily}}
            exp_annotations:
              summary: The daily budget research is spent
              description: "{spent}.00 US dollars are spent. The gateway stops nothing: whoever may decide must."
              runbook_url: docs/cost.md#budgets""",
    }
    alerts = "".join(
        f"""
      - alertname: InteractionsGatewayBudget{name}
        eval_time: 26h
        exp_alerts: {text if name in fired else "[]"}"""
        for name, text in texts.items()
    )
    rules_hold(
        tmp_path,
        f"""
  - interval: 1h
    input_series:
      - {{series: '{COST}{{budget="research"}}', values: '0x10 {spent}x20'}}
      - {{series: '{LIMIT}{{budget="research",window="daily"}}', values: '100x40'}}
    alert_rule_test:{alerts}
""",
    )


@pytest.mark.parametrize(
    ("values", "fires"),
    [("0x180", False), ("_x120 7x60", True), ("5x120 9x60", True), ("9x180", False)],
    ids=["none", "the first tokens of a new series", "more of a known one", "all of them long ago"],
)
def test_tokens_without_a_price_wake_somebody(tmp_path: Path, values: str, fires: bool) -> None:
    fired = """
          - exp_labels: {severity: info, model: gemini-9, type: input}
            exp_annotations:
              summary: Tokens of gemini-9 (input) have no price
              description: >-
                They are counted, and not in the cost, which is a lower bound. The log line `unpriced` says what the
                price file lacks; give it an entry.
              runbook_url: docs/cost.md#what-has-no-price"""
    rules_hold(
        tmp_path,
        f"""
  - interval: 1m
    input_series: [{{series: '{UNPRICED}{{model="gemini-9",type="input"}}', values: '{values}'}}]
    alert_rule_test:
      - alertname: InteractionsGatewayUnpriced
        eval_time: 150m
        exp_alerts: {fired if fires else "[]"}
""",
        every="1m",
    )


def test_the_rules_are_rules() -> None:
    done = subprocess.run([program("promtool"), "check", "rules", RULES], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stdout + done.stderr
