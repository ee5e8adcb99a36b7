"""A gateway to which something happens: its clients, its bugs, its processes; each trouble for as long as a context.

Not here: which trouble makes which alert fire (causes.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.alerts.traffic import Clients, Request
from tests.gateway_process import GatewayProcess, wait_until

BUGS: Final = Path(__file__).parent / "bugs"
UNHEARD_S: Final = 1.0  # of a stopped observer; a scrape waits as long, and comes late, but comes
PER_S: Final = 4.0


def with_bugs(folder: Path, name: str) -> dict[str, str]:
    """The environment of a gateway that can be given bugs."""
    switch = folder / f"{name}-bugs"
    switch.write_text("", encoding="utf-8")
    return {"PYTHONPATH": str(BUGS), "GATEWAY_BUGS": str(switch)}


class Site:
    """One gateway of the stage. env: with which it was started."""

    def __init__(self, gateway: GatewayProcess, clients: Clients, env: Mapping[str, str]) -> None:
        self.gateway, self.clients, self._env = gateway, clients, env

    @asynccontextmanager
    async def asked(self, *requests: Request, per_s: float = PER_S) -> AsyncIterator[None]:
        """Clients that ask these in turn, all the time; they leave at the end."""
        asking = asyncio.create_task(self.clients.keep_asking(requests, per_s))
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    @asynccontextmanager
    async def buggy(self, bug: str) -> AsyncIterator[None]:
        """With a bug of bugs/sitecustomize.py in it."""
        self._switch(bug, on=True)
        try:
            yield
        finally:
            self._switch(bug, on=False)

    def _switch(self, bug: str, *, on: bool) -> None:
        switch = Path(self._env["GATEWAY_BUGS"])
        bugs = set(switch.read_text(encoding="utf-8").split())
        switch.write_text(" ".join(bugs | {bug} if on else bugs - {bug}), encoding="utf-8")

    @asynccontextmanager
    async def on_a_new_forwarder(self, bug: str) -> AsyncIterator[None]:
        """A forwarder that has started with the bug, and at the end one that has started without, as SIGHUP does it."""
        async with self.buggy(bug):
            await self._rolled()
            yield
        await self._rolled()

    async def _rolled(self) -> None:
        replaced = len(self.gateway.events("child_replaced"))
        self.gateway.signal(signal.SIGHUP)
        await waited(lambda: len(self.gateway.events("child_replaced")) > replaced, "a new forwarder")

    async def kill_observer(self) -> None:
        """Kill it when it has been told things that it has not heard any more, and wait for the next one."""
        (observer,) = [pid for pid in self.gateway.children() if _runs(pid, "gateway.observer")]
        died = len(self.gateway.events("child_died"))
        os.kill(observer, signal.SIGSTOP)
        await asyncio.sleep(UNHEARD_S)
        os.kill(observer, signal.SIGKILL)
        await waited(lambda: len(self.gateway.events("child_died")) > died, "its death")
        await waited(lambda: self.gateway.ready()[0] == 200, "the next observer")


async def waited(condition: Any, what: str) -> None:
    """wait_until, beside other tasks."""
    await asyncio.to_thread(wait_until, condition, 20.0, what)


def _runs(pid: int, module: str) -> bool:
    return module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
