"""A row is played: a client of the row's, an upstream that plays its scripts, and what came of it.

Not here: what stands between them (proxies.py). `Stage.play` gives what was otherwise than the row says.
Promise: a row leaves no connection behind that the next one could meet.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from types import TracebackType
from typing import Self

from tests.conformance.actions import Gone, HalfClose, Read, Script
from tests.conformance.messages import Message, Reset, read_message
from tests.conformance.rows import Row, answer
from tests.conformance.sides import DEADLINE_S, Meeting, Side
from tests.conformance.verdicts import Scene, Upstream, judge

_UNEXPECTED: Script = (Read(), answer(status=b"599 Unexpected"))
_AGAIN = b"GET /again HTTP/1.1\r\nHost: client.test\r\n\r\n"
_AGAIN_ANSWER = answer(body=b"again")
_AGAIN_START = b"GET /again"


class _Played:
    """One playing of a row."""

    def __init__(self, row: Row, via: str) -> None:
        self.meeting = Meeting()
        self.scenes: dict[int, Scene] = {}
        self.extra: list[Message | None] = []
        self.sides: list[tuple[Side, threading.Thread]] = []
        self.over = False
        # directly there is nobody to refuse a malformed request: the row only proves that it sends what it says
        unjudged = row.safe and via == "direct"
        scripts: list[Script] = [(Gone(),)] if unjudged else list(row.upstream)
        self.scripts = deque(enumerate(scripts))
        self.client: Script = row.script
        if row.safe:
            self.client = (row.sent, HalfClose(), Gone()) if unjudged else (row.sent, Read(), HalfClose(), Gone())
        if row.readings is not None:
            self.client = (row.sent, Gone())


class Stage:
    """The upstream that rows share, one row at a time."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._lock = threading.Lock()
        self._row = _Played(Row(""), "direct")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        # closing alone leaves the thread in accept()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(DEADLINE_S)

    def play(self, row: Row, via: str, address: tuple[str, int], host: bytes | None) -> list[str]:
        """Play a row against an address. host: what requests must carry by then; None when nothing is in between."""
        played = _Played(row, via)
        with self._lock:
            self._row = played
        side = Side("client", socket.create_connection(address, DEADLINE_S), played.meeting)
        try:
            side.play(played.client)
            client = Scene.of(side)
            found = [] if side.is_over or played.meeting.problems else _state_after(row, side)
        finally:
            side.leave()
        found += self._end(played)
        logs = [bytes(side.log) for side, _ in played.sides]
        scenes = [played.scenes[at] for at in sorted(played.scenes)]
        return [*played.meeting.problems, *found, *judge(row, via, client, Upstream(scenes, played.extra, logs), host)]

    def _end(self, played: _Played) -> list[str]:
        found = []
        played.over = True
        for side, thread in list(played.sides):
            if not side.is_over:
                side.say_end()
            thread.join(2 * DEADLINE_S + 1)
            if side.was_kept:
                found.append("upstream: a connection was kept that the upstream had closed")
        return found

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            played = self._row
            side = Side("upstream", sock, played.meeting)
            thread = threading.Thread(target=self._serve, args=(side, played), daemon=True)
            played.sides.append((side, thread))
            thread.start()

    def _serve(self, side: Side, played: _Played) -> None:
        try:
            while not side.is_over and _has_request(side, played):
                side.begin()
                if side.buffer.startswith(_AGAIN_START):
                    read_message(side)
                    side.send(_AGAIN_ANSWER)
                    continue
                with self._lock:
                    at, script = played.scripts.popleft() if played.scripts else (-1, _UNEXPECTED)
                went_well = side.play(script)
                with self._lock:
                    if at < 0:
                        played.extra += side.messages
                    else:
                        played.scenes[at] = Scene.of(side)
                if not went_well or side.is_alone:
                    return
        finally:
            side.leave()


def _has_request(side: Side, played: _Played) -> bool:
    """Wait for the first bytes of a request; False when the peer has left instead."""
    while len(side.buffer) < len(_AGAIN_START) and _AGAIN_START.startswith(side.buffer):
        try:
            side.more()
        except (EOFError, Reset):
            return False
        except TimeoutError:
            if played.over:
                side.was_kept = True
                return False
    return True


def _state_after(row: Row, client: Side) -> list[str]:
    if row.serves_on == "closed" and not client.wait_gone():
        return ["client: the connection stays open"]
    if row.serves_on == "open":
        client.send(_AGAIN)
        try:
            got = read_message(client)
        except TimeoutError:
            return ["client: the next request on the connection has no answer"]
        if got is None or got.body != b"again":
            return [f"client: the next request on the connection got {got}"]
    return []
