"""How a usage is priced: cached tokens by one price or the other, sums that add up, scaling, growth. Checked with
fractions of our own."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.telemetry import pricing_file
from gateway.telemetry.cost import Cost, price
from gateway.telemetry.pricing import Entry
from gateway.wire.usage import Usage, add, count

MODALITIES = ("text", "image", "audio", "video", "document")
HEAD = 'match = "m"\ncurrency = "USD"\nsource = "https://example.com"\nread = 2026-06-09\n'


def entry_of(tier: str, more: str = "") -> Entry:
    text = f"[[model]]\n{HEAD}{more}\nstandard = {{ {tier} }}\n"
    (entry,) = pricing_file.parse(tomllib.loads(text, parse_float=Decimal)).entries
    return entry


def cost_of(usage: Usage, entry: Entry) -> Cost:
    return price(usage, entry, "standard", ())


DIFFER = "input = { text = 10, audio = 20 }, cached = { text = 1, audio = 2 }"
SAME = "input = 10, cached = 1"

CACHED: list[Any] = [
    # Dollars a million tokens, so that these are what they cost. fresh, cached: the lists of the API; rest: unlisted.
    pytest.param(SAME, {"text": 5}, {"text": 2}, 0, 0, 3 * 10 + 2 * 1, 0, id="listed"),
    pytest.param(SAME, {}, {}, 5, 2, 3 * 10 + 2 * 1, 0, id="nothing listed, one price"),
    pytest.param(DIFFER, {"text": 5, "audio": 5}, {"audio": 2}, 0, 0, 5 * 10 + 3 * 20 + 2 * 2, 0, id="one is cached"),
    pytest.param(DIFFER, {"text": 5}, {}, 0, 2, 3 * 10 + 2 * 1, 0, id="unlisted, but there is only text"),
    pytest.param(DIFFER, {"text": 5, "audio": 2}, {}, 0, 1, 0, 7, id="unlisted, and it might be either"),
    pytest.param(
        DIFFER, {"text": 5, "audio": 2}, {"audio": 2}, 0, 1, 4 * 10 + 1 * 1 + 2 * 2, 0, id="unlisted, the other is full"
    ),
    pytest.param(DIFFER, {}, {"text": 2}, 5, 0, 2 * 1, 3, id="what is cached is known, the rest isn't"),
    pytest.param(DIFFER, {"text": 1}, {"text": 3}, 4, 0, 3 * 1, 2, id="the cached list knows more than the input's"),
    pytest.param(SAME, {"text": 2}, {"text": 3}, 0, 0, 0, 2, id="more cached than there is"),
    pytest.param(SAME, {"text": 2, "audio": 2}, {"text": 3}, 0, 0, 0, 4, id="more cached of one kind than there is"),
    pytest.param("input = 10", {"text": 5}, {"text": 2}, 0, 0, 3 * 10, 2, id="no price for cached"),
    pytest.param('input = 10, cached = "input"', {"text": 5}, {"text": 2}, 0, 0, 50, 0, id="cached costs the same"),
]


@pytest.mark.parametrize(("prices", "fresh", "cached", "fresh_rest", "cached_rest", "usd", "unpriced"), CACHED)
def test_a_cached_token_is_priced_by_one_price(
    prices: str,
    fresh: dict[str, int],
    cached: dict[str, int],
    fresh_rest: int,
    cached_rest: int,
    usd: int,
    unpriced: int,
) -> None:
    usage = Usage(
        input=sum(fresh.values()) + fresh_rest,
        cached=sum(cached.values()) + cached_rest,
        by_modality={"input": fresh, "cached": cached},
    )
    cost = cost_of(usage, entry_of(prices))

    assert cost.parts.get("input", 0) == Decimal(usd) / 1_000_000
    assert cost.unpriced.get("input", 0) == unpriced


def test_cached_tokens_without_an_input_are_nothing_to_price() -> None:
    """They are a part of the input, and none is counted."""
    cost = cost_of(Usage(total=9, cached=5), entry_of(SAME))

    assert (cost.parts, cost.unpriced) == ({}, {"unattributed": 9})


TOKENS = st.integers(0, 2_000_000)
PRICE = st.decimals(0, 500, places=6)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Stated and listed in part, cached within the input."""
    lists: dict[str, dict[str, int]] = {}
    totals: dict[str, int] = {}
    for type_ in ("input", "output", "tool_use"):
        if draw(st.booleans()):
            lists[type_] = draw(st.dictionaries(st.sampled_from(MODALITIES), TOKENS))
            totals[type_] = sum(lists[type_].values()) + draw(st.sampled_from([0, 0, 17]))
    if draw(st.booleans()):
        totals["thought"] = draw(TOKENS)
    if "input" in totals and draw(st.booleans()):
        lists["cached"] = {m: draw(st.integers(0, n)) for m, n in lists["input"].items()}
        totals["cached"] = sum(lists["cached"].values())
    if draw(st.booleans()):
        totals["total"] = sum(n for type_, n in totals.items() if type_ != "cached") + draw(st.sampled_from([0, 23]))
    calls = draw(st.dictionaries(st.just("google_search"), st.integers(0, 9)))
    return Usage(**totals, by_modality=lists, grounding=calls)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Prices for some types, the same for all modalities or one for each."""
    prices = []
    for type_ in ("input", "output", "cached", "thought", "tool_use", "unattributed"):
        if type_ in ("input", "output") or draw(st.booleans()):
            if type_ in ("input", "output", "cached") and draw(st.booleans()):
                each = ", ".join(f"{m} = {draw(PRICE):f}" for m in MODALITIES)
                prices.append(f"{type_} = {{ {each} }}")
            else:
                prices.append(f"{type_} = {draw(PRICE):f}")
    per = draw(st.sampled_from(["query", "prompt"]))
    calls = f'calls.google_search = {{ usd_per_1000 = 14.00, per = "{per}" }}' if draw(st.booleans()) else ""
    return entry_of(", ".join(prices), calls)


@settings(deadline=None, max_examples=200)
@given(usages(), entries())
def test_every_token_is_priced_once_or_counted_as_unpriced(usage: Usage, entry: Entry) -> None:
    """By our own sum, in fractions, of what the count lists."""
    cost = cost_of(usage, entry)
    rates = entry.tiers["standard"].rates.by_type
    counted = count(usage)
    hits = {part.modality: part.tokens for part in counted.cached}
    usd: dict[str, Fraction] = {}
    unpriced: dict[str, int] = {}
    for part in counted.tokens:
        pieces = [(part.type, part.tokens)]
        if part.type == "input":
            hit = hits.get(part.modality, 0)
            pieces = [("cached", hit), ("input", part.tokens - hit)]
        for priced_as, tokens in pieces:
            found = rates.get(priced_as, {}).get(part.modality)
            if not tokens:
                continue
            if found is None:
                unpriced[part.type] = unpriced.get(part.type, 0) + tokens
            else:
                usd[part.type] = usd.get(part.type, Fraction(0)) + Fraction(found) * tokens

    assert {type_: Fraction(amount) for type_, amount in cost.parts.items() if type_ != "grounding"} == usd
    assert cost.unpriced == unpriced
    assert cost.usd == (sum(cost.parts.values(), Decimal(0)) if cost.parts else None)


@settings(deadline=None, max_examples=100)
@given(usages(), usages(), entries())
def test_two_usages_cost_what_each_costs(one: Usage, other: Usage, entry: Entry) -> None:
    """No context steps, and calls by the call: then cost is a sum. What isn't listed is left out: it mixes kinds."""
    for usage in (one, other):
        usage.grounding = {}
        usage.total = None
        for type_ in ("input", "output", "tool_use"):
            if getattr(usage, type_) is not None:
                setattr(usage, type_, sum(usage.by_modality[type_].values()))
    both, first, second = cost_of(add(one, other), entry), cost_of(one, entry), cost_of(other, entry)

    for type_ in both.parts.keys() | first.parts.keys() | second.parts.keys():
        whole = both.parts.get(type_, Decimal(0))
        assert whole == first.parts.get(type_, Decimal(0)) + second.parts.get(type_, Decimal(0))
    assert sum(both.unpriced.values()) == sum(first.unpriced.values()) + sum(second.unpriced.values())


@settings(deadline=None, max_examples=100)
@given(usages(), entries(), st.integers(1, 1000))
def test_so_many_times_the_tokens_cost_so_many_times_as_much(usage: Usage, entry: Entry, times: int) -> None:
    usage.grounding = {}
    kinds = ("total", "input", "output", "thought", "tool_use", "cached")
    counts: dict[str, Any] = {kind: n * times for kind in kinds if (n := getattr(usage, kind)) is not None}
    lists = {kind: {m: n * times for m, n in listed.items()} for kind, listed in usage.by_modality.items()}
    more = Usage(**counts, by_modality=lists)
    cost, larger = cost_of(usage, entry), cost_of(more, entry)

    assert larger.parts == {type_: usd * times for type_, usd in cost.parts.items()}
    assert larger.unpriced == {type_: tokens * times for type_, tokens in cost.unpriced.items()}


@settings(deadline=None, max_examples=100)
@given(usages(), usages(), entries())
def test_a_usage_that_grew_costs_its_cost_in_the_end(earlier: Usage, more: Usage, entry: Entry) -> None:
    """Whatever was counted while it ran: with the difference it comes to what the final one costs."""
    final = add(earlier, more)
    running, whole = cost_of(earlier, entry), cost_of(final, entry)
    grown = whole.beyond(running)

    for type_, usd in whole.parts.items():
        counted = running.parts.get(type_, Decimal(0)) + grown.parts.get(type_, Decimal(0))
        assert counted == max(usd, running.parts.get(type_, Decimal(0)))
    assert all(usd > 0 for usd in grown.parts.values())
    assert all(tokens > 0 for tokens in grown.unpriced.values())


def test_nothing_is_rounded_whatever_the_wire_says() -> None:
    """The largest counts that a usage can hold, at the finest prices that a file can state."""
    huge = (1 << 63) - 1
    entry = entry_of("input = 999999.999999999, output = 0.000000001")
    cost = cost_of(Usage(input=huge, output=huge), entry)

    assert cost.usd is not None
    assert Fraction(cost.usd) == Fraction(huge) * (Fraction("999999.999999999") + Fraction("0.000000001")) / 1_000_000
