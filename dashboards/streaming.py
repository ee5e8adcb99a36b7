"""Streaming latency: how long streams make people wait, and where that time goes.

For the developer, who wants to see one slow call, and the on-call engineer, who asks whose slowness it is.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards import thresholds
from dashboards.board import Board, Row
from dashboards.links import to_traces
from dashboards.panels import Ask, heatmap, lines, stack, stat, table
from dashboards.queries import cost, latency, objectives, requests

_SLOW_TRACES = to_traces(
    "Slow traces of the shown time",
    f"{{ kind = server && span.interactions.outcome != nil && duration > {thresholds.FIRST_DELTA_S:g}s }}",
)
_STALLED_TRACES = to_traces("Traces of stalled streams", "{ span.interactions.stalled = true }")
_OF_MODEL = to_traces(
    "Traces of this model",
    '{ span.gen_ai.request.model = "${__data.fields.model}" || span.gen_ai.agent.name = "${__data.fields.model}" }',
)

_NOW = Row(
    "Is it all right?",
    (
        stat(
            1,
            "First delta, p50",
            latency.FIRST_DELTA_P50,
            units.Seconds,
            "Half of the streams show their first delta, of any kind, within this time.",
            limits=thresholds.FIRST_DELTA,
            decimals=2,
            nothing="no streams",
            over_time=True,
        ),
        stat(
            2,
            "First delta, p95",
            latency.FIRST_DELTA_P95,
            units.Seconds,
            "95 of 100 streams show their first delta within this time.",
            limits=thresholds.FIRST_DELTA,
            decimals=2,
            nothing="no streams",
            links=(_SLOW_TRACES,),
            over_time=True,
        ),
        stat(
            3,
            "Later than promised",
            objectives.LATE_SHOWN,
            units.PercentUnit,
            f"Share of streams in the shown time whose first delta came later than {thresholds.FIRST_DELTA_S:g} s. "
            f"Promised: at most {1 - thresholds.FIRST_DELTA_TARGET:.2%}.",
            limits=thresholds.LATE,
            decimals=2,
            nothing="no streams",
            alerts=("FirstDeltaBudgetBurn",),
        ),
        stat(
            4,
            "Streams with a long silence",
            latency.LONG_GAP_SHARE_SHOWN,
            units.PercentUnit,
            f"Share of streams in the shown time with more than {latency.LONG_GAP_S} s between two deltas. Thoughts "
            "are silent too, so models that think have some.",
            limits=(0.05, 0.2),
            decimals=1,
            nothing="no streams",
            links=(_STALLED_TRACES,),
        ),
        stat(
            5,
            "Stalls",
            latency.STALLS_SHOWN,
            units.NoUnit,
            "Silences over the stall threshold (30 s by default) while something other than a thought was being "
            "written, in the shown time. Good: 0.",
            limits=thresholds.STALLS,
            decimals=0,
            links=(_STALLED_TRACES,),
            alerts=("Stalls",),
        ),
        stat(
            6,
            "Longest silence now",
            latency.SILENCE_NOW,
            units.Seconds,
            "The longest running silence of a stream that is open now, thoughts and tools included; a second old at "
            "most when it is scraped.",
            limits=thresholds.SILENCE,
            decimals=0,
            over_time=True,
            alerts=("SilentStream",),
        ),
    ),
)

_FIRST = Row(
    "Time to first delta",
    (
        heatmap(
            10,
            "Time to first delta",
            Ask(latency.FIRST_DELTA_HEAT, "{{le}}", exemplars=True),
            units.Seconds,
            "Every stream's first delta of any kind, by how long it took. Two bands are two kinds of requests, or two "
            "models. The dots are single streams; each leads to its trace.",
        ),
        lines(
            11,
            "Time to first delta",
            [
                Ask(latency.FIRST_DELTA_P50, "p50"),
                Ask(latency.FIRST_DELTA_P95, "p95", exemplars=True),
                Ask(latency.FIRST_DELTA_P99, "p99"),
            ],
            units.Seconds,
            "Of any kind. p50 that rises with p95 is slowness for all; p95 alone is a few requests.",
            limits=thresholds.FIRST_DELTA,
            width=12,
        ),
        lines(
            12,
            "By kind of delta, p95",
            [Ask(latency.FIRST_DELTA_P95_BY_KIND, "{{kind}}")],
            units.Seconds,
            "thought comes first where a model thinks, text when it answers. output is the first of text, media and "
            "arguments: what a person or program can use. Kinds overlap; a stream is in each kind that it has.",
        ),
        lines(
            13,
            "By model, p95",
            [Ask(latency.FIRST_DELTA_P95_BY_MODEL, "{{model}}")],
            units.Seconds,
            "One model alone that is slow is the model's doing; all at once are the network's, the API's or ours.",
            limits=thresholds.FIRST_DELTA,
        ),
        lines(
            14,
            "By team, p95",
            [Ask(latency.FIRST_DELTA_P95_BY_TEAM, "{{team}}")],
            units.Seconds,
            "One line without a name where the settings name no teams.",
            limits=thresholds.FIRST_DELTA,
        ),
        table(
            15,
            "Models in the shown time",
            [
                Ask(cost.REQUESTS_BY_MODEL_SHOWN, "creates", unit=units.NoUnit, decimals=0),
                Ask(latency.BY_MODEL_P50_SHOWN, "first delta p50"),
                Ask(latency.BY_MODEL_P95_SHOWN, "first delta p95"),
                Ask(latency.BY_MODEL_GAP_P99_SHOWN, "gap p99"),
                Ask(latency.BY_MODEL_DURATION_P95_SHOWN, "duration p95"),
            ],
            units.Seconds,
            "A line a model. A click on its name finds its traces. Creates of every kind; the times are of those that "
            "streamed.",
            sort_by="creates",
            width=24,
            data_links=(_OF_MODEL,),
            height=6,
        ),
    ),
)

_GAPS = Row(
    "Between deltas",
    (
        heatmap(
            20,
            "Gaps between deltas",
            Ask(latency.GAP_HEAT, "{{le}}"),
            units.Seconds,
            "Every gap between two deltas of one stream. Deltas that came in one packet have a gap near 0.",
        ),
        lines(
            21,
            "Gaps between deltas",
            [Ask(latency.GAP_P50, "p50"), Ask(latency.GAP_P99, "p99")],
            units.Seconds,
            "What a reader feels as smooth or halting. Time in which the client took nothing is in none of them.",
            width=12,
        ),
        heatmap(
            22,
            "Longest silence of each stream",
            Ask(latency.MAX_GAP_HEAT, "{{le}}", exemplars=True),
            units.Seconds,
            "One value a stream: its longest gap. The dots lead to the traces.",
        ),
        lines(
            23,
            "Longest silence of each stream, p95",
            [Ask(latency.MAX_GAP_P95_BY_MODEL, "{{model}}")],
            units.Seconds,
            "Of 100 streams, 95 were never silent for longer.",
            limits=(latency.LONG_GAP_S, 30),
            width=12,
            links=(_STALLED_TRACES,),
        ),
        lines(
            24,
            "Gap p99 by model",
            [Ask(latency.GAP_P99_BY_MODEL, "{{model}}")],
            units.Seconds,
            "A model whose gaps grow while others' don't is busy.",
        ),
        lines(
            25,
            "Stalls by model",
            [Ask(latency.STALLS_BY_MODEL, "{{model}}")],
            units.CountsPerSecond,
            "Silences over the stall threshold while something other than a thought was being written. They count when "
            "the exchange ends; the silence now is on the right. The first stall of a model shows in the figure on "
            "top only.",
            links=(_STALLED_TRACES,),
            nothing="none",
            alerts=("Stalls",),
        ),
        lines(
            26,
            "Longest silence now",
            [Ask(latency.SILENCE_BY_INSTANCE, "{{instance}}")],
            units.Seconds,
            "While it happens: the longest running silence of an open stream, of each gateway.",
            limits=thresholds.SILENCE,
            alerts=("SilentStream",),
        ),
    ),
)

_PHASES = Row(
    "Where the time goes",
    (
        stack(
            30,
            "Parts of the wall time",
            [Ask(latency.PHASE_SHARE, "{{phase}}")],
            units.PercentUnit,
            "Parts of the wall time of all exchanges that ended; they don't overlap and add up to the whole. wait, "
            "think, stream and server_tool are the API's; client_body and client_blocked the client's; connect the "
            "network's; gateway ours.",
            high=1,
            width=12,
        ),
        lines(
            31,
            "How long each part takes",
            [Ask(latency.PHASE_MEAN, "{{phase}}")],
            units.Seconds,
            "The mean, of exchanges that had the part at all.",
            width=12,
            log_scale=True,
            low=None,
        ),
        heatmap(
            32,
            "Whole duration of streams",
            Ask(latency.DURATION_HEAT, "{{le}}", exemplars=True),
            units.Seconds,
            "From the first byte in to the last byte out. Agents' streams may take an hour.",
        ),
        lines(
            33,
            "Whole duration by model, p95",
            [Ask(latency.DURATION_P95_BY_MODEL, "{{model}}", exemplars=True)],
            units.Seconds,
            "Of streams. Long answers take long; compare with the time to the first delta.",
            width=12,
        ),
        lines(
            34,
            "Upstream: request to head, p95",
            [Ask(latency.UPSTREAM_HEAD_P95_BY_MODEL, "{{model}}")],
            units.Seconds,
            "From asking the upstream to the head of its answer, connecting included. Streams have their head before "
            "their first delta; unary answers have it when all is done.",
        ),
        lines(
            35,
            "Server tools, p95",
            [Ask(latency.TOOL_P95_BY_TOOL, "{{tool}}")],
            units.Seconds,
            "From a tool's call to its result, where both are in one stream.",
        ),
        lines(
            36,
            "Waiting for function results, p95",
            [Ask(latency.RESULT_WAIT_P95_BY_MODEL, "{{model}}")],
            units.Seconds,
            "From the end of a function call to the request that brings its result: the application's own time. "
            "Results that come through another gateway are not seen.",
        ),
        lines(
            37,
            "Steps by type, mean",
            [Ask(latency.STEP_MEAN_BY_TYPE, "{{step_type}}")],
            units.Seconds,
            "From a step's start to its stop, of streams.",
        ),
        lines(
            38,
            "What the gateway adds",
            [Ask(latency.ADDED_P50, "{{path}} p50"), Ask(latency.ADDED_P99, "{{path}} p99")],
            units.Seconds,
            "request: from its head to its writing upstream, without connecting. first_event: from reading the "
            "response's first bytes to their writing. Good: under a millisecond.",
            limits=(0.005, 0.025),
        ),
        lines(
            39,
            "Deltas a second of a stream",
            [Ask(latency.DELTAS_A_SECOND_OF_A_STREAM_BY_MODEL, "{{model}}")],
            units.EventsPerSecond,
            "How fast a stream runs once it has begun: one over the mean gap. A delta is not a token.",
        ),
        stack(
            42,
            "Steps by type",
            [Ask(requests.STEPS_BY_TYPE, "{{step_type}}")],
            units.CountsPerSecond,
            "What the API did: thoughts, answers, calls of tools and their results; counted when the exchange ends.",
            width=12,
        ),
        stack(
            43,
            "Tool calls",
            [Ask(requests.TOOL_CALLS, "{{tool}} {{result}}")],
            units.CountsPerSecond,
            "Server tools: ok, error, or unmatched where the result is not in the same answer. function: pending "
            "counts each call, ok or error each result that a later request brings.",
            width=12,
        ),
        lines(
            40,
            "Events of streams",
            [Ask(requests.EVENTS_BY_TYPE, "{{event_type}}")],
            units.EventsPerSecond,
            "Events that were passed on, by type; counted when the exchange ends.",
            width=12,
        ),
        lines(
            41,
            "Bytes",
            [Ask(requests.BYTES_BY_DIRECTION, "{{direction}}")],
            units.BytesPerSecondSI,
            "Body bytes of all exchanges as they travelled: up to the API, down to the client; counted at the end.",
            width=12,
        ),
    ),
)

BOARD = Board(
    "Streaming latency",
    "How long streams make people wait, by kind and model; gaps, silences and stalls; and where the time goes.",
    (_NOW, _FIRST, _GAPS, _PHASES),
)
