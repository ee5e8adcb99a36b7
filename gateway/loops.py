"""Running a process's event loop: uvloop where there is one.

Not here: what runs on it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine


def run(main: Coroutine[object, object, None]) -> None:
    """Run to the end."""
    if os.name == "nt":  # uvloop knows no Windows
        asyncio.run(main)
    else:
        import uvloop

        uvloop.run(main)
