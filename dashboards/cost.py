"""Tokens and cost: what is spent, on what, by whom, what of it was for nobody, and where it is heading.

For who pays, and who explains the sum: every figure says what it lacks.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards import thresholds
from dashboards.board import Board, Row
from dashboards.budgets import BUDGETS, PRICES
from dashboards.links import to_traces
from dashboards.panels import Ask, bars, lines, stack, stat, table
from dashboards.queries import cost, requests

_LOWER = "A lower bound while tokens are unpriced or usage is missing."
_DEAR = to_traces("Dearest traces of the shown time", "{ span.interactions.cost_usd > 0.1 }")
_WASTED = to_traces("Traces whose answer nobody got", "{ span.interactions.wasted = true }")
_OF_MODEL = to_traces(
    "Traces of this model",
    '{ span.gen_ai.request.model = "${__data.fields.model}" || span.gen_ai.agent.name = "${__data.fields.model}" }',
)
_OF_TEAM = to_traces("Traces of this team", '{ span.interactions.team = "${__data.fields.team}" }')

_NOW = Row(
    "Is it all right?",
    (
        stat(
            1,
            "Last 24 h",
            cost.SPENT_DAY,
            units.Dollars,
            f"By the price file, from the API's own counts; not the bill: no free quota, contract or tax is in it. "
            f"{_LOWER} The window slides; it is no calendar day.",
            width=3,
            decimals=2,
            links=(_DEAR,),
        ),
        stat(
            2,
            "Last 30 days",
            cost.SPENT_MONTH,
            units.Dollars,
            f"The same over 30 days, or as many as Prometheus keeps. {_LOWER}",
            width=3,
            decimals=2,
        ),
        stat(
            3,
            "Month, by 24 h",
            cost.MONTH_AT_PACE_OF_DAY,
            units.Dollars,
            "This month's forecast: the last 24 hours' cost times its days. High after a busy day, low on a Sunday.",
            width=3,
            decimals=0,
        ),
        stat(
            4,
            "Month, by 7 days",
            cost.MONTH_AT_PACE_OF_WEEK,
            units.Dollars,
            "This month's steadier forecast: a seventh of the last 7 days' cost times its days. Too low while "
            "Prometheus has fewer than 7 days.",
            width=3,
            decimals=0,
        ),
        stat(
            5,
            "Fullest budget",
            cost.FULLEST_BUDGET,
            units.PercentUnit,
            "Of all budgets the one of which most is spent, in its own window. From 80 % on somebody should know; a "
            "budget stops nothing.",
            limits=thresholds.BUDGET,
            width=3,
            decimals=0,
            nothing="no budgets",
            alerts=(
                "BudgetNearlySpent",
                "BudgetSpent",
            ),
        ),
        stat(
            6,
            "Wasted of it",
            cost.WASTED_SHARE_DAY,
            units.PercentUnit,
            "Waste as a share of the last 24 hours' cost.",
            limits=(0.05, 0.2),
            width=3,
            decimals=1,
            nothing="no cost",
            links=(_WASTED,),
        ),
        stat(
            7,
            "Tokens without a price",
            cost.UNPRICED_SHARE_DAY,
            units.PercentUnit,
            "Share of the last 24 hours' tokens that the price file has no price for. Above 0 every cost here is a "
            "lower bound; the log line `unpriced` says what the file lacks.",
            limits=(0.0001, 0.05),
            width=3,
            decimals=1,
            nothing="no tokens",
            alerts=("Unpriced",),
        ),
        stat(
            8,
            "Ends without usage",
            requests.USAGE_MISSING_RATIO,
            units.PercentUnit,
            "Share of creates in the shown time that ended without any usage. What they cost is unknown, not 0.",
            limits=thresholds.USAGE_MISSING,
            width=3,
            decimals=1,
            nothing="no requests",
            alerts=("UsageMissing",),
        ),
    ),
)

_SPENDING = Row(
    "What it is spent on",
    (
        stack(
            10,
            "Cost an hour, by model",
            [Ask(cost.A_HOUR_BY_MODEL, "{{model}}")],
            units.Dollars,
            f"At the pace of each moment. {_LOWER}",
            decimals=2,
        ),
        stack(
            11,
            "Cost an hour, by type of token",
            [Ask(cost.A_HOUR_BY_TYPE, "{{type}}")],
            units.Dollars,
            "input has its cached part in it; thought costs what output costs; grounding is searches, billed by the "
            "call.",
            decimals=2,
        ),
        stack(
            12,
            "Cost an hour, by team",
            [Ask(cost.A_HOUR_BY_TEAM, "{{team}}")],
            units.Dollars,
            "One area without a name where the settings name no teams; `none` named none, `other` is beyond the limit "
            "of names.",
            decimals=2,
        ),
        table(
            13,
            "Models in the shown time",
            [
                Ask(cost.BY_MODEL_SHOWN, "cost", unit=units.Dollars),
                Ask(cost.TOKENS_BY_MODEL_SHOWN, "tokens"),
                Ask(cost.REQUESTS_BY_MODEL_SHOWN, "creates", unit=units.NoUnit, decimals=0),
                Ask(cost.USD_A_MILLION_BY_MODEL_SHOWN, "a million tokens", unit=units.Dollars),
                Ask(cost.UNPRICED_BY_MODEL_SHOWN, "tokens without a price"),
            ],
            units.Short,
            "A line a model. A cell without a value is none of it; a cost without a value where there are tokens means "
            "that none of them has a price.",
            width=14,
            sort_by="cost",
            data_links=(_OF_MODEL,),
            height=6,
        ),
        table(
            14,
            "Teams in the shown time",
            [
                Ask(cost.BY_TEAM_SHOWN, "cost", unit=units.Dollars),
                Ask(cost.TOKENS_BY_TEAM_SHOWN, "tokens"),
                Ask(cost.WASTED_BY_TEAM_SHOWN, "wasted", unit=units.Dollars),
            ],
            units.Short,
            "One line without a name where the settings name no teams (attribution.team).",
            width=10,
            sort_by="cost",
            data_links=(_OF_TEAM,),
            height=6,
        ),
        stat(
            15,
            "Cost of a create",
            cost.OF_AN_INTERACTION,
            units.Dollars,
            "The shown time's cost by its creates, those that failed included.",
            decimals=4,
            width=6,
            nothing="no requests",
        ),
        stat(
            16,
            "Shown time",
            cost.SPENT_SHOWN,
            units.Dollars,
            "What the shown time cost. Choose `This month so far` on top for the calendar month.",
            decimals=2,
            width=6,
        ),
        stat(
            17,
            "Calls without a price, 24 h",
            cost.UNPRICED_CALLS_DAY,
            units.NoUnit,
            "Searches that are billed by the call and that the price file has no price for, in 24 hours.",
            limits=(1, 100),
            decimals=0,
            width=6,
            alerts=("UnpricedCalls",),
        ),
        stat(
            18,
            "Input from the cache",
            cost.CACHED_SHARE_SHOWN,
            units.PercentUnit,
            "Share of the shown time's input tokens that came from the API's cache, at a fraction of the price. Low is "
            "no fault; it is money to be saved where prompts repeat.",
            decimals=1,
            width=6,
            nothing="no tokens",
        ),
    ),
)

_TOKENS = Row(
    "Tokens",
    (
        stack(
            20,
            "Tokens by type",
            [Ask(cost.TOKENS_BY_TYPE, "{{type}}")],
            units.CountsPerSecond,
            "As the API states them. Types don't overlap and add up to its total; unattributed is what it doesn't "
            "break down.",
        ),
        stack(
            21,
            "Tokens by modality",
            [Ask(cost.TOKENS_BY_MODALITY, "{{modality}}")],
            units.CountsPerSecond,
            "unknown is what the API doesn't list; it is not spread over the others.",
        ),
        stack(
            22,
            "Tokens by model",
            [Ask(cost.TOKENS_BY_MODEL, "{{model}}")],
            units.CountsPerSecond,
            "By model or agent as asked for; of agents, the agent and not the models that it uses.",
        ),
        lines(
            23,
            "Input from the cache, by model",
            [Ask(cost.CACHED_SHARE_BY_MODEL, "{{model}}")],
            units.PercentUnit,
            "Share of input tokens that came from the API's cache. A sudden drop: prompts have changed at their start.",
            high=1,
        ),
        lines(
            24,
            "Size of an interaction",
            [
                Ask(cost.INTERACTION_TOKENS_P50, "{{type}} p50"),
                Ask(cost.INTERACTION_TOKENS_P95, "{{type}} p95"),
            ],
            units.Short,
            "Input and output tokens of interactions by their final usage; broken ones are not in it. As exact as the "
            "buckets, which are four times apart.",
            log_scale=True,
            low=None,
        ),
        lines(
            25,
            "Thoughts in what is written",
            [Ask(cost.THOUGHT_SHARE_BY_MODEL, "{{model}}")],
            units.PercentUnit,
            "Thought tokens as a share of thought and output, which cost the same.",
            high=1,
        ),
        stack(
            26,
            "By basis, and where it was seen",
            [Ask(cost.TOKENS_BY_BASIS_AND_VIA, "{{basis}} by {{via}}")],
            units.CountsPerSecond,
            "final is the usage of an end; running the last one known of a broken stream, a lower bound of what is "
            "billed. poll: a get brought it, after a create that didn't.",
        ),
        bars(
            27,
            "Tokens by type and modality, shown time",
            [Ask(cost.TOKENS_BY_TYPE_AND_MODALITY_SHOWN, "{{type}}, {{modality}}")],
            units.Short,
            "Totals of the shown time. The same tokens as above, so the bars add up to the API's own total.",
        ),
        bars(
            28,
            "Searches that are billed, shown time",
            [Ask(cost.GROUNDING_SHOWN, "{{tool}}")],
            units.Short,
            "Grounding queries as the API counts them; billed by the call, on top of tokens.",
        ),
    ),
)

_WASTE = Row(
    "Waste",
    (
        stat(
            33,
            "Wasted, last 24 h",
            cost.WASTED_DAY,
            units.Dollars,
            "Billed and not delivered: the client left, the stream broke, or it failed. A part of the cost of 24 "
            "hours.",
            width=4,
            height=8,
            decimals=2,
            links=(_WASTED,),
        ),
        lines(
            30,
            "Waste an hour, by reason",
            [Ask(cost.WASTED_A_HOUR_BY_REASON, "{{reason}}")],
            units.Dollars,
            "client_abort: the client left. truncated, upstream_abort, stream_error: the stream broke. failed: the API "
            "gave up. A part of the cost, never subtracted from it.",
            decimals=2,
            links=(_WASTED,),
        ),
        table(
            31,
            "Waste in the shown time",
            [
                Ask(cost.WASTED_COST_BY_REASON_SHOWN, "cost", unit=units.Dollars),
                Ask(cost.WASTED_TOKENS_BY_REASON_SHOWN, "tokens"),
            ],
            units.Short,
            "By reason. What a broken stream had used by its end is known only if the API said so while it ran.",
            sort_by="cost",
            width=6,
            data_links=(
                to_traces("Traces of this waste", '{ span.interactions.outcome = "${__data.fields.reason}" }'),
            ),
        ),
        table(
            32,
            "Ends without usage, shown time",
            [Ask(requests.USAGE_MISSING_SHOWN, "interactions")],
            units.NoUnit,
            "Interactions that ended without any usage: their tokens are unknown, and in no sum here.",
            decimals=0,
            sort_by="interactions",
            width=6,
            nothing="none",
        ),
    ),
)

BOARD = Board(
    "Tokens and cost",
    "What is spent, on which models, by which teams, what of it was for nobody, and where the month is heading.",
    (_NOW, _SPENDING, _TOKENS, _WASTE, BUDGETS, PRICES),
    shows="now-24h",
    refresh="5m",  # its windows are long
)
