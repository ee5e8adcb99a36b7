"""The span tree, its times, statuses, attributes and links: accounting.md 7, telemetry-conventions.md 2."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from gateway.config import Settings, TraceSettings
from gateway.records import ExchangeClosed
from gateway.telemetry.http_attributes import route_template, split_target
from gateway.telemetry.ids import derive
from gateway.wire.facts import Basis
from gateway.wire.outcome import Body, Outcome, Route
from tests.telemetry.factories import (
    AGENT,
    ID,
    MODEL,
    MS,
    STARTED_NS,
    Bench,
    cancel,
    create,
    poll,
    resume,
    step,
    usage,
)

SEARCH_AND_FUNCTION = [
    step(0, "google_search_call", 100, 200, id="c1"),
    step(1, "google_search_result", 210, 400, call_id="c1", is_error=False),
    step(2, "thought", 410, 500),
    step(3, "function_call", 510, 600, id="f1", name="get_weather"),
]


def tree(bench: Bench) -> set[tuple[str, str, int, int]]:
    """Each span as (its parents' names and its own, kind, start, end in ms since the start)."""
    spans = finished(bench)
    by_id = {span.context.span_id: span for span in spans if span.context is not None}

    def path(span: ReadableSpan) -> str:
        parent = by_id.get(span.parent.span_id) if span.parent is not None else None
        return f"{path(parent)} > {span.name}" if parent is not None else span.name

    return {
        (
            path(span),
            span.kind.name,
            ((span.start_time or 0) - STARTED_NS) // MS,
            ((span.end_time or 0) - STARTED_NS) // MS,
        )
        for span in spans
    }


def finished(bench: Bench) -> list[ReadableSpan]:
    bench.flush()
    return list(bench.spans.get_finished_spans())


def one(bench: Bench, name: str) -> ReadableSpan:
    (found,) = [span for span in finished(bench) if span.name == name]
    return found


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_the_tree_of_a_search_and_a_function_call(bench: Bench) -> None:
    bench.apply(create(Outcome.REQUIRES_ACTION, stream_steps=SEARCH_AND_FUNCTION))

    server, main = "POST /v1beta/interactions", f"POST /v1beta/interactions > generate_content {MODEL}"
    assert tree(bench) == {
        (server, "SERVER", 0, 1000),
        (main, "CLIENT", 2, 1000),
        (f"{main} > POST", "CLIENT", 2, 1000),
        (f"{main} > execute_tool google_search", "INTERNAL", 100, 400),
        (f"{main} > execute_tool google_search > step google_search_call", "INTERNAL", 100, 200),
        (f"{main} > execute_tool google_search > step google_search_result", "INTERNAL", 210, 400),
        (f"{main} > step thought", "INTERNAL", 410, 500),
        (f"{main} > step function_call", "INTERNAL", 510, 600),
    }
    assert {span.status.status_code for span in finished(bench)} == {StatusCode.UNSET}


def test_a_second_create_of_one_id_has_a_trace_of_its_own(bench: Bench) -> None:
    bench.apply(create(), create(exchange_id="x2"))
    mains = [span for span in finished(bench) if span.name.startswith("generate_content")]

    assert len({span.context.span_id for span in mains if span.context is not None}) == 2
    assert [span.context.trace_id == derive(ID).trace_id for span in mains if span.context is not None] == [True, False]


def test_an_untrusted_clients_span_is_linked_whatever_was_asked(bench: Bench) -> None:
    """The SERVER span links it, beside the link to the interaction where it has one."""
    linked = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    bench.apply(cancel(linked=linked), create(Outcome.REJECTED, linked=linked, code="draining", interaction_id=None))
    links = [
        [(link.context.span_id, (link.attributes or {})["interactions.link"]) for link in span.links]
        for span in finished(bench)
        if span.kind is SpanKind.SERVER
    ]

    assert links == [[(0xB7AD6B7169203331, "client"), (derive(ID).span_id, "cancel")], [(0xB7AD6B7169203331, "client")]]


def test_baggage_hides_no_attribute_of_ours(bench: Bench) -> None:
    bench.apply(create(baggage={"tenant": "t", "gen_ai.request.model": "x", "url.path": "/x"}))
    server, main = one(bench, "POST /v1beta/interactions"), one(bench, f"generate_content {MODEL}")

    assert [attributes(span)["tenant"] for span in (server, main)] == ["t", "t"]
    assert attributes(server)["url.path"] == "/v1beta/interactions"
    assert attributes(main)["gen_ai.request.model"] == MODEL


SHAPES: list[Any] = [
    pytest.param(
        create(request_agent=AGENT),
        {"POST /v1beta/interactions", f"invoke_agent {AGENT}", "POST"},
        id="an agent's turn",
    ),
    pytest.param(
        poll(Outcome.IN_PROGRESS, stream_steps=[step(0, "thought")]),
        {"GET /v1beta/interactions/{id}", "fetch_response", "GET"},
        id="a poll of a run that goes on: its steps are shown when it is over",
    ),
    pytest.param(
        poll(stream_steps=[step(0, "thought")]),
        {"GET /v1beta/interactions/{id}", "fetch_response", "GET", "step thought"},
        id="a final poll",
    ),
    pytest.param(cancel(), {"POST /v1beta/interactions/{id}/cancel", "POST"}, id="a cancel has no interaction span"),
    pytest.param(
        poll(Outcome.FORWARDED, route=Route.DELETE, method="DELETE"),
        {"DELETE /v1beta/interactions/{id}", "DELETE"},
        id="nor has a delete",
    ),
    pytest.param(
        poll(Outcome.FORWARDED, route=Route.PASSTHROUGH, target="/v1beta/models?pageSize=3"),
        {"GET"},
        id="passthrough: the method only, twice",
    ),
    pytest.param(
        poll(Outcome.FORWARDED, route=Route.PASSTHROUGH, method="BREW"), {"HTTP"}, id="an invented method is no name"
    ),
    pytest.param(
        create(Outcome.REJECTED, code="draining", http_status=503, times_upstream_start_ns=None),
        {"POST /v1beta/interactions"},
        id="rejected: the server span alone",
    ),
    pytest.param(
        create(Outcome.GATEWAY_ERROR, code="connect_error", http_status=502, interaction_id=None),
        {"POST /v1beta/interactions", f"generate_content {MODEL}", "POST"},
        id="an upstream that can't be reached was asked",
    ),
]


@pytest.mark.parametrize(("record", "names"), SHAPES)
def test_shapes(bench: Bench, record: ExchangeClosed, names: set[str]) -> None:
    bench.apply(record)

    assert {span.name for span in finished(bench)} == names


def test_each_step_of_a_background_run_is_shown_once(bench: Bench) -> None:
    """However often it is polled."""
    steps = [step(0, "thought"), step(1, "model_output")]
    bench.apply(create(Outcome.IN_PROGRESS), poll(Outcome.IN_PROGRESS, stream_steps=steps[:1]))
    bench.apply(poll(stream_steps=steps), poll(stream_steps=steps))

    names = [span.name for span in finished(bench) if span.name.startswith("step")]
    assert sorted(names) == ["step model_output", "step thought"]


PAIRS: list[Any] = [
    pytest.param(
        [step(0, "mcp_server_tool_call", 10, 20, id="a", name="lookup")],
        {("execute_tool mcp_server_tool", 10, 1000, True), ("step mcp_server_tool_call", 10, 20, None)},
        id="a call without result ends with the stream",
    ),
    pytest.param(
        [step(0, "google_search_result", 30, 40, call_id="gone")],
        {("execute_tool google_search", 30, 40, True), ("step google_search_result", 30, 40, None)},
        id="a result without call starts at its own start",
    ),
    pytest.param(
        [step(0, "url_context_call", 10, 20, id="a"), step(1, "google_search_result", 30, 40, call_id="a")],
        {
            ("execute_tool url_context", 10, 1000, True),
            ("step url_context_call", 10, 20, None),
            ("execute_tool google_search", 30, 40, True),
            ("step google_search_result", 30, 40, None),
        },
        id="another tool's result is no pair",
    ),
    pytest.param(
        [
            step(0, "file_search_result", 5, 8, call_id="a"),
            step(1, "file_search_call", 10, 20, id="a"),
            step(2, "file_search_result", 30, 40, call_id="a"),
        ],
        {
            ("execute_tool file_search", 5, 20, None),
            ("step file_search_result", 5, 8, None),
            ("step file_search_call", 10, 20, None),
            ("execute_tool file_search", 30, 40, True),
            ("step file_search_result", 30, 40, None),
        },
        id="the first result pairs, wherever it stands; the next is alone",
    ),
    pytest.param(
        [step(0, "function_result", 10, 20, call_id="a"), step(1, "other", 30, wire_type="x_call")],
        {("step function_result", 10, 20, None), ("step other", 30, 1000, None)},
        id="functions are the client's, and what is unknown is no tool",
    ),
]


@pytest.mark.parametrize(("steps", "expected"), PAIRS)
def test_pairs_of_server_tools(bench: Bench, steps: list[Any], expected: set[tuple[Any, ...]]) -> None:
    bench.apply(create(stream_steps=steps))

    found = {
        (
            span.name,
            ((span.start_time or 0) - STARTED_NS) // MS,
            ((span.end_time or 0) - STARTED_NS) // MS,
            attributes(span).get("interactions.tool.unmatched"),
        )
        for span in finished(bench)
        if span.kind is SpanKind.INTERNAL
    }
    assert found == expected


def test_a_tools_error_is_not_the_interactions(bench: Bench) -> None:
    steps = [step(0, "code_execution_call", 1, 2, id="a"), step(1, "code_execution_result", 3, 4, call_id="a")]
    steps[1].is_error = True
    bench.apply(create(stream_steps=steps))

    errors = {span.name: attributes(span)["error.type"] for span in finished(bench) if not span.status.is_ok}
    assert errors == {"execute_tool code_execution": "tool_error"}


STATUSES: list[Any] = [
    pytest.param(create(Outcome.CANCELLED), None, (), id="cancelled is no error"),
    pytest.param(create(Outcome.UNKNOWN_STATUS), None, (), id="nor an unknown status"),
    pytest.param(create(Outcome.IN_PROGRESS), None, (), id="nor work under way"),
    pytest.param(create(Outcome.CLIENT_ABORT), None, (), id="nor a client that left"),
    pytest.param(
        create(Outcome.REJECTED, code="max_streams", times_upstream_start_ns=None), None, (), id="nor our refusal"
    ),
    pytest.param(create(Outcome.FAILED), "failed", ("server", "main", "post"), id="failed"),
    pytest.param(
        create(Outcome.STREAM_ERROR, stream_errors=1, stream_error_codes=["Gateway_Timeout"]),
        "gateway_timeout",
        ("server", "main", "post"),
        id="an error event",
    ),
    pytest.param(
        create(Outcome.STREAM_ERROR, stream_errors=1, stream_error_codes=["odd"]),
        "_OTHER",
        ("server", "main", "post"),
        id="of an unlisted code",
    ),
    pytest.param(create(Outcome.HTTP_ERROR, http_status=503), "503", ("server", "main", "post"), id="5xx on all"),
    pytest.param(create(Outcome.HTTP_ERROR, http_status=429), "429", ("main", "post"), id="4xx not on the server's"),
    pytest.param(create(Outcome.UPSTREAM_ABORT), "upstream_abort", ("server", "main", "post"), id="cut"),
    pytest.param(create(Outcome.TRUNCATED), "truncated", ("server", "main", "post"), id="truncated"),
    pytest.param(
        create(Outcome.GATEWAY_ERROR, code="dns_error"), "dns_error", ("server", "main", "post"), id="our own answer"
    ),
]


@pytest.mark.parametrize(("record", "error", "spans"), STATUSES)
def test_statuses(bench: Bench, record: ExchangeClosed, error: str | None, spans: tuple[str, ...]) -> None:
    bench.apply(record)

    roles = {"POST /v1beta/interactions": "server", f"generate_content {MODEL}": "main", "POST": "post"}
    wrong = {roles[span.name]: span for span in finished(bench) if span.status.status_code is StatusCode.ERROR}
    assert set(wrong) == set(spans)
    assert {attributes(span)["error.type"] for span in wrong.values()} <= {error}
    assert {span.status.description for span in finished(bench)} == {None}


LINKS: list[Any] = [
    pytest.param(create(request_previous_interaction_id="before"), "previous_interaction", "before", id="a next turn"),
    pytest.param(
        create(request_previous_interaction_id="before", request_continuation=True),
        "continuation",
        "before",
        id="a continuation hop",
    ),
    pytest.param(poll(), "poll", ID, id="a poll"),
    pytest.param(resume(), "resume", ID, id="a resume"),
    pytest.param(cancel(), "cancel", ID, id="a cancel"),
]


@pytest.mark.parametrize(("record", "relation", "earlier"), LINKS)
def test_links(bench: Bench, record: ExchangeClosed, relation: str, earlier: str) -> None:
    """Derived where the earlier one is unknown here; exact where it is known, even with a client's trace."""
    bench.apply(record)
    trace = "0af7651916cd43dd8448eb211c80319c"
    known = create(exchange_id="first", interaction_id=earlier, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    record.exchange_id = "second"
    bench.apply(known, record)

    links = [link for span in finished(bench) for link in span.links]
    derived, exact = links
    assert [dict(link.attributes or {}) for link in links] == [
        {"interactions.link": relation, "interactions.link.basis": basis} for basis in ("derived", "known")
    ]
    assert (derived.context.trace_id, derived.context.span_id) == (derive(earlier).trace_id, derive(earlier).span_id)
    assert f"{exact.context.trace_id:032x}" == trace
    assert exact.context.span_id in {
        span.context.span_id
        for span in finished(bench)
        if span.context is not None and span.name.startswith("generate_content")
    }


def test_a_derived_link_names_the_span_that_was_made() -> None:
    """Two gateways that share nothing."""
    one_bench, other = Bench(), Bench()
    one_bench.apply(create(interaction_id="before"))
    other.apply(create(request_previous_interaction_id="before"))

    (link,) = [link for span in finished(other) for link in span.links]
    made = one(one_bench, f"generate_content {MODEL}").context
    assert made is not None
    assert (link.context.trace_id, link.context.span_id) == (made.trace_id, made.span_id)


def test_a_clients_trace_is_continued(bench: Bench) -> None:
    bench.apply(create(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", tracestate="a=b"))

    root = one(bench, "POST /v1beta/interactions")
    assert root.parent is not None
    assert f"{root.parent.span_id:016x}" == "b7ad6b7169203331"
    assert root.context is not None
    assert dict(root.context.trace_state) == {"a": "b"}
    assert len({span.context.trace_id for span in finished(bench) if span.context is not None}) == 1


def test_what_a_generation_says(bench: Bench) -> None:
    """Missing is absent: the whole set of attributes is compared."""
    bench.apply(
        create(
            request_previous_interaction_id="before",
            request_temperature=0.5,
            request_thinking_level="high",
            request_stop_sequences=["END"],
            request_output_type="text",
            interaction_model=MODEL,
            interaction_service_tier="standard",
            bytes_down=4321,
            stream_deltas=7,
            stream_first_event_ns=102 * MS,
            stream_terminal_ns=990 * MS,
            stream_first_delta_ns={"any": 300 * MS, "text": 700 * MS},
            stream_steps=[step(0, "model_output", 300, 900)],
            usage=usage(
                512,
                input=24,
                output=31,
                thought=256,
                tool_use=101,
                cached=0,
                by_modality={"input": {"text": 24}, "tool_use": {"text": 80, "video": 21}, "output": {"plasma": 31}},
                grounding={"google_search": 2, "crystal_ball": 1},
            ),
        )
    )

    assert attributes(one(bench, f"generate_content {MODEL}")) == {
        "server.address": "generativelanguage.googleapis.com",
        "server.port": 443,
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.stream": True,
        "gen_ai.request.previous_response.id": "before",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.output.type": "text",
        "gen_ai.response.id": ID,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.status": "completed",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.1,
        "gen_ai.usage.input_tokens": 125,
        "gen_ai.usage.output_tokens": 287,
        "gen_ai.usage.reasoning.output_tokens": 256,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.text.input_tokens": 104,
        "interactions.usage.video.input_tokens": 21,
        "interactions.usage.unknown.output_tokens": 31,
        "interactions.usage.unattributed_tokens": 100,
        "interactions.usage.grounding.google_search": 2,
        "interactions.usage.grounding.other": 1,
        "interactions.cost_usd": 2.000512,  # 512 tokens, two calls that have a price
        "interactions.usage.basis": "final",
        "interactions.outcome": "completed",
        "interactions.service_tier": "standard",
        "interactions.attempts": 1,
        "interactions.steps": 1,
        "interactions.deltas": 7,
        "interactions.bytes": 4321,
        "interactions.unknown_events": 0,
        "interactions.time_to_first_delta": 0.3,
        "interactions.time_to_first_text": 0.7,
        "interactions.time_to_terminal": 0.99,
    }


def test_only_generations_carry_model_and_usage(bench: Bench) -> None:
    """Back ends re-type any span with a model, and some sum usage over all spans."""
    bench.apply(
        poll(usage=usage(9, input=9), stream_steps=[step(0, "model_output")]),
        create(exchange_id="x2", usage=usage(9, input=9), basis=Basis.RUNNING, stream_steps=SEARCH_AND_FUNCTION),
    )

    for span in finished(bench):
        marked = [key for key in attributes(span) if key.startswith("gen_ai.usage.") or key.endswith(".model")]
        assert bool(marked) is span.name.startswith("generate_content"), span.name
    assert attributes(one(bench, f"generate_content {MODEL}"))["interactions.usage.basis"] == "running"


def test_steps_say_what_is_known_of_them(bench: Bench) -> None:
    own = usage(5, output=5)
    steps = [
        step(0, "function_call", 100, deltas=2, bytes=64, max_gap_ns=30 * MS, id="f1", name="get_weather"),
        step(1, "other", 200, 300, wire_type="dance", step_usage=own, first_delta_ns=250 * MS),
    ]
    bench.apply(create(stream_steps=steps))

    assert attributes(one(bench, "step function_call")) == {
        "interactions.step.index": 0,
        "interactions.step.type": "function_call",
        "interactions.step.deltas": 2,
        "interactions.step.bytes": 64,
        "interactions.step.max_gap": 0.03,
        "interactions.step.open_at_end": True,
        "gen_ai.tool.name": "get_weather",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "f1",
    }
    assert attributes(one(bench, "step other")) == {
        "interactions.step.index": 1,
        "interactions.step.type": "other",
        "interactions.step.wire_type": "dance",
        "interactions.step.deltas": 0,
        "interactions.step.bytes": 0,
        "interactions.step.first_delta": 0.05,
        "interactions.step.usage.total_tokens": 5,
        "interactions.step.usage.output_tokens": 5,
    }


def test_a_unary_bodys_steps_take_its_time(bench: Bench) -> None:
    bench.apply(create(body=Body.JSON, stream_steps=[step(0, "model_output")]))

    span = one(bench, "step model_output")
    assert attributes(span)["interactions.step.timed"] is False
    assert (span.start_time, span.end_time) == (STARTED_NS + 50 * MS, STARTED_NS + 1000 * MS)


def test_http_facts_without_secrets(bench: Bench) -> None:
    bench.apply(
        create(
            target="/v1beta/interactions?alt=sse&key=S3CR3T&X-Goog-Api-Key=S3CR3T",
            user_agent="sdk/1",
            upstream_port=8443,
        )
    )

    client = attributes(one(bench, "POST"))
    assert client == {
        "http.request.method": "POST",
        "server.address": "generativelanguage.googleapis.com",
        "server.port": 8443,
        "url.full": "https://generativelanguage.googleapis.com:8443/v1beta/interactions"
        "?alt=sse&key=REDACTED&X-Goog-Api-Key=REDACTED",
        "http.response.status_code": 200,
    }
    server = attributes(one(bench, "POST /v1beta/interactions"))
    assert server == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "url.path": "/v1beta/interactions",
        "url.query": "alt=sse&key=REDACTED&X-Goog-Api-Key=REDACTED",
        "http.route": "/v1beta/interactions",
        "http.response.status_code": 200,
        "user_agent.original": "sdk/1",
        "network.protocol.version": "1.1",
        "interactions.exchange.id": "x1",
        "interactions.outcome": "completed",
        "interactions.phase.connect": 0.003,
        "interactions.phase.wait": 0.995,
        "interactions.phase.gateway": 0.002,
        "interactions.kept_by": "ratio",
    }


@pytest.mark.parametrize(
    ("route", "path", "template"),
    [
        (Route.CREATE, "/v1/interactions", "/v1/interactions"),
        (Route.CREATE, "/interactions", "/interactions"),
        (Route.GET, "/v1beta/interactions/abc", "/v1beta/interactions/{id}"),
        (Route.DELETE, "/v1beta/interactions/interactions", "/v1beta/interactions/{id}"),
        (Route.CANCEL, "/v1beta/interactions/abc/cancel", "/v1beta/interactions/{id}/cancel"),
        (
            Route.CREATE,
            "/v1beta1/projects/mine/locations/eu/interactions",
            "/v1beta1/projects/{project}/locations/{location}/interactions",
        ),
        (Route.CREATE, "/a" * 20 + "/interactions", "/{prefix}/interactions"),
        (Route.PASSTHROUGH, "/v1beta/models", None),
        (Route.CREATE, "", None),
    ],
)
def test_route_templates(route: Route, path: str, template: str | None) -> None:
    assert route_template(route, path) == template


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/a?b=1#c", ("/a", "b=1")),
        ("/a?access_token=x&plain", ("/a", "access_token=REDACTED&plain")),
        ("/a?%6Bey=x", ("/a", "%6Bey=REDACTED")),
        ("http://user:pw@host/a?b", ("/a", "b")),
        ("http://[broken/a", ("", "")),
        ("*", ("*", "")),
        ("", ("", "")),
    ],
)
def test_targets(target: str, expected: tuple[str, str]) -> None:
    assert split_target(target) == expected


def test_traces_not_kept_are_counted_as_spans() -> None:
    bench = Bench(Settings(traces=TraceSettings(keep_ratio=0.0)))
    bench.apply(create(stream_steps=SEARCH_AND_FUNCTION))

    assert finished(bench) == []
    assert bench.value("spans_total", result="sampled_out") == 8
    assert not any(sample.exemplar for family in bench.families().values() for sample in family.samples)
