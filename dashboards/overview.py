"""Overview: is it all right, for everybody; and where to look next.

For the on-call engineer first: the first row has no figure that needs an explanation at night.
"""

from __future__ import annotations

from dataclasses import replace

from grafana_foundation_sdk.models import units

from dashboards import cost, errors, health, streaming, thresholds
from dashboards.board import Board, Row
from dashboards.links import to_panel_of, to_runbook
from dashboards.panels import Ask, Panel, lines, stack, stat, table
from dashboards.queries import health as processes
from dashboards.queries import objectives, requests

_TO_ERRORS = to_panel_of("Errors and anomalies")
_TO_STREAMING = to_panel_of("Streaming latency")
_TO_HEALTH = to_panel_of("Gateway health")


def _again(board: Board, id_: int, *, as_: int, title: str = "", width: int = 0, height: int = 0) -> Panel:
    """A panel of another dashboard, which it leads to; with another id, and where stated another title and size."""
    panel = board.panel(id_)
    return replace(
        panel,
        id=as_,
        title=title or panel.title,
        width=width or panel.width,
        height=height or panel.height,
        links=(to_panel_of(board.title), *panel.links),
    )


_NOW = Row(
    "Is it all right?",
    (
        _again(health.BOARD, 1, as_=1, width=3),
        stat(
            2,
            "Success",
            requests.SUCCESS_RATIO,
            units.PercentUnit,
            "Share of requests that ended well. Not judged: clients that left, cancelled interactions, what passed "
            "unread, and what the API refused as the caller's mistake (4xx but 429).",
            limits=thresholds.SUCCESS,
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
            f"Error budget burn, {thresholds.FAST_WINDOW}",
            objectives.SUCCESS_BURN_FAST,
            units.NoUnit,
            f"How many times as fast as allowed errors come, over the last {thresholds.FAST_WINDOW}. 1 uses up the "
            f"budget exactly at the end of its 30 days; {thresholds.BURN[1]:g} wakes somebody.",
            limits=thresholds.BURN,
            width=3,
            decimals=1,
            nothing="no requests",
            links=(_TO_ERRORS,),
            alerts=("SuccessBudgetBurn",),
        ),
        _again(streaming.BOARD, 2, as_=4, width=3),
        stat(
            5,
            "Open now",
            requests.OPEN_IN_ALL,
            units.NoUnit,
            "Exchanges that are open now, streams and others. No number is bad in itself: look at its course.",
            width=3,
            over_time=True,
        ),
        _again(streaming.BOARD, 6, as_=6, width=3),
        _again(cost.BOARD, 1, as_=7, title="Cost, last 24 h"),
        _again(cost.BOARD, 6, as_=8),
    ),
)

_TRAFFIC = Row(
    "Traffic",
    (
        _again(errors.BOARD, 10, as_=10, title="Requests by outcome", width=6),
        _again(health.BOARD, 44, as_=11, width=6),
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
        _again(streaming.BOARD, 11, as_=20, width=8),
        _again(streaming.BOARD, 13, as_=21, title="Time to first delta by model, p95"),
        _again(streaming.BOARD, 30, as_=22, title="Where the time goes", width=8),
    ),
)

_OBJECTIVES = Row(
    "Alerts, and what is promised",
    (
        table(
            34,
            "Alerts that fire now",
            [Ask(processes.FIRING, "firing")],
            units.NoUnit,
            "A click on a name opens its page of the runbook: what users feel, where to look, what to do. none: "
            "nothing fires, or the rules of config/rules are not loaded.",
            decimals=0,
            data_links=(to_runbook("${__data.fields.alertname}"),),
        ),
        lines(
            30,
            "Burn of the error budget",
            [Ask(expr, window) for window, expr in objectives.SUCCESS_BURN.items()],
            units.NoUnit,
            "How many times as fast as allowed the budget for bad ends is used up, over windows of growing length. "
            f"{thresholds.FAST_WINDOW} above {thresholds.BURN[1]:g}, and the shortest too, wakes somebody.",
            limits=thresholds.BURN,
            every="1m",
            links=(_TO_ERRORS,),
            alerts=("SuccessBudgetBurn",),
        ),
        lines(
            31,
            "Burn of the latency budget",
            [Ask(expr, window) for window, expr in objectives.LATENCY_BURN.items()],
            units.NoUnit,
            f"The same for streams whose first delta comes later than {thresholds.FIRST_DELTA_S:g} s.",
            limits=thresholds.BURN,
            every="1m",
            links=(_TO_STREAMING,),
            alerts=("FirstDeltaBudgetBurn",),
        ),
        stat(
            32,
            "Error budget left, 30 d",
            objectives.SUCCESS_LEFT,
            units.PercentUnit,
            f"Of what {thresholds.SUCCESS_TARGET:.2%} success allow in 30 days. Below 0 the promise is broken. Needs "
            "that much history: with less, it is of what there is.",
            limits=(0, 0.25),
            falling=True,
            low=None,
            decimals=0,
            width=12,
            nothing="no requests",
        ),
        stat(
            33,
            "Latency budget left, 30 d",
            objectives.LATENCY_LEFT,
            units.PercentUnit,
            f"Of what {thresholds.FIRST_DELTA_TARGET:.2%} of streams within {thresholds.FIRST_DELTA_S:g} s allow in 30 "
            "days.",
            limits=(0, 0.25),
            falling=True,
            low=None,
            decimals=0,
            width=12,
            nothing="no streams",
        ),
    ),
)

_ERRORS = Row(
    "Errors",
    (
        _again(errors.BOARD, 20, as_=40, title="Errors by who made them"),
        _again(errors.BOARD, 14, as_=41, title="Errors in the shown time", width=8),
        _again(errors.BOARD, 11, as_=42),
    ),
)

_MONEY = Row(
    "Money",
    (
        _again(cost.BOARD, 10, as_=50),
        _again(cost.BOARD, 30, as_=51),
        _again(cost.BOARD, 40, as_=52, title="Budgets: spent", height=8),
    ),
)

_TRUST = Row(
    "Can these figures be trusted?",
    (
        _again(health.BOARD, 4, as_=60, width=4),
        stat(
            61,
            "Faults of the tap",
            processes.TAP_FAULTS_SHOWN,
            units.NoUnit,
            "Bugs of ours that switched reading off for an exchange, in the shown time. Good: 0.",
            limits=thresholds.FAULTS,
            decimals=0,
            links=(_TO_HEALTH,),
        ),
        stat(
            62,
            "Faults of telemetry",
            processes.TELEMETRY_FAULTS_SHOWN,
            units.NoUnit,
            "Bugs of ours in the observer, in the shown time: a record missed metrics, traces or the log. Good: 0.",
            limits=thresholds.FAULTS,
            decimals=0,
            links=(_TO_HEALTH,),
        ),
        _again(cost.BOARD, 8, as_=63, width=4),
        _again(cost.BOARD, 7, as_=64, title="Tokens without a price, 24 h", width=4),
        _again(errors.BOARD, 4, as_=65, width=4),
    ),
)

BOARD = Board(
    "Overview",
    "Is it all right? Golden signals, promises, cost and waste of the Interactions API behind the gateway, and whether "
    "the figures can be trusted.",
    (_NOW, _TRAFFIC, _LATENCY, _OBJECTIVES, _ERRORS, _MONEY, _TRUST),
)
