"""A child's end of the lifeline to its supervisor: the greeting, then lines both ways; its end means the other died.

Not here: the supervisor's end (children.py).
Promise: whoever loses its supervisor hears of it at once, whatever killed it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from gateway.config import Settings


class Greeting:
    """What the supervisor says first: settings, place, names."""

    def __init__(self, message: dict[str, Any]) -> None:
        # Checked before they were sent: a child needs no pydantic (12 MB, a tenth of a second) to look again.
        self.table: dict[str, Any] = message["settings"]
        self.settings = as_settings(self.table)
        self.sources: dict[str, Any] = message.get("sources") or {}  # that they were read from (reload.py)
        self.worker: int | None = message["worker"]
        self.forwarders: int = message["forwarders"]
        self.records: str = message["records"]
        self.draining: bool = message["draining"]
        self.started_unix_s: float = message["started_unix_s"]  # the supervisor
        self.restarts: dict[str, int] = message["restarts"]


class Lifeline(asyncio.Protocol):
    """Lines of JSON with the supervisor."""

    def __init__(self, end: socket.socket) -> None:
        """Reads the greeting, waiting for it: nothing can begin without."""
        self._socket = end
        self._received = b""
        while b"\n" not in self._received:
            data = end.recv(65_536)
            if not data:
                raise EOFError("the supervisor was gone before its greeting")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        self.greeting = Greeting(json.loads(line))
        self._transport: asyncio.Transport | None = None
        self._heard: Callable[[dict[str, Any]], None] = _nothing
        self._lost: Callable[[], None] = _nothing
        self.is_lost = False

    async def listen(self, heard: Callable[[dict[str, Any]], None], lost: Callable[[], None]) -> None:
        """heard: each line that comes. lost: once, when the supervisor is gone."""
        self._heard, self._lost = heard, lost
        self._socket.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=self._socket)
        self.data_received(b"")

    def say(self, message: dict[str, Any]) -> None:
        """A line to the supervisor."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(json.dumps(message).encode() + b"\n")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._heard(json.loads(line))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.is_lost = True
        self._lost()


def as_settings(table: dict[str, Any]) -> Settings:
    """Settings out of their JSON, already checked."""
    return cast("Settings", _table(table))


def _table(value: Any) -> Any:
    """A table of settings as an object with the attributes of its model; lists are the tuples they were."""
    if isinstance(value, dict):
        return SimpleNamespace(**{name: _table(one) for name, one in value.items()})
    return tuple(map(_table, value)) if isinstance(value, list) else value


def inherited(*names: str) -> dict[str, socket.socket]:
    """The sockets that the command line hands over, by name: `--listen-fd 5`. A child's first call."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the supervisor's to hear, whoever else gets it
    parser = argparse.ArgumentParser(description="A child of the interactions-gateway supervisor; not for people.")
    for name in names:
        parser.add_argument(f"--{name}-fd", type=int, required=True)
    options = parser.parse_args()
    return {name: socket.socket(fileno=getattr(options, f"{name}_fd")) for name in names}


def _nothing(*_: object) -> None:
    """Until listen() says who wants to know."""
