"""Running a process's event loop: uvloop where there is one, over memory that large reads don't map anew each time, and
with as many open files as the system allows.

Not here: what runs on it.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Coroutine

LARGE_BLOCK_BYTES = 16 * 1024 * 1024
OPEN_FILES = 1 << 20  # no more than that, where the system sets no bound
# Exchanges leave no cycles behind: collections find next to nothing, and a full one holds the loop for milliseconds.
GC_THRESHOLDS = (10_000, 20, 50)


def keep_large_blocks() -> None:
    """Let glibc take blocks up to that size from its heap, for the life of the process.

    A read asks for 256 KiB, which glibc maps, shrinks and unmaps each time: 15 us instead of 2. A mapped block that is
    freed raises the threshold to its size. The zeros of bytes() are the kernel's own: no page is touched.
    """
    block = bytes(LARGE_BLOCK_BYTES)
    del block


def open_many_files() -> None:
    """Raise the limit of open files to the hard one: a stream takes two.

    Shells, systemd units and newer container runtimes give 1024, which is 500 streams, and more to whoever asks.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS has a lower bound that it doesn't tell
        pass


def rest_garbage() -> None:
    """Once all is loaded: what is here by now lives as long as the process, so no collection need look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def run(main: Coroutine[object, object, None]) -> None:
    """Run to the end."""
    keep_large_blocks()
    open_many_files()
    if os.name == "nt":  # uvloop knows no Windows
        asyncio.run(main)
    else:
        import uvloop

        uvloop.run(main)
