"""Figures that a test measured, shown at the end of the run whether it passed or not.

Use: in the folder's conftest `from tests.figures import figures, pytest_terminal_summary`.
"""

from __future__ import annotations

from typing import Final

import pytest

LINES: Final = pytest.StashKey[list[str]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run."""
    return request.config.stash.setdefault(LINES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show them, once, however many folders ask for it."""
    lines = terminalreporter.config.stash.get(LINES, [])
    if lines:
        terminalreporter.section("figures")
    for line in lines:
        terminalreporter.line(line)
    lines.clear()
