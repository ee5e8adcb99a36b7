"""Clients of a gateway: one request as it is told, or a mix again and again until it is enough.

Not here: which requests make which alert fire (causes.py).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from gateway.demo.traffic import FAULT_HEADER, PATH, SCENARIO_HEADER
from gateway.simulator.faults import PACE_HEADER

MODEL: Final = "gemini-3-flash-preview"
WORD_BYTES: Final = 400


@dataclass(frozen=True, slots=True)
class Request:
    """A create request. leaves_after: lines of the answer after which the client is gone; 0: it stays.

    prompt_bytes: of its input.
    """

    scenario: str = "text"
    fault: str = ""
    model: str = MODEL
    stream: bool = True
    pace: float = 0.0
    leaves_after: int = 0
    prompt_bytes: int = 6


# What a day without trouble looks like. Clients that change their mind are a part of it.
ORDINARY: Final = (
    *(Request(), Request("thinking"), Request("function_call"), Request("function_call_turn2"), Request(pace=0.2)),
    *(Request("google_search"), Request("code_execution"), Request("unary", stream=False), Request("thinking")),
    *(Request("several_tools"), Request(pace=0.5), Request(), Request("unary", stream=False)),
    Request("thinking", pace=0.5, leaves_after=6),
)


class Clients:
    """Clients of one gateway; use it as a context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Clients:
        self._session = aiohttp.ClientSession(self._url, timeout=aiohttp.ClientTimeout(total=60), auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(self, request: Request) -> None:
        """One request, to the end of its answer, whatever that is."""
        assert self._session is not None
        body: dict[str, object] = {"model": request.model, "input": prompt(request.prompt_bytes)}
        if request.stream:
            body["stream"] = True
        headers = {SCENARIO_HEADER: request.scenario, PACE_HEADER: f"{request.pace:g}"}
        if request.fault:
            headers[FAULT_HEADER] = request.fault
        try:
            async with self._session.post(PATH, json=body, headers=headers) as answer:
                lines = 0
                async for _ in answer.content:
                    lines += 1
                    if lines == request.leaves_after:
                        answer.close()
                        return
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass  # what a cut or a refusal looks like from here

    async def keep_asking(self, requests: Sequence[Request], per_s: float) -> None:
        """Those requests in turn, so many starts a second, until cancelled; open ones are left then."""
        async with asyncio.TaskGroup() as asking:
            for request in itertools.cycle(requests):
                asking.create_task(self.ask(request))
                await asyncio.sleep(1 / per_s)


@functools.cache
def prompt(size_bytes: int) -> str:
    """A text of so many bytes, of long words."""
    word = "x" * WORD_BYTES + " "
    return (word * (size_bytes // len(word) + 1))[:size_bytes]


def mixed(requests: Sequence[Request], seed: int = 0) -> list[Request]:
    """In an order that is no order."""
    shuffled = list(requests)
    random.Random(seed).shuffle(shuffled)
    return shuffled
