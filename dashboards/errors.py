"""Errors and anomalies: what goes wrong, whose fault it is, and what of the API is new.

For the on-call engineer: from a share to a code to the traces in two clicks.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.board import Board, Row
from dashboards.links import to_traces
from dashboards.panels import Ask, lines, stack, stat, table
from dashboards.queries import health, latency, objectives, oddities, requests

_OF_CODE = to_traces("Traces with this error", '{ span.error.type = "${__data.fields.code}" }')
_OF_OUTCOME = to_traces(
    "Traces that ended so",
    '{ span.interactions.outcome = "${__data.fields.outcome}" && kind = server }',
)
_BROKEN = to_traces(
    "Traces of broken streams",
    '{ span.interactions.outcome =~ "truncated|upstream_abort|stream_error" && kind = server }',
)
_STALLED = to_traces("Traces of stalled streams", "{ span.interactions.stalled = true }")
_UNKNOWN = to_traces("Traces with words not known", "{ span.interactions.unknown_events > 0 }")
_ODD = to_traces("Traces with this oddity", '{ span.interactions.anomalies = "${__data.fields.anomaly}" }')

_NOW = Row(
    "Is it all right?",
    (
        stat(
            1,
            "Success, shown time",
            requests.SUCCESS_RATIO_SHOWN,
            units.PercentUnit,
            "Share of requests that ended well. Not judged: clients that left, cancelled interactions, what passed "
            "unread, and what the API refused as the caller's mistake (4xx but 429).",
            limits=(objectives.SUCCESS_FLOOR, objectives.SUCCESS_TARGET),
            falling=True,
            decimals=2,
            high=1,
            nothing="no requests",
        ),
        stat(
            2,
            "Streams that broke",
            requests.BROKEN_RATIO_SHOWN,
            units.PercentUnit,
            "Share of streams in the shown time that ended as truncated, upstream_abort or stream_error: what the "
            "client got is cut off, or ends in an error.",
            limits=(0.001, 0.01),
            decimals=2,
            nothing="no streams",
            links=(_BROKEN,),
        ),
        stat(
            3,
            "Our own errors",
            requests.OUR_OWN_SHOWN,
            units.NoUnit,
            "Requests in the shown time that the gateway itself answered with an error, or refused. Good: 0, but for "
            "clients that send what can't be served.",
            limits=(1, 10),
            decimals=0,
        ),
        stat(
            4,
            "Words not known",
            oddities.UNKNOWN_SHOWN,
            units.NoUnit,
            "Words of the API that this version doesn't know, in the shown time: the API has grown. All was passed on; "
            "what they mean is not counted.",
            limits=(1, 100),
            decimals=0,
            links=(_UNKNOWN,),
        ),
        stat(
            5,
            "Events not readable",
            oddities.INVALID_SHOWN,
            units.NoUnit,
            "Events that could not be read, in the shown time: no JSON, no UTF-8, another shape, too long. All were "
            "passed on.",
            limits=(1, 100),
            decimals=0,
        ),
        stat(
            6,
            "Stalls",
            latency.STALLS_SHOWN,
            units.NoUnit,
            "Silences over the stall threshold (30 s by default) while something other than a thought was being "
            "written, in the shown time.",
            limits=(1, 10),
            decimals=0,
            links=(_STALLED,),
        ),
    ),
)

_ENDS = Row(
    "How requests end",
    (
        stack(
            10,
            "By outcome",
            [Ask(requests.BY_OUTCOME, "{{outcome}}")],
            units.RequestsPerSecond,
            "Every exchange has exactly one outcome, when it ends.",
        ),
        lines(
            11,
            "Bad ends by outcome",
            [Ask(requests.BAD_BY_OUTCOME, "{{outcome}}")],
            units.RequestsPerSecond,
            "Those that count against the promise. http_error: a status of the API. stream_error: an error event. "
            "truncated: the end is missing. upstream_abort: the connection broke. gateway_error, rejected: ours.",
        ),
        lines(
            12,
            "Share of bad ends, by model",
            [Ask(requests.BAD_SHARE_BY_MODEL, "{{model}}")],
            units.PercentUnit,
            "One model alone: the model, or what is sent to it. All at once: the API, the network or the gateway. HTTP "
            "errors that are the caller's mistake are in it, since errors by code have no model.",
            limits=(1 - objectives.SUCCESS_TARGET, 1 - objectives.SUCCESS_FLOOR),
            high=1,
        ),
        table(
            13,
            "Ends that are not good, shown time",
            [Ask(requests.OUTCOMES_BY_MODEL_SHOWN, "requests")],
            units.Short,
            "Every one that was seen, single ones too. client_abort, cancelled and forwarded are no errors; they are "
            "here to be seen.",
            sort_by="requests",
            width=12,
            nothing="none",
            data_links=(_OF_OUTCOME,),
        ),
        table(
            14,
            "Errors by code, shown time",
            [Ask(requests.ERRORS_BY_CODE_SHOWN, "errors")],
            units.Short,
            "Every error that was seen. code is the API's word, an HTTP status, or a word of the gateway. A click "
            "finds the traces.",
            sort_by="errors",
            width=12,
            nothing="none",
            data_links=(_OF_CODE,),
        ),
    ),
)

_WHOSE = Row(
    "Whose fault",
    (
        lines(
            20,
            "By who made it",
            [Ask(requests.ERRORS_BY_SOURCE, "{{source}}", exemplars=True)],
            units.CountsPerSecond,
            "upstream_http: a status of the API. upstream_event: an error in a stream. transport: the connection "
            "broke. gateway: our own answer. client: it left. The dots lead to traces.",
        ),
        lines(
            21,
            "Ten most frequent codes",
            [Ask(requests.ERRORS_BY_CODE, "{{source}} {{code}}")],
            units.CountsPerSecond,
            "A first error of a code shows in the table above only.",
        ),
        lines(
            22,
            "HTTP errors: throttled, the caller's, the API's",
            [
                Ask(requests.THROTTLED_A_SECOND, "429"),
                Ask(requests.CALLERS_ERRORS_A_SECOND, "other 4xx"),
                Ask(requests.UPSTREAM_ERRORS_A_SECOND, "5xx"),
            ],
            units.CountsPerSecond,
            "429: the quota is used up. Other 4xx: what was asked is wrong. 5xx: the API.",
        ),
        table(
            23,
            "Errors by team, shown time",
            [Ask(requests.ERRORS_BY_TEAM_SHOWN, "errors")],
            units.Short,
            "One line without a name where the settings name no teams.",
            sort_by="errors",
            nothing="none",
        ),
        lines(
            24,
            "Refused by a limit of ours",
            [Ask(requests.REJECTED_BY_REASON, "{{reason}}")],
            units.RequestsPerSecond,
            "max_streams: more exchanges than the settings allow. draining: it is being stopped. Others: what no "
            "server takes.",
        ),
        lines(
            25,
            "Requests to the upstream",
            [Ask(requests.ATTEMPTS, "{{kind}} {{result}}")],
            units.RequestsPerSecond,
            "The gateway repeats none. resume takes up a stream again, continuation goes on with a token: both are the "
            "client's wish.",
        ),
    ),
)

_BROKEN_ROW = Row(
    "Streams that broke, clients that left",
    (
        lines(
            30,
            "Broken and aborted",
            [Ask(requests.BROKEN_BY_OUTCOME, "{{outcome}}")],
            units.RequestsPerSecond,
            "truncated: a clean end before the terminal event. upstream_abort: the connection broke. stream_error: an "
            "error event. client_abort: the client left while it ran.",
            links=(_BROKEN,),
        ),
        lines(
            31,
            "Clients that left, by when",
            [Ask(requests.CLIENTS_LEFT_BY_PHASE, "{{phase}}")],
            units.RequestsPerSecond,
            "before_first_delta: tired of waiting. streaming: had enough. after_terminal: all that matters had come; "
            "SDKs do so, and it is no error.",
        ),
        table(
            32,
            "Broken by model, shown time",
            [
                Ask(requests.BROKEN_BY_MODEL_SHOWN, "broken"),
                Ask(latency.STALLS_BY_MODEL_SHOWN, "stalls"),
            ],
            units.Short,
            "Streams that broke, and silences over the stall threshold.",
            sort_by="broken",
            nothing="none",
        ),
        lines(
            33,
            "Steps left open",
            [Ask(requests.STEPS_LEFT_OPEN, "{{step_type}}")],
            units.CountsPerSecond,
            "Steps that had begun and not ended when the response did: what was being written when it broke.",
            nothing="none",
        ),
        table(
            34,
            "Tool calls that went wrong, shown time",
            [Ask(requests.TOOL_FAILURES_SHOWN, "calls")],
            units.Short,
            "error: the result says so. unmatched: the result is not in the same answer. Agents live with some.",
            sort_by="calls",
            nothing="none",
        ),
        lines(
            35,
            "Connections that failed",
            [Ask(health.CONNECTS_FAILED_BY_RESULT, "{{result}}")],
            units.CountsPerSecond,
            "To the upstream: its name, its address, TLS. Good: none.",
        ),
    ),
)

_DRIFT = Row(
    "The API has changed?",
    (
        lines(
            40,
            "Words not known, by vocabulary",
            [Ask(oddities.UNKNOWN_BY_WHAT, "{{what}}")],
            units.EventsPerSecond,
            "New event, step or delta types, statuses, tiers, modalities. A few: the API is trying something out. All "
            "streams: it has changed, and a new version of the gateway is due.",
            links=(_UNKNOWN,),
        ),
        lines(
            41,
            "Events not readable, by reason",
            [Ask(oddities.INVALID_BY_REASON, "{{reason}}")],
            units.EventsPerSecond,
            "json, utf8, shape, size. They were passed on as they came.",
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
            units.Short,
            "The words themselves are on the traces (interactions.unknown_names) and in the log.",
            sort_by="times",
            width=6,
            nothing="none",
        ),
        table(
            44,
            "Oddities, shown time",
            [Ask(oddities.ANOMALIES_BY_NAME_SHOWN, "times")],
            units.Short,
            "A click finds the traces.",
            sort_by="times",
            width=6,
            nothing="none",
            data_links=(_ODD,),
        ),
        table(
            45,
            "Ends without usage, shown time",
            [Ask(requests.USAGE_MISSING_SHOWN, "interactions")],
            units.Short,
            "Ended without any usage: their tokens are unknown. Broken streams often do; completed ones should not.",
            sort_by="interactions",
            width=6,
            nothing="none",
        ),
        table(
            46,
            "Label values that were folded, shown time",
            [Ask(oddities.OVERFLOW_BY_LABEL_SHOWN, "times")],
            units.Short,
            "Values outside a label's set, counted as `other`. model, code, team: extend labels.* in the settings. "
            "series: the limit of series is reached.",
            sort_by="times",
            width=6,
            nothing="none",
        ),
        stat(
            47,
            "Status not known",
            oddities.UNKNOWN_STATUS_SHOWN,
            units.NoUnit,
            "Requests in the shown time whose end could not be told: no readable status, an encoding that can't be "
            "read, or reading was switched off by a fault.",
            limits=(1, 10),
            decimals=0,
            width=6,
        ),
    ),
)

BOARD = Board(
    "Errors and anomalies",
    "What goes wrong, whose fault it is, which streams broke, and what of the API is new.",
    (_NOW, _ENDS, _WHOSE, _BROKEN_ROW, _DRIFT),
)
