"""Running the demonstration: simulator, gateway and clients begin, show themselves, and end together.

Not here: what the clients do (traffic.py), the lines to paste (snippets.py).
Promise: Ctrl-C, SIGTERM or the end of the time leave nothing behind in under 2 s; if this process is killed, the
gateway sees its stop pipe close and ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from gateway.config import ENV_PREFIX
from gateway.demo.snippets import snippets
from gateway.demo.traffic import Traffic
from gateway.simulator.server import Simulator

GRACE_S = 0.3  # nobody waits for sample clients
END_S = 1.2
_LISTENING = re.compile(r"^listening  proxy=(\S+)  admin=(\S+)")


def run(flags: Sequence[str], *, upstream: str | None, duration_s: float | None) -> int:
    """Run it; returns the exit code. flags: for `serve`. upstream: a real API instead of simulator and clients."""
    return asyncio.run(Demo(flags, upstream, duration_s).run())


class Demo:
    """One demonstration."""

    def __init__(self, flags: Sequence[str], upstream: str | None, duration_s: float | None) -> None:
        self._flags = flags
        self._upstream = upstream
        self._duration_s = duration_s
        self._stop = asyncio.Event()
        self._traffic: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Until told to stop, or until the gateway ends by itself."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        if self._upstream is not None:
            return await self._gateway(self._upstream)
        simulator = Simulator(pace=1.0)
        try:
            port = await simulator.start("127.0.0.1", 0)
            return await self._gateway(f"http://127.0.0.1:{port}")
        finally:
            await simulator.close()

    async def _gateway(self, upstream: str) -> int:
        stop_read, stop_write = os.pipe()
        forced = {"LOG__FORMAT": "live", "GRACE_PERIOD_S": str(GRACE_S)}
        gateway = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "gateway.cli", "serve", *self._flags, f"--upstream={upstream}"),
            f"--stop-fd={stop_read}",
            stdout=PIPE,
            pass_fds=(stop_read,),
            env={**os.environ, **{ENV_PREFIX + name: value for name, value in forced.items()}},
            process_group=0,  # Ctrl-C is ours: clients leave first, so that the last lines are theirs
        )
        os.close(stop_read)
        showing = asyncio.create_task(self._show(gateway, upstream))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((showing, stopping), timeout=self._duration_s, return_when=asyncio.FIRST_COMPLETED)
            if showing.done():  # it ended by itself, and has said why
                return await gateway.wait() or 1
        finally:
            stopping.cancel()
            await self._end(gateway, showing)
            os.close(stop_write)
        return 0

    async def _end(self, gateway: Process, showing: asyncio.Task[None]) -> None:
        if self._traffic is not None:
            self._traffic.cancel()
            await asyncio.gather(self._traffic, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if gateway.returncode is not None:
                break
            gateway.send_signal(number)
            try:
                await asyncio.wait_for(gateway.wait(), END_S)
            except TimeoutError:
                continue
        await asyncio.gather(showing, return_exceptions=True)

    async def _show(self, gateway: Process, upstream: str) -> None:
        assert gateway.stdout is not None
        async for line in gateway.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            listening = _LISTENING.match(text)
            if listening is None:
                print(text, flush=True)
                continue
            proxy, admin = listening.groups()
            self._introduce(proxy, admin, upstream)
            if self._upstream is None:
                self._traffic = asyncio.create_task(Traffic(proxy).run())

    def _introduce(self, proxy: str, admin: str, upstream: str) -> None:
        real = self._upstream is not None
        print(f"proxy      {proxy}  ->  {upstream}{'' if real else ' (simulated)'}")
        print(f"metrics    {admin}/metrics")
        for tool, line in snippets(proxy, real=real).items():
            print(f"\n{tool}:\n  {line}")
        print("\nFinished interactions (Ctrl-C ends):", flush=True)
