"""An upstream for slow readers and for clocks, as a process of its own: `python -m tests.pressure.upstream FD`.

A request whose body says `"flood"` gets one long stream as fast as it is taken; any other a paced stream, whose deltas
hold the time at which they were sent. FD gets the port as a line. `GET /written` tells the bytes of floods that the
kernel has taken so far.
Not here: the simulated API (gateway.simulator), whose answers are true to the API and short.
Promise: a flood's body is the same bytes each time: `flood_body` gives them; it waits for the reader like any server.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SEND_BUFFER_BYTES: Final = 64 * 1024  # what is written is then soon known to be read, or not
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
START_TIMEOUT_S: Final = 20.0

_ASKED: Final = re.compile(rb'"(flood|paced)":(\d+)')
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_USAGE: Final = b'"usage":{"total_tokens":12,"total_input_tokens":7,"total_output_tokens":5}'


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


_BEGIN: Final = _event(
    "interaction.created",
    b'{"interaction":{"id":"v1_Pressure","status":"in_progress","object":"interaction","model":"gemini-3-flash-preview"},'
    b'"event_type":"interaction.created"}',
) + _event("step.start", b'{"index":0,"step":{"type":"model_output"},"event_type":"step.start"}')
_END: Final = (
    _event("step.stop", b'{"index":0,"event_type":"step.stop"}')
    + _event(
        "interaction.completed",
        b'{"interaction":{"id":"v1_Pressure","status":"completed",%b},"event_type":"interaction.completed"}' % _USAGE,
    )
    + _event("done", b"[DONE]")
)


def _delta(inner: bytes) -> bytes:
    return _event("step.delta", b'{"index":0,"delta":{%b},"event_type":"step.delta"}' % inner)


# Texts and a picture: the tap reads the ones and skims the other.
_FLOOD_BLOCK: Final = b"".join(
    [_delta(b'"text":"%b","type":"text"' % (b"slow " * 30))] * 40
    + [_delta(b'"mime_type":"image/png","data":"%b","type":"image"' % (b"A" * 25_000))]
)


def flood_body(size: int) -> Iterator[bytes]:
    """The pieces of a flood of at least so many bytes."""
    yield _BEGIN
    for _ in range(-(-size // len(_FLOOD_BLOCK))):
        yield _FLOOD_BLOCK
    yield _END


def asking_for_flood(size: int) -> bytes:
    """The body of a request for a flood."""
    return b'{"model":"gemini-3-flash-preview","input":{"flood":%d},"stream":true}' % size


def asking_for_pace(deltas: int) -> bytes:
    """The body of a request for a paced stream."""
    return b'{"model":"gemini-2.5-flash","input":{"paced":%d},"stream":true}' % deltas


SENT_AT: Final = re.compile(rb'"text":"@(\d+)"')  # monotonic ns, the same clock in all processes of a machine
PACE_S: Final = 0.02


class Server:
    """The listening side. written: bytes of floods taken by the kernel."""

    def __init__(self) -> None:
        self.written = 0

    async def run(self, ready_fd: int) -> None:
        """Serve until killed."""
        sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        server = await asyncio.start_server(self._serve, sock=sock)
        with os.fdopen(ready_fd, "w") as ready:
            ready.write(f"{sock.getsockname()[1]}\n")
        await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                await self._answer(head, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the gateway left
        finally:
            writer.close()

    async def _answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET /written "):
            text = b"%d" % self.written
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(text) + text
            )
            await writer.drain()
            return
        asked = _ASKED.search(body)
        assert asked is not None, body
        writer.write(HEAD)
        if asked[1] == b"flood":
            await self._flood(int(asked[2]), writer)
        else:
            await self._paced(int(asked[2]), writer)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _flood(self, size: int, writer: asyncio.StreamWriter) -> None:
        for piece in flood_body(size):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            self.written += len(piece)

    async def _paced(self, deltas: int, writer: asyncio.StreamWriter) -> None:
        _chunk(writer, _BEGIN)
        due_s = time.monotonic()
        for _ in range(deltas):
            due_s += PACE_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            _chunk(writer, _delta(b'"text":"@%d","type":"text"' % time.monotonic_ns()))
        _chunk(writer, _END)


def _chunk(writer: asyncio.StreamWriter, piece: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))


@contextmanager
def upstream(module: str = "tests.pressure.upstream") -> Iterator[str]:
    """A running one; its address. module: which, by its name."""
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-m", module, str(write)], pass_fds=(write,), process_group=0)
    os.close(write)
    try:
        with os.fdopen(read) as ready:
            port = ready.readline().strip()
        assert port, "the upstream did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(START_TIMEOUT_S)


if __name__ == "__main__":
    asyncio.run(Server().run(int(sys.argv[1])))
