"""A hundred clients that stream one interaction after the other, and what each saw of each.

Not here: what is measured meanwhile and judged (test_soak.py).
Source: the simulated API's scenarios at pace 1, most with a pause of some seconds in them, as models think.
Promise: the mix is the same in every run; a client is never without a stream for longer than it takes to ask.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import aiohttp

SEED: Final = 20261124
TIMEOUT_S: Final = 60.0
LEAVE_AFTER: Final = 3  # blocks

# How often of all; pictures and sound of up to 7 MB are among them.
MIX: Final = {
    **dict.fromkeys(("text", "thinking"), 20),
    **dict.fromkeys(("several_tools", "google_search", "code_execution", "mcp_url_context", "function_call"), 8),
    **dict.fromkeys(("image", "audio", "unary", "unary_thinking", "unary_image"), 8),
    **dict.fromkeys(("failed", "incomplete", "error_midstream", "http_429", "http_503", "unknown_events"), 3),
    **dict.fromkeys(("big_image", "unary_big_image", "big_images"), 2),
}
MODELS: Final = ("gemini-3-flash-preview", "gemini-3-pro-preview", "gemini-2.5-flash")


@dataclass(frozen=True, slots=True)
class Asked:
    """One stream to be. fault, split: directives to the simulator."""

    scenario: str
    model: str
    fault: str
    split: str
    leaves: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One stream as its client saw it. seq: the ledger's; sha256: of the body that came; left: before its end.

    Where a client leaves, the simulator has sent all that it is going to send before.
    """

    seq: int
    scenario: str
    sha256: str
    body_bytes: int
    left: bool = False


def plan() -> Iterator[Asked]:
    """Streams without end, in the order of a fixed seed."""
    luck = random.Random(SEED)
    names, weights = list(MIX), list(MIX.values())
    while True:
        (scenario,) = luck.choices(names, weights)
        streams = not scenario.startswith(("unary", "http"))
        leaves = streams and luck.random() < 0.05
        faults = [f"stall-after={luck.randint(1, 6)}:{luck.uniform(0.5, 4):.2f}"] if streams and not leaves else []
        faults += ["gzip"] if luck.random() < 0.2 else []
        yield Asked(
            scenario=scenario,
            model=luck.choice(MODELS),
            fault=f"hold-after={LEAVE_AFTER}" if leaves else ";".join(faults),
            split=""
            if leaves or scenario.endswith(("image", "images"))
            else luck.choice(("event", "whole", "random:7")),
            leaves=leaves,
        )


class Load:
    """So many clients on one gateway. open: streams that are under way now."""

    def __init__(self, url: str, clients: int) -> None:
        self._url, self._clients = f"{url}/v1beta/interactions", clients
        self._plan = plan()
        self._numbers = itertools.count(1)
        self.open = 0

    async def lap(self, seconds: float) -> list[Seen]:
        """Stream for that long; returns once the streams that were under way then have ended too."""
        until_s = time.monotonic() + seconds
        seen: list[Seen] = []
        async with asyncio.TaskGroup() as clients:
            for _ in range(self._clients):
                clients.create_task(self._client(until_s, seen))
        return seen

    async def _client(self, until_s: float, seen: list[Seen]) -> None:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        ) as session:
            while time.monotonic() < until_s:
                self.open += 1
                try:
                    seen.append(await self._stream(session, next(self._plan)))
                finally:
                    self.open -= 1

    async def _stream(self, session: aiohttp.ClientSession, asked: Asked) -> Seen:
        headers = {"x-simulator-scenario": asked.scenario, "User-Agent": f"soak/{next(self._numbers)}"}
        headers |= {"x-simulator-fault": asked.fault} if asked.fault else {}
        headers |= {"x-simulator-split": asked.split} if asked.split else {}
        body = {"model": asked.model, "input": "hi", "stream": not asked.scenario.startswith("unary")}
        async with session.post(self._url, json=body, headers=headers) as response:
            digest, size, blocks = hashlib.sha256(), 0, 0
            seq = int(response.headers["x-simulator-seq"])
            async for data in response.content.iter_any():
                digest.update(data)
                size += len(data)
                blocks += data.count(b"\n\n")
                if asked.leaves and blocks >= LEAVE_AFTER:
                    response.close()
                    return Seen(seq, asked.scenario, digest.hexdigest(), size, left=True)
        return Seen(seq, asked.scenario, digest.hexdigest(), size)
