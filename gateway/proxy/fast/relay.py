"""One exchange on its way: the request up, the response down, the tap beside it; driven by both connections' callbacks.

Not here: connections (client_side.py, upstream_side.py), the bytes up (upload.py) and down (download.py, tunnel.py)
as such, heads (http1), meaning (the tap).
Source: design.md 3 and 4: stamp, write, tap; honest endings; no retries, no rewriting, no buffering.
Promise: each chunk is with the client's kernel before the tap sees it, or the upstream isn't read until it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import TYPE_CHECKING

import structlog

from gateway.proxy.errors import BadRequest, BodyTooLarge, GatewayError, InternalError, UpstreamTimeout
from gateway.proxy.fast.download import Download
from gateway.proxy.fast.tunnel import Tunnel, close_when_sent
from gateway.proxy.fast.upload import Upload
from gateway.proxy.http1.heads import (
    HEAD_END,
    HEAD_MAX_BYTES,
    BadHeadError,
    RequestHead,
    ResponseHead,
    read_response,
)
from gateway.proxy.propagation import TOLD
from gateway.wire.outcome import Answer, End

if TYPE_CHECKING:
    from gateway.proxy.fast.client_side import ClientSide
    from gateway.proxy.fast.path import FastPath
    from gateway.proxy.fast.upstream_side import UpstreamSide

_log = structlog.get_logger()


class Relay:
    """The state of one exchange in flight."""

    def __init__(self, path: FastPath, client: ClientSide, head: RequestHead) -> None:
        self._path = path
        self._client = client
        self._request = head
        self._exchange, self._refusal = path.begin(client, head, self.shut_down)
        self._upstream: UpstreamSide | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._upload = Upload(client, self._exchange, head, path.max_body_bytes)
        self._held = b""  # of a response head that is not whole
        self._response: ResponseHead | None = None
        self._download: Download | None = None  # None: no response head yet, or a tunnel
        self._tunnel: Tunnel | None = None
        self._keep = False  # the client's connection serves on
        self._full_since_ns: int | None = None
        self._when_taken: Callable[[], None] | None = None  # how it ends once the client has taken what is here
        self._reads_later = False  # the tap has not read all that came
        self._when_read: Callable[[], None] | None = None  # what closes the books then
        self._over = False

    @property
    def is_tunnel(self) -> bool:
        """Whether bytes pass both ways, unread."""
        return self._tunnel is not None

    # The request.

    def begin(self, data: bytes) -> bytes:
        """Send the request on, with what of its body is here; returns what of data is not its own."""
        refusal = self._refusal or self._why_not()
        if refusal is not None:
            self.refuse(refusal)
            return b""
        exchange = self._exchange
        self._upload.begin(self._request.onward(self._path.host, self._path.prefix))
        rest = data
        if data and not self._upload.is_whole:
            rest = self._take_upload(data)
            if self._over:
                return b""
        exchange.times.upstream_start_ns = exchange.since_start_ns()
        upstream = self._path.pool.take()
        if upstream is None:
            self._connecting = self._path.loop.create_task(self._connect())
        else:
            self._connected(upstream)
        return rest

    def client_data(self, data: bytes) -> bytes:
        """More of the request; returns what is not its own."""
        if self._tunnel is not None:
            self._tunnel.up(data, self._upstream)
            return b""
        return data if self._upload.is_whole else self._take_upload(data)

    def upstream_full(self) -> None:
        """The upstream takes no more of the request for now."""
        self._client.hold("upstream")

    def upstream_has_room(self) -> None:
        """The upstream takes more."""
        self._client.go_on("upstream")

    def _why_not(self) -> GatewayError | None:
        if self._request.method == b"CONNECT":
            return BadRequest("there is one upstream, and no tunnel to another (CONNECT)")
        limit = self._path.max_body_bytes
        if limit is not None and (self._request.fields.length or 0) > limit:
            return BodyTooLarge(limit)
        return None

    def _take_upload(self, data: bytes) -> bytes:
        try:
            return self._upload.take(data, self._upstream)
        except GatewayError as error:
            self.refuse(error)
            return b""

    async def _connect(self) -> None:
        try:
            upstream = await self._path.pool.connect()
        except GatewayError as error:
            self.refuse(error)
        except Exception as exc:
            self.failed(exc)
        else:
            self._connecting = None
            self._connected(upstream)

    def _connected(self, upstream: UpstreamSide) -> None:
        exchange = self._exchange
        exchange.times.connected_ns = exchange.since_start_ns()
        self._upstream, upstream.relay = upstream, self
        exchange.peer_address = upstream.address
        self._upload.connected(upstream)
        if self._path.response_head is not None:
            self._path.response_head.add(self)

    # The response.

    def upstream_data(self, data: bytes) -> None:
        """Bytes have come from the upstream: to the client, then to the tap."""
        download = self._download
        if download is None:
            if self._tunnel is not None:
                self._tunnel.down(data)
            else:
                self._head_data(data)
            return
        now_ns = monotonic_ns()
        onward = download.take(data)
        if onward:
            self._client.write(onward)
        self._passed(download, now_ns)

    def upstream_lost(self, exc: Exception | None) -> None:
        """The upstream's connection is gone."""
        self._upstream = None
        download = self._download
        if self._tunnel is not None:
            self._end(End.CLEAN if exc is None else End.CUT)
            self._client.close_when_sent()
        elif download is None:
            self._no_head(type(exc).__name__ if exc is not None else "closed")
        elif download.is_endless and exc is None:
            if last := download.end():
                self._client.write(last)
            self._whole()
        else:
            self._cut()

    def _passed(self, download: Download, now_ns: int) -> None:
        """What was taken is with the client: now the tap, and the end, if it is here."""
        payload = download.payload()
        if payload and self._exchange.response_chunk(payload, now_ns):
            self._read_later()
        if download.broken:
            self._cut()
        elif download.body.ended:
            self._whole()

    def _head_data(self, data: bytes) -> None:
        now_ns = monotonic_ns()
        seen = max(0, len(self._held) - 3)
        data = self._held + data
        while (end := HEAD_END.search(data, seen)) is not None:
            seen = 0
            try:
                head = read_response(data[: end.start()])
            except BadHeadError as exc:
                self._no_head(str(exc))
                return
            data = data[end.end() :]
            if not head.is_interim:
                self._head(head, data, now_ns)
                return
            if self._request.modern:
                self._client.write(head.onward())
        if len(data) > HEAD_MAX_BYTES:
            self._no_head("its head is too large")
        self._held = data

    def _head(self, head: ResponseHead, data: bytes, now_ns: int) -> None:
        if self._path.response_head is not None:
            self._path.response_head.drop(self)
        if head.status == 101 and not (self._request.upgrades and head.fields.asks_for_websocket):
            self._no_head("it changes to a protocol that nobody asked for")
            return
        self._held = b""
        self._response = head
        noted = head.fields.noted
        self._exchange.response_head(
            head.status, _text(noted.get(b"content-type")), _text(noted.get(b"content-encoding"))
        )
        if head.status == 101:
            self._begin_tunnel(head, data)
            return
        download = self._download = Download(self._request, head)
        onward = head.onward(*self._more_lines(head, download))
        if data:
            onward += download.take(data)
        self._client.write(onward)
        self._passed(download, now_ns)

    def _more_lines(self, head: ResponseHead, download: Download) -> list[bytes]:
        """What the head tells this client beside its own lines; decides whether the connection serves on."""
        more = download.lines
        if self._path.propagation.tells and (told := self._path.propagation.told(self._exchange.client)):
            head.fields.replace(TOLD, None)
            more += told
        self._keep = self._request.keep_alive and not self._path.exchanges.retiring and download.tells_its_end
        if not self._keep:
            more.append(b"Connection: close")
        elif not self._request.modern:
            more.append(b"Connection: keep-alive")
        return more

    def _begin_tunnel(self, head: ResponseHead, data: bytes) -> None:
        self._tunnel = Tunnel(self._client, self._exchange)
        self._tunnel.begin(head, data)
        if ahead := self._client.take_ahead():
            self.client_data(ahead)

    # The tap's pace.

    def _read_later(self) -> None:
        """The tap is behind: in the loop's next turn, so that the other streams come first."""
        if not self._reads_later:
            self._reads_later = True
            self._path.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        self._reads_later = False
        if self._exchange.read_on():
            self._read_later()
        elif self._when_read is not None:
            when_read, self._when_read = self._when_read, None
            when_read()

    # The client's pace.

    def client_full(self) -> None:
        """The client takes no more for now."""
        self._full_since_ns = monotonic_ns()
        if self._upstream is not None:
            self._upstream.hold()

    def client_has_room(self) -> None:
        """The client has taken all there was."""
        self._settle_blocked()
        if self._when_taken is not None:
            when_taken, self._when_taken = self._when_taken, None
            when_taken()
        elif self._upstream is not None:
            self._upstream.go_on()

    def _settle_blocked(self) -> None:
        if self._full_since_ns is not None:
            self._exchange.client_blocked(monotonic_ns() - self._full_since_ns)
            self._full_since_ns = None

    # Endings.

    def client_left(self) -> None:
        """The client is gone: what runs upstream costs money for nobody."""
        if self._over:
            return
        if self._tunnel is not None:
            upstream, self._upstream = self._upstream, None
            if upstream is not None:
                close_when_sent(upstream, self._path.loop)
            self._end(End.CLEAN)
        else:
            self._end(End.NO_HEAD if self._response is None else End.LEFT, client_left=True)

    def too_slow(self) -> None:
        """No response head in the time that the operator set."""
        self.refuse(UpstreamTimeout(self._path.response_timeout_s or 0.0))

    def shut_down(self) -> None:
        """The grace period is over: the client sees a break, the books say that it was us."""
        if self._over:
            if self._when_read is not None:
                self._when_read()
            return
        self._end(End.CUT, answered_by=Answer.OURS, code="shutdown")
        self._client.abort()

    def refuse(self, error: GatewayError) -> None:
        """Answer for ourselves; where a response has begun already, break it."""
        if self._over:
            return
        if self._response is not None:
            self._cut()
            return
        self._exchange.answered(error)
        self._end(End.CLEAN)
        self._client.refuse(error, *self._path.propagation.told(self._exchange.client))

    def failed(self, exc: Exception) -> None:
        """A fault of ours."""
        _log.error("forwarding_failed", error=type(exc).__name__, exc_info=exc)
        if self._over:
            return
        if self._exchange.times.connected_ns is None:
            self.refuse(InternalError())
            return
        # what was sent can't be unsent
        self._end(End.CUT, answered_by=Answer.OURS, code=InternalError.code)
        self._client.abort()

    def _whole(self) -> None:
        """The response is whole, as far as the upstream goes."""
        upstream, self._upstream = self._upstream, None
        response, download = self._response, self._download
        assert response is not None
        assert download is not None
        if upstream is not None:
            framed = not download.is_endless and not download.body.beyond
            if response.keep_alive and framed and self._upload.is_whole and upstream.is_clean:
                upstream.let_go()
                upstream.go_on()
                self._path.pool.give_back(upstream)
            else:
                upstream.drop()
        if self._client.is_full:
            self._when_taken = self._served
        else:
            self._served()

    def _served(self) -> None:
        self._end(End.CLEAN)
        # behind an upgrade that was refused come frames, not requests
        keep = self._keep and not (self._request.upgrades and self._client.is_ahead)
        self._client.served(keep=keep, unread=None if self._upload.is_whole else self._upload.body)

    def _no_head(self, why: str) -> None:
        # Sent, and no head came: a 5xx of ours would make each SDK send it again, and each may be billed.
        self._end(End.NO_HEAD, client_left=self._client.is_gone, error_text=why)
        self._client.abort()

    def _cut(self) -> None:
        """The response broke off; what came of it is the client's first."""
        self._drop_upstream()
        if self._client.is_full:
            self._when_taken = self._cut_now
        else:
            self._cut_now()

    def _cut_now(self) -> None:
        # Aborted, not closed: a clean end would look like success to both SDKs.
        self._end(End.CUT)
        if self._request.modern:
            self._client.abort()
        else:
            self._client.abort_by_reset()

    def _end(
        self,
        end: End,
        *,
        client_left: bool = False,
        answered_by: Answer = Answer.UPSTREAM,
        code: str | None = None,
        error_text: str | None = None,
    ) -> None:
        """Close the books, and let go of the upstream. An exchange that was answered keeps that."""
        self._over = True
        self._settle_blocked()
        if self._path.response_head is not None:
            self._path.response_head.drop(self)
        self._drop_upstream()
        exchange, exchanges = self._exchange, self._path.exchanges

        def close() -> None:
            exchange.ended(end, client_left=client_left, answered_by=answered_by, code=code, error_text=error_text)
            exchanges.end(exchange)

        if self._reads_later and answered_by is Answer.UPSTREAM:
            exchange.times.end_ns = exchange.since_start_ns()
            self._when_read = close
        else:
            close()

    def _drop_upstream(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.drop()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
