"""The way to the upstream: pool, TLS, DNS, timeouts, and one request and response over a raw connection.

Not here: what goes over it (forward.py), heads as bytes (heads.py).
Source: aiohttp-notes.md (client side). aiohttp's connector and response parser are used, its session is not: a session
adds headers, loses duplicates, swallows 1xx answers and sends requests again, none of which a proxy may.
"""

from __future__ import annotations

import asyncio
import functools
import re
import ssl

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from gateway.config import Settings
from gateway.proxy.errors import ConnectTimeout, GatewayError, NameNotFound, TLSFailed, Unreachable
from gateway.proxy.exchange import Upstream

IDLE_TIMEOUT_S = 30.0  # below what the API's front ends allow: a connection is dropped before they drop it
DNS_CACHE_S = 30
HEAD_MAX_BYTES = 64 * 1024
HEADERS_MAX = 256
_HEAD_END = re.compile(rb"\r?\n\r?\n")
READ_BUFFER_BYTES = 64 * 1024  # of one response, before the read from the upstream pauses


def upstream_of(settings: Settings) -> Upstream:
    """The upstream's address in parts."""
    url = URL(settings.upstream)
    scheme, host = url.scheme, url.host or ""
    return Upstream(scheme, host, url.port or (443 if scheme == "https" else 80), url.raw_path.rstrip("/"))


class UpstreamProtocol(ResponseHandler):
    """aiohttp's, which also tells how the connection was lost: a reset must not look like an end."""

    lost_with: BaseException | None = None
    _held: bytes | None = None  # of a head that is not whole; None while no head is expected

    def expect_head(self) -> None:
        """The next bytes begin a head."""
        self._held = b""

    def data_received(self, data: bytes) -> None:
        # A head goes to the parser alone: when what follows it is no HTTP, the parser's refusal of that would take
        # a good answer along.
        while self._held is not None and data:
            data, self._held = self._held + data, None
            end = _HEAD_END.search(data)
            if end is None:
                if len(data) <= HEAD_MAX_BYTES:
                    self._held = data
                    return
                break
            super().data_received(data[: end.end()])
            data = data[end.end() :]
            if self._buffer and _is_interim(self._buffer[-1][0][0]):
                self._held = b""
            elif not data:
                return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_with = exc
        payload = self._payload
        super().connection_lost(exc)
        # After bytes that are no HTTP the parser has let go of the body: nobody else would wake who reads it.
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(aiohttp.ClientPayloadError("the body is not framed as its head says"))


def _is_interim(message: RawResponseMessage) -> bool:
    return 100 <= message.code < 200 and message.code != 101


class UpstreamConnection:
    """One connection, for one request and its response. `release` or `close` it."""

    def __init__(self, connection: Connection, protocol: UpstreamProtocol, transport: asyncio.Transport) -> None:
        self._connection = connection
        self.protocol = protocol
        self.transport = transport

    def expect(self, *, body: bool) -> None:
        """Prepare for a response; body: whether its head may announce one that comes (not for HEAD)."""
        self.protocol.expect_head()
        self.protocol.set_response_params(
            skip_payload=not body,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=HEAD_MAX_BYTES,
            max_field_size=HEAD_MAX_BYTES,
            max_headers=HEADERS_MAX,
        )

    async def head(self) -> tuple[RawResponseMessage, StreamReader]:
        """The next head, interim ones included. Raises aiohttp.ClientError or HttpProcessingError when none comes."""
        return await self.protocol.read()

    async def write(self, data: bytes) -> None:
        """Write, and wait while the upstream takes no more."""
        if self.transport.is_closing():
            raise aiohttp.ClientConnectionResetError("the upstream closed")
        self.transport.write(data)
        if self.protocol.writing_paused:
            await self.protocol._drain_helper()  # noqa: SLF001

    def release(self) -> None:
        """The response was read whole: the connection may serve another."""
        self._connection.release()

    def close(self) -> None:
        """Give the connection up; what still runs on it upstream is cancelled."""
        self._connection.close()


class Pool:
    """Connections to the one upstream, kept warm while idle. Make it in a running loop."""

    def __init__(self, settings: Settings) -> None:
        loop = asyncio.get_running_loop()
        verify: ssl.SSLContext | bool = True
        if settings.proxy.ca_file is not None:
            verify = ssl.create_default_context(cafile=str(settings.proxy.ca_file))
        self._connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=IDLE_TIMEOUT_S, ttl_dns_cache=DNS_CACHE_S, ssl=verify
        )
        self._connector._factory = functools.partial(UpstreamProtocol, loop)  # type: ignore[assignment]  # noqa: SLF001
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=settings.proxy.connect_timeout_s)
        self._host = upstream_of(settings).host
        # only its address and its TLS are used: the connector asks a request where to connect to
        self._where = aiohttp.ClientRequest("GET", URL(settings.upstream), loop=loop, ssl=verify)

    async def connect(self) -> UpstreamConnection:
        """A connection nobody uses. Raises a GatewayError that says why there is none: nothing was sent then."""
        while True:
            try:
                connection = await self._connector.connect(self._where, traces=[], timeout=self._timeout)
            except (aiohttp.ClientError, OSError) as exc:
                raise _translate(exc, self._host) from exc
            protocol = connection.protocol
            # An idle connection on which bytes have come unasked would answer the next request with them.
            if isinstance(protocol, UpstreamProtocol) and protocol.transport is not None and not protocol.should_close:
                return UpstreamConnection(connection, protocol, protocol.transport)
            connection.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._connector.close()


def _translate(exc: Exception, host: str) -> GatewayError:
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return NameNotFound(host, "its name has no address")
    if isinstance(exc, aiohttp.ClientSSLError):
        return TLSFailed(host, _reason(exc))
    if isinstance(exc, TimeoutError):
        return ConnectTimeout(host, "no connection within proxy.connect_timeout_s")
    return Unreachable(host, _reason(exc))


def _reason(exc: Exception) -> str:
    if isinstance(exc, aiohttp.ClientConnectorError):
        return exc.os_error.strerror or type(exc.os_error).__name__
    return type(exc).__name__
