"""Steps in every order: keyed by index, counted once, bounded (accounting.md 3)."""

from __future__ import annotations

import pytest

from gateway.wire.events import StepDelta, StepStart, StepStop
from gateway.wire.facts import Anomaly, DeltaKind, StreamFacts
from gateway.wire.interaction import InteractionTracker
from gateway.wire.steps import MAX_ARGUMENT_CHARS, MAX_STEPS, MAX_TEXT_CHARS
from gateway.wire.usage import Reading, Usage

Given = StepStart | StepDelta | StepStop


def start(index: int | None, type_: str | None = "model_output") -> StepStart:
    """A step begins."""
    return StepStart(index, type_)


def delta(index: int | None, type_: str = "text") -> StepDelta:
    """A delta of it."""
    return StepDelta(index, type_, DeltaKind.TEXT)


def stop(index: int | None) -> StepStop:
    """It ends."""
    return StepStop(index)


def arguments(*fragments: str | None) -> list[Given]:
    """A function call whose arguments come in these fragments; None is one that was left out by skimming."""
    deltas = [StepDelta(0, "arguments_delta", DeltaKind.TOOL, arguments=fragment) for fragment in fragments]
    return [start(0, "function_call"), *deltas, stop(0)]


def track(events: list[Given]) -> StreamFacts:
    """The facts of these events, 10 ns apart, 7 bytes each."""
    tracker = InteractionTracker()
    for number, event in enumerate(events):
        tracker.feed(event, number * 10, 7)
    return tracker.finish(len(events) * 10)


ORDERS: list[tuple[str, list[Given], list[tuple[int, str, int, bool]], dict[str, int]]] = [
    ("start, delta, stop", [start(0), delta(0), stop(0)], [(0, "model_output", 1, True)], {}),
    ("no delta", [start(0), stop(0)], [(0, "model_output", 0, True)], {}),
    ("no stop", [start(0), delta(0)], [(0, "model_output", 1, False)], {}),
    (
        "two at a time",
        [start(0), start(1, "thought"), delta(0), delta(1), delta(1), stop(1), stop(0)],
        [(0, "model_output", 1, True), (1, "thought", 2, True)],
        {},
    ),
    (
        "indices in any order",
        [start(7), stop(7), start(2), stop(2)],
        [(7, "model_output", 0, True), (2, "model_output", 0, True)],
        {},
    ),
    (
        "a start on an open index",
        [start(0), delta(0), start(0, "thought"), delta(0), stop(0)],
        [(0, "model_output", 1, False), (0, "thought", 1, True)],
        {"step_reopened": 1},
    ),
    (
        "a start on a closed index",
        [start(0), stop(0), start(0), stop(0)],
        [(0, "model_output", 0, True), (0, "model_output", 0, True)],
        {},
    ),
    ("a delta without a start", [delta(3), delta(3), stop(3)], [(3, "other", 2, True)], {"step_without_start": 1}),
    ("a stop without a start", [stop(3)], [(3, "other", 0, True)], {"step_without_start": 1}),
    (
        "a delta after the stop",
        [start(0, "thought"), stop(0), delta(0)],
        [(0, "thought", 0, True), (0, "thought", 1, False)],
        {"step_without_start": 1},
    ),
    (
        "a start after its delta",
        [delta(0), start(0), stop(0)],
        [(0, "other", 1, False), (0, "model_output", 0, True)],
        {"step_without_start": 1, "step_reopened": 1},
    ),
    ("no index", [start(None), delta(None), stop(None)], [], {"bad_index": 3}),
    ("an unknown type", [start(0, "hologram"), stop(0)], [(0, "other", 0, True)], {}),
    ("no type", [start(0, None), stop(0)], [(0, "other", 0, True)], {}),
]


@pytest.mark.parametrize(("events", "steps", "anomalies"), [pytest.param(*row[1:], id=row[0]) for row in ORDERS])
def test_an_order(events: list[Given], steps: list[tuple[int, str, int, bool]], anomalies: dict[str, int]) -> None:
    """Events in this order give these steps, each once, and these oddities."""
    facts = track(events)

    assert [(step.index, step.type, step.deltas, step.closed) for step in facts.steps] == steps
    assert (facts.anomalies, facts.steps_beyond) == (anomalies, {})


def test_times_and_sizes() -> None:
    """A step has the times of its own events, the largest gap between its own deltas, and the bytes of all of them."""
    [step, other] = track([start(0), delta(0), start(1), delta(1), delta(1), delta(0), stop(0), delta(1)]).steps

    assert (step.start_ns, step.first_delta_ns, step.last_delta_ns, step.stop_ns) == (0, 10, 50, 60)
    assert (step.max_gap_ns, step.bytes, step.deltas) == (40, 28, 2)
    assert (other.start_ns, other.first_delta_ns, other.last_delta_ns, other.stop_ns) == (20, 30, 70, None)
    assert (other.max_gap_ns, other.bytes, other.deltas) == (30, 28, 3)


def test_a_step_without_start_has_no_start_time() -> None:
    """What was not seen is not made up."""
    [step] = track([delta(4), stop(4)]).steps

    assert (step.start_ns, step.first_delta_ns, step.stop_ns, step.wire_type) == (None, 0, 10, None)


def test_time_may_begin_at_zero() -> None:
    """The first delta of an exchange's first instant stays the first."""
    [step] = track([delta(0), delta(0)]).steps

    assert (step.first_delta_ns, step.last_delta_ns, step.max_gap_ns) == (0, 10, 10)


def test_the_name_of_an_unknown_type_is_kept() -> None:
    """The raw name stands beside `other`; a missing one is empty."""
    assert [step.wire_type for step in track([start(0, "hologram"), start(1, None), start(2)]).steps] == [
        "hologram",
        "",
        None,
    ]


ARGUMENTS: list[tuple[str, list[str | None], int]] = [
    ("one whole text", ['{"a":1}'], 0),
    ("cut inside a string", ['{"a":"Par', "is, Fr", 'ance"}'], 0),
    ("no fragment", [], 0),
    ("empty ones", ["", ""], 0),
    ("blanks", [" ", "\n"], 0),
    ("half a text", ['{"a":'], 1),
    ("two texts", ["{}", "{}"], 1),
    ("lone surrogates", ['"\ud83d', '\ude00"'], 0),
    ("one left out by skimming", ['{"a":"', None, '"}'], 0),
    ("left out, then broken", [None, "}}}"], 0),
    ("just the bound", ['"', "x" * (MAX_ARGUMENT_CHARS - 2), '"'], 0),
    ("over the bound: not checked", ['{"a":', "x" * MAX_ARGUMENT_CHARS, "}"], 0),
    ("a broken one of just the bound", ["x" * MAX_ARGUMENT_CHARS], 1),
]


@pytest.mark.parametrize(("fragments", "bad"), [pytest.param(*row[1:], id=row[0]) for row in ARGUMENTS])
def test_arguments(fragments: list[str | None], bad: int) -> None:
    """The sum of a call's fragments is JSON, or that is told; an empty sum means no arguments."""
    assert track(arguments(*fragments)).anomalies.get(Anomaly.BAD_ARGUMENTS, 0) == bad


def test_arguments_of_several_calls_are_kept_apart() -> None:
    """By index, and the room of a closed or reopened one is free again."""
    events: list[Given] = []
    for _ in range(20):
        events += arguments("x" * (MAX_ARGUMENT_CHARS // 4), "")
        events += [start(0, "function_call"), StepDelta(0, "arguments_delta", DeltaKind.TOOL, arguments="{"), start(0)]
    events += [start(1), start(2)]
    for fragment in ('{"a"', ":1}"):
        events += [StepDelta(index, "arguments_delta", DeltaKind.TOOL, arguments=fragment) for index in (1, 2)]
    facts = track([*events, stop(1), stop(2)])

    assert facts.anomalies[Anomaly.BAD_ARGUMENTS] == 20


def test_a_reopened_call_begins_anew() -> None:
    """What the unfinished one said is no part of the next."""
    assert track(arguments('{"a":')[:-1] + arguments("{}")).anomalies == {"step_reopened": 1}


def test_an_open_call_is_not_judged() -> None:
    """A call that never stopped may have had more to come."""
    assert track(arguments("{")[:-1]).anomalies == {}


def test_steps_over_the_cap_are_only_counted() -> None:
    """By type and end; their deltas still count for the exchange."""
    events: list[Given] = [event for index in range(MAX_STEPS) for event in (start(index), stop(index))]
    more: list[Given] = [
        start(5000),
        delta(5000),
        stop(5000),
        start(5001, "thought"),
        start(5001, "thought"),
        stop(9999),
    ]
    facts = track(events + more)

    assert len(facts.steps) == MAX_STEPS
    assert facts.steps_beyond == {"model_output": [1, 0], "thought": [0, 2], "other": [0, 1]}
    assert facts.anomalies == {"too_many_steps": 4, "step_reopened": 1, "step_without_start": 1}
    assert facts.deltas == 1


def test_steps_with_very_long_texts_are_only_counted() -> None:
    """Ids and names share one bound, so that no record of steps grows large; usage of steps goes without its lists."""
    events: list[Given] = []
    for index in range(MAX_STEPS):
        usage = Usage(total=1, by_modality={"input": {"m" * 64: 1}}, grounding={"t" * 64: 1})
        events += [
            StepStart(index, "function_call", "i" * 512, "c" * 512, "n" * 512),
            StepStop(index, None, Reading(usage)),
        ]
    facts = track(events)
    texts = sum(len(f"{step.id}{step.call_id}{step.name}") for step in facts.steps)
    usages = [step.step_usage for step in facts.steps if step.step_usage is not None]
    listed = sum(128 for usage in usages if usage.by_modality)

    assert MAX_TEXT_CHARS - 2_000 < texts + listed <= MAX_TEXT_CHARS
    assert len(usages) == len(facts.steps)
    assert len(facts.steps) + facts.steps_beyond["function_call"][0] == MAX_STEPS


def test_what_began_and_ended_is_told_once() -> None:
    """The owner of the steps takes the lists and clears them."""
    tracker = InteractionTracker()
    for event in (start(0), start(1), stop(0), delta(2)):
        tracker.feed(event, 5)

    assert [step.index for step in tracker.steps.started] == [0, 1, 2]
    assert [step.index for step in tracker.steps.finished] == [0]
