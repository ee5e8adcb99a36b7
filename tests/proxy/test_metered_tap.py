"""The tap's CPU time: measured on a share of the exchanges, it stands for all of them, and changes nothing."""

from __future__ import annotations

import time

from gateway.proxy.metered_tap import METERED_EVERY, MeteredTap, is_metered, own_ns
from gateway.proxy.tap import Tap
from gateway.tally import Tally
from gateway.wire.outcome import Body, End, Route
from tests.proxy.test_tap import CREATED, EVENT, START
from tests.wire.pieces import STALL_NS

CHUNKS = [CREATED, START, *[EVENT] * 20_000]


def metered(tally: Tally) -> MeteredTap:
    return MeteredTap(Route.CREATE, 200, Body.STREAM, None, stall_ns=STALL_NS, tally=tally)


def test_the_share_is_even_and_has_no_period() -> None:
    """The first exchange is in it; of any thousand in a row about a sixteenth; of each sixteenth one too."""
    chosen = [number for number in range(100_000) if is_metered(number)]

    assert chosen[0] == 0
    for first in range(0, 100_000, 1_000):
        assert 60 <= sum(first <= number < first + 1_000 for number in chosen) <= 65
    for period in (2, 3, 10, 16, 32):
        for phase in range(period):
            share = sum(number % period == phase for number in chosen) / len(chosen)
            assert abs(share * period - 1) < 0.05, (period, phase)


def test_the_time_is_that_of_the_tap_without_that_of_measuring() -> None:
    """Against the same chunks, read unmeasured: the least of three, for others use this machine too."""
    told, taken = [], []
    for _ in range(3):
        tally = Tally()
        tap = metered(tally)
        for chunk in CHUNKS:
            tap.feed(chunk, 1)
        tap.finish(End.CLEAN, 2)
        told.append(tally.tap_ns / METERED_EVERY)
        plain = Tap(Route.CREATE, 200, Body.STREAM, None, stall_ns=STALL_NS)
        began_ns = time.thread_time_ns()
        for chunk in CHUNKS:
            plain.feed(chunk, 1)
        plain.finish(End.CLEAN, 2)
        taken.append(time.thread_time_ns() - began_ns)

    assert 0.5 < min(told) / min(taken) < 1.6


def test_measuring_itself_is_no_part_of_it() -> None:
    """A tap that is switched off does next to nothing for a chunk: less than it takes to ask for the time."""
    tally = Tally()
    tap = metered(tally)
    tap._switch_off()
    for _ in range(20_000):
        tap.feed(EVENT, 1)

    assert tally.tap_ns / METERED_EVERY / 20_000 < own_ns()


def test_what_is_measured_is_read_as_any_other() -> None:
    tap, plain = metered(Tally()), Tap(Route.CREATE, 200, Body.STREAM, None, stall_ns=STALL_NS)
    for number, chunk in enumerate(CHUNKS[:200]):
        assert tap.feed(chunk, number) == plain.feed(chunk, number)
    assert tap.go_on() == plain.go_on()

    assert tap.finish(End.CLEAN, 300) == plain.finish(End.CLEAN, 300)
