"""The outcome table of accounting.md 1, stated a second time: every combination of facts gives what its rule says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from gateway.wire.outcome import Answer, Body, End, EndFacts, Outcome, Route, decide

ENDS_OF_THE_API = {
    "completed",
    "requires_action",
    "requires_continuation",
    "incomplete",
    "budget_exceeded",
    "failed",
    "cancelled",
}
GOES_ON = {"queued", "in_progress"}


def is_answer(facts: EndFacts) -> bool:
    """Whether rule 5 lets it through: a 2xx of create, get or cancel that is an event stream or JSON."""
    return (
        facts.route not in ("delete", "passthrough")
        and facts.http_status in range(200, 300)
        and facts.body in ("stream", "json")
    )


def said_last(facts: EndFacts) -> bool:
    """Whether `interaction.completed`, or a whole unary body, was there."""
    return facts.end == "clean" if facts.body == "json" else facts.final_seen


Rule = tuple[str, Callable[[EndFacts], object], str]

# In the page's order. A result in brackets is a field: the status it holds is the outcome.
RULES: list[Rule] = [
    ("1", lambda f: f.answered_by == "refused", "rejected"),
    ("2", lambda f: f.answered_by == "ours", "gateway_error"),
    ("3 there", lambda f: f.end == "no_head" and not f.client_left, "upstream_abort"),
    ("3 gone", lambda f: f.end == "no_head", "client_abort"),
    ("4", lambda f: (f.http_status or 0) >= 400, "http_error"),
    ("5 cut", lambda f: not is_answer(f) and f.end == "cut", "upstream_abort"),
    ("5 left", lambda f: not is_answer(f) and f.end == "left", "client_abort"),
    ("5", lambda f: not is_answer(f), "forwarded"),
    ("6", lambda f: f.final_status in ENDS_OF_THE_API, "[final_status]"),
    ("6a", lambda f: f.body == "json" and f.final_status in GOES_ON, "in_progress"),
    ("6b", lambda f: f.body == "stream" and f.final_status in GOES_ON, "in_progress"),
    ("6c unknown", lambda f: f.final_status is not None, "unknown_status"),
    ("6c unary", lambda f: f.body == "json" and said_last(f), "unknown_status"),
    ("6c completed", lambda f: f.body == "stream" and said_last(f), "unknown_status"),
    ("7", lambda f: f.error_seen, "stream_error"),
    (
        "8",
        lambda f: f.status_updated and f.last_status in ENDS_OF_THE_API and (f.end == "clean" or f.done_seen),
        "[last_status]",
    ),
    ("9", lambda f: f.end == "left" and not f.done_seen, "client_abort"),
    ("10", lambda f: f.end == "cut" and not f.done_seen, "upstream_abort"),
    (
        "11",
        lambda f: (f.background or f.route == "get") and f.last_status in {*GOES_ON, None},
        "in_progress",
    ),
    ("12", lambda f: True, "truncated"),
]

# Whether a last word was there, and its status.
FINALS = [
    (False, None),
    (True, None),
    (True, "completed"),
    (True, "budget_exceeded"),
    (True, "queued"),
    (True, "in_progress"),
    (True, "warming_up"),
]
# The last status before it, and whether a status update said so.
LASTS = [
    (None, False),
    ("failed", True),
    ("failed", False),
    ("queued", False),
    ("in_progress", True),
    ("warming_up", True),
]
BOTH = (False, True)


def combinations(route: Route) -> Iterator[EndFacts]:
    """Every combination of the facts for one route."""
    for answer, end, body, http_status, left, background, final, last, error, done in product(
        Answer, End, Body, (None, 101, 200, 204, 302, 399, 400, 500), BOTH, BOTH, FINALS, LASTS, BOTH, BOTH
    ):
        yield EndFacts(
            answer,
            end,
            route,
            body=body,
            http_status=http_status,
            client_left=left,
            background=background,
            final_seen=final[0],
            final_status=final[1],
            last_status=last[0],
            status_updated=last[1],
            error_seen=error,
            done_seen=done,
        )


def by_the_page(facts: EndFacts) -> tuple[str, str]:
    """The first rule that matches, and what it says."""
    rule, _, result = next(rule for rule in RULES if rule[1](facts))
    return rule, str(getattr(facts, result[1:-1])) if result.startswith("[") else result


@pytest.mark.parametrize("route", list(Route))
def test_every_combination(route: Route) -> None:
    """The module decides each as the page does, and each rule decides at least one (on other routes: up to rule 5)."""
    decided: Counter[str] = Counter()
    for facts in combinations(route):
        rule, outcome = by_the_page(facts)
        decided[rule] += 1
        assert decide(facts).value == outcome, (rule, facts)

    rules = [rule for rule, _, _ in RULES]
    if route in (Route.DELETE, Route.PASSTHROUGH):
        rules = rules[: rules.index("5") + 1]
    assert set(decided) == set(rules)


def test_every_outcome_is_reached() -> None:
    """17 outcomes, and a way to each of them."""
    reached = {by_the_page(facts)[1] for facts in combinations(Route.CREATE)}
    reached |= {
        decide(
            EndFacts(Answer.UPSTREAM, End.CLEAN, Route.CREATE, Body.STREAM, 200, final_seen=True, final_status=status)
        )
        for status in ENDS_OF_THE_API
    }

    assert reached == {outcome.value for outcome in Outcome}
