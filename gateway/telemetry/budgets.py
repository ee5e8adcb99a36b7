"""Budgets of the settings as metrics: how much each is, and what counts against it.

Not here: how much of a budget is spent in its window, which Prometheus derives (config/rules/budgets.yml), so that it
outlives this process.
Promise: a budget's counter is there from the start, at 0, so that increase() misses no first dollar.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from gateway.telemetry import names
from gateway.telemetry.books import Account
from gateway.telemetry.registry import Counter, Gauge, Registry

if TYPE_CHECKING:
    from gateway.config import Budget


class Budgets:
    """The budgets in force."""

    def __init__(self, budgets: Iterable[Budget], registry: Registry) -> None:
        self._limits = Gauge(names.BUDGET, registry)
        self._spent = Counter(names.BUDGET_COST, registry)
        self._teams: dict[str, str | None] = {}
        self.replace(budgets)

    def replace(self, budgets: Iterable[Budget]) -> None:
        """Other budgets from now on. What counted against a name stays with the name."""
        self._teams = {}
        self._limits.clear()
        for budget in budgets:
            self._teams[budget.name] = budget.team
            self._limits.set((budget.name, budget.window), budget.usd)
            self._spent.inc((budget.name,), Decimal(0))

    def closed(self, account: Account) -> None:
        """Count the cost of an ended exchange against the budgets that it is of."""
        usd = account.cost.usd if account.cost is not None else None
        if not usd:
            return
        for name, team in self._teams.items():
            if team is None or account.team == (team,):
                self._spent.inc((name,), usd)
