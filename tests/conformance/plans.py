"""Random courses of exchanges, and one gateway in this process to try them on.

Not here: what must hold afterwards (test_any_course.py). Sockets are real; what the books say goes to a list.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

import h11
from aiohttp import web
from hypothesis import strategies as st

from gateway.proxy.app import EXCHANGES, build_app, runner
from gateway.records import ExchangeClosed, Record
from tests.forwarding import settings

_FRAMINGS = ("length", "chunked", "close")
_ENDS = ("clean", "cut", "reset", "silence")
_BODY = bytes(range(256)) * 40
_REQUEST_MAX_BYTES = 3000


@dataclass(frozen=True, slots=True)
class Course:
    """One exchange. sizes: of the body's pieces; ends_at: how many of them are sent before the end; None: before the
    head. leaves_at: the bytes of the body after which the client leaves, -1: before the head; None: it stays."""

    upload: int | None
    upload_is_chunked: bool
    framing: str
    sizes: tuple[int, ...]
    end: str
    ends_at: int | None
    leaves_at: int | None
    leaves_by_reset: bool

    @property
    def body(self) -> bytes:
        """The whole response body."""
        return _BODY[: sum(self.sizes)]

    @property
    def sent(self) -> bytes:
        """What of it the upstream sends."""
        return self.body if self.end == "clean" else _BODY[: sum(self.sizes[: self.ends_at or 0])]

    @property
    def is_whole(self) -> bool:
        """Whether a response comes and, by its framing, is all there."""
        if self.end == "clean" or self.ends_at is None:
            return self.end == "clean"
        by_length = self.framing == "length" and self.sent == self.body
        return by_length or (self.framing == "close" and self.end == "cut")


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Any course in which somebody ends it: a silent upstream needs a client that leaves."""
    sizes = tuple(draw(st.lists(st.integers(1, 2500), max_size=4)))
    end = draw(st.sampled_from(_ENDS))
    ends_at = draw(st.none() | st.integers(0, len(sizes)))
    sent = sum(sizes) if end == "clean" else sum(sizes[: ends_at or 0])
    head_comes = end == "clean" or ends_at is not None
    leave_points = st.integers(-1, sent) if head_comes else st.just(-1)
    leaves_at = draw(leave_points if end == "silence" else st.none() | leave_points)
    return Course(
        draw(st.none() | st.integers(0, _REQUEST_MAX_BYTES)),
        draw(st.booleans()),
        draw(st.sampled_from(_FRAMINGS)),
        sizes,
        end,
        ends_at,
        leaves_at,
        draw(st.booleans()),
    )


@dataclass(slots=True)
class Sink:
    """Records as they are put."""

    opened: int = 0
    closed: list[ExchangeClosed] = field(default_factory=list)

    def begun(self) -> None:
        """An exchange began."""
        self.opened += 1

    def put(self, record: Record) -> None:
        """Keep what ended."""
        if isinstance(record, ExchangeClosed):
            self.closed.append(record)


@dataclass(slots=True)
class Seen:
    """What the client saw. ending: clean, cut, nothing (no head), left."""

    body: bytes
    ending: str


class Bench:
    """The gateway between a client and an upstream that follow courses. asked: what came of the request upstream."""

    def __init__(self) -> None:
        self.sink = Sink()
        self.asked: list[bytes] = []
        self.open_upstream = 0
        self._changed = asyncio.Condition()
        self._course: Course | None = None
        self._server: asyncio.Server | None = None
        self._runner: web.AppRunner | None = None
        self._app: web.Application | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen on both sides."""
        self._server = await asyncio.start_server(self._upstream, "127.0.0.1", 0)
        upstream_port = self._server.sockets[0].getsockname()[1]
        self._app = build_app(settings(upstream=f"http://127.0.0.1:{upstream_port}"), self.sink)
        self._runner = runner(self._app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End both; the upstream's connections end with the gateway's pool."""
        assert self._runner is not None
        assert self._server is not None
        await self._runner.cleanup()
        self._server.close()
        await self._server.wait_closed()
        async with self._changed:
            await self._changed.wait_for(lambda: self.open_upstream == 0)

    async def idle(self) -> None:
        """Wait until no exchange is open."""
        assert self._app is not None
        await self._app[EXCHANGES].wait_idle()

    async def follow(self, course: Course) -> Seen:
        """One exchange on a connection of its own."""
        self._course, asked = course, len(self.asked)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(_request(course))
            if course.leaves_at == -1:
                await self._until_asked(asked + 1)
                return Seen(b"", "left")
            return await _read(reader, course)
        finally:
            if course.leaves_by_reset and course.leaves_at is not None:
                _abort(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _until_asked(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= count)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _upstream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_upstream += 1
        try:
            while True:
                body = await _read_request(reader)
                assert self._course is not None
                self.asked.append(body)
                await self._tell()
                if not await _answer(self._course, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_upstream -= 1
            writer.close()
            await self._tell()


def _request(course: Course) -> bytes:
    if course.upload is None:
        return b"GET /v1/files HTTP/1.1\r\nHost: client.test\r\n\r\n"
    head, body = b"POST /v1/files HTTP/1.1\r\nHost: client.test\r\n", _BODY[: course.upload]
    if not course.upload_is_chunked:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n"


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding" in head:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return body
    if b"content-length" in head:
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return await reader.readexactly(length)
    return b""


async def _answer(course: Course, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer as the course says; whether the connection serves on."""
    if course.end == "clean" or course.ends_at is not None:
        framing = {"length": b"Content-Length: %d\r\n" % len(course.body), "chunked": b"Transfer-Encoding: chunked\r\n"}
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing.get(course.framing, b"") + b"\r\n")
        pieces = course.sizes if course.end == "clean" else course.sizes[: course.ends_at]
        at = 0
        for size in pieces:
            piece = _BODY[at : at + size]
            writer.write(b"%x\r\n%b\r\n" % (size, piece) if course.framing == "chunked" else piece)
            await writer.drain()
            await asyncio.sleep(0)
            at += size
    if course.end == "clean":
        writer.write(b"0\r\n\r\n" if course.framing == "chunked" else b"")
        return course.framing != "close"
    if course.end == "silence":
        if course.is_whole:
            return True  # that was all: the connection may be asked again
        await reader.read()
    elif course.end == "reset":
        _abort(writer)
    return False


async def _read(reader: asyncio.StreamReader, course: Course) -> Seen:
    connection, body, headed = h11.Connection(h11.CLIENT), b"", False
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "client.test")]))
    connection.send(h11.EndOfMessage())
    while True:
        if headed and course.leaves_at is not None and len(body) >= course.leaves_at:
            return Seen(body, "left")
        try:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                headed = True
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return Seen(body, "clean" if headed else "nothing")
        except (h11.RemoteProtocolError, ConnectionError):
            return Seen(body, "cut" if headed else "nothing")


def _abort(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
