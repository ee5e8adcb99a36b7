"""Tool calls: what came of each, once; and how long a function call waited for its result."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.records import ExchangeClosed
from gateway.telemetry.tools import MAX_UNMATCHED, PendingCalls, tool_calls
from gateway.wire.outcome import Body, Outcome
from tests.telemetry.factories import ID, MODEL, MS, STARTED_NS, Bench, create, poll, resume, step

SEARCH = step(0, "google_search_call", 100, 200, id="c")
FOUND = step(1, "google_search_result", 210, 400, call_id="c")
CALL = step(0, "function_call", 100, 600, id="f")
S_NS = 1_000 * MS


def counted(bench: Bench) -> dict[str, float]:
    """`tool/result` to number."""
    return {
        f"{dict(labels)['tool']}/{dict(labels)['result']}": value
        for labels, value in bench.samples("tool_calls_total").items()
    }


SERVER: list[Any] = [
    pytest.param([create(stream_steps=[SEARCH, FOUND])], {"google_search/ok": 1}, id="a pair"),
    pytest.param(
        [create(stream_steps=[SEARCH, step(1, "google_search_result", 210, 400, call_id="c", is_error=True)])],
        {"google_search/error": 1},
        id="is_error",
    ),
    pytest.param(
        [create(stream_steps=[SEARCH, step(1, "google_search_result", 210, 400, call_id="c", is_error=False)])],
        {"google_search/ok": 1},
        id="is_error false",
    ),
    pytest.param([create(stream_steps=[SEARCH])], {"google_search/unmatched": 1}, id="a call without result"),
    pytest.param([create(stream_steps=[FOUND])], {"google_search/unmatched": 1}, id="a result without call"),
    pytest.param(
        [create(stream_steps=[SEARCH, step(1, "url_context_result", call_id="c")])],
        {"google_search/unmatched": 1, "url_context/unmatched": 1},
        id="another tool's result",
    ),
    pytest.param(
        [create(stream_steps=[SEARCH, FOUND, step(2, "google_search_result", call_id="c")])],
        {"google_search/ok": 1, "google_search/unmatched": 1},
        id="two results: the first is the pair's",
    ),
    pytest.param(
        [create(Outcome.UPSTREAM_ABORT, stream_steps=[SEARCH]), resume(stream_steps=[FOUND])],
        {"google_search/unmatched": 1},
        id="a resume brings the result of a call that counted already",
    ),
    pytest.param(
        [create(Outcome.UPSTREAM_ABORT, stream_steps=[SEARCH]), resume(stream_steps=[SEARCH, FOUND])],
        {"google_search/unmatched": 1},
        id="a resume that shows the call once more",
    ),
    pytest.param([resume(stream_steps=[FOUND])], {"google_search/unmatched": 1}, id="a resume of a strangers' stream"),
    pytest.param(
        [create(Outcome.IN_PROGRESS), *[poll(usage=None, stream_steps=[SEARCH, FOUND]) for _ in range(2)]],
        {},
        id="steps of polls count with their usage, and without one not at all",
    ),
    pytest.param(
        [poll(Outcome.FORWARDED, body=Body.OTHER, stream_steps=[SEARCH])], {}, id="what does not count has no calls"
    ),
]


@pytest.mark.parametrize(("records", "expected"), SERVER)
def test_calls_of_server_tools(bench: Bench, records: list[ExchangeClosed], expected: dict[str, float]) -> None:
    bench.apply(*records)

    assert counted(bench) == expected


DURATIONS: list[Any] = [
    pytest.param([SEARCH, FOUND], 0.3, id="call's start to result's stop"),
    pytest.param([SEARCH], None, id="no result"),
    pytest.param([SEARCH, step(1, "google_search_result", 210, None, call_id="c")], None, id="no stop"),
    pytest.param(
        [step(0, "google_search_call", id="c"), step(1, "google_search_result", call_id="c")], None, id="a unary body"
    ),
    pytest.param(
        [step(0, "google_search_result", 5, 8, call_id="c"), step(1, "google_search_call", 10, 20, id="c")],
        None,
        id="a result before its call",
    ),
]


@pytest.mark.parametrize(("steps", "duration_s"), DURATIONS)
def test_how_long_a_server_tool_took(bench: Bench, steps: list[Any], duration_s: float | None) -> None:
    bench.apply(create(stream_steps=steps))

    expected = {} if duration_s is None else {(("tool", "google_search"),): duration_s}
    assert bench.samples("tool_duration_seconds_sum") == expected


def turn(started_s: float, *, of: str | None = ID, results: dict[str, bool], **more: Any) -> ExchangeClosed:
    """A create that brings function results, begun so long after the first exchange's begin."""
    return create(
        started_unix_ns=STARTED_NS + round(started_s * S_NS),
        interaction_id=more.pop("id", "v1_next"),
        request_previous_interaction_id=of,
        request_function_results=results,
        **more,
    )


ASKS = create(Outcome.REQUIRES_ACTION, stream_steps=[CALL])
CLIENT: list[Any] = [
    pytest.param([ASKS], {"function/pending": 1}, None, id="a call waits"),
    pytest.param(
        [ASKS, turn(3, results={"f": False})], {"function/pending": 1, "function/ok": 1}, 2.4, id="from its stop on"
    ),
    pytest.param(
        [ASKS, turn(3, results={"f": True})], {"function/pending": 1, "function/error": 1}, 2.4, id="a failed one"
    ),
    pytest.param(
        [ASKS, turn(3, of=None, results={"f": False})],
        {"function/pending": 1, "function/ok": 1},
        2.4,
        id="a history without the interaction's id brings it by its own",
    ),
    pytest.param(
        [ASKS, turn(3, of="v1_other", results={"f": False})], {"function/pending": 1}, None, id="a stranger's"
    ),
    pytest.param([ASKS, turn(3, results={"g": False})], {"function/pending": 1}, None, id="another call's"),
    pytest.param([turn(3, results={"f": False})], {}, None, id="of a call that was not seen here"),
    pytest.param(
        [ASKS, turn(3, results={"f": False}), turn(9, results={"f": False}, id="v1_again")],
        {"function/pending": 1, "function/ok": 1},
        2.4,
        id="a history brings it again: once is all",
    ),
    pytest.param(
        [ASKS, turn(3, results={"f": False}, outcome=Outcome.HTTP_ERROR, http_status=429)],
        {"function/pending": 1, "function/ok": 1},
        2.4,
        id="the first request that brings it, whatever becomes of it",
    ),
    pytest.param(
        [
            create(Outcome.REQUIRES_ACTION, body=Body.JSON, stream_steps=[step(0, "function_call", id="f")]),
            turn(3, results={"f": False}),
        ],
        {"function/pending": 1, "function/ok": 1},
        2.0,
        id="a unary answer's calls end with it",
    ),
    pytest.param(
        [
            create(Outcome.CLIENT_ABORT, stream_steps=[step(0, "function_call", 100, id="f")]),
            turn(3, results={"f": False}),
        ],
        {"function/pending": 1, "function/ok": 1},
        2.0,
        id="so does one that was left open",
    ),
    pytest.param(
        [ASKS, turn(0.1, results={"f": False})], {"function/pending": 1, "function/ok": 1}, 0.0, id="too early"
    ),
    pytest.param(
        [
            create(Outcome.REQUIRES_ACTION, stream_steps=[CALL], interaction_id=None),
            turn(3, of=None, results={"f": False}),
        ],
        {"function/pending": 1, "function/ok": 1},
        2.4,
        id="of an interaction without id",
    ),
    pytest.param(
        [create(stream_steps=[step(0, "function_call", 1, 2)]), turn(3, results={"": False})],
        {"function/pending": 1},
        None,
        id="a call without id is never matched",
    ),
]


@pytest.mark.parametrize(("records", "expected", "waited_s"), CLIENT)
def test_calls_of_functions(
    bench: Bench, records: list[ExchangeClosed], expected: dict[str, float], waited_s: float | None
) -> None:
    """Counted as pending; the client's result is counted beside it, and the wait observed, once."""
    bench.apply(*records)

    assert counted(bench) == expected
    observed = bench.value("function_result_wait_seconds_count", model=MODEL)
    assert observed == bench.value("tool_calls_total", result="ok") + bench.value("tool_calls_total", result="error")
    assert (bench.value("function_result_wait_seconds_sum") if observed else None) == waited_s


def test_several_calls_of_one_turn_wait_each_for_itself(bench: Bench) -> None:
    calls = [step(0, "function_call", 100, 600, id="f"), step(1, "function_call", 600, 800, id="g")]
    bench.apply(create(Outcome.REQUIRES_ACTION, stream_steps=calls), turn(3, results={"f": False, "g": True}))

    assert counted(bench) == {"function/pending": 2, "function/ok": 1, "function/error": 1}
    assert bench.value("function_result_wait_seconds_sum") == 2.4 + 2.2


def test_one_id_in_two_interactions_is_two_calls() -> None:
    """The one that is named is meant; without a name the latest."""
    pending = PendingCalls(10)
    for number, interaction_id in enumerate(("a", "b", "c")):
        pending.put(interaction_id, "f", number)

    assert (pending.take("a", "f"), pending.take(None, "f"), pending.take(None, "f")) == (0, 2, None)
    assert (pending.take("b", "f"), pending.take("b", "f"), len(pending)) == (1, None, 0)


def test_what_waits_is_bounded() -> None:
    pending = PendingCalls(10)
    for number in range(1_000):
        pending.put(f"i{number}", f"f{number % 3}", number)

    assert len(pending) == 10
    assert len(pending._latest) <= 3
    assert pending.take("i980", f"f{980 % 3}") is None
    assert pending.take("i995", f"f{995 % 3}") == 995


def test_calls_remembered_of_one_interaction_are_bounded() -> None:
    steps = [step(n, "google_search_call", id=str(n)) for n in range(2 * MAX_UNMATCHED)]
    calls, unmatched = tool_calls(steps, frozenset())

    assert len(calls) == 2 * MAX_UNMATCHED
    assert len(unmatched) == MAX_UNMATCHED
