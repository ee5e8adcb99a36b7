"""The two ends of a row: sockets that do as they are told, and remember every byte.

Not here: rows, verdicts (stage.py). Promise: each wait has a deadline, and waits for a fact, never for time to pass.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

from tests.conformance.actions import (
    Action,
    Await,
    ByteByByte,
    Close,
    Cut,
    Gone,
    HalfClose,
    Raw,
    Read,
    ReadBody,
    ReadHead,
    ReadInterim,
    Saw,
    Script,
    Taken,
    Tell,
    Unasked,
    Until,
)
from tests.conformance.kernel import unread_bytes
from tests.conformance.messages import Message, Reset, Source, head_of, read_body, read_message

DEADLINE_S = 5.0
RECEIVE_BYTES = 256 * 1024


class Meeting:
    """What the two ends know of each other while a row runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._told: set[str] = set()
        self._seen: dict[str, bytearray] = {"client": bytearray(), "upstream": bytearray()}
        self.problems: list[str] = []

    def received(self, side: str, data: bytes) -> None:
        """A side got bytes."""
        with self._changed:
            self._seen[side] += data
            self._changed.notify_all()

    def tell(self, name: str) -> None:
        """A point is reached."""
        with self._changed:
            self._told.add(name)
            self._changed.notify_all()

    def wait_told(self, name: str) -> None:
        """Wait for a point. Raises TimeoutError."""
        self._wait(lambda: name in self._told, name)

    def wait_seen(self, side: str, mark: bytes) -> None:
        """Wait until a side has received bytes. Raises TimeoutError."""
        self._wait(lambda: mark in self._seen[side], f"{mark!r} at the {side}")

    def problem(self, text: str) -> None:
        """Something that no row expects."""
        with self._changed:
            self.problems.append(text)

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(ready, DEADLINE_S):
                raise TimeoutError(f"waited for {what}")


class Side(Source):
    """One end of a connection. messages, raw: what was read; log: all that came. is_over: this side has left.
    is_alone: the peer has. was_kept: it did not when it should have."""

    def __init__(self, name: str, sock: socket.socket, meeting: Meeting) -> None:
        super().__init__()
        self.name = name
        self.messages: list[Message | None] = []
        self.raw = b""
        self.sent = bytearray()
        self.log = bytearray()
        self.end: type[Exception] = EOFError
        self.is_over = False
        self.was_kept = False
        self.is_alone = False
        self._socket = sock
        self._meeting = meeting
        sock.settimeout(DEADLINE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self) -> None:
        """Another piece. Raises EOFError, Reset or TimeoutError."""
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except ConnectionError as exc:
            self.is_alone = True
            raise Reset from exc
        if not data:
            self.is_alone = True
            raise EOFError
        self.buffer += data
        self.log += data
        self._meeting.received(self.name, data)

    def begin(self) -> None:
        """Take part in another request."""
        self.messages, self.raw, self.sent = [], b"", bytearray()

    def play(self, script: Script) -> bool:
        """Do all of it; whether that went well. What goes wrong is a problem of the row."""
        for action in script:
            try:
                self._do(action)
            except (TimeoutError, EOFError, Reset) as exc:
                self._meeting.problem(f"{self.name}: {_name(action)}: {str(exc) or type(exc).__name__}")
                return False
            if self.is_over:
                break
        return True

    def leave(self) -> None:
        """Close, whatever the state."""
        self.is_over = True
        self._socket.close()

    def say_end(self) -> None:
        """Say that nothing more will be sent; the other end's answer to that is its own end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def wait_gone(self, within_s: float = 2.0) -> bool:
        """Whether the peer leaves within that time."""
        deadline_s = time.monotonic() + within_s
        try:
            while True:
                self._socket.settimeout(max(0.01, deadline_s - time.monotonic()))
                self.more()
        except (EOFError, Reset):
            return True
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(DEADLINE_S)

    def send(self, data: bytes) -> None:
        """Send all; a peer that takes no more shows at the next read."""
        self.sent += data
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(data)

    def _do(self, action: Action) -> None:
        match action:
            case bytes():
                self.send(action)
            case ByteByByte(data):
                for at in range(len(data)):
                    self.send(data[at : at + 1])
            case Read(bodyless):
                self._read(bodyless)
            case ReadHead():
                self.messages.append(head_of(self.until(b"\r\n\r\n"), ending="unread"))
            case ReadBody():
                message = self.messages[-1]
                assert message is not None
                message.ending = "clean"
                read_body(self, message)
            case ReadInterim():
                self.messages.append(head_of(self.until(b"\r\n\r\n")))
            case Raw(size):
                self.raw += self.take(size)
            case Unasked(data, asked):
                self.sent += data[:asked]
                with contextlib.suppress(ConnectionError):
                    self._socket.sendall(data)
            case Until(mark):
                while mark not in self.buffer:
                    self.more()
            case Saw(mark):
                self._meeting.wait_seen("upstream" if self.name == "client" else "client", mark)
            case Taken():
                self._wait_taken()
            case Tell(name):
                self._meeting.tell(name)
            case Await(name):
                self._meeting.wait_told(name)
            case Gone():
                if not self.wait_gone():
                    raise TimeoutError("the peer is still there")
            case _:
                self._leave_by(action)

    def _read(self, bodyless: bool) -> None:
        while True:
            message = read_message(self, bodyless=bodyless)
            self.messages.append(message)
            if message is None or not message.is_interim:
                return

    def _wait_taken(self) -> None:
        here, there = self._socket.getsockname(), self._socket.getpeername()
        deadline_s = time.monotonic() + DEADLINE_S
        while unread := unread_bytes(there, here):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{unread} bytes that the peer doesn't read")

    def _leave_by(self, action: HalfClose | Close | Cut) -> None:
        if isinstance(action, HalfClose):
            self.say_end()
            return
        if isinstance(action, Cut):
            self.end = Reset
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            # what was sent must not be lost to a reset because of what was not read
            self.say_end()
            self._socket.setblocking(False)
            with contextlib.suppress(OSError):
                while self._socket.recv(RECEIVE_BYTES):
                    pass
        self.leave()


def _name(action: Action) -> str:
    return f"send {action[:60]!r}" if isinstance(action, bytes) else repr(action)[:200]
