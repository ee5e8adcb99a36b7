"""Sample clients: a mix of everything the simulator knows, at a gentle rate, over loopback only.

Not here: the simulator, starting the gateway (run.py).
Promise: never more than RATE_PER_S starts a second and MAX_AT_ONCE exchanges; every scenario comes up in each round.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator

import aiohttp

from gateway.simulator.catalogue import scenarios
from gateway.simulator.scenario import Scenario

RATE_PER_S = 3.0
MAX_AT_ONCE = 24
POLL_S = 0.5
MAX_POLLS = 6
PATH = "/v1beta/interactions"
SCENARIO_HEADER = "x-simulator-scenario"
FAULT_HEADER = "x-simulator-fault"
MODEL = "gemini-3-flash-preview"

# What a real day looks like: between two of these comes one of the rarer ones, each in its turn.
_EVERYDAY = (
    *("text", "text", "text", "thinking", "thinking", "function_call", "function_call_turn2", "several_tools"),
    *("google_search", "code_execution", "url_context", "mcp", "image", "audio", "unary", "unary", "unary_thinking"),
)
_FAULTS = (
    ("thinking", "cut-after=3"),
    ("text", "rst-after=2"),
    ("text", "end-after=4"),
    ("text", "no-head"),
    ("thinking", "stall-after=3:2"),
    ("google_search", "gzip"),
    ("code_execution", "deflate"),
    ("text", "close-delimited"),
    ("text", "head-delay=1"),
    ("unary", "cut-bytes=40"),
)

_Play = Callable[[], Awaitable[None]]


class Traffic:
    """Clients of the gateway at one base URL."""

    def __init__(self, base_url: str, *, seed: int = 0) -> None:
        self._base_url = base_url
        self._choice = random.Random(seed)  # noqa: S311  a mix, not a secret
        self._session: aiohttp.ClientSession | None = None

    async def run(self) -> None:
        """Play until cancelled."""
        async with (
            aiohttp.ClientSession(
                self._base_url, timeout=aiohttp.ClientTimeout(total=60), auto_decompress=False
            ) as self._session,
            asyncio.TaskGroup() as playing,
        ):
            at_once = asyncio.Semaphore(MAX_AT_ONCE)
            for play in self._plays():
                await at_once.acquire()
                task = playing.create_task(self._forgiving(play))
                task.add_done_callback(lambda _: at_once.release())
                await asyncio.sleep(1 / RATE_PER_S)

    async def _forgiving(self, play: _Play) -> None:
        try:
            await play()
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass  # cuts and refusals are part of the mix

    def _plays(self) -> Iterator[_Play]:
        while True:
            rare = self._round()
            self._choice.shuffle(rare)
            for play in rare:
                yield self._scenario(self._choice.choice(_EVERYDAY))
                yield play

    def _round(self) -> list[_Play]:
        plays = [self._scenario(name) for name in scenarios()]
        plays += [self._scenario(name, fault) for name, fault in _FAULTS]
        plays += [self._leaves(name, events) for name in ("thinking", "text", "image") for events in (1, 4)]
        return [
            *plays,
            *[self._background] * 3,
            *[self._cancelled] * 2,
            *[self._resumed] * 2,
            self._deleted,
            self._other,
        ]

    # One client each.

    def _scenario(self, name: str, fault: str = "") -> _Play:
        async def play() -> None:
            await self._create(scenarios()[name], fault)

        return play

    def _leaves(self, name: str, events: int) -> _Play:
        async def play() -> None:
            scenario = scenarios()[name]
            async with self._client.post(PATH, json=_body(scenario), headers={SCENARIO_HEADER: name}) as answer:
                seen = 0
                async for line in answer.content:
                    seen += line.startswith(b"event:")
                    if seen > events:
                        answer.close()
                        return

        return play

    async def _background(self) -> None:
        interaction_id = await self._start_background()
        for _ in range(MAX_POLLS):
            await asyncio.sleep(POLL_S)
            if await self._get(interaction_id) != "in_progress":
                return

    async def _cancelled(self) -> None:
        interaction_id = await self._start_background()
        await self._get(interaction_id)
        async with self._client.post(f"{PATH}/{interaction_id}/cancel") as answer:
            await answer.read()

    async def _resumed(self) -> None:
        interaction_id = await self._start_background()
        await self._create(scenarios()["deep_research"], "cut-after=6")
        query = {"stream": "true", "last_event_id": "evt_0005"}
        async with self._client.get(f"{PATH}/{interaction_id}", params=query) as answer:
            await answer.read()

    async def _deleted(self) -> None:
        interaction_id = await self._start_background()
        async with self._client.delete(f"{PATH}/{interaction_id}") as answer:
            await answer.read()

    async def _other(self) -> None:
        async with self._client.get("/v1beta/models") as answer:
            await answer.read()

    async def _create(self, scenario: Scenario, fault: str = "") -> None:
        headers = {SCENARIO_HEADER: scenario.name}
        if fault:
            headers[FAULT_HEADER] = fault
        async with self._client.post(PATH, json=_body(scenario), headers=headers, allow_redirects=False) as answer:
            await answer.read()

    async def _start_background(self) -> str:
        async with self._client.post(
            PATH, json=_body(scenarios()["background"]), headers={SCENARIO_HEADER: "background"}
        ) as answer:
            return str((await answer.json())["id"])

    async def _get(self, interaction_id: str) -> str:
        async with self._client.get(f"{PATH}/{interaction_id}", params={"stream": "false"}) as answer:
            return str((await answer.json()).get("status"))

    @property
    def _client(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session


def _body(scenario: Scenario) -> dict[str, object]:
    body: dict[str, object] = {"input": "Hello from the demo."}
    if scenario.agent:
        body["agent"] = scenario.agent
    else:
        body["model"] = scenario.model or MODEL
    if scenario.kind == "stream":
        body["stream"] = True
    if scenario.kind == "background" or scenario.agent:
        body["background"] = True
    return body
