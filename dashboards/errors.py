"""Errors and anomalies: what goes wrong, whose fault it is, and what of the API is new.

For the on-call engineer: from a share to a code to the traces in two clicks.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards import thresholds
from dashboards.board import Board, Row
from dashboards.drift import DRIFT, UNKNOWN_TRACES
from dashboards.links import to_traces
from dashboards.panels import Ask, lines, stack, stat, table
from dashboards.queries import health, latency, oddities, requests

_OF_CODE = to_traces("Traces with this error", '{ span.error.type = "${__data.fields.code}" }')
_OF_OUTCOME = to_traces(
    "Traces that ended so",
    '{ span.interactions.outcome = "${__data.fields.outcome}" && kind = server }',
)
_BROKEN = to_traces(
    "Traces of broken streams",
    '{ span.interactions.outcome =~ "truncated|upstream_abort|stream_error" && kind = server }',
)
_THROTTLED = to_traces("Traces of throttled requests", '{ span.error.type = "429" }')
_STALLED = to_traces("Traces of stalled streams", "{ span.interactions.stalled = true }")

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
            limits=thresholds.SUCCESS,
            falling=True,
            width=3,
            decimals=2,
            high=1,
            nothing="no requests",
            alerts=("SuccessBudgetBurn",),
        ),
        stat(
            2,
            "Streams that broke",
            requests.BROKEN_RATIO_SHOWN,
            units.PercentUnit,
            "Share of streams in the shown time that ended as truncated, upstream_abort or stream_error: what the "
            "client got is cut off, or ends in an error.",
            limits=thresholds.BROKEN,
            width=3,
            decimals=2,
            nothing="no streams",
            links=(_BROKEN,),
            alerts=("BrokenStreams",),
        ),
        stat(
            3,
            "Our own errors",
            requests.OUR_OWN_SHOWN,
            units.NoUnit,
            "Requests in the shown time that the gateway itself answered with an error, or refused. Good: 0, but for "
            "clients that send what can't be served.",
            limits=(1, 10),
            width=3,
            decimals=0,
        ),
        stat(
            7,
            "Throttled",
            requests.THROTTLED_SHOWN,
            units.NoUnit,
            "Requests in the shown time that the API refused with 429: the quota is used up. Clients see it; the "
            "gateway repeats nothing.",
            limits=(1, 100),
            width=3,
            decimals=0,
            links=(_THROTTLED,),
        ),
        stat(
            4,
            "Words not known",
            oddities.UNKNOWN_SHOWN,
            units.NoUnit,
            "Words of the API that this version doesn't know, in the shown time: the API has grown. All was passed on; "
            "what they mean is not counted.",
            limits=thresholds.UNKNOWN,
            width=3,
            decimals=0,
            links=(UNKNOWN_TRACES,),
            alerts=("UnknownEvents",),
        ),
        stat(
            5,
            "Events not readable",
            oddities.INVALID_SHOWN,
            units.NoUnit,
            "Events that could not be read, in the shown time: no JSON, no UTF-8, another shape, too long. All were "
            "passed on.",
            limits=thresholds.INVALID,
            width=3,
            decimals=0,
            alerts=("InvalidEvents",),
        ),
        stat(
            6,
            "Stalls",
            latency.STALLS_SHOWN,
            units.NoUnit,
            "Silences over the stall threshold (30 s by default) while something other than a thought was being "
            "written, in the shown time.",
            limits=thresholds.STALLS,
            width=3,
            decimals=0,
            links=(_STALLED,),
            alerts=("Stalls",),
        ),
        stat(
            8,
            "Status not known",
            oddities.UNKNOWN_STATUS_SHOWN,
            units.NoUnit,
            "Requests in the shown time whose end could not be told: no readable status, an encoding that can't be "
            "read, or reading was switched off by a fault.",
            limits=(1, 10),
            decimals=0,
            width=3,
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
            limits=(1 - thresholds.SUCCESS[1], 1 - thresholds.SUCCESS[0]),
            high=1,
        ),
        table(
            13,
            "Ends that are not good, shown time",
            [Ask(requests.OUTCOMES_BY_MODEL_SHOWN, "requests")],
            units.NoUnit,
            "Every one that was seen, single ones too. client_abort, cancelled and forwarded are no errors; they are "
            "here to be seen.",
            decimals=0,
            sort_by="requests",
            width=12,
            nothing="none",
            data_links=(_OF_OUTCOME,),
        ),
        table(
            14,
            "Errors by code, shown time",
            [Ask(requests.ERRORS_BY_CODE_SHOWN, "errors")],
            units.NoUnit,
            "Every error that was seen. code is the API's word, an HTTP status, or a word of the gateway. A click "
            "finds the traces.",
            decimals=0,
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
            alerts=("ErrorRatio",),
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
            alerts=("CallerErrorRatio",),
        ),
        table(
            23,
            "Errors by team, shown time",
            [Ask(requests.ERRORS_BY_TEAM_SHOWN, "errors")],
            units.NoUnit,
            "One line without a name where the settings name no teams.",
            decimals=0,
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
            alerts=("Full",),
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
            alerts=("BrokenStreams",),
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
            units.NoUnit,
            "Streams that broke, and silences over the stall threshold.",
            decimals=0,
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
            units.NoUnit,
            "error: the result says so. unmatched: the result is not in the same answer. Agents live with some.",
            decimals=0,
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

BOARD = Board(
    "Errors and anomalies",
    "What goes wrong, whose fault it is, which streams broke, and what of the API is new.",
    (_NOW, _ENDS, _WHOSE, _BROKEN_ROW, DRIFT),
)
