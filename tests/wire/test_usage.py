"""Usage: what is read of it, and how it splits into disjoint counts (accounting.md 2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.usage import TYPES, Counted, Reading, TokenCount, Usage, count, read_usage


def modalities(**tokens: object) -> list[dict[str, object]]:
    """A list of the wire."""
    return [{"modality": modality, "tokens": number} for modality, number in tokens.items()]


FIELDS = [
    ({}, Usage()),
    ({"total_tokens": 1}, Usage(total=1)),
    ({"total_input_tokens": 2}, Usage(input=2)),
    ({"total_output_tokens": 3}, Usage(output=3)),
    ({"total_thought_tokens": 4}, Usage(thought=4)),
    ({"total_tool_use_tokens": 5}, Usage(tool_use=5)),
    ({"total_cached_tokens": 6}, Usage(cached=6)),
    ({"initial_input_tokens": 7}, Usage(initial_input=7)),
    ({"total_tokens": 0}, Usage(total=0)),
    ({"input_tokens_by_modality": modalities(text=1)}, Usage(by_modality={"input": {"text": 1}})),
    (
        {"output_tokens_by_modality": modalities(image=1, audio=2)},
        Usage(by_modality={"output": {"image": 1, "audio": 2}}),
    ),
    ({"cached_tokens_by_modality": modalities(video=1)}, Usage(by_modality={"cached": {"video": 1}})),
    ({"tool_use_tokens_by_modality": modalities(document=1)}, Usage(by_modality={"tool_use": {"document": 1}})),
    ({"input_tokens_by_modality": []}, Usage(by_modality={"input": {}})),
    ({"input_tokens_by_modality": modalities(text=1) * 3}, Usage(by_modality={"input": {"text": 3}})),
    ({"thought_tokens_by_modality": modalities(text=1), "total_hologram_tokens": 4}, Usage()),
    (
        {"grounding_tool_count": [{"type": "google_search", "count": 2}, {"type": "retrieval", "count": 1}]},
        Usage(grounding={"google_search": 2, "retrieval": 1}),
    ),
    ({"total_reasoning_tokens": 9}, Usage()),  # the old dialect's
]


@pytest.mark.parametrize(("wire", "usage"), FIELDS)
def test_a_field(wire: dict[str, Any], usage: Usage) -> None:
    """Each field is read under its name; missing is not zero, and what is not known is passed over."""
    assert read_usage(wire) == Reading(usage)


BAD_VALUES: list[object] = ["1", "", None, -1, 1.0, 1.5, True, False, [], {}, 1 << 63, 10**30, float("nan")]


@pytest.mark.parametrize("value", BAD_VALUES)
@pytest.mark.parametrize("field", ["total_tokens", "total_input_tokens", "total_cached_tokens", "initial_input_tokens"])
def test_a_bad_count_is_missing(field: str, value: object) -> None:
    """Only an integer from 0 up is a count; anything else leaves the field missing, and is told."""
    assert read_usage({field: value, "total_output_tokens": 3}) == Reading(Usage(output=3), bad_fields=1)


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_bad_entry_of_a_list_is_missing(value: object) -> None:
    """The other entries stay."""
    lists = {"output_tokens_by_modality": modalities(text=value, image=2)}
    calls = {"grounding_tool_count": [{"type": "google_maps", "count": value}, {"type": "retrieval", "count": 1}]}

    assert read_usage(lists) == Reading(Usage(by_modality={"output": {"image": 2}}), bad_fields=1)
    assert read_usage(calls) == Reading(Usage(grounding={"retrieval": 1}), bad_fields=1)


@pytest.mark.parametrize("value", ["x", None, 5, {}, {"text": 5}])
def test_a_list_that_is_none(value: object) -> None:
    """It is missing, and told."""
    for field in ("input_tokens_by_modality", "grounding_tool_count"):
        assert read_usage({field: value}) == Reading(Usage(), bad_fields=1)


@pytest.mark.parametrize(
    "entry", [None, "text", 5, [], {}, {"modality": "text"}, {"tokens": 1}, {"modality": 1, "tokens": 1}]
)
def test_an_entry_that_is_none(entry: object) -> None:
    """It is missing, and told."""
    reading = read_usage({"input_tokens_by_modality": [entry]})

    assert reading == Reading(Usage(by_modality={"input": {}}), bad_fields=1)


def test_a_usage_that_is_no_object() -> None:
    """Nothing is nothing; anything else that is no object is told."""
    assert read_usage(None) is None
    wires: list[object] = ["5", 5, [], True]
    for wire in wires:
        assert read_usage(wire) == Reading(Usage(), bad_fields=1)


def test_a_hostile_usage_stays_small() -> None:
    """Lists are bounded, names cut and fit for UTF-8, sums fit in 64 bits."""
    many = [{"modality": f"m{number}", "tokens": 1} for number in range(100)]
    reading = read_usage(
        {
            "input_tokens_by_modality": many,
            "output_tokens_by_modality": [{"modality": "text", "tokens": (1 << 63) - 1}] * 3,
            "cached_tokens_by_modality": [{"modality": "\ud800" + "x" * 99, "tokens": 1}],
            "grounding_tool_count": [{"type": f"t{number}", "count": 1} for number in range(100)],
        }
    )

    assert reading is not None
    assert [len(reading.usage.by_modality["input"]), len(reading.usage.grounding)] == [16, 16]
    assert reading.usage.by_modality["output"] == {"text": (1 << 63) - 1}
    assert reading.usage.by_modality["cached"] == {"?" + "x" * 63: 1}
    assert (reading.unknown_modalities, reading.bad_fields) == (101, 0)


def counted(wire: dict[str, Any]) -> tuple[dict[tuple[str, str], int], dict[str, int], tuple[bool, int, int]]:
    """Tokens by type and modality, cached ones by modality, and the oddities met."""
    reading = read_usage(wire)
    assert reading is not None
    said = count(reading.usage)
    return (
        {(part.type, part.modality): part.tokens for part in said.tokens},
        {part.modality: part.tokens for part in said.cached},
        (said.usage_exceeds_total, said.modality_exceeds_total, said.folded),
    )


NONE = (False, 0, 0)
RULES = [
    pytest.param(
        {
            "total_tokens": 346,
            "total_input_tokens": 11,
            "input_tokens_by_modality": modalities(text=11),
            "total_cached_tokens": 0,
            "total_output_tokens": 90,
            "total_tool_use_tokens": 0,
            "total_thought_tokens": 245,
        },
        ({("input", "text"): 11, ("output", "unknown"): 90, ("thought", "unknown"): 245}, {}, NONE),
        id="the guide's count to 25: 11 + 90 + 245 = 346",
    ),
    pytest.param(
        {
            "total_tokens": 299,
            "total_input_tokens": 138,
            "total_output_tokens": 20,
            "total_tool_use_tokens": 0,
            "total_thought_tokens": 141,
        },
        ({("input", "unknown"): 138, ("output", "unknown"): 20, ("thought", "unknown"): 141}, {}, NONE),
        id="the guide's search: 138 + 20 + 141 = 299",
    ),
    pytest.param(
        {
            "total_tokens": 6128,
            "total_input_tokens": 29,
            "total_output_tokens": 6099,
            "output_tokens_by_modality": modalities(image=4480),
        },
        ({("input", "unknown"): 29, ("output", "image"): 4480, ("output", "unknown"): 1619}, {}, NONE),
        id="the guide's image: what the list doesn't cover is unknown",
    ),
    pytest.param(
        {"total_tokens": 19, "total_input_tokens": 7, "total_output_tokens": 12},
        ({("input", "unknown"): 7, ("output", "unknown"): 12}, {}, NONE),
        id="the guide's short form: 7 + 12 = 19",
    ),
    pytest.param(
        {
            "total_tokens": 1117031,
            "total_input_tokens": 428865,
            "total_output_tokens": 22294,
            "total_thought_tokens": 26213,
        },
        (
            {
                ("input", "unknown"): 428865,
                ("output", "unknown"): 22294,
                ("thought", "unknown"): 26213,
                ("unattributed", "unknown"): 639659,
            },
            {},
            NONE,
        ),
        id="the guide's deep research: 639659 unattributed",
    ),
    pytest.param({}, ({}, {}, NONE), id="nothing said, nothing counted"),
    pytest.param({"total_input_tokens": 0, "total_tokens": 0}, ({}, {}, NONE), id="zero counts nothing"),
    pytest.param({"total_tokens": 9}, ({("unattributed", "unknown"): 9}, {}, NONE), id="a total alone is unattributed"),
    pytest.param(
        {"total_output_tokens": 9}, ({("output", "unknown"): 9}, {}, NONE), id="no total, nothing unattributed"
    ),
    pytest.param(
        {"total_tokens": 5, "total_input_tokens": 4, "total_output_tokens": 4},
        ({("input", "unknown"): 4, ("output", "unknown"): 4}, {}, (True, 0, 0)),
        id="more listed than the total: told, nothing subtracted",
    ),
    pytest.param(
        {"total_tool_use_tokens": 9, "tool_use_tokens_by_modality": modalities(text=4, document=5)},
        ({("tool_use", "text"): 4, ("tool_use", "document"): 5}, {}, NONE),
        id="a list that covers all",
    ),
    pytest.param(
        {"total_input_tokens": 9, "input_tokens_by_modality": modalities(text=5, hologram=4)},
        ({("input", "text"): 5, ("input", "unknown"): 4}, {}, (False, 0, 1)),
        id="a modality outside the five is unknown, and told",
    ),
    pytest.param(
        {"total_input_tokens": 9, "input_tokens_by_modality": modalities(text=5, image=5)},
        ({("input", "unknown"): 9}, {}, (False, 1, 0)),
        id="a list over its total: the whole total is unknown",
    ),
    pytest.param(
        {"input_tokens_by_modality": modalities(text=5)}, ({}, {}, NONE), id="a list without its total counts nothing"
    ),
    pytest.param(
        {"total_input_tokens": 9, "total_cached_tokens": 8, "cached_tokens_by_modality": modalities(text=5, audio=1)},
        ({("input", "unknown"): 9}, {"text": 5, "audio": 1, "unknown": 2}, NONE),
        id="cached tokens are a family of their own, by the same rules",
    ),
    pytest.param(
        {"total_cached_tokens": 3, "cached_tokens_by_modality": modalities(text=4), "initial_input_tokens": 7},
        ({}, {"unknown": 3}, (False, 1, 0)),
        id="a cached list over its total; initial input is never counted",
    ),
]


@pytest.mark.parametrize(("wire", "expected"), RULES)
def test_counting(wire: dict[str, Any], expected: object) -> None:
    """A usage counts as its row says."""
    assert counted(wire) == expected


COUNTS = st.none() | st.integers(0, 50) | st.integers(0, 1 << 40)
LISTS = st.dictionaries(
    st.sampled_from(["input", "output", "cached", "tool_use"]),
    st.dictionaries(st.sampled_from(["text", "image", "audio", "smell", ""]), st.integers(0, 30)),
)
USAGES = st.builds(
    Usage,
    total=COUNTS,
    input=COUNTS,
    output=COUNTS,
    thought=COUNTS,
    tool_use=COUNTS,
    cached=COUNTS,
    by_modality=LISTS,
    grounding=st.dictionaries(st.sampled_from(["google_search", "x"]), st.integers(0, 9)),
)


@settings(deadline=None, max_examples=300)
@given(USAGES)
def test_counts_are_disjoint_and_whole(usage: Usage) -> None:
    """They add up to the total where it covers what is listed, else to what is listed; none is zero or less."""
    said: Counted = count(usage)
    listed = sum(getattr(usage, name) or 0 for name in TYPES)

    assert sum(part.tokens for part in said.tokens) == max(listed, usage.total or 0)
    assert sum(part.tokens for part in said.cached) == (usage.cached or 0)
    assert all(part.tokens > 0 for part in said.tokens + said.cached)
    assert len({(part.type, part.modality) for part in said.tokens}) == len(said.tokens)
    assert said.usage_exceeds_total == (usage.total is not None and usage.total < listed)
    assert TokenCount("thought", "text", 1) not in said.tokens
