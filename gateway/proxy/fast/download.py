"""A response body on its way down: the upstream's framing, and the one that this client understands.

Not here: heads (http1/heads.py), writing (relay.py), what the body says (the tap).
"""

from __future__ import annotations

from gateway.proxy.http1.framing import (
    LAST_CHUNK,
    BadFramingError,
    Body,
    ChunkedBody,
    EndlessBody,
    SizedBody,
    chunk,
)
from gateway.proxy.http1.heads import RequestHead, ResponseHead

_BODYLESS = frozenset({204, 304})


class Download:
    """The body of one response. broken: it was not framed as its head said, and what came before that was given."""

    def __init__(self, request: RequestHead, head: ResponseHead) -> None:
        modern = request.modern
        self._rechunked = False  # a body that lasts until the end goes in chunks to a client that knows them
        self._unchunked = False  # chunks go without their framing to a client that doesn't
        self.broken = False
        self.body: Body
        if request.method == b"HEAD" or head.status in _BODYLESS:
            self.body = SizedBody(0)
        elif head.chunked:
            self.body = ChunkedBody()
            self._unchunked = not modern
        elif head.length is not None:
            self.body = SizedBody(head.length)
        else:
            self.body = EndlessBody()
            self._rechunked = modern
        # without a length and without chunks only the connection's end can tell an old client that it was all
        self.tells_its_end = modern or isinstance(self.body, SizedBody)
        if not modern and head.fields.codings:
            head.fields.lines = [one for one in head.fields.lines if not one.lower().startswith(b"transfer-encoding:")]

    @property
    def lines(self) -> list[bytes]:
        """What the head says of a framing that was not the upstream's."""
        return [b"Transfer-Encoding: chunked"] if self._rechunked else []

    @property
    def is_endless(self) -> bool:
        """Whether only the end of its connection ends it."""
        return isinstance(self.body, EndlessBody)

    def take(self, data: bytes) -> bytes:
        """The next bytes of the connection, as they go to the client."""
        body = self.body
        try:
            onward = body.feed(data)
        except BadFramingError as exc:
            onward, self.broken = exc.sound, True
        if self._unchunked:
            return body.payload
        return chunk(onward) if self._rechunked else onward

    def payload(self) -> bytes:
        """The content of what was taken last, once."""
        payload = self.body.payload
        # kept, it would double what a slow client's last chunk costs
        self.body.payload = b""
        return payload

    def end(self) -> bytes:
        """The connection's end has ended it; what the client is to get of that."""
        self.body.ended = True
        return LAST_CHUNK if self._rechunked else b""
