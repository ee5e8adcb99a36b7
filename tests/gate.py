"""A pytest plugin: which tests run, and when a run counts as passed.

- Tests marked `heavy` belong to `make test-all` (`pytest --heavy`). Without it they are not collected, so they don't
  show up as deselected; a line at the end says how many there are.
- With CI set, a test that was skipped, xfailed, xpassed or deselected fails the run: what isn't run proves nothing.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

FAILS_IN_CI = ("skipped", "xfailed", "xpassed", "deselected")
_LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --heavy."""
    parser.addoption("--heavy", action="store_true", help="run the tests marked heavy too")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the heavy tests to make test-all."""
    light = [item for item in items if item.get_closest_marker("heavy") is None]
    if not config.getoption("--heavy"):
        config.stash[_LEFT_OUT] = len(items) - len(light)
        items[:] = light


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for what did not run. Before the terminal's own hook, which prints the result."""
    if _not_run(session.config) and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and what fails the run for not having run."""
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(f"{left_out} heavy tests are left to make test-all")
    not_run = _not_run(config)
    if not_run:
        terminalreporter.section("CI is set: tests that did not run fail it", red=True)
    for category, what in not_run:
        terminalreporter.write_line(f"{category.upper()} {what}")


def _not_run(config: pytest.Config) -> list[tuple[str, str]]:
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None or hasattr(config, "workerinput"):
        return []
    return [(category, report.nodeid) for category in FAILS_IN_CI for report in reporter.stats.get(category, [])]
