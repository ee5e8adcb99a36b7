"""The autoscaler's arithmetic, by the examples of its own page and the rules of its controller."""

from __future__ import annotations

import pytest

from tests.scale.hpa import DOWN, UP, Autoscaler, PodSeen, Policy, Rules, Settings, wanted

NOT_READY = PodSeen(None)


def pods(*values: float) -> list[PodSeen]:
    return [PodSeen(value) for value in values]


BY_THE_METRIC = [  # what pods show, how many there are, what is wanted at a target of 100
    pytest.param(pods(200, 200), 2, 4, id="twice the target is twice the pods"),
    pytest.param(pods(50, 50, 50, 50), 4, 2, id="half the target is half the pods"),
    pytest.param(pods(90, 129), 2, 2, id="within a tenth nothing changes"),
    pytest.param(pods(90, 131), 2, 3, id="beyond a tenth it does, rounded up"),
    pytest.param([*pods(180), NOT_READY], 2, 2, id="a pod that isn't ready counts as idle when more are wanted"),
    pytest.param([*pods(300), NOT_READY], 2, 3, id="and what is then still wanted is wanted"),
    pytest.param([*pods(300, 300, 300), NOT_READY], 4, 9, id="over all pods"),
    pytest.param([*pods(50, 50), NOT_READY], 3, 1, id="and isn't counted when fewer are"),
    pytest.param([NOT_READY, NOT_READY], 2, 2, id="without a metric nothing changes"),
]


@pytest.mark.parametrize(("seen", "current", "expected"), BY_THE_METRIC)
def test_so_many_are_wanted(seen: list[PodSeen], current: int, expected: int) -> None:
    assert wanted(seen, current, 100) == expected


def counts(settings: Settings, course: list[tuple[int, list[PodSeen]]], current: int) -> list[int]:
    """What it sets, at each second given."""
    autoscaler = Autoscaler(settings)
    found = []
    for at_s, seen in course:
        current = autoscaler.decide(at_s, [seen], current)
        found.append(current)
    return found


def test_up_it_doubles_or_adds_four_each_quarter_of_a_minute() -> None:
    settings = Settings((100,), 1, 1000)

    assert counts(settings, [(15 * n, pods(9900)) for n in range(3)], 1) == [5, 10, 20]


def test_a_limit_of_a_minute_counts_what_was_added_within_it() -> None:
    settings = Settings((100,), 1, 1000, up=Rules(0, (Policy("Pods", 4, 60),)))

    assert counts(settings, [(15 * n, pods(9900)) for n in range(6)], 1) == [5, 5, 5, 5, 9, 9]


def test_down_it_goes_by_the_highest_count_of_the_window() -> None:
    settings = Settings((100,), 1, 1000, down=Rules(60, DOWN.policies))
    course = [(0, pods(100, 100, 100, 100)), *((15 * n, pods(25, 25, 25, 25)) for n in range(1, 6))]

    assert counts(settings, course, 4) == [4, 4, 4, 4, 1, 1]


def test_down_by_a_tenth_or_four_a_minute_as_the_page_has_it() -> None:
    """80 pods: 8 go, of 72 again 8 (7.2, rounded up); below 40 four at a time."""
    down = Rules(0, (Policy("Pods", 4, 60), Policy("Percent", 10, 60)))
    settings = Settings((100,), 1, 1000, down=down)

    assert counts(settings, [(60 * n, pods(1)) for n in range(3)], 80) == [72, 64, 57]
    assert counts(settings, [(60 * n, pods(1)) for n in range(3)], 20) == [16, 12, 8]


def test_up_it_waits_where_a_window_is_set() -> None:
    settings = Settings((100,), 1, 1000, up=Rules(30, UP.policies))

    assert counts(settings, [(0, pods(100)), (15, pods(300)), (30, pods(300)), (45, pods(300))], 1) == [1, 1, 3, 3]


def test_it_stays_within_least_and_most() -> None:
    assert counts(Settings((100,), 2, 3), [(0, pods(1, 1)), (15, pods(900, 900))], 2) == [2, 3]


def test_of_two_metrics_the_higher_count_is_wanted() -> None:
    autoscaler = Autoscaler(Settings((100, 10), 1, 1000))

    assert autoscaler.decide(0, [pods(100, 100), pods(20, 20)], 2) == 4
