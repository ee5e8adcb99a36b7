"""Rules for header fields: order, case, duplicates, bytes, Host."""

from __future__ import annotations

from tests.conformance.actions import Read
from tests.conformance.rows import PLAIN, Row, answer, answered, ask, post

REQUEST_HEADERS = [
    Row(
        "request headers keep order, case and duplicates",
        ask(
            b"/v1/files",
            b"x-lower: 1",
            b"X-Upper: 2",
            b"X-Goog-Api-Key: secret",
            b"x-dup: a",
            b"X-DUP: b",
            b"x-Dup: a",
            b"Accept: */*",
            b"accept-encoding: gzip, br",
        ),
    ),
    Row("two user agents both travel", ask(b"/v1/files", b"User-Agent: sdk/1", b"X-Between: 1", b"user-agent: http/2")),
    Row("three user agents all travel", ask(b"/v1/files", b"user-agent: a", b"USER-AGENT: b", b"User-Agent: c")),
    *(
        Row(f"a doubled singleton travels: {name.decode()}", ask(b"/v1/files", name + b": a", name + b": b"))
        for name in (
            b"Authorization",
            b"Content-Type",
            b"Accept",
            b"Cookie",
            b"Referer",
            b"If-Match",
            b"ETag",
            b"Range",
        )
    ),
    Row("an empty value stays empty", ask(b"/v1/files", b"cookie:", b"X-Empty: ", b"X-Next: 1")),
    Row("Latin-1 bytes in a value stay", ask(b"/v1/files", b"X-Name: Andr\xe9 \xff")),
    Row("UTF-8 bytes in a value stay", ask(b"/v1/files", "X-Name: André €".encode())),
    Row("tabs and spaces inside a value stay", ask(b"/v1/files", b"X-Space: a \t b  c")),
    Row("space around a value is nobody's", ask(b"/v1/files", b"X-Space: \t a \t ", b"X-None:b")),
    Row("odd but legal names stay", ask(b"/v1/files", b"!#$%&'*+-.^_`|~9aZ: 1", b"x_under_score: 1", b"1: 2")),
    Row("a value with every visible sign stays", ask(b"/v1/files", b"X-All: " + bytes(range(0x21, 0x7F)))),
    Row("a long value travels", ask(b"/v1/files", b"X-Long: " + b"v" * 30_000)),
    Row("many headers travel", ask(b"/v1/files", *(b"X-H%d: %d" % (n, n) for n in range(100)))),
    Row("two hundred headers travel", ask(b"/v1/files", *(b"X-H%d: %d" % (n, n) for n in range(200)))),
    Row("nothing is added to a request without headers", ask()),
    Row(
        "Forwarded and Via lines of others stay as they are",
        ask(b"/v1/files", b"X-Forwarded-For: 10.0.0.1", b"Forwarded: for=10.0.0.1", b"Via: 1.1 other"),
    ),
    Row(
        "conditions and ranges travel",
        ask(b"/v1/files", b'If-None-Match: "a", W/"b"', b"Range: bytes=0-1,-5", b'If-Range: "a"'),
    ),
    Row(
        "Content-Encoding of a request stays, and so does its body",
        post(b"\x1f\x8bnot really", b"Content-Encoding: gzip"),
    ),
    Row("a deflate request body is not decoded", post(b"no deflate at all", b"Content-Encoding: deflate")),
    Row(
        "Host in another place and case stays there",
        b"GET /v1/files HTTP/1.1\r\nX-First: 1\r\nhOsT: client.test\r\nX-Last: 2\r\n\r\n",
    ),
    Row("Host with a port is replaced whole", b"GET / HTTP/1.1\r\nHost: client.test:8080\r\n\r\n"),
    Row("Host that is an address is replaced", b"GET / HTTP/1.1\r\nHost: [::1]:99\r\n\r\n"),
    Row("an empty Host is replaced", b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    Row(
        "X-Forwarded-Host does not choose the upstream",
        ask(b"/", b"X-Forwarded-Host: other.test", b"X-Host: other.test"),
    ),
]

RESPONSE_HEADERS = [
    Row(
        "response headers keep order, case and duplicates",
        PLAIN,
        answered(
            answer(
                b"x-lower: 1",
                b"X-UPPER: 2",
                b"x-dup: a",
                b"X-Dup: b",
                b"vary: a",
                b"Vary: b",
                b'etag: W/"1"',
                b"ETag-Like: 1",
            )
        ),
    ),
    Row(
        "ETag keeps its case",
        PLAIN,
        answered(answer(b'ETag: "abc"', b"WWW-Authenticate: Basic realm=x", b"TE-Like: 1")),
    ),
    Row(
        "each Set-Cookie stays a line of its own",
        PLAIN,
        answered(
            answer(b"Set-Cookie: a=1; Path=/; HttpOnly", b"Set-Cookie: b=2, c", b"set-cookie: a=1; Path=/; HttpOnly")
        ),
    ),
    Row("empty response values stay empty", PLAIN, answered(answer(b"X-Empty:", b"X-Next: 1"))),
    Row("Latin-1 bytes in a response value stay", PLAIN, answered(answer(b"X-Name: Andr\xe9 \xff"))),
    Row("UTF-8 bytes in a response value stay", PLAIN, answered(answer("X-Name: André €".encode()))),
    Row("a long response value travels", PLAIN, answered(answer(b"X-Long: " + b"v" * 30_000))),
    Row("many response headers travel", PLAIN, answered(answer(*(b"X-H%d: %d" % (n, n) for n in range(100))))),
    Row("two hundred response headers travel", PLAIN, answered(answer(*(b"X-H%d: %d" % (n, n) for n in range(200))))),
    Row(
        "doubled singletons of a response travel",
        PLAIN,
        answered(answer(b"Location: /a", b"Location: /b", b"Server: two")),
    ),
    Row("nothing is added to a bare response", PLAIN, answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
    Row(
        "no content type is made up",
        PLAIN,
        answered(b"HTTP/1.1 200 OK\r\nServer: s\r\nDate: d\r\nContent-Length: 1\r\n\r\nx"),
    ),
    Row("Date and Server are the upstream's", PLAIN, answered(answer(b"Date: yesterday", b"Server: ESF"))),
    Row("a folded response header arrives as one value", PLAIN, answered(answer(b"X-Folded: a\r\n b\r\n c"))),
    Row("the reason travels", PLAIN, answered(answer(status=b"200 Fine And Dandy"))),
    Row("an empty reason stays empty", PLAIN, answered(b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok")),
    Row("a reason beyond ASCII stays", PLAIN, answered(answer(status=b"200 tr\xe8s bien"))),
    *(
        Row(
            f"status {status.decode()} travels with its body",
            PLAIN,
            answered(answer(status=status, body=b'{"error":{}}')),
            sees=(f"{status[:3].decode()} clean",),
        )
        for status in (
            b"201 Created",
            b"206 Partial Content",
            b"299 Odd",
            b"400 Bad Request",
            b"401 Unauthorized",
            b"404 Not Found",
            b"429 Too Many Requests",
            b"500 Internal Server Error",
            b"502 Bad Gateway",
            b"503 Service Unavailable",
            b"504 Gateway Timeout",
            b"599 Odd",
            b"999 Odder",
        )
    ),
    *(
        Row(
            f"a redirect is passed on, not followed: {status.decode()}",
            PLAIN,
            answered(answer(b"Location: /elsewhere?a=1", status=status)),
            sees=(f"{status[:3].decode()} clean",),
        )
        for status in (
            b"301 Moved Permanently",
            b"302 Found",
            b"303 See Other",
            b"307 Temporary Redirect",
            b"308 Permanent Redirect",
        )
    ),
    Row(
        "an absolute Location stays as it is",
        PLAIN,
        answered(answer(b"Location: http://127.0.0.1:1/x#f", status=b"302 Found")),
        sees=("302 clean",),
    ),
    Row(
        "Retry-After and its kin travel",
        PLAIN,
        answered(
            answer(
                b"Retry-After: 3", b"retry-after-ms: 3000", b"x-should-retry: false", status=b"429 Too Many Requests"
            )
        ),
        sees=("429 clean",),
    ),
    Row(
        "a cookie of the upstream is not kept for the next request",
        (ask(), Read(), ask(b"/v1/second"), Read()),
        answered(answer(b"Set-Cookie: a=1"), answer()),
        sees=("200 clean", "200 clean"),
    ),
]
