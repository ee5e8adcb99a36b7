"""The families of cost and waste, fed from priced accounts.

Not here: what costs what (cost.py), budgets (budgets.py).
Source: telemetry-conventions.md 3.3, accounting.md 6.
Promise: amounts are added up as exact decimals. Waste is a part of tokens and cost, never subtracted from them.
"""

from __future__ import annotations

from gateway.telemetry import names
from gateway.telemetry.books import Account
from gateway.telemetry.registry import Counter, Registry
from gateway.wire.outcome import Outcome

# Billed, and the answer did not arrive (accounting.md 6).
WASTE = frozenset(
    {Outcome.CLIENT_ABORT, Outcome.UPSTREAM_ABORT, Outcome.TRUNCATED, Outcome.STREAM_ERROR, Outcome.FAILED}
)


def is_wasted(account: Account) -> bool:
    """Whether what an account counts was for nobody."""
    return account.usage is not None and account.record.outcome in WASTE


class CostMetrics:
    """Cost, what has no price, waste."""

    def __init__(self, registry: Registry, *, teams: bool = False) -> None:
        self._cost = Counter(names.COST.labelled(teams=teams), registry)
        self._unpriced = Counter(names.COST_UNPRICED, registry)
        self._unpriced_calls = Counter(names.COST_UNPRICED_CALLS, registry)
        self._wasted_tokens = Counter(names.WASTED_TOKENS.labelled(teams=teams), registry)
        self._wasted_cost = Counter(names.WASTED_COST.labelled(teams=teams), registry)

    def closed(self, account: Account) -> None:
        """Count an ended exchange."""
        usage, cost, team = account.usage, account.cost, account.team
        if usage is None:
            return
        wasted = is_wasted(account)
        reason = account.record.outcome.value
        if wasted:
            for part in usage.counted.tokens:
                self._wasted_tokens.inc((reason, part.type, usage.basis, *team), part.tokens)
        if cost is None:
            return
        for type_, usd in cost.parts.items():
            self._cost.inc((usage.model, type_, cost.tier, usage.basis, *team), usd)
            if wasted:
                self._wasted_cost.inc((reason, type_, usage.basis, *team), usd)
        for type_, tokens in cost.unpriced.items():
            self._unpriced.inc((usage.model, type_), tokens)
        for tool, calls in cost.unpriced_calls.items():
            self._unpriced_calls.inc((usage.model, tool), calls)
