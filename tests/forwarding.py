"""Which gateway the tests run: `pytest --path fast|plain` its forwarding path, `--build compiled` its compiled wheel.

Not here: tests. The gateway of a test must be on that path and no other, so `auto` is never used.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ProxySettings, Settings

PATHS = ("fast", "plain")
COMMANDS = {
    "python": Path(sys.executable).with_name("interactions-gateway"),
    "compiled": Path(__file__).parent.parent / ".cache" / "compiled" / "bin" / "interactions-gateway",
}
_chosen = PATHS[0]
_command = COMMANDS["python"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --path and --build."""
    parser.addoption("--path", choices=PATHS, default=PATHS[0], help="the gateway's forwarding path")
    parser.addoption(
        "--build", choices=COMMANDS, default="python", help="the build whose command is run (make compiled)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take them over."""
    global _chosen, _command
    _command = COMMANDS[config.getoption("--build")]
    _chosen = config.getoption("--path")


def chosen_path() -> str:
    """`fast` or `plain`."""
    return _chosen


def command() -> Path:
    """The installed `interactions-gateway`."""
    return _command


def settings(**values: Any) -> Settings:
    """Settings on that path; `proxy` as a dictionary."""
    return Settings(**{**values, "proxy": ProxySettings(**{"path": _chosen, **values.get("proxy", {})})})
