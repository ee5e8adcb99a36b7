"""Which forwarding path the tests run through: `pytest --path fast|plain`; the same tests on either.

Not here: tests. The gateway of a test must be on that path and no other, so `auto` is never used.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import ProxySettings, Settings

PATHS = ("fast", "plain")
_chosen = PATHS[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --path."""
    parser.addoption("--path", choices=PATHS, default=PATHS[0], help="the gateway's forwarding path")


def pytest_configure(config: pytest.Config) -> None:
    """Take it over."""
    global _chosen
    _chosen = config.getoption("--path")


def chosen_path() -> str:
    """`fast` or `plain`."""
    return _chosen


def settings(**values: Any) -> Settings:
    """Settings on that path; `proxy` as a dictionary."""
    return Settings(**{**values, "proxy": ProxySettings(**{"path": _chosen, **values.get("proxy", {})})})
