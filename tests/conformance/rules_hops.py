"""Rules for what ends at each hop: Connection and all it names."""

from __future__ import annotations

from tests.conformance.actions import Read
from tests.conformance.rows import CHUNKED, GATEWAY, HOST, PLAIN, Row, answer, answered, ask, chunks, head, post

HOP_BY_HOP = [
    *(
        Row(
            f"a request's {line.partition(b':')[0].decode()} ends at the gateway",
            ask(b"/v1/files", b"X-A: 1", line, b"X-B: 2"),
        )
        for line in (
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authorization: Basic eDp5",
            b"TE: trailers",
            b"Trailer: X-Sum",
            b"Proxy-Authenticate: Basic",
        )
    ),
    Row(
        "headers named by Connection end at the gateway",
        ask(b"/v1", b"X-Hop: 1", b"Connection: X-Hop, x-other", b"X-Other: 2", b"X-Stays: 3"),
    ),
    Row(
        "several Connection lines all count",
        ask(b"/v1", b"Connection: X-A", b"x-a: 1", b"connection: X-B", b"X-B: 2", b"X-C: 3"),
    ),
    Row("Connection may name what is not there", ask(b"/v1", b"Connection: X-Missing, keep-alive", b"X-C: 3")),
    Row("an empty Connection names nothing", ask(b"/v1", b"Connection: , ,", b"X-C: 3")),
    *(
        Row(
            f"a response's {line.partition(b':')[0].decode()} ends at the gateway",
            PLAIN,
            answered(answer(b"X-A: 1", line, b"X-B: 2")),
        )
        for line in (
            b"Keep-Alive: timeout=5, max=100",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authenticate: Basic",
            b"Trailer: X",
        )
    ),
    Row(
        "response headers named by Connection end at the gateway",
        PLAIN,
        answered(answer(b"X-Hop: 1", b"Connection: x-hop", b"X-Stays: 2")),
    ),
    Row(
        "an upgrade to h2c is not relayed",
        ask(b"/v1", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
    ),
    Row("an upgrade to an unknown protocol is not relayed", ask(b"/v1", b"Connection: upgrade", b"Upgrade: foo/2")),
    Row(
        "an upgrade offered by the upstream is not relayed",
        PLAIN,
        answered(answer(b"Upgrade: h2c", b"Connection: Upgrade")),
    ),
    Row(
        "426 travels without its hop-by-hop offer",
        PLAIN,
        answered(answer(b"Upgrade: TLS/1.0", b"Connection: Upgrade", status=b"426 Upgrade Required")),
        sees=("426 clean",),
    ),
    Row("Connection can't strip Host", ask(b"/v1", b"Connection: Host"), via=GATEWAY),
    Row("Connection can't strip the length of a body", post(b"hello", b"Connection: Content-Length"), via=GATEWAY),
    Row(
        "Connection can't strip the length of a response",
        PLAIN,
        answered(answer(b"Connection: Content-Length", b"X-A: 1")),
        via=GATEWAY,
    ),
    Row(
        "a chunked request arrives chunked, whatever Connection names",
        (
            b"POST /v1 HTTP/1.1\r\n"
            + HOST
            + b"\r\nConnection: Transfer-Encoding\r\n"
            + CHUNKED
            + b"\r\n\r\n"
            + chunks(b"abc"),
            Read(),
        ),
        via=GATEWAY,
    ),
    Row(
        "a chunked response arrives whole, whatever Connection names",
        PLAIN,
        answered(head(b"Connection: Transfer-Encoding", CHUNKED) + chunks(b"abc")),
    ),
]
