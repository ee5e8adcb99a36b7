"""What a token and a call cost: prices by model, date, service tier, context size, type and modality.

Not here: the file they are written in (pricing_file.py), what an exchange comes to (cost.py).
Promise: prices are exact decimals, and what has no price has none: nothing falls back to the price of something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Prices = Mapping[str, Decimal]  # modality, or `unknown`, to dollars a token

TYPES = ("input", "output", "cached", "thought", "tool_use", "unattributed")


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of one tier at one context size. A type or a modality that isn't there has no price."""

    by_type: Mapping[str, Prices]

    def of(self, type_: str, modality: str) -> Decimal | None:
        """Dollars a token."""
        prices = self.by_type.get(type_)
        return None if prices is None else prices.get(modality)


@dataclass(frozen=True, slots=True)
class Tier:
    """A service tier. above: input tokens and the rates of an exchange with more of them, the largest first."""

    rates: Rates
    above: tuple[tuple[int, Rates], ...] = ()

    def at(self, input_tokens: int | None) -> Rates | None:
        """The rates of a whole exchange by its input; None where that isn't known and would matter."""
        if not self.above:
            return self.rates
        if input_tokens is None:
            return None
        for bound, rates in self.above:
            if input_tokens > bound:
                return rates
        return self.rates


@dataclass(frozen=True, slots=True)
class CallPrice:
    """Dollars a call of a tool. by_prompt: one an exchange that used it, however many calls that were."""

    usd: Decimal
    by_prompt: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One model, or some at one price, in one period.

    since_s, until_s: Unix time, from and before. free_tools: what they bring in as tool_use tokens isn't billed.
    """

    patterns: tuple[str, ...]
    tiers: Mapping[str, Tier]
    calls: Mapping[str, CallPrice] = field(default_factory=dict)
    free_tools: frozenset[str] = frozenset()
    since_s: float = float("-inf")
    until_s: float = float("inf")


class Table:
    """All entries. Their order doesn't matter: an exact name wins, then the longest prefix."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self._exact: dict[str, list[Entry]] = {}
        prefixes: dict[str, list[Entry]] = {}
        for entry in entries:
            for pattern in entry.patterns:
                places = prefixes if pattern.endswith("*") else self._exact
                places.setdefault(pattern.removesuffix("*"), []).append(entry)
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))
        self.entries = entries

    def find(self, model: str | None, unix_s: float) -> Entry | None:
        """The entry of a model at a time. One whose most specific pattern has no price then has no price."""
        if not model:
            return None
        entries = self._exact.get(model)
        if entries is None:
            entries = next((found for prefix, found in self._prefixes if model.startswith(prefix)), [])
        return next((entry for entry in entries if entry.since_s <= unix_s < entry.until_s), None)
