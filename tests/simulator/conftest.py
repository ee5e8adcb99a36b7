"""One simulator for each test, without pauses, on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gateway.simulator.server import Simulator
from tests.simulator.client import Client


@dataclass(frozen=True, slots=True)
class Bench:
    """A running simulator and a client for it."""

    simulator: Simulator
    client: Client

    def last(self) -> dict[str, object]:
        """The newest ledger entry."""
        return self.simulator.ledger()[-1]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    simulator = Simulator(pace=0.0)
    port = await simulator.start("127.0.0.1", 0)
    yield Bench(simulator, Client(port))
    await simulator.close()
