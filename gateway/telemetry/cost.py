"""What a usage costs: its tokens and calls by the price table, to the last decimal, and what has no price.

Not here: which usage counts (books.py), which entry and tier are an exchange's (pricer.py), the table (pricing.py).
Source: accounting.md 6, docs/cost.md.
Promise: a token is priced once or not at all, and what can't be told is unpriced: no price is ever chosen by guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal

from gateway.telemetry import names
from gateway.telemetry.pricing import Entry, Rates
from gateway.wire.usage import UNKNOWN, Counted, TokenCount, Usage, count

GROUNDING = "grounding"  # the type of what calls cost, beside the types of tokens
EXACT = Context(prec=200)  # tokens times a price, and sums of that, are far below it: nothing is rounded

_ZERO = Decimal(0)


@dataclass(slots=True)
class Cost:
    """What was priced, dollars by type, and what was not: tokens by type, calls by tool.

    A part of 0 is what costs nothing by the price sheet; what has no price is no part.
    """

    tier: str
    parts: dict[str, Decimal] = field(default_factory=dict)
    unpriced: dict[str, int] = field(default_factory=dict)
    unpriced_calls: dict[str, int] = field(default_factory=dict)

    @property
    def usd(self) -> Decimal | None:
        """All parts; None where nothing had a price."""
        return total(self.parts.values()) if self.parts else None

    def beyond(self, earlier: Cost) -> Cost:
        """What this one comes to over an earlier one of the same interaction: positive differences only."""
        more = Cost(self.tier)
        for type_, usd in self.parts.items():
            grown = EXACT.subtract(usd, earlier.parts.get(type_, _ZERO))
            if grown > 0:
                more.parts[type_] = grown
        more.unpriced = _grown(self.unpriced, earlier.unpriced)
        more.unpriced_calls = _grown(self.unpriced_calls, earlier.unpriced_calls)
        return more


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Their exact sum."""
    whole = _ZERO
    for usd in amounts:
        whole = EXACT.add(whole, usd)
    return whole


def price(usage: Usage, entry: Entry | None, tier: str, tools: Collection[str], counted: Counted | None = None) -> Cost:
    """Price a whole usage. tools: server tools that the exchange is known to have used. counted: if it is at hand."""
    cost = Cost(tier)
    counted = count(usage) if counted is None else counted
    known = entry.tiers.get(tier) if entry is not None else None
    rates = known.at(usage.input) if known is not None else None
    for part in counted.tokens:
        if part.type == "input" and counted.cached:
            continue
        _book(cost, part, _rate(part, rates, entry, tools))
    if counted.cached:
        _price_cached(cost, counted, rates)
    _price_calls(cost, usage, entry)
    return cost


def _rate(part: TokenCount, rates: Rates | None, entry: Entry | None, tools: Collection[str]) -> Decimal | None:
    if rates is None or entry is None:
        return None
    if part.type == "tool_use" and entry.free_tools:
        # Some tools bring in what is not billed, and the API doesn't say what came from which.
        free = [tool in entry.free_tools for tool in tools]
        if not free or (any(free) and not all(free)):
            return None
        if all(free):
            return _ZERO
    return rates.of(part.type, part.modality)


def _price_cached(cost: Cost, counted: Counted, rates: Rates | None) -> None:
    """Input of which some was cached: each token by the one price or by the other."""
    fresh = {part.modality: part.tokens for part in counted.tokens if part.type == "input"}
    cached = {part.modality: part.tokens for part in counted.cached}
    split = _split(fresh, cached, rates)
    if split is None:
        for modality, tokens in fresh.items():
            _book(cost, TokenCount("input", modality, tokens), None)
        return
    hits, undecided = split
    for modality, tokens in fresh.items():
        hit = hits.get(modality, 0)
        if modality in undecided:
            _book(cost, TokenCount("input", modality, tokens), None)
            continue
        for type_, some in (("cached", hit), ("input", tokens - hit)):
            if some:
                _book(cost, TokenCount("input", modality, some), rates.of(type_, modality) if rates else None)


def _split(
    fresh: dict[str, int], cached: dict[str, int], rates: Rates | None
) -> tuple[dict[str, int], frozenset[str]] | None:
    """Cached tokens by the modality of the input that they are; and the modalities where that can't be told.

    fresh: all input, changed here: what a cached list names is known to be of that modality in the input too.
    None where the cached are more than the input they are a part of.
    """
    if sum(cached.values()) > sum(fresh.values()):
        return None
    hits: dict[str, int] = {}
    for modality, tokens in cached.items():
        if modality == UNKNOWN:
            continue
        beyond = tokens - fresh.get(modality, 0)
        if beyond > 0:
            if beyond > fresh.get(UNKNOWN, 0):
                return None
            fresh[modality] = tokens
            fresh[UNKNOWN] -= beyond
        hits[modality] = tokens
    left = cached.get(UNKNOWN, 0)
    if not left:
        return hits, frozenset()
    places = [modality for modality, tokens in fresh.items() if tokens > hits.get(modality, 0)]
    pairs = {(rates.of("input", m), rates.of("cached", m)) for m in places} if rates is not None else set()
    if len(places) > 1 and len(pairs) != 1:
        return hits, frozenset(places)
    for modality in places:  # one place only, or the same prices in all of them
        taken = min(left, fresh[modality] - hits.get(modality, 0))
        hits[modality] = hits.get(modality, 0) + taken
        left -= taken
    return hits, frozenset()


def _price_calls(cost: Cost, usage: Usage, entry: Entry | None) -> None:
    for tool, calls in usage.grounding.items():
        if not calls:
            continue
        price_ = entry.calls.get(tool) if entry is not None else None
        if price_ is None:
            label = tool if tool in names.GROUNDING_TOOLS else names.OTHER
            cost.unpriced_calls[label] = cost.unpriced_calls.get(label, 0) + calls
        else:
            usd = EXACT.multiply(price_.usd, 1 if price_.by_prompt else calls)
            cost.parts[GROUNDING] = EXACT.add(cost.parts.get(GROUNDING, _ZERO), usd)


def _book(cost: Cost, part: TokenCount, rate: Decimal | None) -> None:
    if rate is None:
        cost.unpriced[part.type] = cost.unpriced.get(part.type, 0) + part.tokens
    else:
        usd = EXACT.multiply(rate, part.tokens)
        cost.parts[part.type] = EXACT.add(cost.parts.get(part.type, _ZERO), usd)


def _grown(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {key: value - before.get(key, 0) for key, value in now.items() if value > before.get(key, 0)}
