"""How late a loop woke: counted by bucket, in the process that it is about."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

from gateway.loop_lag import EVERY_S, LagCounts, LoopLag
from gateway.records import LAG_BOUNDS_NS

MS = 1_000_000


def test_a_loop_that_was_held_is_late_by_so_much() -> None:
    """Held over the time at which the timer was due; later than it was held it may be, where others run too."""
    noted: list[int] = []

    async def hold() -> None:
        twice = asyncio.Event()

        def note(late_ns: int) -> None:
            noted.append(late_ns)
            if len(noted) == 2:
                twice.set()

        lag = LoopLag(note)
        lag.start()
        time.sleep(EVERY_S + 0.15)
        await twice.wait()
        lag.stop()
        await asyncio.sleep(2 * EVERY_S)

    asyncio.run(hold())

    assert noted[0] >= 150 * MS
    assert min(noted) >= 0
    assert len(noted) == 2  # none after stop()


def test_each_wake_up_is_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    late = LagCounts()
    for late_ns in (0, LAG_BOUNDS_NS[0], LAG_BOUNDS_NS[0] + 1, 2_000 * MS):
        late.note(late_ns)

    *counts, sum_ns = late.row()
    assert counts == [2, 1, *[0] * (len(LAG_BOUNDS_NS) - 2), 1]
    assert sum_ns == 2 * LAG_BOUNDS_NS[0] + 1 + 2_000 * MS


def test_the_bounds_are_fine_where_a_loop_is_judged() -> None:
    """Up to 0.1 s no bound is more than a third over the one before: a quantile between them can't be far off."""
    fine = [bound_ns for bound_ns in LAG_BOUNDS_NS if bound_ns <= 100 * MS]

    assert (fine[0], fine[-1], LAG_BOUNDS_NS[-1]) == (100_000, 100 * MS, 1_000 * MS)
    assert all(1.2 < upper / lower < 1.34 for lower, upper in pairwise(fine))
