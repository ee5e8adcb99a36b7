"""Rules for a client's connection: HTTP/1.0, one request after another, pipelining."""

from __future__ import annotations

from tests.conformance.actions import Close, Read
from tests.conformance.rows import CHUNKED, HOST, OK, PLAIN, Row, answer, answered, ask, chunks, head, post, upload


def _old(*lines: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    return b"\r\n".join([method + b" /v1/files HTTP/1.0", HOST, *lines, b"", body])


OLD_CLIENTS = [
    Row(
        "an HTTP/1.0 client gets its answer, then the end", _old(), after="closed", via=frozenset({"nginx", "gateway"})
    ),
    Row(
        "an HTTP/1.0 client gets a chunked answer unchunked",
        _old(),
        answered(head(CHUNKED) + chunks(b"abc", b"def")),
        after="closed",
        via=frozenset({"nginx", "gateway"}),
    ),
    Row(
        "an HTTP/1.0 client gets an answer without length until the end", _old(), ((Read(), head() + b"abc", Close()),)
    ),
    Row(
        "an HTTP/1.0 client may keep its connection",
        (_old(b"Connection: keep-alive"), Read(), ask(b"/v1/b"), Read()),
        answered(OK, OK),
        sees=("200 clean", "200 clean"),
        after="open",
    ),
    Row(
        "an HTTP/1.0 client that keeps its connection sees the end of an answer without length",
        _old(b"Connection: keep-alive"),
        ((Read(), head() + b"abc", Close()),),
        after="closed",
    ),
    Row("an HTTP/1.0 request without Host is served", b"GET /v1/files HTTP/1.0\r\nX-A: 1\r\n\r\n"),
    Row("an HTTP/1.0 request with a body travels", _old(b"Content-Length: 5", method=b"POST", body=b"hello")),
    Row("an HTTP/1.0 client gets no interim answer", _old(), answered(OK)),
]

REUSE = [
    Row(
        "a connection serves one request after another",
        (
            ask(b"/v1/1"),
            Read(),
            post(b"two"),
            Read(),
            ask(b"/v1/3", method=b"HEAD"),
            Read(bodyless=True),
            upload(b"four"),
            Read(),
        ),
        answered(OK, answer(body=b"second"), head(b"Content-Length: 9"), head(CHUNKED) + chunks(b"x")),
        sees=("200 clean",) * 4,
    ),
    Row(
        "pipelined requests are answered in order",
        (ask(b"/v1/1") + ask(b"/v1/2") + ask(b"/v1/3"), Read(), Read(), Read()),
        answered(answer(body=b"one"), answer(body=b"two"), answer(body=b"three")),
        sees=("200 clean",) * 3,
    ),
    Row(
        "a request pipelined behind a body is its own",
        (post(b"12345") + ask(b"/v1/2"), Read(), Read()),
        answered(answer(body=b"one"), answer(body=b"two")),
        sees=("200 clean",) * 2,
    ),
    Row(
        "a request pipelined behind a chunked body is its own",
        (upload(b"12345") + post(b"67"), Read(), Read()),
        answered(answer(body=b"one"), answer(body=b"two")),
        sees=("200 clean",) * 2,
    ),
    Row(
        "half of the next request may come with the first",
        (ask(b"/v1/1") + ask(b"/v1/2")[:9], Read(), ask(b"/v1/2")[9:], Read()),
        answered(OK, OK),
        sees=("200 clean",) * 2,
    ),
    Row(
        "each pipelined user agent stays with its request",
        (
            ask(b"/v1/1", b"User-Agent: a", b"User-Agent: b") + ask(b"/v1/2", b"User-Agent: c", b"user-agent: d"),
            Read(),
            Read(),
        ),
        answered(OK, OK),
        sees=("200 clean",) * 2,
    ),
    Row(
        "OPTIONS for the whole server may come second in a pipeline",
        (ask(b"/v1/1") + ask(b"*", method=b"OPTIONS"), Read(), Read()),
        answered(OK, OK),
        sees=("200 clean",) * 2,
    ),
    Row(
        "a client's Connection: close closes after the answer",
        (ask(b"/v1", b"Connection: close"), Read()),
        after="closed",
        via=frozenset({"nginx", "gateway"}),
    ),
    Row(
        "Connection: close in other words and case",
        (ask(b"/v1", b"connection: X-A, CLOSE", b"X-A: 1"), Read()),
        after="closed",
        via=frozenset({"nginx", "gateway"}),
    ),
    Row(
        "an upstream's Connection: close leaves the client's connection",
        PLAIN,
        ((Read(), answer(b"Connection: close"), Close()),),
        via=frozenset({"nginx", "gateway"}),
        after="open",
    ),
    Row("empty lines before a request are skipped", (b"\r\n\r\n" + ask(), Read())),
    Row(
        "an empty line after a body is skipped",
        (post(b"hello") + b"\r\n" + ask(b"/v1/2"), Read(), Read()),
        answered(OK, OK),
        sees=("200 clean",) * 2,
    ),
    Row("a client that closes after its answer frees the upstream", (ask(), Read(), Close()), ((Read(), OK),)),
]
