"""An idle event loop beside a run: `python -m tests.bench.control SECONDS`.

It has the gateway's own timer and nothing else to do, on the same kind of loop; at the end it prints one line of JSON,
how late it woke, by bucket. What the machine does to a loop shows in it, measured and counted as the gateway does.
Not here: what it is compared with (soak.py).
"""

from __future__ import annotations

import asyncio
import json
import sys

from gateway import loops
from gateway.loop_lag import LagCounts, LoopLag


async def watch(seconds: float) -> None:
    """Print how late each wake-up was."""
    late = LagCounts()
    lag = LoopLag(late.note)
    lag.start()
    await asyncio.sleep(seconds)
    lag.stop()
    *counts, _ = late.row()
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    loops.run(watch(float(sys.argv[1])))
