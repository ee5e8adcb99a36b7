"""Whatever client and upstream do, in whatever order: nothing is invented, no ending lies, nothing hangs or is left."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.wire.outcome import Outcome
from tests.conformance.plans import Bench, Course, Seen, courses

DEADLINE_S = 5.0
# Not shrunk: what hangs costs the deadline each time it is tried, and a plan is short as it is.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=120, deadline=None, phases=_PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(courses(), min_size=1, max_size=4))
def test_any_course_of_exchanges_is_honest_and_leaves_nothing(plan: list[Course]) -> None:
    """Exchanges one after another before one gateway, so that each meets the connections that the last one left."""
    asyncio.run(_try(plan))


async def _try(plan: list[Course]) -> None:
    bench = Bench()
    await bench.start()
    async with asyncio.timeout(DEADLINE_S):
        for number, course in enumerate(plan, 1):
            seen = await bench.follow(course)
            await bench.idle()

            _check_seen(course, seen)
            assert bench.sink.opened == len(bench.sink.closed) == number
            assert bench.sink.closed[-1].outcome in _allowed(course), (course, seen)
            assert len(bench.asked) == number, "each request is sent once"
            assert len(bench.asked[-1]) == (course.upload or 0)
        await bench.stop()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
    assert bench.open_upstream == 0


def _check_seen(course: Course, seen: Seen) -> None:
    assert course.sent.startswith(seen.body), "what arrives is the beginning of what was sent"
    if seen.ending == "left":
        assert course.leaves_at is not None
    elif course.end == "clean":
        assert (seen.ending, seen.body) == ("clean", course.body)
    elif course.is_whole:
        # nobody can tell that more was meant, or that the end was none; a reset may overtake what was sent before it
        assert (seen.ending, seen.body) == ("clean", course.sent) or course.end == "reset"
    else:
        assert seen.ending in {"cut", "nothing"}


def _allowed(course: Course) -> set[Outcome]:
    """What the transport's facts leave open: who of two that leave is seen first."""
    allowed = set()
    if course.is_whole:
        allowed.add(Outcome.FORWARDED)
    if course.end == "reset" or (course.end == "cut" and not course.is_whole):
        allowed.add(Outcome.UPSTREAM_ABORT)
    if course.leaves_at is not None:
        allowed.add(Outcome.CLIENT_ABORT)
    return allowed
