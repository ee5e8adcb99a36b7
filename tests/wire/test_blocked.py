"""What the client holds up is not the API's silence: gaps and stalls stand still while the response is blocked."""

from __future__ import annotations

from gateway.wire.events import StepDelta, StepStart
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
