"""Chains that go through two gateways, and on through the gateways' second life: what joins without shared state.

Not here: chains of one gateway (plan.py), which links they must give (joining.py).
Source: design.md 6, accounting.md 7: what a gateway remembers it links exactly, all else by what follows from the id.
Promise: an interaction is one client's own, so that its exchanges have an order at each gateway.
"""

from __future__ import annotations

import random
from typing import Final

from tests.exact.client import Client
from tests.exact.plan import TRACEPARENT, Applied
from tests.exact.singles import AGENT, MODELS, Chain

BACKGROUND: Final = {"background": True}
RESULT: Final = {"input": [{"type": "function_result", "call_id": "un6k8t18", "name": "get_weather", "result": "22"}]}
ROUNDS: Final = 2


class Crossings:
    """The stories, in two halves. What the first half leaves to the second is kept here; the gateways know nothing."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Chain]] = []

    def first_life(self, applied: Applied) -> list[Chain]:
        """To be played at both gateways, each the other's peer."""

        async def left(client: Client) -> None:
            await self._left(client, applied)

        return [
            self._turns,
            self._turns_in_a_clients_trace,
            self._hops,
            self._background,
            self._cancelled,
            left,
        ] * ROUNDS

    def second_life(self, half: int) -> list[Chain]:
        """What clients of the first gateway left, or what those of the second left."""
        chains = [chain for _, chain in sorted(self._kept, key=lambda kept: kept[0])]
        middle = len(chains) // 2
        return chains[middle:] if half else chains[:middle]

    def _keep(self, client: Client, chain: Chain) -> None:
        self._kept.append((client.name, chain))

    async def _turns(self, client: Client) -> None:
        """One through this gateway, two through the other, the third after a restart.

        The result of a function's call goes through all: only the one that saw the call knows how long it waited.
        """
        first = await client.create("text", subject={"model": MODELS[0]})
        second = await client.peer.create("function_call", subject={"model": MODELS[0]}, more=_after(first.id))
        await client.create("text", subject={"model": MODELS[0]}, more=_after(second.id) | RESULT)
        await client.peer.create("unary", subject={"model": MODELS[0]}, stream=False, more=_after(second.id) | RESULT)

        async def later(client: Client) -> None:
            await client.get(second.id)
            await client.peer.get(second.id)  # counted by both, as neither knows the other
            third = await client.create("text", subject={"model": MODELS[1]}, more=_after(second.id) | RESULT)
            await client.create("text", subject={"model": MODELS[1]}, more=_after(third.id))
            await client.peer.create("text", subject={"model": MODELS[1]}, more=_after(third.id))

        self._keep(client, later)

    async def _turns_in_a_clients_trace(self, client: Client) -> None:
        """The first has a traceparent: who didn't see it links to a span that nobody has."""
        own = random.Random(client.name)
        parent = TRACEPARENT.format(trace=own.getrandbits(128), span=own.getrandbits(64) or 1)
        first = await client.create("text", subject={"model": MODELS[0]}, traceparent=parent)
        await client.create("text", subject={"model": MODELS[0]}, more=_after(first.id))
        await client.peer.create("text", subject={"model": MODELS[0]}, more=_after(first.id), traceparent=parent)
        await client.peer.get(first.id, traceparent=parent)

        async def later(client: Client) -> None:
            await client.create("text", subject={"model": MODELS[0]}, more=_after(first.id))
            await client.peer.get(first.id)

        self._keep(client, later)

    async def _hops(self, client: Client) -> None:
        """Each hop of one interaction's work through another gateway, the last after a restart."""
        hop = await client.create("requires_continuation_hop1", subject={"model": MODELS[2]})
        await client.peer.create(
            "requires_continuation_hop2",
            subject={"model": MODELS[2]},
            more=_after(hop.id) | {"continuation_token": "1"},
        )
        more = await client.peer.create("unary_requires_continuation", subject={"model": MODELS[2]}, stream=False)

        async def later(client: Client) -> None:
            await client.create(
                "unary_continuation_hop2",
                subject={"model": MODELS[2]},
                stream=False,
                more=_after(more.id) | {"continuation_token": "2"},
            )

        self._keep(client, later)

    async def _background(self, client: Client) -> None:
        """Created here, polled to its end there, and again by both."""
        created = await client.create("background", subject={"agent": AGENT}, stream=False, more=BACKGROUND)
        for through in (client.peer, client.peer, client, client.peer, client):
            await through.get(created.id)
        await client.peer.ask("POST", f"/v1beta/interactions/{created.id}/cancel")  # has ended: 400

        async def later(client: Client) -> None:
            await client.get(created.id)
            await client.peer.create("unary", subject={"model": MODELS[0]}, stream=False, more=_after(created.id))
            await client.peer.ask("DELETE", f"/v1beta/interactions/{created.id}")

        self._keep(client, later)

    async def _cancelled(self, client: Client) -> None:
        """One is cancelled through the other gateway, one after a restart."""
        now, then = [
            await client.create("background", subject={"agent": AGENT}, stream=False, more=BACKGROUND) for _ in range(2)
        ]
        await client.peer.get(now.id)
        await client.peer.ask("POST", f"/v1beta/interactions/{now.id}/cancel")
        await client.get(now.id)

        async def later(client: Client) -> None:
            await client.get(then.id)
            await client.peer.ask("POST", f"/v1beta/interactions/{then.id}/cancel")
            await client.get(then.id)

        self._keep(client, later)

    async def _left(self, client: Client, applied: Applied) -> None:
        """A stream that is left, and taken up through the other gateway; and one whose running usage was counted."""
        created = await client.create(
            "deep_research", subject={"agent": AGENT}, more=BACKGROUND, fault="hold-after=5", leave_after=5
        )
        await client.peer.resume(created.id, "evt_0005")
        thinking = await client.create("thinking", subject={"model": MODELS[2]}, fault="hold-after=9", leave_after=9)
        await client.peer.get(thinking.id)  # its whole usage, as nobody told this gateway what the other one counted
        for did in (created, thinking):
            await applied(did.id, "create")
            await client.get(did.id)

        async def later(client: Client) -> None:
            await client.resume(created.id, "evt_0005")
            await client.peer.resume(created.id, "evt_0005")
            await client.peer.get(created.id)
            await client.peer.create("thinking", subject={"model": MODELS[2]}, more=_after(thinking.id))

        self._keep(client, later)


def _after(interaction_id: str) -> dict[str, str]:
    return {"previous_interaction_id": interaction_id}
