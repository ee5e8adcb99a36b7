"""One exchange: request in, response out, the tap beside it. The plain path.

Not here: meaning (the tap), the pool (pool.py), which exchanges are open (exchanges.py).
Source: design.md 3 and 4: stamp, write, tap; honest endings; no retries, no rewriting, no buffering.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader
from aiohttp.web_request import BaseRequest

from gateway.proxy.attribution import attribution_of
from gateway.proxy.body import RequestBody
from gateway.proxy.connection import ClientConnection
from gateway.proxy.errors import BadRequest, BodyTooLarge, GatewayError, InternalError, Rejection, UpstreamTimeout
from gateway.proxy.exchange import ClientFacts, Exchange
from gateway.proxy.exchanges import Exchanges
from gateway.proxy.heads import header, joined, origin_form, request_head, response_head, travelling
from gateway.proxy.kernel import reset_on_close
from gateway.proxy.pool import Pool
from gateway.proxy.propagation import Propagation
from gateway.proxy.relay import ClientGoneError, OwnAnswer, RelayedResponse
from gateway.proxy.tunnel import tunnel
from gateway.proxy.upstream import UpstreamConnection, UpstreamProtocol, plain_pool, upstream_of
from gateway.wire.facts import cut
from gateway.wire.outcome import Answer, End
from gateway.wire.tracecontext import cut_tracestate

if TYPE_CHECKING:
    from gateway.config import Settings

_log = structlog.get_logger()
_NO_HEAD_ERRORS = (aiohttp.ClientError, HttpProcessingError, ConnectionError)


class Forwarding:
    """The handler of every request."""

    def __init__(self, settings: Settings, exchanges: Exchanges) -> None:
        upstream = upstream_of(settings)
        self._host = upstream.authority.encode()
        self._prefix = upstream.prefix.encode()
        self._head_timeout_s = settings.proxy.response_head_timeout_s
        self._max_body_bytes = settings.proxy.max_request_body_bytes
        self._attribution = attribution_of(settings.attribution)
        self._propagation = Propagation(settings.traces)
        self._exchanges = exchanges
        self._settings = settings
        self._connections: Pool[UpstreamProtocol] | None = None

    @property
    def _pool(self) -> Pool[UpstreamProtocol]:
        # made with the first request: where the fast path serves, none is needed
        if self._connections is None:
            self._connections = plain_pool(self._settings, self._exchanges.tally)
        return self._connections

    async def close(self) -> None:
        """Close the upstream connections."""
        if self._connections is not None:
            await self._connections.close()

    async def handle(self, request: BaseRequest) -> web.StreamResponse:
        """Forward one request; its exchange is closed when this returns or raises."""
        target, headers = _as_sent(request)
        task = asyncio.current_task()
        assert task is not None
        facts = _client_facts(request, headers)
        if self._attribution is not None:
            facts.tags = self._attribution.of_pairs(headers, target)
            headers = [pair for pair in headers if pair[0].lower() not in self._attribution.stripped]
        if self._propagation.acts:
            self._propagation.settle(facts, joined(headers, b"baggage") or "")
            headers = self._propagation.rewrite_pairs(facts, travelling(headers))
        exchange, refusal = self._exchanges.begin(request.method, target, facts, task.cancel)
        try:
            if refusal is not None:
                raise refusal
            self._check(request)
            return await self._forward(request, exchange, target, headers)
        except GatewayError as error:
            if not isinstance(error, Rejection) and exchange.bytes_up == 0:
                # what the request says is worth knowing also where it could not be sent
                exchange.request_chunk(request.content.read_nowait())
                exchange.request_whole()
            exchange.answered(error)
            return OwnAnswer(error, *self._propagation.told(facts))
        except ClientGoneError:
            exchange.ended(_end_of_leaving(exchange), client_left=True)
            return web.Response()
        except asyncio.CancelledError:
            if self._exchanges.aborting:
                exchange.ended(End.CUT, answered_by=Answer.OURS, code="shutdown")
                _abort(request)
            else:
                exchange.ended(_end_of_leaving(exchange), client_left=True)
            raise
        except Exception as exc:
            _log.exception("forwarding_failed", error=type(exc).__name__)
            if exchange.times.connected_ns is None:
                exchange.answered(InternalError())
                return OwnAnswer(InternalError(), *self._propagation.told(facts))
            # a fault of ours, and what was sent can't be unsent
            exchange.ended(End.CUT, answered_by=Answer.OURS, code=InternalError.code)
            _abort(request)
            return web.Response()
        finally:
            self._exchanges.end(exchange)

    async def _forward(
        self, request: BaseRequest, exchange: Exchange, target: str, headers: list[tuple[bytes, bytes]]
    ) -> web.StreamResponse:
        exchange.times.upstream_start_ns = exchange.since_start_ns()
        protocol = self._pool.take()
        if protocol is None:
            protocol = await self._pool.connect()
        upstream = UpstreamConnection(self._pool, protocol)
        exchange.times.connected_ns = exchange.since_start_ns()
        exchange.peer_address = protocol.address
        body = RequestBody(request, exchange, upstream, self._max_body_bytes)
        whole = False
        try:
            upstream.expect(body=request.method != "HEAD")
            head = request_head(
                request.method.encode(),
                target.encode() if target == "*" else self._prefix + target.encode("utf-8", "surrogateescape"),
                self._host,
                headers,
                chunked=body.is_chunked,
                upgrade=_upgrades(request),
            )
            await body.begin(head)
            message, payload = await self._head(request, upstream)
            exchange.response_head(
                message.code, header(message.raw_headers, b"content-type"), _encoding(message.raw_headers)
            )
            if message.code == 101:
                return await tunnel(request, upstream, message, exchange)
            response = RelayedResponse(
                request,
                message,
                exchange.times,
                closing=self._exchanges.retiring,
                told=self._propagation.told(exchange.client),
            )
            response.write_head()
            if not response.has_body or await self._relay(response, payload, upstream, exchange):
                whole = body.is_whole
                response.end()
                exchange.ended(End.CLEAN)
            else:
                # Aborted, not closed: a clean end would look like success to both SDKs.
                exchange.ended(End.CUT)
                _abort(request)
            return response
        except _NO_HEAD_ERRORS as exc:
            if body.error is not None:
                raise body.error from exc
            # Sent, and no head came: a 5xx of ours would make each SDK send it again, and each may be billed.
            exchange.ended(End.NO_HEAD, client_left=_is_gone(request), error_text=type(exc).__name__)
            _abort(request)
            return web.Response()
        finally:
            await body.stop()
            if whole:
                upstream.release()
            else:
                upstream.close()

    async def _head(
        self, request: BaseRequest, upstream: UpstreamConnection
    ) -> tuple[RawResponseMessage, StreamReader]:
        try:
            async with asyncio.timeout(self._head_timeout_s) as deadline:
                while True:
                    message, payload = await upstream.head()
                    if not 100 <= message.code < 200 or message.code == 101:
                        return message, payload
                    if request.version >= (1, 1):
                        _relay_interim(request, message)
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            raise UpstreamTimeout(self._head_timeout_s or 0.0) from exc

    async def _relay(
        self, response: RelayedResponse, payload: StreamReader, upstream: UpstreamConnection, exchange: Exchange
    ) -> bool:
        """Pass the body on; whether it came whole."""
        while True:
            try:
                chunk = await payload.readany()
            except Exception:  # aiohttp has no one class for what can break a body
                return False
            if not chunk:
                # A body without a length ends with its connection: then a reset is a cut, whatever the parser says.
                return upstream.protocol.lost_with is None
            now_ns = time.monotonic_ns()
            try:
                await response.write(chunk)
            finally:
                # also when the write failed: the chunk that the client never gets may hold the usage
                exchange.response_chunk(chunk, now_ns)

    def _check(self, request: BaseRequest) -> None:
        if request.method == "CONNECT":
            raise BadRequest("there is one upstream, and no tunnel to another (CONNECT)")
        if self._max_body_bytes is not None and (request.content_length or 0) > self._max_body_bytes:
            raise BodyTooLarge(self._max_body_bytes)


def _as_sent(request: BaseRequest) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The request's target and headers as the client wrote them."""
    connection = request.protocol
    target = origin_form(request.raw_path)
    if isinstance(connection, ClientConnection):
        if connection.star and request.method == "OPTIONS":
            target = "*"
        return target, connection.own_names(request.raw_headers)
    return target, list(request.raw_headers)


def _upgrades(request: BaseRequest) -> bool:
    return (
        request.headers.get("Upgrade", "").lower() == "websocket"
        and "upgrade" in request.headers.get("Connection", "").lower()
    )


def _client_facts(request: BaseRequest, headers: list[tuple[bytes, bytes]]) -> ClientFacts:
    return ClientFacts(
        address=request.remote,
        user_agent=cut(header(headers, b"user-agent")),
        traceparent=cut(joined(headers, b"traceparent")),
        tracestate=cut_tracestate(joined(headers, b"tracestate")),
        api_revision=cut(header(headers, b"api-revision")),
    )


def _encoding(headers: tuple[tuple[bytes, bytes], ...]) -> str | None:
    return header(headers, b"content-encoding")


def _relay_interim(request: BaseRequest, message: RawResponseMessage) -> None:
    if request.transport is None or request.transport.is_closing():
        raise ClientGoneError
    request.transport.write(
        response_head(message.code, message.reason.encode("utf-8", "surrogateescape"), message.raw_headers)
    )


def _end_of_leaving(exchange: Exchange) -> End:
    return End.NO_HEAD if exchange.http_status is None else End.LEFT


def _is_gone(request: BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


def _abort(request: BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    if request.version < (1, 1):
        # A body without framing ends with its connection: only a reset tells that it is not whole.
        reset_on_close(transport)
    transport.abort()
