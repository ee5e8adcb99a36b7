"""Steps of long exchanges whose spans leave before the end, so that an agent's finished steps show while it works.

Not here: what is open (view.py), the spans themselves (step_spans.py), the rest of the trace, at the end (tree.py).
Source: design.md 6 (early export only for what is already kept), accounting.md 7 (every step has one span, always).
Promise: a step leaves once. Its ids are final: the same whenever and by whichever observer it is sent. An exchange that
was asked about here is kept whole, whatever the settings have become since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.telemetry.ids import Identity, settled
from gateway.telemetry.nodes import Interval, Node
from gateway.telemetry.sampling import Sampler
from gateway.telemetry.seen import Seen
from gateway.telemetry.step_spans import StepSpans
from gateway.telemetry.view import OpenExchange
from gateway.wire.facts import Step
from gateway.wire.outcome import Route
from gateway.wire.phases import TOOL_OF_CALL, TOOL_OF_RESULT

SWEEP_EVERY_NS = 500_000_000
_NO_END_NS = 1 << 62

Offer: TypeAlias = Callable[
    [Node, Identity, str | None], bool
]  # False: there is no room for the tree, nothing was done


@dataclass(slots=True)
class Leaving:
    """What of an open exchange has left, by number, and what waits to.

    identity, kept_by: settled with the first step that may leave. ready: ended, not looked at yet. halves: steps of
    server tools that wait for the other one, by tool and call id; None where both have left.
    """

    identity: Identity | None = None
    kept_by: str = ""
    refused: bool = False
    ready: list[Step] = field(default_factory=list)
    halves: dict[tuple[str, str], Step | None] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)


class EarlyExport:
    """Sends them. after_ns: how old an exchange must be; None: nothing leaves early."""

    def __init__(self, sampler: Sampler, seen: Seen, offer: Offer, after_ns: int | None) -> None:
        self.after_ns = after_ns
        self._sampler = sampler
        self._seen = seen
        self._offer = offer
        self._young: dict[str, OpenExchange] = {}  # with steps that wait for its age
        self._swept_unix_ns = 0

    def ended(self, exchange: OpenExchange, step: Step) -> None:
        """A step has ended. One without a start waits for the end, which may know its type."""
        if self.after_ns is None or step.start_ns is None or step.stop_ns is None or step.number < 0:
            return
        leaving = exchange.leaving
        if leaving is None:
            leaving = exchange.leaving = Leaving()
        if leaving.refused:
            return
        leaving.ready.append(step)
        if step.stop_ns >= self.after_ns:
            self._leave(exchange, leaving)
        else:
            self._young[exchange.opened.exchange_id] = exchange

    def sweep(self, now_unix_ns: int) -> None:
        """Time passes: what waits in exchanges that are old enough by now leaves."""
        if self.after_ns is None or abs(now_unix_ns - self._swept_unix_ns) < SWEEP_EVERY_NS:
            return
        self._swept_unix_ns = now_unix_ns
        begun_before_ns = now_unix_ns - self.after_ns
        for exchange in [one for one in self._young.values() if one.opened.started_unix_ns <= begun_before_ns]:
            del self._young[exchange.opened.exchange_id]
            if exchange.leaving is not None:
                self._leave(exchange, exchange.leaving)

    def closed(self, exchange: OpenExchange) -> None:
        """It has ended: what has not left leaves with the rest."""
        self._young.pop(exchange.opened.exchange_id, None)

    def _leave(self, exchange: OpenExchange, leaving: Leaving) -> None:
        identity = leaving.identity or self._settle(exchange, leaving)
        if identity is None:
            return
        opened = exchange.opened
        spans = StepSpans(opened.started_unix_ns, identity, Interval(0, _NO_END_NS))
        state = opened.tracestate if identity.parent is not None else None
        while leaving.ready:
            group = _together(leaving, leaving.ready[0])
            if group:
                tool = TOOL_OF_CALL.get(group[0].type)
                node = spans.step(group[0]) if tool is None else spans.tool(tool, *group)
                if not self._offer(node, identity.below_main(), state):
                    return  # the next step, or the end, tries again
                leaving.left.update(step.number for step in group)
                if tool is not None:
                    leaving.halves[tool, str(group[0].id)] = None
            del leaving.ready[0]

    def _settle(self, exchange: OpenExchange, leaving: Leaving) -> Identity | None:
        """The exchange's ids, None where they aren't settled yet or no rule keeps it already."""
        interaction_id = exchange.interaction_id
        is_repeated = self._seen.are_ids_taken(interaction_id)
        identity = settled(exchange.opened, interaction_id, is_repeated=is_repeated)
        if identity is None:
            return None
        kept_by = self._sampler.rule_already(exchange.opened, identity.trace_id)
        if kept_by is None:
            leaving.refused = True
            leaving.ready.clear()
            return None
        leaving.identity, leaving.kept_by = identity, kept_by
        if interaction_id is not None and exchange.opened.route is Route.CREATE:
            self._seen.touch(interaction_id).ids_taken = True
        return identity


def _together(leaving: Leaving, step: Step) -> tuple[Step, ...]:
    """The steps that leave with this one: itself, or a tool's call and its result; none while it waits.

    Where a call's id comes twice, later steps with it wait for the end, which pairs with all steps before it.
    """
    tool = TOOL_OF_CALL.get(step.type) or TOOL_OF_RESULT.get(step.type)
    if tool is None:
        return (step,)
    call_id = step.id if step.type in TOOL_OF_CALL else step.call_id
    if call_id is None:
        return ()
    other = leaving.halves.setdefault((tool, call_id), step)
    if other is None or other.type == step.type:
        return ()
    return (other, step) if step.type in TOOL_OF_RESULT else (step, other)
