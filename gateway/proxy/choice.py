"""Which forwarding path runs: the fast one where its self-test passes, else the plain one, with the reason.

Not here: the paths. Source: design.md 3, performance.md.
The fast path leans on two things that nobody promises: that transports write at once (selftest.py), and the place
where aiohttp's server makes a connection's protocol (app.py). The versions for which that was seen stand here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
import structlog

from gateway.proxy.fast import selftest

if TYPE_CHECKING:
    from gateway.config import Settings

AIOHTTP_FROM, AIOHTTP_BELOW = (3, 14), (3, 15)
FAST, PLAIN = "fast", "plain"

_log = structlog.get_logger()


async def choose(settings: Settings) -> str:
    """Decide, in the loop that will serve. Raises UnfitError where the settings insist on a path that can't be had."""
    wanted = settings.proxy.path
    if wanted == PLAIN:
        return PLAIN
    try:
        _check_version()
        await selftest.check(settings)
    except Exception as exc:
        why = str(exc) or type(exc).__name__
        if wanted == FAST:
            raise selftest.UnfitError(f'proxy.path = "fast" can\'t be had: {why}') from exc
        _log.warning("path_is_plain", why=why, aiohttp=aiohttp.__version__)
        return PLAIN
    return FAST


def _check_version() -> None:
    numbers = re.match(r"(\d+)\.(\d+)", aiohttp.__version__)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if not AIOHTTP_FROM <= version < AIOHTTP_BELOW:
        raise selftest.UnfitError("the fast path was never seen with this version of aiohttp")
