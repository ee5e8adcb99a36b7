"""The client's side of a connection, one layer below aiohttp's parser: what the parser can't carry is settled here.

Not here: what a request means, forwarding (forward.py).
Source: aiohttp-notes.md (server side); interactions-api.md 8.6: older Python SDKs send `User-Agent` twice, which the
parser refuses, as some others. Repeated lines get a name of our own for the parser and their own name back before they
travel on. Never those that frame a message: of two lengths or two hosts a request is refused.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from gateway.proxy.errors import (
    BadRequest,
    HeadTooLarge,
    InternalError,
    Rejection,
    SlowHead,
    TargetTooLong,
    answer,
)
from gateway.proxy.exchange import ClientFacts
from gateway.proxy.exchanges import Exchanges
from gateway.proxy.http1.heads import HEAD_MAX_BYTES
from gateway.proxy.relay import OwnAnswer

_SINGLE = re.compile(
    rb"\r\n(content-location|content-range|content-type|etag|max-forwards|server|user-agent):", re.IGNORECASE
)
# Not to be guessed: a client's own header can't be taken for it.
_STAND_IN = b"x" + secrets.token_hex(8).encode()


class ClientConnection(RequestHandler):
    """RequestHandler with a gate before the parser. head_timeout_s: to a first byte, and from it to a head's last."""

    def __init__(self, manager: web.Server, exchanges: Exchanges, *, head_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._exchanges = exchanges
        self._head_timeout_s = head_timeout_s
        self._head = b""  # bytes of a head that is not whole
        self._timer: asyncio.TimerHandle | None = None
        self._payload: Any = None  # of the last message
        self._renamed: list[bytes] = []  # names of the repeated lines, in order
        self.star = False  # the request's target was `*`

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # a client that says nothing is owed no answer: there is no request that could be refused
        self._timer = self._loop.call_later(self._head_timeout_s, self.force_close)

    def data_received(self, data: bytes) -> None:
        """Hold a head until it is whole, then let the parser have it; everything else goes straight on."""
        if not self._between_requests():
            super().data_received(data)
            if self._messages:
                # Its handler begins a turn of the loop after it is taken: what of its body comes meanwhile is no head.
                self._payload = self._messages[-1][1]
            self._end_broken_bodies()
            return
        data = self._head + data if self._head else data
        end = data.find(b"\r\n\r\n")
        if (end if end >= 0 else len(data)) > HEAD_MAX_BYTES:
            line = data.find(b"\n", 0, HEAD_MAX_BYTES)
            self._refuse(HeadTooLarge(HEAD_MAX_BYTES) if line >= 0 else TargetTooLong(HEAD_MAX_BYTES))
            return
        if end < 0 and b"\n\n" not in data:
            if not self._head:
                self._stop_timer()
                self._timer = self._loop.call_later(self._head_timeout_s, self._too_slow)
            self._head = data
            return
        self._head = b""
        self._stop_timer()
        self._renamed.clear()
        self.star = data.startswith(b"OPTIONS * ")
        if self.star:
            data = data.replace(b"*", b"/", 1)
        if end >= 0:
            data = self._rename_repeated(data[:end]) + data[end:]
        super().data_received(data)
        if self._messages:
            self._payload = self._messages[-1][1]
        self._end_broken_bodies()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def own_names(self, headers: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
        """A request's headers with the names that the client wrote."""
        if not self._renamed:
            return list(headers)
        names = iter(self._renamed)
        return [(next(names, name) if name == _STAND_IN else name, value) for name, value in headers]

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What the parser refuses, booked, and answered in the API's error shape."""
        if status != 400:
            return OwnAnswer(InternalError())
        error = BadRequest("it is not valid HTTP")
        self._exchanges.refused(error, self._client())
        return OwnAnswer(error)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request or of an answer is under way, nor waits for a slow client."""
        transport = self.transport  # uvloop's are none of asyncio's classes
        unsent = transport is not None and transport.get_write_buffer_size() > 0
        return self._between_requests() and not self._head and not unsent

    def _between_requests(self) -> bool:
        return (
            not self._messages
            and not self._upgraded
            and self._payload_parser is None
            and self._current_request is None
            and (self._payload is None or self._payload.is_eof())
        )

    def _end_broken_bodies(self) -> None:
        """After bytes that are no HTTP the parser has let go of the body: nobody else would wake who reads it."""
        if not self._messages or isinstance(self._messages[-1][0], RawRequestMessage):
            return
        bodies = [payload for _, payload in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        for body in bodies:
            if not body.is_eof() and body.exception() is None:
                body.set_exception(web.RequestPayloadError("the body is not framed as its head says"))

    def _rename_repeated(self, head: bytes) -> bytes:
        seen: set[bytes] = set()

        def renamed(line: re.Match[bytes]) -> bytes:
            lower = line[1].lower()
            if lower not in seen:
                seen.add(lower)
                return line[0]
            self._renamed.append(line[1])
            return b"\r\n" + _STAND_IN + b":"

        return _SINGLE.sub(renamed, head)

    def _too_slow(self) -> None:
        self._timer = None
        self._refuse(SlowHead(self._head_timeout_s))

    def _refuse(self, error: Rejection) -> None:
        self._exchanges.refused(error, self._client())
        if self.transport is not None:
            self.transport.write(answer(error))
        self.force_close()

    def _client(self) -> ClientFacts:
        peer = self.peername
        return ClientFacts(address=str(peer[0]) if peer else None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
