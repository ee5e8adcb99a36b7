"""Rules for request bodies, interim answers, and answers that come before the body is whole."""

from __future__ import annotations

import gzip
import zlib

import brotli
from backports import zstd

from tests.conformance.actions import Await, ByteByByte, Close, Read, ReadBody, ReadHead, ReadInterim, Saw, Tell
from tests.conformance.rows import (
    CHUNKED,
    NOISE,
    OK,
    PLAIN,
    SIZES,
    TEXT,
    Row,
    answer,
    answered,
    ask,
    chunk,
    chunks,
    head,
    post,
    upload,
)

_HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

_PACKED = {
    "gzip": gzip.compress(TEXT, mtime=0),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstd.compress(TEXT),
    "broken deflate": b"this is none at all",
}

REQUEST_BODIES = [
    *(Row(f"a request body of {name} bytes keeps its length", post(NOISE[:size])) for name, size in SIZES.items()),
    *(
        Row(f"a chunked request of {name} bytes stays chunked", upload(*([NOISE[:size]] if size else [])))
        for name, size in SIZES.items()
    ),
    Row("a chunked request in chunks of one byte arrives whole", upload(*(bytes([byte]) for byte in TEXT[:200]))),
    Row("a chunked request sent byte by byte arrives whole", (ByteByByte(upload(b"abc", b"defgh" * 4)), Read())),
    Row("a request sent byte by byte arrives whole", (ByteByByte(post(b"hello", b"X-A: 1")), Read())),
    Row(
        "chunk extensions of a request are no part of its body",
        (upload()[:-5] + b'3;a=1;b="x;y"\r\nabc\r\n2;c\r\nde\r\n0;last\r\n\r\n', Read()),
    ),
    Row("a space before a chunk extension is none", (upload()[:-5] + b"3 ;a=1\r\nabc\r\n0\r\n\r\n", Read())),
    Row(
        "chunk sizes with leading zeros and capitals are read",
        (upload()[:-5] + b"0000A\r\n0123456789\r\n000\r\n\r\n", Read()),
    ),
    Row("request trailers travel", (upload()[:-5] + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n", Read())),
    *(
        Row(f"a {name} request body{how} passes as it is", request)
        for name, body in _PACKED.items()
        for how, request in (
            ("", post(body, b"Content-Encoding: " + name.split()[-1].encode())),
            (" in chunks", upload(body[:9], body[9:], lines=(b"Content-Encoding: " + name.split()[-1].encode(),))),
        )
    ),
    Row(
        "a body is passed on while it comes",
        (post(b"first, second")[:-8], Saw(b"first"), b", second", Read()),
        ((ReadHead(), ReadBody(), OK),),
    ),
    Row(
        "a chunk of a request is passed on before the next is there",
        (upload()[:-5] + chunk(b"first"), Saw(b"first"), chunk(b"second"), Saw(b"second"), b"0\r\n\r\n", Read()),
    ),
    Row("the head goes on before the body comes", (post(b"body")[:-4], Saw(b"\r\n\r\n"), b"body", Read())),
]

INTERIM = [
    Row(
        "100 is relayed when the upstream sends it, and the body waits for it",
        (post(b"hello", b"Expect: 100-continue")[:-5], ReadInterim(), b"hello", Read()),
        ((ReadHead(), b"HTTP/1.1 100 Continue\r\n\r\n", ReadBody(), OK),),
    ),
    Row(
        "100 is not made up: a refused expectation brings the refusal alone",
        (post(b"hello", b"Expect: 100-continue")[:-5], Read()),
        ((ReadHead(), answer(b"Connection: close", status=b"417 Expectation Failed"), Close()),),
        sees=("417 clean",),
        reaches=("unread",),
    ),
    Row(
        "a 401 instead of 100 comes before any body",
        (post(b"hello", b"Expect: 100-continue")[:-5], Read()),
        ((ReadHead(), answer(b"Connection: close", status=b"401 Unauthorized"), Close()),),
        sees=("401 clean",),
        reaches=("unread",),
    ),
    Row("a body sent without waiting for 100 travels", post(b"hello", b"Expect: 100-continue")),
    Row(
        "a body sent without waiting gets the 100 too",
        (post(b"hello", b"Expect: 100-continue"), Read()),
        ((ReadHead(), b"HTTP/1.1 100 Continue\r\n\r\n", ReadBody(), OK),),
    ),
    Row(
        "an unknown expectation is the upstream's to judge",
        ask(b"/v1", b"Expect: miracles"),
        answered(answer(status=b"417 Expectation Failed")),
        sees=("417 clean",),
    ),
    Row(
        "Expect with a chunked body",
        (upload(lines=(b"Expect: 100-continue",))[:-5], ReadInterim(), chunks(b"abc"), Read()),
        ((ReadHead(), b"HTTP/1.1 100 Continue\r\n\r\n", ReadBody(), OK),),
    ),
    *(
        Row(f"an interim answer is relayed: {what}", PLAIN, answered(interim + OK))
        for what, interim in {
            "100 nobody asked for": b"HTTP/1.1 100 Continue\r\n\r\n",
            "102": b"HTTP/1.1 102 Processing\r\n\r\n",
            "103 with its links": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nlink: </b>\r\n\r\n",
            "several": _HINT + b"HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 100 Go\r\n\r\n",
            "199": b"HTTP/1.1 199 Odd\r\nX-A: 1\r\n\r\n",
        }.items()
    ),
    Row(
        "an interim answer arrives at once",
        (ask(), ReadInterim(), Tell("hinted"), Read()),
        ((Read(), b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Await("hinted"), OK),),
    ),
]

_HALF_UPLOAD = (post(b"x" * 100_000)[:-90_000], Read())

EARLY = [
    Row(
        "an answer while the body still comes reaches the client at once",
        _HALF_UPLOAD,
        ((ReadHead(), answer(b"Connection: close", status=b"413 Content Too Large"), Saw(b"413 Content"), Close()),),
        sees=("413 clean",),
        reaches=("unread",),
    ),
    Row(
        "an answer while a chunked body still comes reaches the client at once",
        (upload()[:-5] + chunk(b"first"), Read()),
        ((ReadHead(), answer(status=b"401 Unauthorized"), Saw(b"401 Unauth"), Close()),),
        sees=("401 clean",),
        reaches=("unread",),
    ),
    Row(
        "an early answer may stream while the body comes",
        (upload()[:-5] + chunk(b"first"), ReadHead(), Saw(b"first"), chunk(b"second"), b"0\r\n\r\n", ReadBody()),
        ((ReadHead(), head(CHUNKED), chunk(b"one"), ReadBody(), chunk(b"two") + b"0\r\n\r\n"),),
    ),
    Row(
        "the rest of a body that got an early answer is no request",
        (post(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")[:-20], Read(), b"TP/1.1\r\nHost: x\r\n\r\n"),
        ((ReadHead(), answer(status=b"403 Forbidden"), Saw(b"403 Forb"), Close()),),
        sees=("403 clean",),
        reaches=("unread",),
        after=None,
    ),
]
