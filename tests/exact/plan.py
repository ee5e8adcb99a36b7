"""What the clients of the run do: chains of requests, many at once, in the order of a fixed seed.

Not here: sending (client.py), single requests (singles.py), expectations.
Source: the rows of accounting.md 1 to 4, each of which some chain brings about.
Promise: a chain is sequential on one connection wherever the order of its ends matters to the books; where the client
has broken the connection, it waits for the earlier end to be in the gateway's log first.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.exact import singles
from tests.exact.client import Client
from tests.exact.singles import ADMITTED, AGENT, MEDIA_MODELS, MODELS, OUTSIDE, Chain

SEED: Final = 20261123
TRACEPARENT: Final = "00-{trace:032x}-{span:016x}-01"

Applied: TypeAlias = Callable[[str, str], Awaitable[None]]  # id and route: that exchange has been accounted for


@dataclass(frozen=True, slots=True)
class Plan:
    """The chains of the run. applied: waits until the gateway has accounted for an exchange; elsewhere: creates an
    interaction behind the gateway's back and gives its id."""

    applied: Applied
    elsewhere: Callable[[str, Mapping[str, str]], Awaitable[str]]

    def first(self) -> list[Chain]:
        """The chain that must run alone: it settles which models have a label."""

        async def settle(client: Client) -> None:
            for model in (*ADMITTED[:3], *MEDIA_MODELS):
                await client.create("unary", subject={"model": model}, stream=False)
            await client.create("background", subject={"agent": AGENT}, stream=False, more={"background": True})

        return [settle]

    def chains(self) -> list[Chain]:
        """All others, shuffled with a fixed seed."""
        chains = [
            *singles.all_of_them(),
            *[chain for chain in self._stories() for _ in range(2)],
        ]
        random.Random(SEED).shuffle(chains)
        return chains

    def _stories(self) -> list[Chain]:
        return [
            self._background_to_its_end,
            self._background_cancelled,
            self._resumed,
            self._resumed_elsewhere,
            self._polled_after_leaving,
            self._growth,
            self._polled_elsewhere,
            self._undated,
            self._failed_elsewhere,
            self._runs_on,
            self._two_turns,
            self._two_turns_in_a_clients_trace,
            self._hops,
            self._turn_on_a_stranger,
            self._refused_on_existing,
        ]

    async def _background_to_its_end(self, client: Client) -> None:
        created = await client.create(
            "background", subject={"agent": AGENT}, stream=False, more={"background": True}, revision="2026-05-20"
        )
        for _ in range(3):  # in_progress, completed, completed again
            await client.get(created.id)
        await client.ask("POST", f"/v1beta/interactions/{created.id}/cancel")  # has ended: 400
        await client.ask("DELETE", f"/v1beta/interactions/{created.id}")
        await client.get(created.id)  # 404

    async def _background_cancelled(self, client: Client) -> None:
        created = await client.create("background", subject={"agent": AGENT}, stream=False, more={"background": True})
        await client.get(created.id, "?stream=false")
        await client.ask("POST", f"/v1beta/interactions/{created.id}/cancel", {"unused": True})
        await client.get(created.id)
        await client.ask("DELETE", f"/v1beta/interactions/{created.id}")

    async def _resumed(self, client: Client) -> None:
        created = await client.create(
            "deep_research", subject={"agent": AGENT}, more={"background": True}, fault="hold-after=5", leave_after=5
        )
        await self.applied(created.id, "create")
        await client.resume(created.id, "evt_0005")
        await client.resume(created.id, "evt_0010", pace="0.05")  # all counted before
        await client.get(created.id)

    async def _resumed_elsewhere(self, client: Client) -> None:
        stranger = await self.elsewhere("deep_research", {"agent": AGENT})
        await client.resume(stranger, "evt_0005")
        await client.resume(stranger, "evt_9999")  # 400
        await client.get(stranger)

    async def _polled_after_leaving(self, client: Client) -> None:
        created = await client.create("text", subject={"model": MODELS[1]}, fault="hold-after=7", leave_after=7)
        await self.applied(created.id, "create")
        await client.get(created.id)
        await client.get(created.id)

    async def _growth(self, client: Client) -> None:
        created = await client.create("thinking", subject={"model": MODELS[2]}, fault="hold-after=9", leave_after=9)
        await self.applied(created.id, "create")
        await client.get(created.id)
        await client.get(created.id)

    async def _polled_elsewhere(self, client: Client) -> None:
        for scenario in ("unary", "unary_google_search", "unary_function_call", "unary_mcp"):
            stranger = await self.elsewhere(scenario, {"model": MODELS[0]})
            await client.get(stranger)
            await client.get(stranger)
        await client.get(await self.elsewhere("text", {"model": OUTSIDE}))
        await client.get(await self.elsewhere("no_trailing_blank_line", {"model": MODELS[0]}))  # without a date

    async def _undated(self, client: Client) -> None:
        created = await client.create(
            "no_trailing_blank_line", subject={"model": MODELS[0]}, fault="hold-after=1", leave_after=1
        )
        await self.applied(created.id, "create")
        await client.get(created.id)
        await client.get(created.id)

    async def _failed_elsewhere(self, client: Client) -> None:
        stranger = await self.elsewhere("unary_failed", {"model": MODELS[0]})
        await client.get(stranger)
        stranger = await self.elsewhere("background", {"agent": AGENT})
        await client.ask("POST", f"/v1beta/interactions/{stranger}/cancel")

    async def _runs_on(self, client: Client) -> None:
        created = await client.create("unary_in_progress_usage", subject={"model": MODELS[0]}, stream=False)
        await client.get(created.id)
        detached = await client.create("deep_research_detached", subject={"agent": AGENT}, more={"background": True})
        await client.resume(detached.id, "evt_0003")

    async def _two_turns(self, client: Client) -> None:
        for stream, first in ((True, "function_call"), (False, "unary_function_call"), (True, "several_tools")):
            turn = await client.create(first, subject={"model": MODELS[1]}, stream=stream)
            result = {"type": "function_result", "call_id": "un6k8t18", "name": "get_weather", "result": "22"}
            failed = {**result, "call_id": "q2w9e7aa", "is_error": True}
            for results in ([result, failed, {**result, "call_id": "never_called"}], [result]):
                await client.create(
                    first,
                    subject={"model": MODELS[1]},
                    stream=stream,
                    more={"previous_interaction_id": turn.id, "input": results},
                )

    async def _two_turns_in_a_clients_trace(self, client: Client) -> None:
        own = random.Random(client.name)
        parent = TRACEPARENT.format(trace=own.getrandbits(128), span=own.getrandbits(64) or 1)
        turn = await client.create("text", subject={"model": MODELS[0]}, traceparent=parent)
        await client.create(
            "text",
            subject={"model": MODELS[0]},
            more={"previous_interaction_id": turn.id, "generation_config": GENERATION},
        )
        await client.get(turn.id, traceparent=parent)
        await client.create("text", subject={"model": MODELS[0]}, traceparent="00-0-0-01")  # no traceparent at all

    async def _hops(self, client: Client) -> None:
        for stream, first in ((True, "requires_continuation_hop1"), (False, "unary_requires_continuation")):
            hop = await client.create(first, subject={"model": MODELS[2]}, stream=stream)
            more = {"previous_interaction_id": hop.id, "continuation_token": "ct_1"}
            await client.create(first, subject={"model": MODELS[2]}, stream=stream, more=more)

    async def _turn_on_a_stranger(self, client: Client) -> None:
        stranger = await self.elsewhere("text", {"model": MODELS[0]})
        await client.create("google_search", subject={"model": OUTSIDE}, more={"previous_interaction_id": stranger})

    async def _refused_on_existing(self, client: Client) -> None:
        created = await client.create("unary", subject={"model": MODELS[0]}, stream=False)
        await client.get(created.id, scenario="http_500")
        await client.get(created.id, scenario="html_200")
        await client.ask("POST", f"/v1beta/interactions/{created.id}/cancel", scenario="http_503")
        await client.ask("DELETE", f"/v1beta/interactions/{created.id}", scenario="http_404")
        await client.ask("DELETE", f"/v1beta/interactions/{created.id}")


GENERATION: Final = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_output_tokens": 256,
    "seed": 7,
    "stop_sequences": ["END"],
    "thinking_level": "low",
}
