"""Chains: the first interaction of what follows each other, told where it was seen; telemetry-conventions.md 2.4."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import Settings, TraceSettings, UsageSettings
from gateway.records import ExchangeClosed
from gateway.wire.outcome import Outcome
from tests.telemetry.factories import Bench, create, poll, resume

CHAIN, CONVERSATION = "interactions.chain.id", "gen_ai.conversation.id"


def told(bench: Bench, *records: ExchangeClosed) -> list[Any]:
    """What each exchange's interaction span says of its chain."""
    bench.apply(*records)
    bench.flush()
    mains = [span for span in bench.spans.get_finished_spans() if "gen_ai.operation.name" in (span.attributes or {})]
    return [(span.attributes or {}).get(CHAIN) for span in mains]


def turn(name: str, after: str | None = None, **more: Any) -> ExchangeClosed:
    return create(interaction_id=name, request_previous_interaction_id=after, **more)


@pytest.fixture
def bench() -> Bench:
    return Bench(Settings(traces=TraceSettings(chain_root=True)))


def test_a_chain_is_told_by_its_first_interaction(bench: Bench) -> None:
    """By turns, hops, polls and resumes alike; two chains may part from one turn."""
    records = [
        turn("a"),
        turn("b", "a"),
        turn("c", "b", request_continuation=True),
        turn("d", "a"),
        poll(interaction_id="c", request_interaction_id="c"),
        resume(interaction_id="d", request_interaction_id="d"),
        turn("z"),
    ]

    assert told(bench, *records) == ["a"] * 6 + ["z"]


def test_what_began_elsewhere_is_not_told(bench: Bench) -> None:
    """Not by the first turn that was seen, nor by those after it: a replica that knows would say another id."""
    polled = poll(interaction_id="x", request_interaction_id="x")

    assert told(bench, turn("b", "elsewhere"), turn("c", "b"), polled, turn("y", "x")) == [None] * 4


def test_a_request_that_could_not_be_read_begins_no_chain(bench: Bench) -> None:
    """It may have named an earlier one."""
    first = turn("a")
    first.request.understood = False

    assert told(bench, first, turn("b", "a")) == [None, None]


def test_a_refused_turn_has_no_chain(bench: Bench) -> None:
    """It made no interaction."""
    assert told(bench, turn("a"), create(Outcome.HTTP_ERROR, interaction_id=None)) == ["a", None]


def test_what_is_forgotten_is_not_told() -> None:
    """The memory is bounded: the oldest goes, and with it the way to the root of what follows."""
    settings = Settings(traces=TraceSettings(chain_root=True), usage=UsageSettings(remembered_interactions=2))

    assert told(Bench(settings), turn("a"), turn("x"), turn("y"), turn("b", "a")) == ["a", "x", "y", None]


@pytest.mark.parametrize(
    ("traces", "expected"),
    [
        ({}, set()),
        ({"chain_root": True}, {CHAIN}),
        ({"conversation_id_from": "chain_root"}, {CHAIN, CONVERSATION}),
    ],
)
def test_it_is_a_conversation_on_explicit_wish_only(traces: dict[str, Any], expected: set[str]) -> None:
    bench = Bench(Settings(traces=TraceSettings(**traces)))
    bench.apply(turn("a"))
    bench.flush()
    found: dict[str, Any] = {}
    for span in bench.spans.get_finished_spans():
        found |= {name: value for name, value in (span.attributes or {}).items() if name in (CHAIN, CONVERSATION)}

    assert found == dict.fromkeys(expected, "a")
