"""One simulated API and one gateway in front of it, as processes, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """The simulated API without pauses."""
    with SimulatorProcess(pace=0) as process:
        yield process


@pytest.fixture(scope="module")
def gateway(simulator: SimulatorProcess) -> Iterator[GatewayProcess]:
    """The installed command in front of the simulated API."""
    with GatewayProcess(simulator.url) as process:
        yield process
