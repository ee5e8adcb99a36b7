"""The run is played once for all its tests; its tables are shown at the end, whether it passed or not."""

from __future__ import annotations

import pytest

from tests.exact.site import Result
from tests.exact.stage import run

TABLES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def result() -> Result:
    """Everything that one run gave."""
    return run()


@pytest.fixture
def tables(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the terminal summary."""
    return request.config.stash.setdefault(TABLES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the tables."""
    lines = terminalreporter.config.stash.get(TABLES, [])
    if lines:
        terminalreporter.section("exactness run")
        for line in lines:
            terminalreporter.line(line)
