"""Clients of the bench: the connections of a group at work.

Not here: what a group is (groups.py), the process around them (load.py).
Promise: every response is checked byte for byte; what was wrong, cut or refused is told in `faults`, never passed over.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from tests.bench.check import Checked, Checker
from tests.bench.framing import HEAD_END, LAST_CHUNK, BadFraming, Head, read_head
from tests.bench.groups import Group, Seen
from tests.bench.payload import payload

NS: Final = 1_000_000_000
STEADY_AFTER_S: Final = 0.2
STALL_PACES: Final = 2
ANSWER_GRACE_S: Final = 30.0
CLOSE_S: Final = 1.0


@dataclass(slots=True)
class Response:
    """One that is whole. Times are monotonic ns."""

    asked_ns: int
    first_ns: int
    ended_ns: int
    chunked: bool
    reads: Sequence[bytes]
    times_ns: Sequence[int]


class GroupRun:
    """A group at work."""

    def __init__(self, group: Group, tls: ssl.SSLContext | None) -> None:
        self.seen = Seen()
        self.group = group
        self.request = group.request()
        self._tls = tls
        self._payload = payload(group.spec)
        self._checker = Checker(self._payload)
        self._kept: list[Response] = []
        self._clients: list[Client] = []
        self._open = group.connections
        self._done = asyncio.Event()
        self._steady_ns, self._until_ns = 0, 0

    async def run(self) -> None:
        """Until each connection has done its part, or has had far more time than it needs."""
        group, loop = self.group, asyncio.get_running_loop()
        began_ns = time.monotonic_ns()
        self._steady_ns = began_ns + int((group.ramp_s + STEADY_AFTER_S) * NS)
        self._until_ns = began_ns + int(group.seconds * NS) if group.loop else 0
        opening = set()
        for number in range(group.connections):
            wait_s = (began_ns - time.monotonic_ns()) / NS + group.ramp_s * number / group.connections
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            opening.add(loop.create_task(self._connect()))
        own_s = self._payload.deltas * self._payload.pace_ms / 1000
        try:
            async with asyncio.timeout(group.seconds + own_s + ANSWER_GRACE_S):
                await self._done.wait()
        except TimeoutError:
            self.seen.fault(f"{self._open} connections had no whole answer in time")
        for task in opening:
            task.cancel()
        for client in self._clients:
            client.close()
        lost = [loop.create_task(client.lost.wait()) for client in self._clients if client.connected]
        if lost:
            await asyncio.wait(lost, timeout=CLOSE_S)

    async def _connect(self) -> None:
        asked_ns = time.monotonic_ns()
        client = Client(self, asked_ns)
        self._clients.append(client)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: client, "127.0.0.1", self.group.port, ssl=self._tls if self.group.tls else None
            )
        except OSError as error:
            self.seen.fault(f"no connection: {error}")
            self.finished()

    def answered(self, response: Response) -> bool:
        """A response is whole; whether its connection is to ask again."""
        if self.group.keep or not self.group.loop:
            self._kept.append(response)
        else:
            self._account(response)
        if not self._until_ns:
            self._until_ns = response.ended_ns  # from the first end on fewer flow
        return self.group.loop and response.ended_ns < self._until_ns

    def finished(self) -> None:
        """A connection has nothing more to do."""
        self._open -= 1
        if not self._open:
            self._done.set()

    def account(self) -> None:
        """Check what was kept until after the measured window."""
        for response in self._kept:
            self._account(response)
        self._kept.clear()

    def _account(self, response: Response) -> None:
        seen, checked = self.seen, self._checker.check(response.chunked, response.reads, response.times_ns)
        seen.requests += 1
        if checked.fault is not None:
            seen.fault(checked.fault)
            return
        seen.deltas += self._payload.deltas
        seen.reads += len(response.reads)
        seen.whole.add([response.ended_ns - response.asked_ns])
        first_ns = checked.came_ns[0] if checked.came_ns else response.first_ns
        seen.first.add([first_ns - response.asked_ns])
        if checked.sent_ns:
            self._account_deltas(checked)

    def _account_deltas(self, checked: Checked) -> None:
        seen = self.seen
        pairs = [
            (sent_ns, came_ns)
            for sent_ns, came_ns in zip(checked.sent_ns, checked.came_ns, strict=True)
            if self._steady_ns <= sent_ns and (not self._until_ns or sent_ns <= self._until_ns)
        ]
        seen.delta.add([came_ns - sent_ns for sent_ns, came_ns in pairs])
        limit_ns = STALL_PACES * self._payload.pace_ms * 1_000_000
        stalls = sum(later - earlier > limit_ns for (_, earlier), (_, later) in itertools.pairwise(pairs))
        seen.gaps += max(0, len(pairs) - 1)
        seen.stalls += stalls
        seen.stalled_streams += bool(stalls)


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: GroupRun, asked_ns: int) -> None:
        self.connected = False
        self.lost = asyncio.Event()
        self._run = run
        self._asked_ns = asked_ns
        self._transport: asyncio.Transport | None = None
        self._finished = False
        self._begin()

    def _begin(self) -> None:
        self._head: Head | None = None
        self._held = b""
        self._reads: list[bytes] = []
        self._times_ns: list[int] = []
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self.connected = True
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        now_ns = time.monotonic_ns()
        if self._finished:
            return
        if self._head is None:
            self._held += data
            end = self._held.find(HEAD_END)
            if end < 0:
                return
            try:
                self._head = read_head(self._held[:end])
            except (BadFraming, ValueError) as error:
                self._give_up(f"bad head: {error}")
                return
            if self._head.status != 200:
                self._give_up(f"status {self._head.status}: {self._held[:200]!r}")
                return
            data = self._held[end + 4 :]
            self._left = self._head.length or 0
            self._first_ns = now_ns
            if not data and self._head.length != 0:
                return
        self._reads.append(data)
        self._times_ns.append(now_ns)
        if self._head.length is None:
            if not data.endswith(LAST_CHUNK) and (
                len(data) >= len(LAST_CHUNK) or not b"".join(self._reads[-5:]).endswith(LAST_CHUNK)
            ):
                return
        else:
            self._left -= len(data)
            if self._left > 0:
                return
        self._whole(now_ns)

    def _whole(self, now_ns: int) -> None:
        assert self._head is not None
        assert self._transport is not None
        response = Response(
            self._asked_ns, self._first_ns, now_ns, self._head.length is None, self._reads, self._times_ns
        )
        if self._run.answered(response):
            self._begin()
            self._asked_ns = time.monotonic_ns()
            self._transport.write(self._run.request)
        else:
            self._end()

    def _give_up(self, why: str) -> None:
        self._run.seen.fault(why)
        self._end()

    def _end(self) -> None:
        if not self._finished:
            self._finished = True
            self.close()
            self._run.finished()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self.connected = False
        self.lost.set()
        if not self._finished:
            got = sum(map(len, self._reads))
            self._give_up(f"cut after {got} B of the body: {exc or 'the connection was closed'}")

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.close()
