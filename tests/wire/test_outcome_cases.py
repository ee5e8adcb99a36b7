"""Ends that happen, by name: what was seen of an exchange, and the one outcome it has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.wire.outcome import Answer, Body, End, EndFacts, Outcome, Route, decide, is_interaction_answer

STREAM = EndFacts(Answer.UPSTREAM, End.CLEAN, Route.CREATE, Body.STREAM, 200, done_seen=True)
UNARY = EndFacts(Answer.UPSTREAM, End.CLEAN, Route.CREATE, Body.JSON, 200)
POLL = replace(UNARY, route=Route.GET)
RESUME = replace(STREAM, route=Route.GET)
REST = EndFacts(Answer.UPSTREAM, End.CLEAN, Route.PASSTHROUGH, Body.JSON, 200)

CASES = [
    ("draining refuses", replace(STREAM, answered_by=Answer.REFUSED, http_status=None), "rejected"),
    ("refused, and the client gone at once", replace(UNARY, answered_by=Answer.REFUSED, client_left=True), "rejected"),
    ("the upstream can't be reached", replace(UNARY, answered_by=Answer.OURS, http_status=None), "gateway_error"),
    ("our process died in mid-stream", replace(STREAM, answered_by=Answer.OURS, done_seen=False), "gateway_error"),
    ("no head came", replace(UNARY, end=End.NO_HEAD, http_status=None), "upstream_abort"),
    ("the client did not wait for a head", replace(UNARY, end=End.NO_HEAD, client_left=True), "client_abort"),
    ("429", replace(UNARY, http_status=429), "http_error"),
    ("404 of another route", replace(REST, http_status=404), "http_error"),
    ("500 whose body broke", replace(UNARY, http_status=500, end=End.CUT), "http_error"),
    ("503 that the client did not read", replace(UNARY, http_status=503, end=End.LEFT), "http_error"),
    ("500 with an event stream", replace(STREAM, http_status=500, final_status="completed"), "http_error"),
    ("a file list", REST, "forwarded"),
    ("a delete", replace(REST, route=Route.DELETE), "forwarded"),
    ("a redirect of a create", replace(UNARY, http_status=307), "forwarded"),
    ("204", replace(UNARY, http_status=204, body=Body.OTHER), "forwarded"),
    ("a create that is answered with plain text", replace(UNARY, body=Body.OTHER), "forwarded"),
    ("plain text that was cut", replace(UNARY, body=Body.OTHER, end=End.CUT), "upstream_abort"),
    ("a download that was left", replace(REST, end=End.LEFT), "client_abort"),
    ("a stream to its end", replace(STREAM, final_seen=True, final_status="completed"), "completed"),
    ("a function call", replace(STREAM, final_seen=True, final_status="requires_action"), "requires_action"),
    ("a hop", replace(STREAM, final_seen=True, final_status="requires_continuation"), "requires_continuation"),
    ("too many tokens", replace(STREAM, final_seen=True, final_status="incomplete"), "incomplete"),
    ("out of budget", replace(STREAM, final_seen=True, final_status="budget_exceeded"), "budget_exceeded"),
    ("failed", replace(STREAM, final_seen=True, final_status="failed"), "failed"),
    (
        "completed, and the client gone before [DONE]",
        replace(STREAM, final_seen=True, final_status="completed", done_seen=False, end=End.LEFT),
        "completed",
    ),
    (
        "completed after an error",
        replace(STREAM, final_seen=True, final_status="completed", error_seen=True),
        "completed",
    ),
    (
        "completed, then cut",
        replace(STREAM, final_seen=True, final_status="completed", done_seen=False, end=End.CUT),
        "completed",
    ),
    ("completed that says in_progress", replace(STREAM, final_seen=True, final_status="in_progress"), "in_progress"),
    ("completed that says nothing", replace(STREAM, final_seen=True), "unknown_status"),
    ("completed of a new status", replace(STREAM, final_seen=True, final_status="paused"), "unknown_status"),
    ("a cancelled run", replace(UNARY, route=Route.CANCEL, final_seen=True, final_status="cancelled"), "cancelled"),
    ("a poll of a run that waits", replace(POLL, final_seen=True, final_status="queued"), "in_progress"),
    ("a poll of a run that ended", replace(POLL, final_seen=True, final_status="completed"), "completed"),
    ("a unary answer that is no JSON", UNARY, "unknown_status"),
    ("a unary answer without status", replace(UNARY, final_seen=True), "unknown_status"),
    ("a unary answer of an error", replace(UNARY, final_seen=True, error_seen=True), "unknown_status"),
    ("a unary answer that was cut", replace(UNARY, end=End.CUT), "upstream_abort"),
    ("a unary answer that was left", replace(UNARY, end=End.LEFT), "client_abort"),
    (
        "a unary answer that was there, then cut",
        replace(UNARY, end=End.CUT, final_seen=True, final_status="completed"),
        "completed",
    ),
    ("an error in the stream", replace(STREAM, error_seen=True, last_status="in_progress"), "stream_error"),
    ("an error, then a cut", replace(STREAM, error_seen=True, done_seen=False, end=End.CUT), "stream_error"),
    (
        "an error, then a client that left",
        replace(STREAM, error_seen=True, done_seen=False, end=End.LEFT),
        "stream_error",
    ),
    ("a status update that ends it", replace(STREAM, last_status="failed", done_seen=False), "failed"),
    (
        "a status update that ends it, and the client gone after [DONE]",
        replace(STREAM, last_status="cancelled", end=End.LEFT),
        "cancelled",
    ),
    (
        "a status update that ends it, then a cut",
        replace(STREAM, last_status="failed", done_seen=False, end=End.CUT),
        "upstream_abort",
    ),
    (
        "a replay that was created completed, and stops",
        replace(RESUME, last_status="completed", status_updated=False),
        "truncated",
    ),
    ("left in mid-stream", replace(STREAM, done_seen=False, end=End.LEFT), "client_abort"),
    ("cut in mid-stream", replace(STREAM, done_seen=False, end=End.CUT), "upstream_abort"),
    (
        "cut in mid-stream, in background",
        replace(STREAM, done_seen=False, end=End.CUT, background=True),
        "upstream_abort",
    ),
    ("left after [DONE], nothing else said", replace(STREAM, end=End.LEFT), "truncated"),
    ("a background stream that stops", replace(STREAM, background=True, last_status="in_progress"), "in_progress"),
    ("a background stream that says nothing", replace(STREAM, background=True, done_seen=False), "in_progress"),
    ("a background stream of a new status", replace(STREAM, background=True, last_status="paused"), "truncated"),
    ("a resume that stops", replace(RESUME, last_status="queued"), "in_progress"),
    ("a stream that stops", replace(STREAM, last_status="in_progress"), "truncated"),
    ("an empty stream", replace(STREAM, done_seen=False), "truncated"),
]


@pytest.mark.parametrize(("facts", "outcome"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_an_end(facts: EndFacts, outcome: str) -> None:
    """It has the outcome that stands beside it."""
    assert decide(facts) is Outcome(outcome)


@pytest.mark.parametrize(
    ("route", "status", "body", "answers"),
    [
        (Route.CREATE, 200, Body.STREAM, True),
        (Route.GET, 299, Body.JSON, True),
        (Route.CANCEL, 200, Body.JSON, True),
        (Route.CREATE, 199, Body.JSON, False),
        (Route.CREATE, 300, Body.JSON, False),
        (Route.CREATE, 200, Body.OTHER, False),
        (Route.CREATE, None, Body.JSON, False),
        (Route.DELETE, 200, Body.JSON, False),
        (Route.PASSTHROUGH, 200, Body.STREAM, False),
    ],
)
def test_what_answers_for_an_interaction(route: Route, status: int | None, body: Body, answers: bool) -> None:
    """Only a success of create, get or cancel, as an event stream or JSON."""
    assert is_interaction_answer(route, status, body) is answers
