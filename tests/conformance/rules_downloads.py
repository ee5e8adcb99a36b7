"""Rules for response bodies: framing, sizes, codings, and that they pass at once."""

from __future__ import annotations

import gzip
import zlib

import brotli
from backports import zstd

from tests.conformance.actions import ByteByByte, Close, Read, Saw
from tests.conformance.rows import (
    ANSWERED,
    CHUNKED,
    NOISE,
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
)

RESPONSE_BODIES = [
    *(
        Row(f"a response of {name} bytes keeps its length", PLAIN, answered(answer(body=NOISE[:size])))
        for name, size in SIZES.items()
    ),
    *(
        Row(
            f"a chunked response of {name} bytes arrives whole",
            PLAIN,
            answered(head(CHUNKED) + chunks(*([NOISE[:size]] if size else []))),
        )
        for name, size in SIZES.items()
    ),
    *(
        Row(
            f"a response of {name} bytes that ends with its connection arrives whole",
            PLAIN,
            ((Read(), head() + NOISE[:size], Close()),),
        )
        for name, size in SIZES.items()
    ),
    Row(
        "a chunked response in chunks of one byte arrives whole",
        PLAIN,
        answered(head(CHUNKED) + chunks(*(bytes([byte]) for byte in TEXT[:300]))),
    ),
    Row(
        "a chunked response sent byte by byte arrives whole",
        PLAIN,
        ((Read(), ByteByByte(head(CHUNKED) + chunks(b"abc", b"de" * 20))),),
    ),
    Row(
        "a response with length sent byte by byte arrives whole",
        PLAIN,
        ((Read(), ByteByByte(answer(body=b"0123456789"))),),
    ),
    Row(
        "chunk extensions of a response are no part of its body",
        PLAIN,
        answered(head(CHUNKED) + b'3;a="b"\r\nabc\r\n0;z\r\n\r\n'),
    ),
    Row(
        "response chunk sizes with zeros and capitals are read",
        PLAIN,
        answered(head(CHUNKED) + b"000A\r\n0123456789\r\n00\r\n\r\n"),
    ),
    Row("response trailers travel", PLAIN, answered(head(CHUNKED) + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")),
    Row(
        "one write of the upstream is one for the client, at once: chunks",
        PLAIN,
        (
            (
                Read(),
                head(CHUNKED),
                Saw(b"\r\n\r\n"),
                chunk(b"first"),
                Saw(b"first"),
                chunk(b"second"),
                Saw(b"second"),
                b"0\r\n\r\n",
            ),
        ),
    ),
    Row(
        "one write of the upstream is one for the client, at once: a length",
        PLAIN,
        ((Read(), head(b"Content-Length: 10"), Saw(b"\r\n\r\n"), b"first", Saw(b"first"), b"other"),),
    ),
    Row(
        "one write of the upstream is one for the client, at once: until close",
        PLAIN,
        ((Read(), head(), Saw(b"\r\n\r\n"), b"first", Saw(b"first"), b"other", Saw(b"other"), Close()),),
    ),
    Row(
        "an event stream passes event by event",
        PLAIN,
        (
            (
                Read(),
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + CHUNKED + b"\r\n\r\n",
                *(action for n in range(20) for action in (chunk(b"data: %d.\n\n" % n), Saw(b"data: %d." % n))),
                b"0\r\n\r\n",
            ),
        ),
    ),
    *(
        Row(
            f"a {name} body passes as it is",
            PLAIN,
            answered(
                answer(b"Content-Encoding: " + name.encode(), body=body),
            ),
        )
        for name, body in {
            "gzip": gzip.compress(TEXT, mtime=0),
            "br": brotli.compress(TEXT),
            "zstd": zstd.compress(TEXT),
            "deflate": zlib.compress(TEXT),
            "broken gzip": b"\x1f\x8b\x08 this is none",
            "identity": TEXT,
            "made-up": TEXT,
        }.items()
    ),
    *(
        Row(
            f"a {name} event stream passes as it is, in pieces",
            PLAIN,
            answered(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: "
                + name.encode()
                + b"\r\n"
                + CHUNKED
                + b"\r\n\r\n"
                + chunks(*(body[at : at + 7] for at in range(0, len(body), 7)))
            ),
        )
        for name, body in {
            "gzip": gzip.compress(TEXT, mtime=0),
            "br": brotli.compress(TEXT),
            "zstd": zstd.compress(TEXT),
        }.items()
    ),
    Row(
        "HEAD keeps the length of what it does not bring",
        ask(method=b"HEAD"),
        answered(head(b"Content-Length: 123456")),
    ),
    *(
        Row(
            f"HEAD answered by {status.decode()} ends with its head",
            ask(method=b"HEAD"),
            answered(head(b"Content-Length: 77", status=status)),
            sees=(f"{status[:3].decode()} clean",),
        )
        for status in (b"304 Not Modified", b"404 Not Found", b"500 Internal Server Error")
    ),
    Row(
        "HEAD answered by a chunked 404 ends with its head",
        ask(method=b"HEAD"),
        answered(head(CHUNKED, status=b"404 Not Found")),
        sees=("404 clean",),
    ),
    Row("HEAD of a chunked resource brings no body", ask(method=b"HEAD"), answered(head(CHUNKED))),
    Row("HEAD without any framing ends with its head", ask(method=b"HEAD"), answered(head())),
    Row("204 has no body", PLAIN, answered(head(status=b"204 No Content")), sees=("204 clean",)),
    Row(
        "304 keeps the length of what it does not bring",
        PLAIN,
        answered(head(b"Content-Length: 999", b'ETag: "a"', status=b"304 Not Modified")),
        sees=("304 clean",),
    ),
    Row(
        "204 keeps a length of 0",
        PLAIN,
        answered(head(b"Content-Length: 0", status=b"204 No Content")),
        sees=("204 clean",),
    ),
    Row(
        "304 of a chunked resource brings no body",
        PLAIN,
        answered(head(CHUNKED, status=b"304 Not Modified")),
        sees=("304 clean",),
    ),
    Row(
        "205 with an empty chunked body",
        PLAIN,
        answered(head(CHUNKED, status=b"205 Reset Content") + chunks()),
        sees=("205 clean",),
    ),
    Row(
        "304 without a length ends with its head",
        PLAIN,
        answered(head(b'ETag: "a"', status=b"304 Not Modified")),
        sees=("304 clean",),
    ),
    Row("205 with an empty body", PLAIN, answered(answer(body=b"", status=b"205 Reset Content")), sees=("205 clean",)),
    Row(
        "an upstream that speaks HTTP/1.0 with a length",
        PLAIN,
        ((Read(), b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Close()),),
    ),
    Row(
        "an upstream of HTTP/1.0 may keep its connection",
        (ask(b"/v1/1"), Read(), ask(b"/v1/2"), Read()),
        answered(*[b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"] * 2),
        sees=("200 clean", "200 clean"),
        after=None,
    ),
    Row(
        "an upstream that speaks HTTP/1.0 until it closes",
        PLAIN,
        ((Read(), b"HTTP/1.0 200 OK\r\nServer: s\r\n\r\nok", Close()),),
    ),
    Row(
        "an upstream that closes after its answer does not close the client's connection",
        (ask(), Read(), ask(b"/v1/b"), Read()),
        ((Read(), answer(b"Connection: close"), Close()), ANSWERED),
        sees=("200 clean", "200 clean"),
        via=frozenset({"nginx", "gateway"}),
        after="open",
    ),
]
