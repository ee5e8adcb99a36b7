"""An idle event loop beside a run: `python -m tests.bench.control SECONDS`.

It sleeps EVERY_S again and again and notes how late it wakes; then it prints one line of JSON, a Distribution. What
the machine does to a loop that has nothing to do shows in it.
Not here: what it is compared with (soak.py).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

import uvloop

from tests.bench.distribution import Distribution

EVERY_S: Final = 0.01


async def watch(seconds: float) -> Distribution:
    """How late each timer was."""
    late = Distribution()
    until_ns = time.monotonic_ns() + int(seconds * 1e9)
    while True:
        due_ns = time.monotonic_ns() + int(EVERY_S * 1e9)
        await asyncio.sleep(EVERY_S)
        now_ns = time.monotonic_ns()
        late.add([max(0, now_ns - due_ns)])
        if now_ns >= until_ns:
            return late


if __name__ == "__main__":
    print(json.dumps(uvloop.run(watch(float(sys.argv[1]))).to_json()), flush=True)
