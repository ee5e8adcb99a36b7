"""Rules for WebSocket upgrades and what travels after them."""

from __future__ import annotations

import random

from tests.conformance.actions import Close, Cut, Gone, Raw, Read, Saw, Script
from tests.conformance.rows import CHUNKED, PROXIES, Row, answer, answered, ask, chunks, head

_SWITCH = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
_LIVE = ask(
    b"/ws/live?key=k", *_SWITCH, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Protocol: a, b"
)
_SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: b\r\n\r\n"
)
_MASKED = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
_HELLO = b"\x81\x05hello"
_NORMAL_END, _ODD_END = b"\x88\x02\x03\xe8", b"\x88\x08\x0f\xa1reason"
_MASKED_END = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
_LARGE = b"\x82\x7f" + (2 * 1024 * 1024).to_bytes(8, "big") + random.Random(7).randbytes(2 * 1024 * 1024)
_101 = ("101 clean",)


def _live(client: Script, upstream: Script, id: str) -> Row:  # noqa: A002
    return Row(id, (_LIVE, Read(), *client), ((Read(), _SWITCHED, *upstream),), sees=_101)


TUNNELS = [
    _live((_MASKED, Raw(7), Close()), (Raw(11), _HELLO, Gone()), "a WebSocket carries frames both ways"),
    _live((Raw(11), Gone()), (_HELLO, _NORMAL_END, Close()), "a WebSocket's close code 1000 arrives before the end"),
    _live(
        (Raw(10), _MASKED_END, Gone()), (_ODD_END, Raw(8), Close()), "a private close code with its reason, answered"
    ),
    _live((Raw(len(_LARGE)), Close()), (_LARGE, Gone()), "a frame of megabytes comes down whole"),
    _live((_LARGE, Raw(7), Close()), (Raw(len(_LARGE)), _HELLO, Gone()), "a frame of megabytes goes up whole"),
    _live(
        (Raw(2), b"\x8a\x80mask", Raw(7), Close()),
        (b"\x89\x00", Raw(6), _HELLO, Gone()),
        "ping and pong are not answered in between",
    ),
    _live(
        (b"\xff\xff not a frame", Raw(5), Close()),
        (Raw(14), b"\x00\x00\x00\x00\x00", Gone()),
        "what is no frame passes as it is",
    ),
    _live((Close(),), (Gone(),), "a client that leaves a WebSocket ends it upstream"),
    _live((Cut(),), (Gone(),), "a client that resets a WebSocket ends it upstream"),
    _live((Gone(),), (Close(),), "an upstream that leaves a WebSocket ends it for the client"),
    _live((Gone(),), (Cut(),), "an upstream that resets a WebSocket ends it for the client"),
    _live(
        (Raw(7), Close()), (_HELLO[:1], Saw(_HELLO[:1]), _HELLO[1:], Gone()), "a byte of a WebSocket is passed at once"
    ),
    Row(
        "frames right behind the 101 are not lost",
        (_LIVE, Read(), Raw(14), Close()),
        ((Read(), _SWITCHED + _HELLO + _HELLO, Gone()),),
        sees=_101,
    ),
    Row(
        "frames right behind the upgrade request are not lost",
        (_LIVE + _MASKED, Read(), Raw(7), Close()),
        ((Read(), _SWITCHED, Raw(11), _HELLO, Gone()),),
        sees=_101,
    ),
    Row(
        "a WebSocket upgrade in other case",
        (ask(b"/ws", b"connection: keep-alive, upgrade", b"upgrade: WebSocket"), Read(), Raw(7), Close()),
        ((Read(), _SWITCHED + _HELLO, Gone()),),
        sees=_101,
    ),
    Row(
        "a refused upgrade with 403 leaves a plain connection",
        (_LIVE, Read()),
        answered(answer(status=b"403 Forbidden")),
        sees=("403 clean",),
    ),
    Row("an upgrade answered by 200 leaves a plain connection", (_LIVE, Read())),
    Row(
        "an upgrade answered by a chunked 404",
        (_LIVE, Read()),
        answered(head(CHUNKED, status=b"404 Not Found") + chunks(b"none")),
        sees=("404 clean",),
    ),
    Row(
        "frames sent along with an upgrade that is refused are no request",
        (_LIVE + _MASKED, Read(), Gone()),
        ((Read(), answer(status=b"403 Forbidden")),),
        sees=("403 clean",),
        via=PROXIES,
        after=None,
    ),
    Row(
        "an upgrade over HTTP/1.0 is none",
        (_LIVE.replace(b"HTTP/1.1", b"HTTP/1.0", 1), Read()),
        ((Read(), answer(), Close()),),
        after=None,
        via=PROXIES,
    ),
    Row("an upgrade whose upstream leaves has no answer", (_LIVE, Read()), ((Read(), Close()),), sees=("nothing",)),
]
