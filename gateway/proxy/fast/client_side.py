"""The client's side: one connection, one request after another, each with a relay of its own.

Not here: what becomes of a request (relay.py). Source: design.md 3; aiohttp-notes.md (server side).
Promise: requests are answered in order; what a client sends ahead waits in bounded memory; a client that half-closes
has left; no client can hold a connection by sending nothing or half a head.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Protocol, cast

import structlog

from gateway.proxy.errors import BadRequest, GatewayError, HeadTooLarge, Rejection, SlowHead, TargetTooLong, answer
from gateway.proxy.exchange import ClientFacts
from gateway.proxy.fast.deadlines import Deadlines
from gateway.proxy.fast.relay import Relay
from gateway.proxy.http1.framing import BadFramingError, Body
from gateway.proxy.http1.heads import HEAD_MAX_BYTES, BadHeadError, RequestHead, read_request
from gateway.proxy.kernel import has_left, keep_alive, reset_on_close
from gateway.wire.facts import cut
from gateway.wire.tracecontext import cut_tracestate

if TYPE_CHECKING:
    from gateway.proxy.fast.path import FastPath

AHEAD_MAX_BYTES = 64 * 1024  # of requests sent before the last one was answered; then the client isn't read
_EMPTY_LINES = re.compile(rb"\A(?:\r\n)+")
_LONE_LF = re.compile(rb"(?<!\r)\n")
_NONE: frozenset[str] = frozenset()

_log = structlog.get_logger()


class Server(Protocol):
    """Who keeps the connections."""

    def joined(self, connection: ClientSide, transport: asyncio.Transport) -> None:
        """It is open."""

    def parted(self, connection: ClientSide) -> None:
        """It is gone."""


class ClientSide(asyncio.Protocol):
    """A client's connection. relay: of the request that is being served."""

    def __init__(self, path: FastPath, server: Server) -> None:
        self._path = path
        self._server = server
        self._received = b""  # not yet anybody's: a head that is not whole, or requests sent ahead
        self._seen_bytes = 0  # of it, in which no head's end is
        self._waits: Deadlines[ClientSide] | None = None  # whose time is running
        self._lingers = False  # answered for good: what still comes is read and forgotten
        self._swallowing: Body | None = None  # the rest of a request that was answered before it was whole
        self._holds = _NONE  # why the client isn't read
        self._full = False
        self.transport: asyncio.Transport | None = None
        self.relay: Relay | None = None
        self.address: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether the client takes no more for now."""
        return self._full

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request or of an answer is under way, nor waits for a slow client."""
        transport = self.transport
        return (
            self.relay is None
            and not self._received
            and not self._lingers
            and transport is not None
            and transport.get_write_buffer_size() == 0
        )

    @property
    def is_gone(self) -> bool:
        """Whether it can't be written to any more."""
        return self.transport is None or self.transport.is_closing()

    @property
    def is_ahead(self) -> bool:
        """Whether it has sent bytes behind its request."""
        return bool(self._received)

    def write(self, data: bytes) -> None:
        """Send bytes at once; to a client that has gone they go nowhere."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def hold(self, reason: str) -> None:
        """Read nothing from the client while any reason is left."""
        if not self._holds and not self.is_gone:
            cast(asyncio.Transport, self.transport).pause_reading()
            self._path.held.add(self)
        self._holds |= {reason}

    def go_on(self, reason: str) -> None:
        """This reason is gone."""
        if reason in self._holds:
            self._holds -= {reason}
            if not self._holds:
                self._path.held.drop(self)
                if not self.is_gone:
                    cast(asyncio.Transport, self.transport).resume_reading()

    def look(self) -> None:
        """It is held: whoever isn't read is not heard leaving."""
        if self.transport is None:
            return
        if has_left(self.transport):
            self.transport.abort()
        else:
            self._path.held.add(self)

    def served(self, *, keep: bool, unread: Body | None) -> None:
        """The request has its whole answer. keep: the connection serves on. unread: what is not here of its body."""
        self.relay = None
        if not keep:
            self._hang_up()
            return
        self.go_on("upstream")
        if unread is not None:
            # the rest of the request goes nowhere, then the next may come
            self._lingers, self._swallowing = True, unread
            self._wait_in(self._path.linger)
        else:
            self._next()

    def refuse(self, error: GatewayError, *lines: bytes) -> None:
        """Send an answer of ours, the last on this connection. lines: more of its head."""
        self.relay = None
        self.write(answer(error, *lines))
        self._hang_up()

    def abort(self) -> None:
        """Break the connection: the client must not take what came for the whole."""
        self.relay = None
        self._wait_in(None)
        if self.transport is not None:
            self.transport.abort()

    def abort_by_reset(self) -> None:
        """As `abort`, for a body without framing: only a reset tells that it is not whole."""
        if self.transport is not None:
            reset_on_close(self.transport)
        self.abort()

    def close_when_sent(self) -> None:
        """Close once all is sent that was written; a client that doesn't take it in time has had its time."""
        self.relay = None
        self._wait_in(self._path.linger)
        if self.transport is not None:
            self.transport.close()

    def close(self) -> None:
        """For aiohttp's server at its end: an idle connection goes, one that is served goes on."""
        if self.relay is None and self.transport is not None:
            self.transport.close()

    def force_close(self) -> None:
        """Close it, whoever waits for it."""
        if self.transport is not None:
            self.transport.close()

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  aiohttp's word
        """For aiohttp's server at its end."""
        if self.transport is not None:
            self.transport.close()

    # Part of asyncio.Protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)
        # the first byte that the kernel doesn't take pauses us: so a write that is not paused has left at once
        self.transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else None
        keep_alive(transport.get_extra_info("socket"))
        self._server.joined(self, self.transport)
        self._wait_in(self._path.first_byte)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        try:
            self._take(data)
        except Exception as exc:
            if self.relay is not None:
                self.relay.failed(exc)
            else:
                _log.error("forwarding_failed", error=type(exc).__name__, exc_info=exc)
                self.abort()

    def eof_received(self) -> bool:
        """Part of asyncio.Protocol: a half-close counts as leaving; the transport closes."""
        relay, self.relay = self.relay, None
        if relay is not None:
            relay.client_left()
            # closed in good order, it would wait for this client to take what it doesn't want
            if relay.is_tunnel:
                pass
            elif self._full:
                self.abort_by_reset()
            else:
                self.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self._wait_in(None)
        self._path.held.drop(self)
        self._server.parted(self)
        relay, self.relay = self.relay, None
        self.transport = None
        if relay is not None:
            relay.client_left()

    def pause_writing(self) -> None:
        """Part of asyncio.Protocol."""
        self._full = True
        if self.relay is not None:
            self.relay.client_full()

    def resume_writing(self) -> None:
        """Part of asyncio.Protocol."""
        self._full = False
        if self.relay is not None:
            self.relay.client_has_room()

    # Requests.

    def take_ahead(self) -> bytes:
        """What the client has sent behind its request."""
        ahead, self._received = self._received, b""
        self.go_on("ahead")
        return ahead

    def _take(self, data: bytes) -> None:
        relay = self.relay
        if relay is not None:
            rest = relay.client_data(data)
            if rest:
                self._keep(rest)
        elif not self._lingers:
            self._received = self._received + data if self._received else data
            self._next()
        elif self._swallowing is not None:
            self._swallow_on(self._swallowing, data)

    def _next(self) -> None:
        """Begin the next request, if its head is here."""
        data = self._received
        if data[:2] == b"\r\n":  # an empty line before a request is none (RFC 9112 2.2)
            data = self._received = _EMPTY_LINES.sub(b"", data, count=1)
        if not data:
            if self._waits is None:
                self._wait_in(self._path.next_request)
            self.go_on("ahead")
            return
        end = data.find(b"\r\n\r\n", max(0, self._seen_bytes - 3), HEAD_MAX_BYTES + 4)
        if end < 0:
            self._half_head(data)
            return
        self._seen_bytes = 0
        self._wait_in(None)
        self._received = b""
        try:
            head = read_request(data[:end])
        except BadHeadError as exc:
            self._reject(BadRequest(str(exc)))
            return
        self._begin(head, data[end + 4 :])

    def _begin(self, head: RequestHead, rest: bytes) -> None:
        relay = self.relay = Relay(self._path, self, head)
        rest = relay.begin(rest)
        if rest and self.relay is relay:
            self._keep(rest)
        else:
            self.go_on("ahead")

    def _half_head(self, data: bytes) -> None:
        if len(data) > HEAD_MAX_BYTES:
            line = data.find(b"\n", 0, HEAD_MAX_BYTES)
            self._reject(HeadTooLarge(HEAD_MAX_BYTES) if line >= 0 else TargetTooLong(HEAD_MAX_BYTES))
        elif _LONE_LF.search(data, max(0, self._seen_bytes - 1)):
            self._reject(BadRequest("its lines do not end in CR LF"))
        else:
            self._seen_bytes = len(data)
            if self._waits is not self._path.whole_head:
                self._wait_in(self._path.whole_head)
            self.go_on("ahead")

    def _keep(self, ahead: bytes) -> None:
        """Bytes after the request that is being served."""
        self._received += ahead
        if len(self._received) > AHEAD_MAX_BYTES:
            self.hold("ahead")

    def _reject(self, error: Rejection) -> None:
        """A request without a readable head."""
        self._path.exchanges.refused(error, ClientFacts(address=self.address))
        self.refuse(error)

    def too_slow(self) -> None:
        """The head did not get whole in its time."""
        self._waits = None
        self._reject(SlowHead(self._path.head_timeout_s))

    def gave_up(self) -> None:
        """Nothing came in its time: there is no request that could be refused. Or it took not what was sent."""
        self._waits = None
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _wait_in(self, deadlines: Deadlines[ClientSide] | None) -> None:
        if self._waits is not None and self._waits is not deadlines:
            self._waits.drop(self)
        self._waits = deadlines
        if deadlines is not None:
            deadlines.add(self)

    # Endings.

    def _hang_up(self) -> None:
        """Say that nothing more comes, and read on for a while: a close with bytes unread would be a reset."""
        self._lingers = True
        self._received = b""
        self._wait_in(self._path.linger)
        if not self.is_gone:
            cast(asyncio.Transport, self.transport).write_eof()
        self.go_on("ahead")
        self.go_on("upstream")

    def _swallow_on(self, unread: Body, data: bytes) -> None:
        try:
            unread.feed(data)
        except BadFramingError:
            self._swallowing = None
            self._hang_up()
            return
        if unread.ended:
            self._swallowing, self._lingers = None, False
            self._received = unread.beyond
            self._wait_in(None)
            self._next()


def client_facts(client: ClientSide, head: RequestHead) -> ClientFacts:
    """What the head tells beside its target."""
    noted = head.fields.noted
    return ClientFacts(
        address=client.address,
        user_agent=_text(noted.get(b"user-agent")),
        traceparent=_text(noted.get(b"traceparent")),
        tracestate=_tracestate(noted.get(b"tracestate")),
        api_revision=_text(noted.get(b"api-revision")),
    )


def _tracestate(value: bytes | None) -> str | None:
    return None if value is None else cut_tracestate(value.decode("latin-1"))


def _text(value: bytes | None) -> str | None:
    return None if value is None else cut(value.decode("latin-1"))
