"""The upstream's addresses: looked up once, kept for a while, looked up anew beside the traffic.

Not here: connecting (dial.py). Promise: only the first lookup is waited for; an old answer serves while a new one is
on its way or doesn't come, and a changed answer touches no open connection.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from aiohappyeyeballs import AddrInfoType

Resolve = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]  # host, port; raises OSError

TTL_S = 30.0  # getaddrinfo tells no time to live; so soon a changed name is followed
RETRY_S = 5.0  # after a refresh that failed
OLD_S = 600.0  # after so long without traffic the answer is likely wrong: the refresh is waited for,
OLD_WAIT_S = 1.0  # so long


async def system_resolve(host: str, port: int) -> Sequence[AddrInfoType]:
    """The system's answer, sorted by its rules (RFC 6724)."""
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class Addresses:
    """The addresses of one host. clock: monotonic seconds."""

    def __init__(
        self, host: str, port: int, resolve: Resolve | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._host, self._port = host, port
        self._resolve = resolve or system_resolve
        self._clock = clock
        self._known: list[AddrInfoType] = _literal(host, port)
        self._is_literal = bool(self._known)
        self._asked_s = 0.0  # when the answer in hand was asked for
        self._due_s = 0.0
        self._turn = 0
        self._first: int | None = None  # the family that answered last
        self._lookup: asyncio.Task[None] | None = None

    async def get(self) -> list[AddrInfoType]:
        """In the order in which to try them; those of one family take turns. Raises OSError: no address is known."""
        now_s = self._clock()
        if not self._is_literal and now_s >= self._due_s:
            if self._lookup is None:
                self._lookup = asyncio.create_task(self._refresh())
            if not self._known:
                # several wait for one lookup: one that leaves must not take it along
                await asyncio.shield(self._lookup)
            elif now_s - self._asked_s > OLD_S:
                await asyncio.wait((self._lookup,), timeout=OLD_WAIT_S)
        return self._ordered()

    def answered(self, family: int) -> None:
        """A connection came about by this family: it goes first, until the next lookup. A broken IPv6 then costs the
        wait for it once a lookup, not with each connection."""
        self._first = family

    def failed(self) -> None:
        """None of the addresses took a connection: the next to ask looks them up anew."""
        self._due_s = min(self._due_s, self._asked_s + RETRY_S)

    async def close(self) -> None:
        """Give up a lookup that runs."""
        if self._lookup is not None:
            self._lookup.cancel()
            await asyncio.wait((self._lookup,))

    async def _refresh(self) -> None:
        asked_s = self._clock()
        try:
            found = list(await self._resolve(self._host, self._port))
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "Name has no address")
            self._known, self._asked_s = found, asked_s
            self._due_s = self._clock() + TTL_S
            self._first = None
        except OSError:
            if not self._known:
                raise
            self._due_s = self._clock() + RETRY_S
        finally:
            self._lookup = None

    def _ordered(self) -> list[AddrInfoType]:
        if len(self._known) < 2:
            return self._known.copy()
        families: dict[int, list[AddrInfoType]] = {}
        for one in self._known:
            families.setdefault(one[0], []).append(one)
        if self._first in families:
            families = {self._first: families.pop(self._first), **families}
        self._turn += 1
        ordered = []
        for members in families.values():
            start = self._turn % len(members)
            ordered += members[start:] + members[:start]
        return ordered


def _literal(host: str, port: int) -> list[AddrInfoType]:
    """The address, if the host is written as one."""
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    except OSError:
        return []
