"""A request on its way up: followed by its framing, sent on as it comes, kept while there is no connection yet.

Not here: heads (http1/heads.py), when there is a connection (relay.py), what the body says (the exchange reads along).
Promise: what waits is bounded; the upstream never takes half a body for a whole one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.proxy.errors import BadRequest, BodyTooLarge
from gateway.proxy.exchange import Exchange
from gateway.proxy.http1.framing import BadFramingError, Body, ChunkedBody, SizedBody
from gateway.proxy.http1.heads import RequestHead

if TYPE_CHECKING:
    from gateway.proxy.fast.client_side import ClientSide
    from gateway.proxy.fast.upstream_side import UpstreamSide

UNSENT_MAX_BYTES = 64 * 1024  # of a request, while there is no connection yet; then the client isn't read


class Upload:
    """The bytes of one request. body: None when it has none."""

    def __init__(self, client: ClientSide, exchange: Exchange, head: RequestHead, max_body_bytes: int | None) -> None:
        self._client = client
        self._exchange = exchange
        self._max_body_bytes = max_body_bytes
        self._unsent: list[bytes] = []  # until there is a connection
        self._unsent_bytes = 0  # of the body
        self.body: Body | None = None
        if head.chunked:
            self.body = ChunkedBody()
        elif head.fields.length:
            self.body = SizedBody(head.fields.length)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the request is missing."""
        return self.body is None or self.body.ended

    def begin(self, head: bytes) -> None:
        """The head, as the upstream is to get it."""
        self._unsent.append(head)
        if self.body is None:
            self._exchange.request_whole()

    def take(self, data: bytes, upstream: UpstreamSide | None) -> bytes:
        """More of a body that is not whole; what of data is not its own. Raises BadRequest, BodyTooLarge."""
        body, exchange, limit = self.body, self._exchange, self._max_body_bytes
        assert body is not None
        try:
            sound = body.feed(data)
        except BadFramingError as exc:
            raise BadRequest("its body is not framed as its head says") from exc
        if limit is not None and exchange.bytes_up + len(body.payload) > limit:
            raise BodyTooLarge(limit)
        if sound:
            self._send(sound, upstream)
        if body.payload:
            exchange.request_chunk(body.payload)
        if not body.ended:
            return b""
        exchange.request_whole()
        return body.beyond

    def connected(self, upstream: UpstreamSide) -> None:
        """Send what has waited."""
        if not self.is_whole:
            upstream.expect_refusal()
        unsent, self._unsent = self._unsent, []
        self._send(unsent[0] if len(unsent) == 1 else b"".join(unsent), upstream)
        self._exchange.request_sent()
        if self._unsent_bytes > UNSENT_MAX_BYTES and not upstream.is_full:
            self._client.go_on("upstream")

    def _send(self, data: bytes, upstream: UpstreamSide | None) -> None:
        if upstream is not None:
            upstream.write(data)
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > UNSENT_MAX_BYTES:
            self._client.hold("upstream")
