"""Overview: is it all right, for everybody; and where to look next.

For the on-call engineer first: the first row has no figure that needs an explanation at night.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.board import Board, Row
from dashboards.links import to_panel_of, to_traces
from dashboards.panels import Ask, bars, lines, stack, stat, table
from dashboards.queries import cost, health, latency, objectives, oddities, requests

_TO_ERRORS = to_panel_of("Errors and anomalies", "Which errors, and whose")
_TO_STREAMING = to_panel_of("Streaming latency", "Where the time goes")
_TO_COST = to_panel_of("Tokens and cost", "What it is spent on")
_TO_HEALTH = to_panel_of("Gateway health", "The gateway itself")

_NOW = Row(
    "Is it all right?",
    (
        stat(
            1,
            "Gateways",
            health.GATEWAYS,
            units.NoUnit,
            "Gateways that Prometheus hears of. Good: as many as were started. Nothing here means that none is "
            "scraped, and then nothing below is known.",
            limits=(1, 1),
            falling=True,
            width=3,
            nothing="none",
            links=(_TO_HEALTH,),
        ),
        stat(
            2,
            "Success",
            requests.SUCCESS_RATIO,
            units.PercentUnit,
            "Share of requests that ended well. Not judged: clients that left, cancelled interactions, and what passed "
            "unread. An HTTP error counts as bad, whoever's fault it was; the errors dashboard tells them apart.",
            limits=(objectives.SUCCESS_FLOOR, objectives.SUCCESS_TARGET),
            falling=True,
            width=3,
            decimals=2,
            high=1,
            nothing="no requests",
            links=(_TO_ERRORS,),
            over_time=True,
        ),
        stat(
            3,
            "Error budget burn, 1 h",
            objectives.SUCCESS_BURN_1H,
            units.NoUnit,
            "How many times as fast as allowed errors come, over the last hour. 1 uses up the budget exactly at the "
            "end of its 30 days; 14.4 uses up 2 % of it within this hour.",
            limits=objectives.BURN_LIMITS,
            width=3,
            decimals=1,
            nothing="no requests",
            links=(_TO_ERRORS,),
        ),
        stat(
            4,
            "First delta, p95",
            latency.FIRST_DELTA_P95,
            units.Seconds,
            "95 of 100 streams show their first delta, of any kind, within this time. As exact as the buckets of the "
            "histogram are narrow.",
            limits=(objectives.FIRST_DELTA_S / 2, objectives.FIRST_DELTA_S),
            width=3,
            decimals=2,
            nothing="no streams",
            links=(_TO_STREAMING,),
            over_time=True,
        ),
        stat(
            5,
            "Open now",
            requests.OPEN_IN_ALL,
            units.NoUnit,
            "Exchanges that are open now, streams and others. No number is bad in itself: look at its course.",
            width=3,
            over_time=True,
        ),
        stat(
            6,
            "Longest silence now",
            latency.SILENCE_NOW,
            units.Seconds,
            "The longest running silence of an open exchange. A thinking model may be silent for long; over the stall "
            "threshold (30 s by default) somebody waits for nothing.",
            limits=(15, 30),
            width=3,
            decimals=0,
            links=(_TO_STREAMING,),
            over_time=True,
        ),
        stat(
            7,
            "Cost, last 24 h",
            cost.SPENT_DAY,
            units.Dollars,
            "By the price file, from the API's own counts; not the bill. A lower bound while tokens are unpriced or "
            "usage is missing: see the last row.",
            width=3,
            decimals=2,
            links=(_TO_COST,),
        ),
        stat(
            8,
            "Wasted of it",
            cost.WASTED_SHARE_DAY,
            units.PercentUnit,
            "Share of the last 24 hours' cost whose answer nobody got: the client left, the stream broke, or it "
            "failed.",
            limits=(0.05, 0.2),
            width=3,
            decimals=1,
            nothing="no cost",
            links=(_TO_COST,),
        ),
    ),
)

_TRAFFIC = Row(
    "Traffic",
    (
        stack(
            10,
            "Requests by outcome",
            [Ask(requests.BY_OUTCOME, "{{outcome}}")],
            units.RequestsPerSecond,
            "Every exchange counts once, when it ends, by how it ended. completed, requires_action, "
            "requires_continuation and in_progress are good ends.",
            width=6,
            links=(_TO_ERRORS,),
        ),
        stack(
            11,
            "Open exchanges",
            [Ask(requests.OPEN_NOW, "{{mode}}")],
            units.NoUnit,
            "Open now, by how the answer is delivered. A line that only grows is work that doesn't end.",
            width=6,
        ),
        stack(
            12,
            "Requests by model",
            [Ask(requests.BY_MODEL, "{{model}}")],
            units.RequestsPerSecond,
            "By model or agent as asked for. `none` asks for none: polls, cancels, other routes.",
            width=6,
        ),
        lines(
            13,
            "Requests by route",
            [Ask(requests.BY_ROUTE, "{{route}} {{mode}}")],
            units.RequestsPerSecond,
            "get with background is polling. passthrough is anything that is not of the Interactions API: forwarded, "
            "not read.",
            width=6,
        ),
    ),
)

_LATENCY = Row(
    "How long people wait",
    (
        lines(
            20,
            "Time to first delta",
            [
                Ask(latency.FIRST_DELTA_P50, "p50"),
                Ask(latency.FIRST_DELTA_P95, "p95", exemplars=True),
                Ask(latency.FIRST_DELTA_P99, "p99"),
            ],
            units.Seconds,
            "From the request to the first delta of any kind, for creates that stream. The dots are single streams; "
            "each leads to its trace.",
            limits=(objectives.FIRST_DELTA_S / 2, objectives.FIRST_DELTA_S),
            links=(_TO_STREAMING,),
        ),
        lines(
            21,
            "Time to first delta by model, p95",
            [Ask(latency.FIRST_DELTA_P95_BY_MODEL, "{{model}}")],
            units.Seconds,
            "One model alone that is slow is the model's doing; all at once are the network's, the API's or ours.",
            limits=(objectives.FIRST_DELTA_S / 2, objectives.FIRST_DELTA_S),
            links=(_TO_STREAMING,),
        ),
        stack(
            22,
            "Where the time goes",
            [Ask(latency.PHASE_SHARE, "{{phase}}")],
            units.PercentUnit,
            "Parts of the wall time of all exchanges; they add up to the whole. wait, think, stream and server_tool "
            "are the API's; client_body and client_blocked the client's; connect the network's; gateway ours.",
            high=1,
            links=(_TO_STREAMING,),
        ),
    ),
)

_OBJECTIVES = Row(
    "What is promised",
    (
        lines(
            30,
            "Burn of the error budget",
            [Ask(expr, window) for window, expr in objectives.SUCCESS_BURN.items()],
            units.NoUnit,
            "How many times as fast as allowed the budget for bad ends is used up, over windows of growing length. "
            "A short window above 14.4 with the long one above it too is worth waking somebody.",
            limits=objectives.BURN_LIMITS,
            every="1m",
            links=(_TO_ERRORS,),
        ),
        lines(
            31,
            "Burn of the latency budget",
            [Ask(expr, window) for window, expr in objectives.LATENCY_BURN.items()],
            units.NoUnit,
            f"The same for streams whose first delta comes later than {objectives.FIRST_DELTA_S:g} s.",
            limits=objectives.BURN_LIMITS,
            every="1m",
            links=(_TO_STREAMING,),
        ),
        stat(
            32,
            "Error budget left, 30 d",
            objectives.SUCCESS_LEFT,
            units.PercentUnit,
            f"Of what {objectives.SUCCESS_TARGET:.2%} success allow in 30 days. Below 0 the promise is broken. Needs "
            "that much history: with less, it is of what there is.",
            limits=(0, 0.25),
            falling=True,
            low=None,
            decimals=0,
            height=4,
            nothing="no requests",
        ),
        stat(
            33,
            "Latency budget left, 30 d",
            objectives.LATENCY_LEFT,
            units.PercentUnit,
            f"Of what {objectives.FIRST_DELTA_TARGET:.2%} of streams within {objectives.FIRST_DELTA_S:g} s allow in 30 "
            "days.",
            limits=(0, 0.25),
            falling=True,
            low=None,
            decimals=0,
            height=4,
            nothing="no streams",
        ),
    ),
)

_ERRORS = Row(
    "Errors",
    (
        lines(
            40,
            "Errors by who made them",
            [Ask(requests.ERRORS_BY_SOURCE, "{{source}}", exemplars=True)],
            units.CountsPerSecond,
            "upstream_http: a status of the API. upstream_event: an error in a stream. transport: the connection "
            "broke. gateway: our own answer. client: it left.",
            links=(_TO_ERRORS,),
        ),
        table(
            41,
            "Errors in the shown time",
            [Ask(requests.ERRORS_BY_CODE_SHOWN, "errors")],
            units.NoUnit,
            "Every error that was seen, single ones too. A click on a code finds its traces.",
            sort_by="errors",
            decimals=0,
            nothing="none",
            data_links=(to_traces("Traces with this error", '{ span.error.type = "${__data.fields.code}" }'),),
        ),
        lines(
            42,
            "Bad ends by outcome",
            [Ask(requests.BAD_BY_OUTCOME, "{{outcome}}")],
            units.RequestsPerSecond,
            "Requests that count against the promise, by how they ended.",
            links=(_TO_ERRORS,),
        ),
    ),
)

_MONEY = Row(
    "Money",
    (
        stack(
            50,
            "Cost an hour, by model",
            [Ask(cost.A_HOUR_BY_MODEL, "{{model}}")],
            units.Dollars,
            "At the pace of each moment. Tokens without a price are not in it.",
            decimals=2,
            links=(_TO_COST,),
        ),
        lines(
            51,
            "Waste an hour, by reason",
            [Ask(cost.WASTED_A_HOUR_BY_REASON, "{{reason}}")],
            units.Dollars,
            "Billed and not delivered, by how the exchange ended. A part of the cost beside it.",
            decimals=2,
            links=(_TO_COST,),
        ),
        bars(
            52,
            "Budgets: spent",
            [Ask(cost.BUDGET_SHARE, "{{budget}}, {{window}}")],
            units.PercentUnit,
            "Share of each budget that the last 24 hours, or 30 days, have used. A budget stops nothing. Empty where "
            "the gateway's settings name none.",
            limits=(0.8, 1),
            high=1,
            nothing="no budgets set",
            links=(_TO_COST,),
        ),
    ),
)

_TRUST = Row(
    "Can these figures be trusted?",
    (
        stat(
            60,
            "Records lost",
            health.LOST_SHOWN,
            units.NoUnit,
            "Records that never reached the observer, in the shown time: what they would have counted is missing "
            "above. Good: 0. No byte of a client is ever lost with them.",
            limits=(1, 1),
            decimals=0,
            links=(_TO_HEALTH,),
        ),
        stat(
            61,
            "Faults of the tap",
            health.TAP_FAULTS_SHOWN,
            units.NoUnit,
            "Bugs of ours that switched reading off for an exchange, in the shown time. Good: 0.",
            limits=(1, 1),
            decimals=0,
            links=(_TO_HEALTH,),
        ),
        stat(
            62,
            "Faults of telemetry",
            health.TELEMETRY_FAULTS_SHOWN,
            units.NoUnit,
            "Bugs of ours in the observer, in the shown time: a record missed metrics, traces or the log. Good: 0.",
            limits=(1, 1),
            decimals=0,
            links=(_TO_HEALTH,),
        ),
        stat(
            63,
            "Ends without usage",
            requests.USAGE_MISSING_RATIO,
            units.PercentUnit,
            "Share of creates that ended without any usage, in the shown time. Their tokens and cost are unknown, not "
            "0: sums of tokens are a lower bound.",
            limits=(0.01, 0.1),
            decimals=1,
            nothing="no requests",
            links=(_TO_COST,),
        ),
        stat(
            64,
            "Tokens without a price, 24 h",
            cost.UNPRICED_SHARE_DAY,
            units.PercentUnit,
            "Share of the counted tokens that the price file has no price for. Above 0 the cost is a lower bound.",
            limits=(0.0001, 0.05),
            decimals=1,
            nothing="no tokens",
            links=(_TO_COST,),
        ),
        stat(
            65,
            "Words not known",
            oddities.UNKNOWN_SHOWN,
            units.NoUnit,
            "Words of the API that this version doesn't know, in the shown time: it has grown. All was passed on; what "
            "they mean is not counted.",
            limits=(1, 100),
            decimals=0,
            links=(_TO_ERRORS,),
        ),
    ),
)

BOARD = Board(
    "Overview",
    "Is it all right? Golden signals, promises, cost and waste of the Interactions API behind the gateway, and whether "
    "the figures can be trusted.",
    (_NOW, _TRAFFIC, _LATENCY, _OBJECTIVES, _ERRORS, _MONEY, _TRUST),
)
