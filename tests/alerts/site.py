"""A gateway to which something happens: its clients, its bugs, its processes; each trouble for as long as a context.

Not here: which trouble makes which alert fire (causes.py).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway.telemetry.pricing_file import shipped
from tests.alerts.traffic import Clients, Request
from tests.gateway_process import GatewayProcess, wait_until
from tests.otlp_receiver import OtlpReceiver
from tests.ports import hold

PRICES: Final = "INTERACTIONS_GATEWAY_PRICING__FILE"
BUGS: Final = Path(__file__).parent / "bugs"
UNHEARD_S: Final = 0.7  # of a stopped observer; a scrape waits as long, and comes late, but comes
STARVED_S: Final = 1.5
FED_S: Final = 0.5
PER_S: Final = 2.5
HANGING: Final = Request(fault="hold-after=3")


def with_bugs(folder: Path, name: str) -> dict[str, str]:
    """The environment of a gateway that can be given bugs."""
    switch = folder / f"{name}-bugs"
    switch.write_text("", encoding="utf-8")
    return {"PYTHONPATH": str(BUGS), "GATEWAY_BUGS": str(switch)}


def with_prices(folder: Path, name: str) -> dict[str, str]:
    """The environment of a gateway that reads its prices, those that come with it, from a file of its own."""
    prices = folder / f"{name}-prices.toml"
    shutil.copyfile(shipped(), prices)
    return {PRICES: str(prices)}


class Collector:
    """An OTLP receiver that isn't there at first."""

    def __init__(self) -> None:
        self._held = hold()
        self._port = int(self._held.getsockname()[1])

    @property
    def variables(self) -> dict[str, str]:
        """With which a gateway sends to it, and doesn't wait for long."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._port}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        }

    def start(self, stack: ExitStack) -> None:
        """Listen, until the stack's end."""
        stack.enter_context(OtlpReceiver(self._port))
        self._held.close()


class Site:
    """One gateway of the stage. env: with which it was started. stack: of what lives on to the end of the run."""

    def __init__(
        self, gateway: GatewayProcess, upstream: str, clients: Clients, env: Mapping[str, str], stack: ExitStack
    ) -> None:
        self.gateway, self.clients = gateway, clients
        self._upstream, self._env, self._stack = upstream, env, stack

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

    @asynccontextmanager
    async def mistaken(self) -> AsyncIterator[None]:
        """With a mistake in its file of prices."""
        prices = Path(self._env[PRICES])
        good = prices.read_bytes()
        prices.write_bytes(good + b"\nno = [TOML\n")
        try:
            yield
        finally:
            prices.write_bytes(good)

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

    @asynccontextmanager
    async def draining(self, forwarders: int) -> AsyncIterator[None]:
        """So many forwarders that have been replaced, and stay for a stream that hangs; at the end it is over."""
        async with AsyncExitStack() as streams:
            for _ in range(forwarders):
                is_one_more = partial(self._has_opened, self._opened() + 1)
                await streams.enter_async_context(self.asked(HANGING, per_s=0.001))
                await waited(is_one_more, "a stream")
                await self._rolled()
            yield

    def _opened(self) -> float:
        return self.gateway.scrape().total("exchanges_opened_total")

    def _has_opened(self, exchanges: float) -> bool:
        return self._opened() >= exchanges

    async def _rolled(self) -> None:
        replaced = len(self.gateway.events("child_replaced"))
        self.gateway.signal(signal.SIGHUP)
        await waited(lambda: len(self.gateway.events("child_replaced")) > replaced, "a new forwarder")

    @asynccontextmanager
    async def starved(self, module: str) -> AsyncIterator[None]:
        """A process that gets no processor for STARVED_S, again and again."""

        async def starve() -> None:
            while True:
                (pid,) = self._pids(module)
                os.kill(pid, signal.SIGSTOP)
                try:
                    await asyncio.sleep(STARVED_S)
                finally:
                    os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(FED_S)

        starving = asyncio.create_task(starve())
        try:
            yield
        finally:
            starving.cancel()
            await asyncio.gather(starving, return_exceptions=True)

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Killed; at the end another one serves the same metrics' address."""
        address = self.gateway.admin_url.removeprefix("http://")
        self.gateway.signal(signal.SIGKILL)
        await waited(lambda: self.gateway.ready()[0] == 0, "its children's end")
        yield
        successor = GatewayProcess(self._upstream, env=self._env, flags=["--admin", address])
        self.gateway = await asyncio.to_thread(self._stack.enter_context, successor)

    @asynccontextmanager
    async def anew(self) -> AsyncIterator[None]:
        """Killed, and another one at once in its place."""
        async with self.down():
            pass
        yield

    @asynccontextmanager
    async def without(self, collector: Collector, *requests: Request) -> AsyncIterator[None]:
        """Clients ask these, and nobody listens where the traces go; at the end somebody does."""
        async with self.asked(*requests):
            yield
        await asyncio.to_thread(collector.start, self._stack)

    def _pids(self, module: str) -> list[int]:
        return [pid for pid in self.gateway.children() if _runs(pid, module)]

    async def kill_observer(self) -> None:
        """Kill it when it has been told things that it has not heard any more, and wait for the next one."""
        (observer,) = self._pids("gateway.observer")
        os.kill(observer, signal.SIGSTOP)
        await asyncio.sleep(UNHEARD_S)
        await self._kill(observer)

    async def kill_forwarder(self) -> None:
        """Kill it, and wait for the next one."""
        (forwarder,) = self._pids("gateway.forwarder")
        await self._kill(forwarder)

    async def _kill(self, pid: int) -> None:
        died = len(self.gateway.events("child_died"))
        os.kill(pid, signal.SIGKILL)
        await waited(lambda: len(self.gateway.events("child_died")) > died, "its death")
        await waited(lambda: self.gateway.ready()[0] == 200, "its successor")


async def waited(condition: Any, what: str) -> None:
    """wait_until, beside other tasks."""
    await asyncio.to_thread(wait_until, condition, 20.0, what)


def _runs(pid: int, module: str) -> bool:
    return module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
