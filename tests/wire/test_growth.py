"""What a later usage of an interaction adds to one that was counted, and the sum of several interactions' usages."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.usage import TYPES, Usage, add, count, growth
from tests.wire.test_usage import USAGES


def listed(usage: Usage) -> int:
    """What the listed types add up to."""
    return sum(getattr(usage, name) or 0 for name in TYPES)


def by_type(usage: Usage) -> dict[str, int]:
    """Counted tokens by type."""
    totals: dict[str, int] = {}
    for part in count(usage).tokens:
        totals[part.type] = totals.get(part.type, 0) + part.tokens
    return totals


GROWTH = [
    pytest.param(
        Usage(total=12, input=10, output=2),
        Usage(total=30, input=10, output=15, thought=5),
        Usage(total=18, input=0, output=13, thought=5),
        id="positive differences, type by type",
    ),
    pytest.param(Usage(), Usage(total=5, input=5), Usage(total=5, input=5), id="everything is new after nothing"),
    pytest.param(Usage(input=5), Usage(input=3), Usage(input=0), id="less is no growth"),
    pytest.param(Usage(input=5), Usage(output=3), Usage(output=3), id="what is not said again does not count"),
    pytest.param(
        Usage(total=10, input=10),
        Usage(total=25, input=10, output=5),
        Usage(total=15, input=0, output=5),
        id="unattributed tokens grow by themselves: 5 of output, 10 of none",
    ),
    pytest.param(
        Usage(total=10),
        Usage(total=10, input=10),
        Usage(total=10, input=10),
        id="they are never taken from a listed type",
    ),
    pytest.param(
        Usage(input=4, by_modality={"input": {"text": 4}}),
        Usage(input=9, by_modality={"input": {"text": 6, "image": 3}}),
        Usage(input=5, by_modality={"input": {"text": 2, "image": 3}}),
        id="lists on both sides keep the modality",
    ),
    pytest.param(
        Usage(input=4),
        Usage(input=9, by_modality={"input": {"text": 9}}),
        Usage(input=5),
        id="a list on one side only: unknown",
    ),
    pytest.param(
        Usage(input=4, by_modality={"input": {}}),
        Usage(input=9, by_modality={"input": {"text": 9}}),
        Usage(input=5),
        id="a list that grew by more than its type: unknown",
    ),
    pytest.param(
        Usage(cached=1, by_modality={"cached": {"text": 1}}),
        Usage(cached=3, by_modality={"cached": {"text": 3}}),
        Usage(cached=2, by_modality={"cached": {"text": 2}}),
        id="cached tokens grow too",
    ),
    pytest.param(
        Usage(grounding={"google_search": 1, "retrieval": 5}),
        Usage(grounding={"google_search": 3, "retrieval": 5, "google_maps": 1}),
        Usage(grounding={"google_search": 2, "google_maps": 1}),
        id="calls grow too",
    ),
]


@pytest.mark.parametrize(("earlier", "later", "expected"), GROWTH)
def test_growth(earlier: Usage, later: Usage, expected: Usage) -> None:
    """A later usage adds what its row says."""
    assert growth(earlier, later) == expected


@settings(deadline=None, max_examples=300)
@given(USAGES, USAGES)
def test_growth_is_never_negative(earlier: Usage, later: Usage) -> None:
    """Of each type exactly the positive difference of what would have been counted, and no false oddity."""
    grown = growth(earlier, later)
    before, after = by_type(earlier), by_type(later)

    assert by_type(grown) == {
        name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0)
    }
    assert all(value is None or value >= 0 for value in (getattr(grown, name) for name in (*TYPES, "total", "cached")))
    assert all(tokens > 0 for names in grown.by_modality.values() for tokens in names.values())
    assert not count(grown).modality_exceeds_total
    assert not count(grown).usage_exceeds_total


@settings(deadline=None)
@given(USAGES)
def test_nothing_grows_beyond_itself(usage: Usage) -> None:
    """The same usage again adds nothing; after nothing all of it is new."""
    assert by_type(growth(usage, usage)) == {}
    assert by_type(growth(Usage(), usage)) == by_type(usage)


SUMS = [
    pytest.param(Usage(), Usage(input=1), Usage(input=1), id="unstated stays unstated"),
    pytest.param(
        Usage(total=5, input=3, grounding={"a": 1}),
        Usage(total=7, input=4, thought=1, grounding={"a": 2, "b": 1}),
        Usage(total=12, input=7, thought=1, grounding={"a": 3, "b": 1}),
        id="stated counts add",
    ),
    pytest.param(
        Usage(input=3, by_modality={"input": {"text": 3}}),
        Usage(input=4, by_modality={"input": {"text": 1, "image": 2}, "output": {}}),
        Usage(input=7, by_modality={"input": {"text": 4, "image": 2}, "output": {}}),
        id="lists add by modality",
    ),
    pytest.param(
        Usage(total=100, input=50),
        Usage(input=60),
        Usage(total=160, input=110),
        id="no total beside one: what it lists",
    ),
]


@pytest.mark.parametrize(("one", "other", "expected"), SUMS)
def test_add(one: Usage, other: Usage, expected: Usage) -> None:
    """Usages of different interactions add up, in either order, and neither is changed by it."""
    before = dataclasses.asdict(one), dataclasses.asdict(other)

    assert add(one, other) == add(other, one) == expected
    assert (dataclasses.asdict(one), dataclasses.asdict(other)) == before


@settings(deadline=None)
@given(st.lists(USAGES, min_size=2, max_size=12))
def test_a_sum_counts_what_its_parts_count(usages: list[Usage]) -> None:
    """Type by type for the listed ones, and never less than all parts together where no total was exceeded."""
    total = Usage()
    for usage in usages:
        total = add(total, usage)
    exact = all(usage.total is None or usage.total >= listed(usage) for usage in usages)

    assert listed(total) == sum(map(listed, usages))
    if exact:
        assert sum(by_type(total).values()) == sum(sum(by_type(usage).values()) for usage in usages)


def test_sums_stay_small() -> None:
    """In 64 bits, and in a bounded number of names."""
    large, total = Usage(total=(1 << 63) - 1, input=(1 << 63) - 1), Usage()
    for number in range(100):
        total = add(total, large)
        total = add(total, Usage(input=1, by_modality={"input": {f"m{number}": 1}}, grounding={f"t{number}": 1}))

    assert (total.total, total.input) == ((1 << 63) - 1, (1 << 63) - 1)
    assert (len(total.by_modality["input"]), len(total.grounding)) == (16, 16)
