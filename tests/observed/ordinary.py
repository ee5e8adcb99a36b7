"""Traffic of a day without trouble: all kinds of models, tools and modalities, at the simulator's own pace.

Not here: faults (faulty.py). A client that changes its mind is no fault; nor is a model that the price file lacks.
Promise: every scenario is asked for of the main model and by the first team too, so that a dashboard narrowed to these
has data where one of everything has; the order is that of a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from gateway.simulator.catalogue import scenarios
from tests.exact.attribution import FIRST
from tests.exact.client import Client
from tests.exact.singles import AGENT, MEDIA_MODELS, MODELS, OUTSIDE, Chain

MAIN_MODEL: Final = MODELS[0]
MAIN_TEAM: Final = FIRST.team
SEED: Final = 20261127

STREAMS: Final = (
    *("text", "text", "thinking", "google_search", "code_execution", "url_context", "mcp", "mcp_url_context"),
    *("several_tools", "image", "audio", "deep_research", "requires_continuation_hop1", "cached_unlisted"),
)
UNARIES: Final = ("unary", "unary_thinking", "unary_google_search", "unary_image", "unary_audio", "unary_mcp")
RESULT: Final = {"type": "function_result", "call_id": "un6k8t18", "name": "get_weather", "result": "22"}


def warming() -> list[Chain]:
    """What comes first: each model gets its label, and each series its beginning."""

    async def everything(client: Client) -> None:
        for model in (*MODELS[:3], *MEDIA_MODELS):
            await client.create("unary", subject={"model": model}, stream=False)
        for chain in _round(MAIN_MODEL, "0"):
            await chain(client)

    return [everything]


def chains(rounds: int, seed: int = SEED) -> list[Chain]:
    """Everything so many times, of one model a round, each at a pace of its own."""
    own = random.Random(seed)
    found = [
        chain
        for number in range(rounds)
        for chain in _round(MODELS[number % 3] if number % 4 else MAIN_MODEL, f"{own.uniform(0.5, 4.0):.2f}")
    ]
    own.shuffle(found)
    return found


def _round(model: str, pace: str) -> Iterator[Chain]:
    for name in (*STREAMS, *UNARIES):
        yield _one(name, model, pace)
    yield from (_two_turns(model, pace), _background(), _resumed(pace), _leaving(model), _other_api(), _outside(pace))


def _subject(name: str, model: str) -> dict[str, str]:
    scenario = scenarios()[name]
    if scenario.agent:
        return {"agent": scenario.agent}
    return {"model": scenario.model if scenario.model in MEDIA_MODELS else model}


def _one(name: str, model: str, pace: str) -> Chain:
    streams = scenarios()[name].kind == "stream"
    more: dict[str, Any] = {"background": True} if scenarios()[name].agent else {}

    async def play(client: Client) -> None:
        await client.create(name, subject=_subject(name, model), stream=streams, more=more, pace=pace)

    return play


def _two_turns(model: str, pace: str) -> Chain:
    async def play(client: Client) -> None:
        turn = await client.create("function_call", subject={"model": model}, pace=pace)
        more = {"previous_interaction_id": turn.id, "input": [RESULT]}
        await client.create("function_call_turn2", subject={"model": model}, pace=pace, more=more)

    return play


def _background() -> Chain:
    async def play(client: Client) -> None:
        created = await client.create("background", subject={"agent": AGENT}, stream=False, more={"background": True})
        for _ in range(2):
            await client.get(created.id)
        await client.ask("DELETE", f"/v1beta/interactions/{created.id}")

    return play


def _resumed(pace: str) -> Chain:
    async def play(client: Client) -> None:
        created = await client.create("deep_research", subject={"agent": AGENT}, more={"background": True}, pace=pace)
        await client.resume(created.id, "evt_0005", pace=pace)

    return play


def _leaving(model: str) -> Chain:
    async def play(client: Client) -> None:
        await client.create("thinking", subject={"model": model}, fault="hold-after=9", leave_after=9)

    return play


def _other_api() -> Chain:
    async def play(client: Client) -> None:
        await client.ask("POST", f"/v1beta/models/{MAIN_MODEL}:generateContent", {"contents": []})

    return play


def _outside(pace: str) -> Chain:
    """A model that no pattern of the label settings fits."""
    return _one("text", OUTSIDE, pace)
