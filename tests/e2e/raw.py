"""Both ends of the wire as plain blocking sockets: a client that hides nothing, an upstream that does as it is told.

Not here: assertions, the gateway (gateway_process.py), the simulated API.
Source: RFC 9112 6 and 7 for the framing of bodies.
Promise: what arrived is reported as it arrived; each wait has a deadline.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

DEADLINE_S: Final = 15.0
RECEIVE_BYTES: Final = 256 * 1024

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Message:
    """One message as its bytes were. ending: "clean", or what broke the body: "eof", "reset" or "garbage".

    chunks: the chunks of a chunked body, or the body as one.
    """

    start_line: bytes
    headers: Headers
    body: bytes = b""
    ending: str = "clean"
    chunks: list[bytes] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The status of a response."""
        return int(self.start_line.split(b" ", 2)[1])

    def values(self, name: str) -> list[bytes]:
        """All values of a header, whatever the case of its name."""
        return [value for key, value in self.headers if key.lower() == name.lower().encode()]

    def value(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        return next((value.decode() for value in self.values(name)), "")


class Peer:
    """One end of a connection, with the bytes that were received and not yet read."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        sock.settimeout(DEADLINE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._open_chunk_bytes = 0

    def send(self, data: bytes) -> None:
        """Hand all of it to the kernel."""
        self.socket.sendall(data)

    def chunk(self, data: bytes) -> None:
        """Send one chunk of a chunked body; an empty one ends it."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def reset(self) -> None:
        """Leave with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """Leave in good order."""
        self.socket.close()

    def read_head(self) -> Message | None:
        """The next message's head; None when the other end left without one (also by a reset)."""
        try:
            while b"\r\n\r\n" not in self._buffer:
                if not self._receive():
                    return None
        except ConnectionError:
            return None
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer[:] = rest
        start_line, *lines = head.split(b"\r\n")
        pairs = [line.partition(b":") for line in lines]
        return Message(start_line, [(name, value.strip(b" \t")) for name, _, value in pairs])

    def read_body(self, message: Message, *, until_close: bool) -> None:
        """The body of that head, by its framing. until_close: what a body without framing means."""
        try:
            if b"chunked" in b",".join(message.values("transfer-encoding")):
                for chunk in self._chunks():
                    message.chunks.append(chunk)
            elif lengths := message.values("content-length"):
                self._need(int(lengths[0]))
                message.chunks.append(self._take(int(lengths[0])))
            elif until_close:
                while self._receive():
                    pass
                message.chunks.append(self._take(len(self._buffer)))
        except ConnectionError:
            message.ending = "reset"
        except EOFError:
            message.ending = "eof"
        except ValueError:
            message.ending = "garbage"
        if message.ending != "clean":
            # what came of a body before it broke off came; of one in chunks, what is no framing
            chunked = bool(message.values("transfer-encoding"))
            message.chunks.append(self._take(self._open_chunk_bytes if chunked else len(self._buffer)))
        message.body = b"".join(message.chunks)

    def next_chunk(self) -> bytes:
        """One chunk of a chunked body; empty for its end."""
        line = self._line()
        size = self._open_chunk_bytes = int(line.partition(b";")[0], 16)
        self._need(size + 2)
        self._open_chunk_bytes = 0
        data = self._take(size)
        if self._take(2) != b"\r\n":
            raise ValueError("a chunk does not end where it said")
        return data

    def read_some(self) -> bytes:
        """What is there, at least a byte; empty at the end."""
        if not self._buffer:
            self._receive()
        return self._take(len(self._buffer))

    def left(self, within_s: float = DEADLINE_S) -> int:
        """Wait until the other end left, by end or reset; the monotonic time in ns when that was seen."""
        deadline_s = time.monotonic() + within_s
        with contextlib.suppress(ConnectionError):
            while True:
                self.socket.settimeout(max(0.001, deadline_s - time.monotonic()))
                if not self._receive():
                    break
        return time.monotonic_ns()

    def has_more(self, within_s: float) -> bool:
        """Whether anything, be it the end, arrives within that time."""
        return bool(self._buffer or select.select([self.socket], [], [], within_s)[0])

    def _chunks(self) -> Iterator[bytes]:
        while chunk := self.next_chunk():
            yield chunk

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, rest = bytes(self._buffer).partition(b"\r\n")
        self._buffer[:] = rest
        return line

    def _need(self, size: int) -> None:
        while len(self._buffer) < size:
            self._more()

    def _more(self) -> None:
        if not self._receive():
            raise EOFError

    def _receive(self) -> bool:
        data = self.socket.recv(RECEIVE_BYTES)
        self._buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


class Client(Peer):
    """A client's connection to `http://host:port`."""

    def __init__(self, url: str, *, receive_buffer_bytes: int | None = None) -> None:
        parts = urlsplit(url)
        sock = socket.socket()
        if receive_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.settimeout(DEADLINE_S)
        sock.connect((parts.hostname or "", parts.port or 80))
        super().__init__(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def ask(
        self,
        target: str = "/v1beta/interactions",
        body: bytes | None = b'{"model":"gemini-3-flash-preview","input":"hi","stream":true}',
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        version: str = "1.1",
    ) -> None:
        """Send one request; a body goes with its length, None sends none."""
        lines = [f"{method} {target} HTTP/{version}", "Host: gateway.test"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def answer(self, *, has_body: bool = True) -> Message:
        """The whole response; raises ConnectionError when the connection ended without a head."""
        head = self.read_head()
        if head is None:
            raise ConnectionError("no answer")
        if has_body and head.status not in {204, 304}:
            self.read_body(head, until_close=True)
        return head


class Upstream:
    """A server on a port of its own; each connection is given to `script` in a thread of its own.

    requests: the requests that scripts have read. A script may leave at any time; one that raises anything but an
    OSError fails the test, at exit.
    """

    def __init__(self, script: Callable[[Conversation], None], *, backlog: int = 64) -> None:
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._conversations: list[Conversation] = []
        self.requests: list[Message] = []
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        # closing alone leaves the thread in accept()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for conversation in self._conversations:
            with contextlib.suppress(OSError):
                conversation.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE_S)
        if exc is None and self._failures:
            raise self._failures[0]

    @property
    def connections(self) -> int:
        """How many were accepted so far."""
        return len(self._conversations)

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            conversation = Conversation(sock, self.requests)
            self._conversations.append(conversation)
            self._start(lambda conversation=conversation: self._serve(conversation))  # type: ignore[misc]

    def _serve(self, conversation: Conversation) -> None:
        try:
            self._script(conversation)
        except OSError:
            pass  # the gateway left, which the test sees by other means
        except BaseException as exc:
            self._failures.append(exc)
        finally:
            conversation.close()


class Conversation(Peer):
    """The upstream's end of one connection."""

    def __init__(self, sock: socket.socket, requests: list[Message]) -> None:
        super().__init__(sock)
        self._requests = requests

    def request(self) -> Message | None:
        """The next request with its body; None when the other end closed the connection."""
        message = self.read_head()
        if message is None:
            return None
        self.read_body(message, until_close=False)
        self._requests.append(message)
        return message

    def head(self, *lines: bytes, status: bytes = b"200 OK") -> None:
        """Send a response's head."""
        self.send(b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""]))
