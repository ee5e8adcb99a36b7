"""What the client holds up is not the API's silence: gaps and stalls stand still while the response is blocked."""

from __future__ import annotations

from gateway.wire.events import InteractionCompleted, StepDelta, StepStart, StepStop
from gateway.wire.facts import DeltaKind
from gateway.wire.interaction import InteractionTracker

S = 1_000_000_000


def test_a_slow_client_makes_no_gap_and_no_stall() -> None:
    tracker = InteractionTracker(stall_ns=30 * S)
    tracker.feed(StepStart(0, "model_output"), 1 * S)
    tracker.feed(StepDelta(0, "text", DeltaKind.TEXT), 2 * S)
    tracker.blocked_ns = 40 * S
    tracker.feed(StepDelta(0, "text", DeltaKind.TEXT), 45 * S)
    facts = tracker.finish(46 * S)

    assert facts.gaps.max_ns == facts.gaps.sum_ns == facts.steps[0].max_gap_ns == 3 * S
    assert facts.last_delta_ns == 45 * S
    assert not facts.stalled


def test_the_same_silence_without_a_slow_client_is_a_stall() -> None:
    tracker = InteractionTracker(stall_ns=30 * S)
    tracker.feed(StepStart(0, "model_output"), 1 * S)
    tracker.feed(StepDelta(0, "text", DeltaKind.TEXT), 2 * S)
    tracker.feed(StepDelta(0, "text", DeltaKind.TEXT), 45 * S)
    facts = tracker.finish(46 * S)

    assert facts.gaps.max_ns == facts.steps[0].max_gap_ns == 43 * S
    assert facts.stalled


def test_every_silence_is_a_stall_of_its_own() -> None:
    """Between events and before the end; not while the model thinks, nor behind the terminal event."""
    tracker = InteractionTracker(stall_ns=30 * S)
    tracker.feed(StepStart(0, "thought"), 1 * S)
    tracker.feed(StepStop(0), 91 * S)
    tracker.feed(StepStart(1, "model_output"), 92 * S)
    tracker.feed(StepDelta(1, "text", DeltaKind.TEXT), 123 * S)
    tracker.feed(StepDelta(1, "text", DeltaKind.TEXT), 153 * S)
    tracker.feed(StepDelta(1, "text", DeltaKind.TEXT), 184 * S)
    cut = tracker.finish(250 * S)

    assert (cut.stalls, cut.stalled) == (3, True)


def test_nothing_stalls_behind_the_terminal_event() -> None:
    tracker = InteractionTracker(stall_ns=30 * S)
    tracker.feed(StepStart(0, "model_output"), 1 * S)
    tracker.feed(InteractionCompleted(None), 2 * S)
    facts = tracker.finish(100 * S)

    assert (facts.stalls, facts.stalled) == (0, False)
