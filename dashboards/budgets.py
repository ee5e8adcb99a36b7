"""Rows of *Tokens and cost*: what is spent of each budget, and what has no price."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards import thresholds
from dashboards.board import Row
from dashboards.panels import Ask, bars, table
from dashboards.queries import cost

BUDGETS = Row(
    "Budgets",
    (
        bars(
            40,
            "Spent",
            [Ask(cost.BUDGET_SHARE, "{{budget}}, {{window}}")],
            units.PercentUnit,
            "Share of each budget that the last 24 hours, or 30 days, have used. A budget stops nothing: whoever may "
            "decide must. Needs as many days of history as the window is long.",
            limits=thresholds.BUDGET,
            high=1,
            nothing="no budgets set",
            height=6,
            alerts=(
                "BudgetNearlySpent",
                "BudgetSpent",
            ),
        ),
        bars(
            41,
            "At this pace",
            [Ask(cost.BUDGET_AT_THIS_PACE, "{{budget}}, {{window}}")],
            units.PercentUnit,
            "What share of the budget a whole window takes at the pace of its last twenty-fourth (daily) or thirtieth "
            "(monthly). Over 100 % it will not last.",
            limits=thresholds.BUDGET,
            high=1,
            nothing="no budgets set",
            height=6,
            alerts=(
                "BudgetBurnFast",
                "BudgetBurnSlow",
            ),
        ),
        table(
            42,
            "Budgets in dollars",
            [
                Ask(cost.BUDGET_SPENT, "spent"),
                Ask(cost.BUDGET_LIMIT, "budget"),
            ],
            units.Dollars,
            "What the window has used, and the budget. Counted from the start of the gateway, so not a cent is missed.",
            decimals=2,
            nothing="no budgets set",
            height=6,
        ),
    ),
)

PRICES = Row(
    "What has no price",
    (
        table(
            50,
            "Tokens without a price, shown time",
            [Ask(cost.UNPRICED_BY_MODEL_AND_TYPE_SHOWN, "tokens")],
            units.Short,
            "Counted, and in no cost. Give the price file an entry; the log line `unpriced` says what it lacks.",
            sort_by="tokens",
            nothing="none",
            width=12,
            height=6,
            alerts=("Unpriced",),
        ),
        table(
            51,
            "Calls without a price, shown time",
            [Ask(cost.UNPRICED_CALLS_SHOWN, "calls")],
            units.NoUnit,
            "Calls that are billed one by one, and in no cost.",
            decimals=0,
            sort_by="calls",
            nothing="none",
            width=12,
            height=6,
            alerts=("UnpricedCalls",),
        ),
    ),
)
