"""A row of *Errors and anomalies*: what of the API is new to this version, or odd."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.board import Row
from dashboards.links import to_traces
from dashboards.panels import Ask, lines, table
from dashboards.queries import oddities, requests

UNKNOWN_TRACES = to_traces("Traces with words not known", "{ span.interactions.unknown_events > 0 }")
_ODD = to_traces("Traces with this oddity", '{ span.interactions.anomalies = "${__data.fields.anomaly}" }')


DRIFT = Row(
    "The API has changed?",
    (
        lines(
            40,
            "Words not known, by vocabulary",
            [Ask(oddities.UNKNOWN_BY_WHAT, "{{what}}")],
            units.EventsPerSecond,
            "New event, step or delta types, statuses, tiers, modalities. A few: the API is trying something out. All "
            "streams: it has changed, and a new version of the gateway is due.",
            links=(UNKNOWN_TRACES,),
            alerts=("UnknownEvents",),
        ),
        lines(
            41,
            "Events not readable, by reason",
            [Ask(oddities.INVALID_BY_REASON, "{{reason}}")],
            units.EventsPerSecond,
            "json, utf8, shape, size. They were passed on as they came.",
            alerts=("InvalidEvents",),
        ),
        lines(
            42,
            "Oddities of streams",
            [Ask(oddities.ANOMALIES_BY_NAME, "{{anomaly}}")],
            units.EventsPerSecond,
            "Orders and counts that should not be.",
            nothing="none",
        ),
        table(
            43,
            "Words not known, shown time",
            [Ask(oddities.UNKNOWN_BY_WHAT_SHOWN, "times")],
            units.NoUnit,
            "The words themselves are on the traces (interactions.unknown_names) and in the log.",
            decimals=0,
            sort_by="times",
            width=6,
            nothing="none",
        ),
        table(
            44,
            "Oddities, shown time",
            [Ask(oddities.ANOMALIES_BY_NAME_SHOWN, "times")],
            units.NoUnit,
            "A click finds the traces.",
            decimals=0,
            sort_by="times",
            width=6,
            nothing="none",
            data_links=(_ODD,),
        ),
        table(
            45,
            "Ends without usage, shown time",
            [Ask(requests.USAGE_MISSING_SHOWN, "interactions")],
            units.NoUnit,
            "Ended without any usage: their tokens are unknown. Broken streams often do; completed ones should not.",
            decimals=0,
            sort_by="interactions",
            width=6,
            nothing="none",
            alerts=("UsageMissing",),
        ),
        table(
            46,
            "Label values that were folded, shown time",
            [Ask(oddities.OVERFLOW_BY_LABEL_SHOWN, "times")],
            units.NoUnit,
            "Values outside a label's set, counted as `other`. model, code, team: extend labels.* in the settings. "
            "series: the limit of series is reached.",
            decimals=0,
            sort_by="times",
            width=6,
            nothing="none",
            alerts=(
                "LabelOverflow",
                "SeriesLimit",
            ),
        ),
    ),
)
