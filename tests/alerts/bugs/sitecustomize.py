"""Bugs for the installed gateway, which has none to show: Python imports this file where PYTHONPATH names its folder.

Which are on is in the file that GATEWAY_BUGS names, a word each, and is read whenever it matters, so that a bug can be
put in and taken out while the gateway runs:
tap: the tap fails at each request's head. sink: the observer's log fails at each exchange.
aiohttp: forwarders that start see a version of aiohttp for which the fast path was never seen to work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Bug(Exception):
    """What is put in."""


def _has(bug: str) -> bool:
    return bug in Path(os.environ["GATEWAY_BUGS"]).read_text(encoding="utf-8").split()


def _failing(function: Callable[..., Any], bug: str) -> Callable[..., Any]:
    def failing(*args: Any, **kwargs: Any) -> Any:
        if _has(bug):
            raise Bug(bug)
        return function(*args, **kwargs)

    return failing


def _put_in() -> None:
    if "gateway.forwarder" in sys.orig_argv:
        import aiohttp

        from gateway.proxy import exchange

        vars(exchange)["route_of"] = _failing(vars(exchange)["route_of"], "tap")
        if _has("aiohttp"):
            aiohttp.__version__ = "99.0.0"
    elif "gateway.observer" in sys.orig_argv:
        from gateway.telemetry.log import ExchangeLog

        ExchangeLog.closed = _failing(ExchangeLog.closed, "sink")  # type: ignore[method-assign]


_put_in()
