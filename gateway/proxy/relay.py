"""The response as the client gets it: the upstream's head and bytes, framed for this client.

Not here: where the bytes come from (forward.py). Promise: what is written leaves at once; `write` waits while the
client takes no more, so memory is bounded.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiohttp import web
from aiohttp.http_parser import RawResponseMessage
from aiohttp.web_request import BaseRequest

from gateway.proxy.errors import GatewayError, answer
from gateway.proxy.heads import response_head
from gateway.proxy.propagation import TOLD
from gateway.records import Times

_NO_BODY = frozenset({204, 304})


class ClientGoneError(Exception):
    """The client can't be written to any more."""


class RelayedResponse(web.StreamResponse):
    """A StreamResponse to aiohttp's server, a pipe to us; framed as the upstream and this client need it."""

    def __init__(
        self,
        request: BaseRequest,
        head: RawResponseMessage,
        times: Times,
        *,
        closing: bool = False,
        told: Sequence[bytes] = (),
    ) -> None:
        """closing: the client's connection is to end with this response. told: a line for the client, of its trace."""
        super().__init__(status=head.code, reason=head.reason)
        self._client = request
        self._times = times  # of the exchange: what the client makes us wait is never the model's time
        names = {name.lower() for name, _ in head.raw_headers}
        modern = request.version >= (1, 1)
        bodyless = request.method == "HEAD" or head.code in _NO_BODY or 100 <= head.code < 200
        known_length = b"content-length" in names and not head.chunked
        self.has_body = not bodyless
        self._chunked_out = not bodyless and not known_length and modern
        # without a length and without chunks only the connection's end can tell an old client that it was all
        self._alive = bool(request.keep_alive) and not closing and (bodyless or known_length or modern)
        self._head = head
        self._told = told
        self._written = False

    @property
    def keep_alive(self) -> bool:
        """Whether the client's connection serves another request."""
        return self._alive

    async def prepare(self, request: BaseRequest) -> None:
        """For aiohttp's server, which calls it again at the end."""
        self.write_head()

    def write_head(self) -> None:
        """Send the head. Raises ClientGoneError."""
        if self._written:
            return
        self._written = True
        connection: bytes | None = None
        if not self._alive:
            connection = b"close"
        elif self._client.version < (1, 1):
            connection = b"keep-alive"
        head = self._head
        headers = head.raw_headers
        if self._told:
            headers = tuple(pair for pair in headers if pair[0].lower() not in TOLD)
        self._send(
            response_head(
                head.code,
                head.reason.encode("utf-8", "surrogateescape"),
                headers,
                chunked=self._chunked_out,
                connection=connection,
                more=self._told,
            )
        )

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes of the body at once. Raises ClientGoneError."""
        data = bytes(data)
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked_out else data)
        protocol = self._client.protocol
        if protocol.writing_paused:
            since_ns = time.monotonic_ns()
            try:
                await protocol._drain_helper()  # noqa: SLF001
            except ConnectionError as exc:
                raise ClientGoneError from exc
            finally:
                self._times.client_blocked_ns += time.monotonic_ns() - since_ns

    async def write_eof(self, data: bytes = b"") -> None:
        """For aiohttp's server; the body's end is `end`."""

    def end(self) -> None:
        """The body is whole: say so, if the framing needs it."""
        if self._chunked_out:
            self._send(b"0\r\n\r\n")

    def _send(self, data: bytes) -> None:
        transport = self._client.transport
        if transport is None or transport.is_closing():
            raise ClientGoneError
        transport.write(data)


class OwnAnswer(web.StreamResponse):
    """A whole response of ours, as bytes; the connection closes with it."""

    def __init__(self, error: GatewayError, *lines: bytes) -> None:
        """lines: more of its head."""
        super().__init__(status=error.status)
        self._bytes: bytes | None = answer(error, *lines)

    @property
    def keep_alive(self) -> bool:
        """Never."""
        return False

    async def prepare(self, request: BaseRequest) -> None:
        """Send it, once; a client that has gone misses nothing."""
        whole, self._bytes = self._bytes, None
        if whole is not None and request.transport is not None:
            request.transport.write(whole)

    async def write_eof(self, data: bytes = b"") -> None:
        """All is sent already."""
