"""Chains of interactions: turns and hops that follow each other, told by the first of them.

Not here: links from one turn to the one before (tree.py), conversations that a client names itself.
Source: telemetry-conventions.md 2.4. Promise: only what was seen here from its first turn on is told, as far as the
bounded memory reaches; of a chain that began in another replica, or before a restart, nothing is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.http_attributes import Attributes
from gateway.telemetry.seen import Seen
from gateway.wire.outcome import Route

if TYPE_CHECKING:
    from gateway.config import TraceSettings

CHAIN_ROOT = "chain_root"


class Chains:
    """Knows the first interaction of each remembered one, where the settings want it told."""

    def __init__(self, seen: Seen, settings: TraceSettings) -> None:
        self._seen = seen
        is_conversation = settings.conversation_id_from == CHAIN_ROOT
        self._told_as = [
            *([names.CHAIN_ID] if settings.chain_root or is_conversation else []),
            *([names.CONVERSATION_ID] if is_conversation else []),
        ]

    def attributes(self, record: ExchangeClosed) -> Attributes:
        """What tells an exchange's chain; call it once a create is remembered."""
        if not self._told_as:
            return {}
        root = self._root(record)
        return {} if root is None else dict.fromkeys(self._told_as, root)

    def _root(self, record: ExchangeClosed) -> str | None:
        own_id = record.stream.interaction.id or record.request.interaction_id
        entry = self._seen.get(own_id)
        if entry is None or record.route is not Route.CREATE:
            return None if entry is None else entry.chain_root
        previous = self._seen.get(record.request.previous_interaction_id)
        if previous is not None:
            entry.chain_root = previous.chain_root
        elif record.request.previous_interaction_id is None and record.request.understood:
            entry.chain_root = own_id
        return entry.chain_root
