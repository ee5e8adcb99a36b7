"""Prices an account: which entry of the table, which tier, what was counted before.

Not here: what a usage costs then (cost.py), metrics of it (cost_metrics.py), when the table is replaced (reload.py).
Source: accounting.md 2 and 6.
Promise: an account is priced once, when it closes. What grew since a running usage was counted is priced as the
difference: together both come to what the final usage costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.records import ExchangeClosed
from gateway.telemetry import labels, names
from gateway.telemetry.books import POLL, Account, CountedUsage
from gateway.telemetry.catalogue import NS_PER_S
from gateway.telemetry.cost import Cost, price
from gateway.telemetry.pricing import Entry, Table
from gateway.wire.events import SERVER_TOOLS
from gateway.wire.facts import Basis

MAX_NAMED = 200  # models and the like that the log names, each once a table

_TOOL_OF = {f"{tool}_{half}": tool for tool in SERVER_TOOLS for half in ("call", "result")}


class Pricer:
    """Holds the table. log: a logger's method, told once of each thing that has no price."""

    def __init__(self, table: Table, overflow: labels.Overflow, log: Callable[..., Any]) -> None:
        self._table = table
        self._overflow = overflow
        self._log = log
        self._named: set[tuple[str, ...]] = set()

    def replace(self, table: Table) -> None:
        """Price by another table from now on."""
        self._table = table
        self._named.clear()

    def settle(self, account: Account) -> None:
        """Give the account its cost, if it has tokens to count."""
        usage = account.usage
        if usage is None:
            return
        record = account.record
        tier = labels.tier(usage.tier or names.TIER_DEFAULT, self._overflow)
        entry = self._table.find(usage.subject, (record.started_unix_ns + record.times.end_ns) / NS_PER_S)
        tools = _tools(record, usage) if usage.whole.tool_use else ()
        counted = usage.counted if usage.whole is usage.usage else None
        cost = price(usage.whole, entry, tier, tools, counted)
        self._name_unpriced(cost, usage, entry)
        memory = usage.memory
        if memory is not None:
            earlier, memory.cost = memory.cost, cost if usage.basis is Basis.RUNNING else None
            if earlier is not None and usage.via == POLL:
                cost = cost.beyond(earlier)
        account.cost = cost

    def _name_unpriced(self, cost: Cost, usage: CountedUsage, entry: Entry | None) -> None:
        """Say once what the price file lacks; the metrics count every token of it."""
        if not cost.unpriced and not cost.unpriced_calls:
            return
        lacks = "entry" if entry is None else "tier" if cost.tier not in entry.tiers else "price"
        model = usage.subject or names.NONE
        key = (model, cost.tier, lacks, *sorted(cost.unpriced), *sorted(cost.unpriced_calls))
        if key in self._named or len(self._named) >= MAX_NAMED:
            return
        self._named.add(key)
        self._log(
            "unpriced",
            model=model[: labels.MODEL_MAX_CHARS],
            tier=cost.tier,
            lacks=lacks,
            tokens=sorted(cost.unpriced),
            calls=sorted(cost.unpriced_calls),
        )


def _tools(record: ExchangeClosed, usage: CountedUsage) -> set[str]:
    """Server tools that the exchange is known to have used."""
    types = {step.type for step in record.stream.steps} | record.stream.steps_beyond.keys()
    tools = {_TOOL_OF[type_] for type_ in types if type_ in _TOOL_OF}
    return tools | {tool for tool, calls in usage.whole.grounding.items() if calls}
