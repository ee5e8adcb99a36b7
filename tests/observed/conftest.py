"""Both worlds are made once for all tests; what was asked of them stands in .cache/observed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.figures import figures, pytest_terminal_summary
from tests.observed.stage import worlds as made
from tests.observed.world import World

__all__ = ["figures", "pytest_terminal_summary"]


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    """The healthy and the faulty one."""
    with made(tmp_path_factory.mktemp("observed") / "worlds") as both:
        yield both


@pytest.fixture(scope="session")
def healthy(worlds: dict[str, World]) -> World:
    """Ordinary traffic."""
    return worlds["healthy"]


@pytest.fixture(scope="session")
def faulty(worlds: dict[str, World]) -> World:
    """Every fault."""
    return worlds["faulty"]
