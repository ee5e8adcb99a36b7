"""Some twenty interactions through an installed gateway that exports to one back end, and the spans they must leave.

Not here: the back ends (servers.py), what they keep and under which names (phoenix.py, mlflow.py).
Source: tests/exact, whose expectations come from the simulator's ledger and share no code with the gateway.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.simulator.server import Simulator
from tests.exact import context, cost
from tests.exact.books import Books
from tests.exact.client import Client, Did, until
from tests.exact.facts import Reading
from tests.exact.reading import read
from tests.exact.spans import Expected, tree
from tests.gateway_process import GatewayProcess

MODELS: Final = ("gemini-3-flash-preview", "gemini-3-pro-preview", "gemini-2.5-flash")
AGENT: Final = "deep-research-preview-04-2026"
SETTLE_S: Final = 30.0
EXPORT_S: Final = 90.0

STREAMS: Final = (
    *("text", "thinking", "several_tools", "google_search", "code_execution", "mcp_url_context", "image", "audio"),
    *("incomplete", "failed", "error_midstream", "truncated", "http_429", "http_500"),
)
UNARY: Final = ("unary", "unary_tools", "unary_thinking")


@dataclass(slots=True)
class Played:
    """What was played. expected: by the key of the exchange, which is the user agent of its SERVER span."""

    did: list[Did] = field(default_factory=list)
    expected: dict[str, tuple[Reading, Expected]] = field(default_factory=dict)

    @property
    def spans(self) -> int:
        """How many spans there must be."""
        return sum(expected.count() for _, expected in self.expected.values())

    @property
    def outcomes(self) -> Counter[str]:
        """How the exchanges ended."""
        return Counter(reading.outcome for reading, _ in self.expected.values())


def play(otel: Mapping[str, str], config: Mapping[str, object] | None = None) -> Played:
    """Play it, and return once the gateway has handed every span to the back end. otel: OTEL_* variables."""
    return asyncio.run(_play(otel, config))


async def _play(otel: Mapping[str, str], config: Mapping[str, object] | None) -> Played:
    simulator = Simulator(pace=0.0)
    port = await simulator.start("127.0.0.1", 0)
    played = Played()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            GatewayProcess(
                f"http://127.0.0.1:{port}",
                workers=2,
                env=otel,
                config={**cost.config(Path(folder), teams=False), **(config or {})},
            ) as gateway,
        ):
            async with Client("back", gateway.url, simulator, played.did) as client:
                await _ask(client)
            await until(lambda: all(entry["ended"] != "open" for entry in simulator.ledger()), "the ledger is at rest")
            await asyncio.to_thread(gateway.settled, len(played.did), SETTLE_S)
            _expect(played, simulator, port)

            def exported() -> bool:
                scrape = gateway.scrape()
                assert scrape.total("spans_total") == scrape.total("spans_total", result="exported")
                return scrape.total("spans_total") >= played.spans

            for _ in range(int(EXPORT_S / 0.2)):
                if await asyncio.to_thread(exported):
                    break
                await asyncio.sleep(0.2)
    finally:
        await simulator.close()
    return played


async def _ask(client: Client) -> None:
    """One after the other over one client, so that nothing depends on which of two ends first."""
    for turn, name in enumerate(STREAMS):
        await client.create(name, subject={"model": MODELS[turn % len(MODELS)]})
    for turn, name in enumerate(UNARY):
        await client.create(name, subject={"model": MODELS[turn]}, stream=False)
    first = await client.create("function_call", subject={"model": MODELS[0]})
    second = {"previous_interaction_id": first.id}
    await client.create("function_call_turn2", subject={"model": MODELS[0]}, more=second)
    # of its own each time: a back end keeps a trace where it saw it first
    parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    await client.create("thinking", subject={"model": MODELS[1]}, traceparent=parent)
    await client.create("thinking", subject={"model": MODELS[1]}, fault="cut-after=7")
    await client.create("text", subject={"model": MODELS[2]}, fault="hold-after=7", leave_after=7)
    agent = {"background": True}
    created = await client.create("background", subject={"agent": AGENT}, stream=False, more=agent)
    await client.get(created.id)
    await client.ask("DELETE", f"/v1beta/interactions/{created.id}")


def _expect(played: Played, simulator: Simulator, port: int) -> None:
    entries = {entry["request"]["user_agents"][0]: entry for entry in simulator.ledger()}  # type: ignore[index]
    books = Books()
    for did in played.did:
        reading = read(did, entries[did.key])
        context.note(reading, {})
        books.take(reading)
    for account in books.accounts:
        played.expected[account.reading.key] = account.reading, tree(account, port)
