"""A simulated API for a module, folders that any user may read, and free ports."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway_process import SimulatorProcess


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """The simulated API without pauses."""
    with SimulatorProcess() as process:
        yield process


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that every user may read, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def ports() -> dict[str, int]:
    """Two free ports as the chart's values: containers here share the machine's."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return {"proxy": one.getsockname()[1], "admin": other.getsockname()[1]}
