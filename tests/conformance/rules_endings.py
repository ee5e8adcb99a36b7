"""Rules for answers that break off, and for clients that leave: honest endings both ways."""

from __future__ import annotations

from tests.conformance.actions import Await, Close, Cut, Gone, HalfClose, Read, ReadHead, Saw, Script, Tell, Until
from tests.conformance.rows import (
    CHUNKED,
    GATEWAY,
    HOST,
    NOISE,
    PLAIN,
    PROXIES,
    Row,
    answer,
    ask,
    chunk,
    chunks,
    head,
    post,
)


def _ends(id: str, *upstream: object, sees: str = "200 cut") -> list[Row]:  # noqa: A002
    return [
        Row(f"{id}: {how}", PLAIN, ((Read(), *upstream, leave),), sees=(sees,))  # type: ignore[arg-type]
        for how, leave in (("by an end", Close()), ("by a reset", Cut()))
    ]


ENDINGS = [
    *_ends("no answer is no answer", sees="nothing"),
    *_ends("a cut first line is no answer", b"HTTP/1.1 20", sees="nothing"),
    *_ends("a cut head is no answer", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-", sees="nothing"),
    *_ends("a body cut before its length is broken", head(b"Content-Length: 100") + b"half", Saw(b"half")),
    *_ends("a body cut before its first byte is broken", head(b"Content-Length: 100"), Saw(b"\r\n\r\n")),
    *_ends("a body cut between chunks is broken", head(CHUNKED) + chunk(b"one"), Saw(b"one")),
    *_ends("a body cut in a chunk is broken", head(CHUNKED) + b"64\r\nhalf", Saw(b"half")),
    *_ends("a body cut in a chunk's size is broken", head(CHUNKED) + chunk(b"one") + b"1", Saw(b"one")),
    *_ends("a body cut behind a chunk's size is broken", head(CHUNKED) + chunk(b"one") + b"3\r", Saw(b"one")),
    *_ends("a body cut in a chunk's extension is broken", head(CHUNKED) + chunk(b"one") + b"3;a=", Saw(b"one")),
    *_ends("a body cut in its trailers is broken", head(CHUNKED) + chunk(b"one") + b"0\r\nX-Sum: 1", Saw(b"one")),
    *_ends("a body cut behind its trailers is broken", head(CHUNKED) + chunk(b"one") + b"0\r\nX: 1\r\n", Saw(b"one")),
    *_ends("a body cut a byte before its length is broken", head(b"Content-Length: 4") + b"fou", Saw(b"fou")),
    *_ends("an answer cut behind its first line is no answer", b"HTTP/1.1 200 OK\r\n", sees="nothing"),
    *_ends("a body cut behind a chunk's data is broken", head(CHUNKED) + b"3\r\none", Saw(b"one")),
    *_ends("a body cut before the last empty line is broken", head(CHUNKED) + chunk(b"one") + b"0\r\n", Saw(b"one")),
    *_ends("a body cut before its first chunk is broken", head(CHUNKED), Saw(b"\r\n\r\n")),
    *_ends(
        "an interim answer without another is no answer",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        sees="nothing",
    ),
    Row(
        "an end right behind a whole answer takes nothing of it: length",
        PLAIN,
        ((Read(), answer(body=NOISE), Close()),),
        after=None,
    ),
    Row(
        "an end right behind a whole answer takes nothing of it: chunks",
        PLAIN,
        ((Read(), head(CHUNKED) + chunks(NOISE), Close()),),
        after=None,
    ),
    Row(
        "a reset behind a whole answer takes nothing of it: length",
        PLAIN,
        ((Read(), answer(body=b"all of it"), Saw(b"all of it"), Cut()),),
        after=None,
    ),
    Row(
        "a reset behind a whole answer takes nothing of it: chunks",
        PLAIN,
        ((Read(), head(CHUNKED) + chunks(b"all of it"), Saw(b"\r\n0\r\n\r\n"), Cut()),),
        after=None,
    ),
    Row("a body until close ends clean by an end", PLAIN, ((Read(), head() + b"all", Saw(b"all"), Close()),)),
    Row(
        "a body until close is broken by a reset",
        PLAIN,
        ((Read(), head() + b"part", Saw(b"part"), Cut()),),
        sees=("200 cut",),
    ),
    Row(
        "an event stream cut between events is broken",
        PLAIN,
        (
            (
                Read(),
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                + CHUNKED
                + b"\r\n\r\n"
                + chunk(b"data: 1\n\n"),
                Saw(b"data: 1"),
                Close(),
            ),
        ),
        sees=("200 cut",),
    ),
    Row(
        "garbage instead of a chunk size breaks the body",
        PLAIN,
        ((Read(), head(CHUNKED) + chunk(b"one"), Saw(b"one"), b"zz\r\nmore\r\n", Gone()),),
        sees=("200 cut",),
        via=PROXIES,
    ),
    Row(
        "a chunk longer than its size breaks the body",
        PLAIN,
        ((Read(), head(CHUNKED) + chunk(b"one"), Saw(b"one"), b"3\r\nlonger\r\n", Gone()),),
        sees=("200 cut",),
        via=PROXIES,
    ),
    Row(
        "an error's body that is cut is broken",
        PLAIN,
        ((Read(), head(b"Content-Length: 50", status=b"500 Internal Server Error") + b"half", Saw(b"half"), Close()),),
        sees=("500 cut",),
    ),
    Row(
        "an HTTP/1.0 client sees that a body with length was cut",
        b"GET / HTTP/1.0\r\nHost: client.test\r\n\r\n",
        ((Read(), head(b"Content-Length: 100") + b"half", Saw(b"half"), Close()),),
        sees=("200 cut",),
    ),
    Row(
        "an HTTP/1.0 client sees that a chunked body was cut",
        b"GET / HTTP/1.0\r\nHost: client.test\r\n\r\n",
        ((Read(), head(CHUNKED) + chunk(b"half"), Saw(b"half"), Close()),),
        sees=("200 cut",),
        via=GATEWAY,
    ),
    Row(
        "an upload whose upstream leaves in the middle has no answer",
        (post(b"x" * 100)[:-50], Read()),
        ((ReadHead(), Until(b"xx"), Close()),),
        sees=("nothing",),
        reaches=("unread",),
    ),
    Row(
        "an upload that is reset in the middle has no answer",
        (post(b"x" * 100)[:-50], Read()),
        ((ReadHead(), Until(b"xx"), Cut()),),
        sees=("nothing",),
        reaches=("unread",),
    ),
]


def _leaves(id: str, client: Script, upstream: Script, **more: object) -> list[Row]:  # noqa: A002
    return [
        Row(f"{id}: {how}", (*client, leave), (upstream,), sees=more.get("sees", ()), reaches=more.get("reaches"))  # type: ignore[arg-type]
        for how, leave in (("by an end", Close()), ("by a reset", Cut()))
    ]


_UNREAD = ("200 unread",)
LEAVING = [
    *_leaves(
        "a client gone before the head ends the request upstream",
        (ask(), Await("asked")),
        (Read(), Tell("asked"), Gone()),
    ),
    *_leaves(
        "a client gone in a silent body ends the request upstream",
        (ask(), ReadHead(), Until(b"one")),
        (Read(), head(CHUNKED) + chunk(b"one"), Gone()),
        sees=_UNREAD,
    ),
    *_leaves(
        "a client gone behind the head ends the request upstream",
        (ask(), ReadHead()),
        (Read(), head(b"Content-Length: 9"), Gone()),
        sees=_UNREAD,
    ),
    *_leaves(
        "a client gone in a body until close ends the request upstream",
        (ask(), ReadHead(), Until(b"one")),
        (Read(), head() + b"one", Gone()),
        sees=_UNREAD,
    ),
    *_leaves(
        "a client gone in its upload ends the request upstream",
        (post(b"x" * 100)[:-50], Saw(b"xx")),
        (ReadHead(), Gone()),
        reaches=("unread",),
    ),
    *_leaves(
        "a client gone in a chunked upload ends the request upstream",
        (b"POST /v1 HTTP/1.1\r\n" + HOST + b"\r\n" + CHUNKED + b"\r\n\r\n" + chunk(b"xx"), Saw(b"xx")),
        (ReadHead(), Gone()),
        reaches=("unread",),
    ),
    *_leaves(
        "a client gone while it waits for 100 ends the request upstream",
        (post(b"hello", b"Expect: 100-continue")[:-5], Saw(b"\r\n\r\n")),
        (ReadHead(), Gone()),
        reaches=("unread",),
    ),
    Row(
        "a client that half-closes before the head has left",
        (ask(), Await("asked"), HalfClose(), Gone()),
        ((Read(), Tell("asked"), Gone()),),
        sees=(),
        via=PROXIES,
        after=None,
    ),
    Row(
        "a client that half-closes in the body has left",
        (ask(), ReadHead(), Until(b"one"), HalfClose(), Gone()),
        ((Read(), head(CHUNKED) + chunk(b"one"), Gone()),),
        sees=_UNREAD,
        via=PROXIES,
        after=None,
    ),
    Row(
        "an upload cut by the client is never a whole one upstream: length",
        (post(b"x" * 100)[:-50], Saw(b"xx"), Close()),
        ((Read(),),),
        sees=(),
        reaches=("cut",),
    ),
    Row(
        "an upload cut by the client is never a whole one upstream: chunked",
        (b"POST /v1 HTTP/1.1\r\n" + HOST + b"\r\n" + CHUNKED + b"\r\n\r\n" + chunk(b"xx"), Saw(b"xx"), Close()),
        ((Read(),),),
        sees=(),
        reaches=("cut",),
    ),
]
