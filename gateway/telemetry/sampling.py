"""Which traces are kept: the tail rules, asked when an exchange has ended and everything of it is known.

Not here: what happens to a trace that isn't kept (traces.py); metrics and log count every exchange.
Source: design.md 6 (the tail rules are the only sampler), accounting.md 7.
Promise: one exchange and one version of the settings give one answer, here, after a restart and in every replica.

The ratio is asked first: what it keeps is an unbiased sample, and what another rule kept is marked as that. A client's
sampled flag is not asked: it was set before anything was known of the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from gateway.records import ExchangeClosed, ExchangeOpened
from gateway.telemetry import attributes
from gateway.telemetry.books import Account
from gateway.telemetry.catalogue import NS_PER_S
from gateway.wire.outcome import Route

if TYPE_CHECKING:
    from gateway.config import TraceSettings

RATIO, MODEL, TEAM = "ratio", "model", "team"  # hold from the beginning, so that steps may leave before the end
ERROR, STALL, SLOW, COST, FIRST_DELTA = "error", "stall", "slow", "cost", "first_delta"
RULES = (RATIO, MODEL, TEAM, ERROR, STALL, SLOW, COST, FIRST_DELTA)  # in the order in which they are asked

_KEEP_BITS = 64  # the low half of a trace id decides, as in the SDK's own ratio sampler
_LOW_HALF = (1 << _KEEP_BITS) - 1

Late = Callable[[Account], bool]


class Sampler:
    """The rules of the settings."""

    def __init__(self, settings: TraceSettings, team_name: Callable[[str], str] = str) -> None:
        """team_name: the name to show for a request's value."""
        self._team_name = team_name
        self.update(settings)

    def update(self, settings: TraceSettings) -> None:
        """Take other settings from the next exchange on."""
        self._below = round(settings.keep_ratio * (1 << _KEEP_BITS))
        self._models = _Patterns(settings.keep_models)
        self._teams = _Patterns(settings.keep_teams)
        self._late = list(_late_rules(settings))

    def rule(self, account: Account, trace_id: int) -> str | None:
        """The first rule that keeps the trace of an exchange that has ended, None where none does."""
        record = account.record
        interaction = record.stream.interaction
        kept = self.rule_already(record, trace_id)
        if kept is None and self._models.any((interaction.model, interaction.agent)):
            kept = MODEL
        if kept is None:
            for name, holds in self._late:
                if holds(account):
                    return name
        return kept

    def rule_already(self, record: ExchangeOpened | ExchangeClosed, trace_id: int) -> str | None:
        """The same of one that may be open: only by rules whose answer no end can change."""
        if trace_id & _LOW_HALF < self._below:
            return RATIO
        if self._models.any((record.request.model, record.request.agent)):
            return MODEL
        team = record.tags.get("team")
        return TEAM if team is not None and self._teams.any((self._team_name(team),)) else None


class _Patterns:
    """Exact names, and prefixes that end in `*`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        self._exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))

    def any(self, names: Iterable[str | None]) -> bool:
        """Whether one of the names fits one of the patterns."""
        if not self._exact and not self._prefixes:
            return False
        return any(name is not None and (name in self._exact or name.startswith(self._prefixes)) for name in names)


def _late_rules(settings: TraceSettings) -> Iterable[tuple[str, Late]]:
    """The rules that only the end can answer, as far as they are asked for."""
    if settings.keep_errors:
        yield ERROR, has_error
    if settings.keep_stalls:
        yield STALL, lambda account: account.record.stream.stalled
    if settings.keep_slower_than_s is not None:
        slow_ns = settings.keep_slower_than_s * NS_PER_S
        yield SLOW, lambda account: account.record.times.end_ns > slow_ns
    if settings.keep_costlier_than_usd is not None:
        usd = Decimal(str(settings.keep_costlier_than_usd))  # as it is written, as prices are
        yield COST, lambda account: _cost_usd(account) > usd
    if settings.keep_first_delta_slower_than_s is not None:
        delta_ns = settings.keep_first_delta_slower_than_s * NS_PER_S
        yield FIRST_DELTA, lambda account: (_first_delta_ns(account.record) or 0) > delta_ns


def has_error(account: Account) -> bool:
    """Whether its interaction's span is an Error, or an error event was in its stream.

    Not a server tool's failure: agents live with those, and their interaction ends well. Nor a client that left.
    """
    return attributes.is_error(account.record) or account.record.stream.errors > 0


def _first_delta_ns(record: ExchangeClosed) -> int | None:
    # Of a resumed stream it says nothing: its first deltas are somewhere in the middle (accounting.md 3).
    return record.stream.first_delta_ns.get("any") if record.route is Route.CREATE else None


def _cost_usd(account: Account) -> Decimal:
    # What has no price is not known to be dear.
    return (account.cost.usd if account.cost is not None else None) or Decimal(0)
