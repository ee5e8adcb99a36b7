"""Rules for upstream connections between two requests: stale, poisoned, and never a retry."""

from __future__ import annotations

from tests.conformance.actions import Await, Close, Cut, Gone, HalfClose, Read, ReadHead, Saw, Script, Tell, Unasked
from tests.conformance.rows import ANSWERED, GATEWAY, OK, PROXIES, Row, answer, ask, post

_LATE_408 = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlate"
_TWICE: Script = (ask(b"/v1/1"), Read(), Await("stale"), ask(b"/v1/2"), Read())
_BOTH = ("200 clean", "200 clean")

IDLE = [
    Row(
        "a late 408 on an idle connection is not the next answer",
        _TWICE,
        ((Read(), OK, Saw(b"ok"), Unasked(_LATE_408), Tell("stale")), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    Row(
        "a late 408 and its end are not the next answer",
        _TWICE,
        ((Read(), OK, Saw(b"ok"), Unasked(_LATE_408), Tell("stale"), Close()), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    Row(
        "an answer nobody asked for poisons nobody",
        _TWICE,
        ((Read(), OK, Saw(b"ok"), Unasked(answer(body=b"poison")), Tell("stale")), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    Row(
        "bytes behind an answer poison nobody",
        _TWICE,
        ((Read(), OK, Saw(b"ok"), Unasked(b"X"), Tell("stale")), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    Row(
        "bytes right behind an answer, in one write with it, poison nobody",
        (ask(b"/v1/1"), Read(), ask(b"/v1/2"), Read()),
        ((Read(), Unasked(OK + answer(body=b"poison"), len(OK))), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    Row(
        "a body in answer to HEAD poisons nobody",
        (ask(method=b"HEAD"), Read(bodyless=True), ask(b"/v1/2"), Read()),
        ((Read(), Unasked(OK, len(OK) - 2)), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    Row(
        "a byte right behind an answer, in one write with it, poisons nobody",
        (ask(b"/v1/1"), Read(), ask(b"/v1/2"), Read()),
        ((Read(), Unasked(OK + b"X", len(OK))), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    Row(
        "a connection closed while idle is not used again",
        _TWICE,
        ((Read(), OK, HalfClose(), Gone(), Tell("stale"), Close()), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
    ),
    *(
        Row(
            f"a {method.decode()} on a used connection that closes unanswered is never sent again",
            (ask(), Read(), ask(b"/v1/2", method=method), Read()),
            ((Read(), OK), (Read(), Close())),
            sees=("200 clean", "nothing"),
        )
        for method in (b"GET", b"PUT", b"DELETE", b"POST")
    ),
    Row(
        "a request on a used connection that is reset unanswered is never sent again",
        (ask(), Read(), ask(b"/v1/2"), Read()),
        ((Read(), OK), (Read(), Cut())),
        sees=("200 clean", "nothing"),
    ),
    Row(
        "a connection with a half-read request is not used again",
        (post(b"x" * 100)[:-50], Read(), Close()),
        ((ReadHead(), answer(status=b"413 Content Too Large"), Gone()),),
        sees=("413 clean",),
        reaches=("unread",),
        via=GATEWAY,
        after=None,
    ),
]
