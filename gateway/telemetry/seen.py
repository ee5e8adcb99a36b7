"""The bounded memory of interactions: what was counted of each, so that nothing is counted twice.

Not here: the decisions (books.py). Source: accounting.md 2 and 3.
Promise: at most `capacity` interactions, oldest out; of each at most MAX_REMEMBERED_STEPS steps.
What was forgotten, or seen by another replica or before a restart, can be counted again: the log's ids allow exactness.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.telemetry.cost import Cost
from gateway.telemetry.ids import SpanRef
from gateway.wire.usage import Usage

MAX_REMEMBERED_STEPS = 512


@dataclass(slots=True)
class Interaction:
    """What is remembered of one interaction.

    running: the running usage that was counted, until a final one is. steps: counted ones, index to type.
    shown: the steps of its final body have their spans. sized: its size was told. span: its interaction span, exact.
    unmatched: server tool calls that counted without their result, as tool and id.
    model: the label value; subject: the model or agent by its own name; tier: the service tier, asked for or served.
    cost: what the running usage was priced at.
    chain_root: the first interaction of its chain, where that was seen. ids_taken: an open create's steps are out
    already, under the ids that follow from its id.
    """

    created_here: bool = False
    stream_seen: bool = False
    final_counted: bool = False
    running: Usage | None = None
    steps: dict[int, str] = field(default_factory=dict)
    unmatched: frozenset[tuple[str, str]] = frozenset()
    shown: bool = False
    sized: bool = False
    span: SpanRef | None = None
    model: str | None = None
    subject: str | None = None
    tier: str | None = None
    cost: Cost | None = None
    chain_root: str | None = None
    ids_taken: bool = False

    def remember_step(self, index: int, type_: str) -> None:
        if index in self.steps or len(self.steps) < MAX_REMEMBERED_STEPS:
            self.steps[index] = type_

    def has_step(self, index: int) -> bool:
        """Whether a step was counted. Where the memory of steps is full, what is new can't be told: then yes."""
        return index in self.steps or len(self.steps) >= MAX_REMEMBERED_STEPS


class Seen:
    """Interactions by id."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._by_id: OrderedDict[str, Interaction] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, interaction_id: str | None) -> Interaction | None:
        """What is known of an interaction; None for one never seen, or forgotten."""
        return None if interaction_id is None else self._by_id.get(interaction_id)

    def are_ids_taken(self, interaction_id: str | None) -> bool:
        """Whether the ids that follow from its id are another create's: one that has ended here, or is known well."""
        entry = self.get(interaction_id)
        return entry is not None and (entry.created_here or entry.ids_taken)

    def touch(self, interaction_id: str) -> Interaction:
        """The entry of an interaction, made if it wasn't there; it is the newest now."""
        entry = self._by_id.get(interaction_id)
        if entry is None:
            entry = self._by_id[interaction_id] = Interaction()
            if len(self._by_id) > self.capacity:
                self._by_id.popitem(last=False)
        else:
            self._by_id.move_to_end(interaction_id)
        return entry
