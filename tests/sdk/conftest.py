"""One gateway before one simulator for all SDK tests, and every scene played once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess, gateway_before_simulator
from tests.sdk.environments import locked_js
from tests.sdk.playing import JAVASCRIPT, PYTHON, PYTHON_ASYNC, Plays, play_all
from tests.sdk.scenes import SCENES


@dataclass(frozen=True, slots=True)
class Bench:
    """The running gateway and the simulator behind it."""

    gateway: GatewayProcess
    simulator: SimulatorProcess


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    with gateway_before_simulator() as (gateway, simulator):
        yield Bench(gateway, simulator)


@pytest.fixture(scope="session")
def js_home() -> Path:
    return locked_js()


@pytest.fixture(scope="session")
def plays(bench: Bench, js_home: Path) -> Plays:
    return play_all(bench.simulator, bench.gateway.url, [PYTHON, PYTHON_ASYNC, JAVASCRIPT], SCENES)
