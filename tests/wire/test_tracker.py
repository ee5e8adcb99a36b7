"""The tracker over whole interactions: whose status and usage hold, what its times are, what order does to them."""

from __future__ import annotations

import pytest

from gateway.wire.errors import WireError
from gateway.wire.events import (
    Done,
    ErrorEvent,
    Event,
    InteractionCompleted,
    InteractionCreated,
    InvalidEvent,
    StatusUpdate,
    StepDelta,
    StepStart,
    StepStop,
    UnknownEvent,
)
from gateway.wire.facts import GAP_BOUNDS_NS, DeltaKind, InteractionFacts, Invalid
from gateway.wire.interaction import InteractionTracker
from gateway.wire.usage import Reading, Usage

SECOND = 1_000_000_000


def created(id_: str | None = "a", status: str | None = "in_progress") -> InteractionCreated:
    """An interaction begins."""
    return InteractionCreated(InteractionFacts(id_, status))


def update(status: str | None = "in_progress", running: int | None = None) -> StatusUpdate:
    """A status, perhaps with the tokens so far."""
    return StatusUpdate("a", status, used(running))


def completed(
    id_: str | None = "a", status: str | None = "completed", total: int | None = None
) -> InteractionCompleted:
    """An interaction ends, perhaps with its tokens."""
    return InteractionCompleted(InteractionFacts(id_, status), used(total))


def used(total: int | None) -> Reading | None:
    """A usage that states a total."""
    return None if total is None else Reading(Usage(total=total))


def delta(running: int | None = None) -> StepDelta:
    """Some text."""
    return StepDelta(0, "text", DeltaKind.TEXT, running=used(running))


def track(*events: Event) -> InteractionTracker:
    """A tracker that took these events and is over."""
    tracker = InteractionTracker()
    for event in events:
        tracker.feed(event, 5)
    tracker.finish(5)
    return tracker


EMPTY = Reading(Usage())
USAGES: list[tuple[str, list[Event], tuple[int | None, str | None]]] = [
    ("none", [created(), completed()], (None, None)),
    ("the final one", [created(), completed(total=9)], (9, "final")),
    ("final before running", [created(), delta(5), completed(total=9), delta(7)], (9, "final")),
    ("a final one that failed", [created(), completed(status="failed", total=9)], (9, "final")),
    ("a final one that goes on", [created(), completed(status="queued", total=9)], (9, "final")),
    ("the latest running one", [created(), delta(5), update(running=8), delta(7)], (7, "running")),
    ("running in a step's stop", [created(), StepStop(0, used(6), used(2))], (6, "running")),
    ("running in an unknown event", [created(), UnknownEvent("x", running=used(6))], (6, "running")),
    ("running in an old event", [created(), UnknownEvent("x", legacy=True, running=used(6))], (None, None)),
    ("running in an error", [created(), ErrorEvent(WireError(None), running=used(6))], (6, "running")),
    ("running in created", [InteractionCreated(InteractionFacts("a"), used(6))], (6, "running")),
    (
        "running in completed",
        [created(), InteractionCompleted(InteractionFacts("a", "completed"), None, used(6))],
        (6, "running"),
    ),
    ("running before there was an id", [delta(4), created(), delta(6)], (6, "running")),
    ("running before there was an id, then final", [delta(4), created(), completed(total=9)], (9, "final")),
    ("running without any id", [delta(4)], (4, "running")),
    ("a usage of a step alone", [created(), StepStop(0, None, used(2))], (None, None)),
    ("an empty final one is none", [delta(4), InteractionCompleted(InteractionFacts("a"), EMPTY)], (4, "running")),
    ("an empty running one is none", [created(), delta(4), StepDelta(0, "text", None, running=EMPTY)], (4, "running")),
    ("the second of the same id", [completed(total=9), completed(total=7)], (7, "final")),
    ("a second that says nothing takes nothing back", [completed(total=9), completed()], (9, "final")),
    ("two interactions", [completed("a", total=9), completed("b", total=7)], (16, "final")),
    (
        "two interactions, one inside the other",
        [created("a"), created("b"), completed("b", total=7), completed("a", total=9)],
        (16, "final"),
    ),
    ("two interactions, one unfinished", [completed("a", total=9), created("b"), delta(4)], (13, "running")),
    ("twelve interactions", [completed(f"id{number}", total=2) for number in range(12)], (24, "final")),
]


@pytest.mark.parametrize(("events", "expected"), [pytest.param(*row[1:], id=row[0]) for row in USAGES])
def test_usage(events: list[Event], expected: tuple[int | None, str | None]) -> None:
    """One usage is taken whole: the final one, else the latest running one; those of different ids add up."""
    facts = track(*events).facts

    assert (facts.usage.total if facts.usage is not None else None, facts.basis) == expected


STATUSES: list[tuple[str, list[Event], tuple[str | None, str | None, bool], dict[str, int]]] = [
    ("nothing", [], (None, None, False), {}),
    ("created", [created()], (None, "in_progress", False), {}),
    ("an update", [created(), update("failed")], (None, "failed", True), {}),
    ("an update without status", [created(), update(None)], (None, "in_progress", False), {}),
    ("completed", [created(), update(), completed()], ("completed", "completed", True), {}),
    ("an update after it", [completed(), update("in_progress")], ("completed", "in_progress", True), {}),
    ("completed twice", [completed(), completed(status="failed")], ("failed", "failed", True), {"second_completed": 1}),
    (
        "completed twice, then running",
        [completed(), completed(status="queued")],
        ("queued", "queued", True),
        {"second_completed": 1, "completed_not_terminal": 1},
    ),
    (
        "completed twice, then without status",
        [completed(), completed(status=None)],
        ("completed", "completed", True),
        {"second_completed": 1},
    ),
    (
        "two interactions",
        [completed("a"), created("b"), completed("b", "failed")],
        ("failed", "failed", True),
        {"second_interaction": 1},
    ),
    (
        "two interactions, the second goes on",
        [completed("a"), completed("b", "in_progress")],
        ("completed", "in_progress", True),
        {"second_interaction": 1, "completed_not_terminal": 1},
    ),
    (
        "two interactions, the second of a new status",
        [completed("a"), completed("b", "paused")],
        ("completed", "paused", True),
        {"second_interaction": 1},
    ),
    (
        "two interactions in turns",
        [created("a"), created("b"), created("a"), completed("b"), completed("a")],
        ("completed", "completed", True),
        {"second_interaction": 1},
    ),
    (
        "twelve interactions",
        [completed(f"id{number}") for number in range(12)],
        ("completed", "completed", True),
        {"second_interaction": 11},
    ),
]


@pytest.mark.parametrize(("events", "expected", "anomalies"), [pytest.param(*row[1:], id=row[0]) for row in STATUSES])
def test_status(events: list[Event], expected: tuple[str | None, str | None, bool], anomalies: dict[str, int]) -> None:
    """The final status, the last one, and whether an update said so; each oddity counts once."""
    tracker = track(*events)

    assert (tracker.final_status, tracker.last_status, tracker.status_updated) == expected
    assert tracker.facts.anomalies == anomalies
    assert tracker.facts.interaction.status == (expected[0] or expected[1])


def test_a_completed_that_cannot_be_read() -> None:
    """It is a last word without a status; one that was known before stays."""
    alone, after = track(InteractionCompleted(None)), track(completed(), InteractionCompleted(None))

    assert (alone.final_seen, alone.final_status, alone.facts.invalid) == (True, None, {"shape": 1})
    assert (after.final_seen, after.final_status, after.facts.anomalies) == (True, "completed", {})


def test_what_is_said_of_an_interaction() -> None:
    """What a later event leaves out stays; of another interaction nothing is carried over."""
    first = InteractionFacts("a", "in_progress", "m", None, "flex", "c", "u")
    same = track(InteractionCreated(first), completed("a")).facts.interaction
    other = track(InteractionCreated(first), completed("b")).facts.interaction

    assert same == InteractionFacts("a", "completed", "m", None, "flex", "c", "u")
    assert other == InteractionFacts("b", "completed")
    assert track(update()).facts.interaction.id == "a"


def test_oddities_of_usage_are_counted_where_they_stand() -> None:
    """Also in usages that are not counted: a step's own, and running ones before the final one."""
    odd = Reading(Usage(), bad_fields=2, unknown_modalities=3)
    facts = track(StepStop(0, odd, odd), InteractionCompleted(InteractionFacts("a", "completed"), odd)).facts

    assert facts.anomalies == {"bad_usage": 6, "step_without_start": 1}
    assert facts.unknown == {"modality": 9}


@pytest.mark.parametrize("bucket", range(len(GAP_BOUNDS_NS) + 1))
def test_gaps(bucket: int) -> None:
    """A gap falls into the bucket whose upper bound it does not exceed; the very first delta makes none."""
    low = 0 if bucket == 0 else GAP_BOUNDS_NS[bucket - 1] + 1
    high = GAP_BOUNDS_NS[bucket] if bucket < len(GAP_BOUNDS_NS) else 10 * GAP_BOUNDS_NS[-1]
    tracker = InteractionTracker()
    for t_ns in (7, 7 + low, 7 + low + high):
        tracker.feed(delta(), t_ns)
    gaps = tracker.finish(7 + low + high).gaps

    assert [place for place, number in enumerate(gaps.counts) if number] == [bucket]
    assert (sum(gaps.counts), gaps.sum_ns, gaps.max_ns) == (2, low + high, high)


STALLS: list[tuple[str, list[tuple[Event | None, int]], bool]] = [
    ("a step that streams", [(StepStart(0, "model_output"), 0), (delta(), 31)], True),
    ("just the threshold", [(StepStart(0, "model_output"), 0), (delta(), 30)], False),
    ("a thought", [(StepStart(0, "thought"), 0), (StepStop(0), 31)], False),
    ("a thought beside an answer", [(StepStart(0, "thought"), 0), (StepStart(1, "text"), 0), (delta(), 31)], True),
    ("no step", [(created(), 0), (update(), 31)], False),
    ("between steps", [(StepStart(0, "model_output"), 0), (StepStop(0), 1), (StepStart(1, "thought"), 40)], False),
    ("before the end", [(StepStart(0, "model_output"), 0), (None, 31)], True),
    ("after the last word", [(StepStart(0, "model_output"), 0), (completed(), 1), (Done(), 40)], False),
    ("after the sentinel", [(StepStart(0, "model_output"), 0), (Done(), 1), (None, 40)], False),
]


@pytest.mark.parametrize(("events", "stalled"), [pytest.param(*row[1:], id=row[0]) for row in STALLS])
def test_a_stall(events: list[tuple[Event | None, int]], stalled: bool) -> None:
    """Silence over the threshold while a step streams; thinking is no stall."""
    tracker = InteractionTracker(stall_ns=30 * SECOND)
    for event, t_s in events:
        if event is not None:
            tracker.feed(event, t_s * SECOND)

    facts = tracker.finish(events[-1][1] * SECOND)
    assert facts.stalled is stalled
    assert facts.stall_ns == (events[0][1] * SECOND if stalled else None)


def test_points_in_time() -> None:
    """The first event, each kind's first delta, the last delta, and the event that ended it."""
    tracker = InteractionTracker()
    events: list[Event] = [InvalidEvent(Invalid.JSON), StepDelta(0, "thought_signature", DeltaKind.THOUGHT), delta()]
    events += [StepDelta(0, "image", DeltaKind.MEDIA), ErrorEvent(WireError(None)), ErrorEvent(WireError(None))]
    for t_ns, event in enumerate(events):
        tracker.feed(event, t_ns)
    facts = tracker.facts

    assert facts.first_delta_ns == {"any": 1, "thought": 1, "text": 2, "output": 2, "media": 3}
    assert (facts.first_event_ns, facts.last_delta_ns, facts.terminal_ns) == (0, 3, 4)
    tracker.feed(completed(), 9)
    assert facts.terminal_ns == 9


def test_samples_are_bounded() -> None:
    """Many errors and unknown names count in full; of their texts a few are kept."""
    facts = track(
        *[ErrorEvent(WireError(f"c{number}")) for number in range(50)],
        *[UnknownEvent(f"n{number}") for number in range(50)],
    ).facts

    assert (facts.errors, facts.unknown) == (50, {"event_type": 50})
    assert facts.error_codes == [f"c{number}" for number in range(16)]
    assert facts.unknown_names == [f"event_type:n{number}" for number in range(16)]
