"""Rules for the gateway's own answers: when, which code, and that the connection ends."""

from __future__ import annotations

from tests.conformance.actions import Gone, Read, Saw, Script
from tests.conformance.rows import ANSWERED, CHUNKED, GATEWAY, HOST, PLAIN, PROXIES, Row, ask, chunk, post


def _own(id: str, status: int, code: str, setup: str, client: bytes | Script = PLAIN) -> Row:  # noqa: A002
    return Row(id, client, (), sees=(f"{status} clean",), own=code, via=GATEWAY, setup=setup)


OWN_ERRORS = [
    _own("an upstream that refuses connections is a 502", 502, "connect_error", "refused"),
    _own("an upstream that refuses a POST is a 502 too", 502, "connect_error", "refused", post(b"{}")),
    _own("an upstream without an address is a 502", 502, "dns_error", "nameless"),
    _own("an upstream that speaks no TLS is a 502", 502, "tls_error", "plain_for_tls"),
    _own("an upstream that accepts no connection in time is a 502", 502, "connect_timeout", "full"),
    _own("a body that says it is over the limit is a 413", 413, "body_too_large", "limited", post(b"x" * 1001)),
    Row(
        "a body that says it is over the limit is a 413 before it comes",
        (post(b"x" * 1001)[:-900], Read()),
        (),
        sees=("413 clean",),
        own="body_too_large",
        after=None,
        via=GATEWAY,
        setup="limited",
    ),
    _own(
        "a head over 64 KiB is a 431",
        431,
        "header_size",
        "limited",
        ask(b"/", *(b"X-%d: " % n + b"v" * 990 for n in range(80))),
    ),
    _own("one header over 64 KiB is a 431", 431, "header_size", "limited", ask(b"/", b"X-A: " + b"v" * 70_000)),
    _own(
        "a head that never ends is a 431",
        431,
        "header_size",
        "limited",
        (b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 10_000, Read()),
    ),
    _own("a target over 64 KiB is a 414", 414, "url_length", "limited", ask(b"/" + b"a" * 70_000)),
    _own("a request line that never ends is a 414", 414, "url_length", "limited", (b"G" * 70_000, Read())),
    _own(
        "a head that does not get whole in time is a 408",
        408,
        "slow_header",
        "limited",
        (b"GET / HTTP/1.1\r\nHost:", Read()),
    ),
    _own("a head of one byte that waits is a 408", 408, "slow_header", "limited", (b"G", Read())),
    Row(
        "a second head that does not get whole in time is a 408",
        (ask(), Read(), b"GET /v1/2 HT", Read()),
        (ANSWERED,),
        sees=("200 clean", "408 clean"),
        own="slow_header",
        via=GATEWAY,
        setup="limited",
    ),
    Row(
        "a connection that never says anything is closed",
        (Read(),),
        (),
        sees=("nothing",),
        via=PROXIES,
        setup="limited",
    ),
    Row(
        "a chunked body over the limit is a 413 and never whole upstream",
        (
            b"POST /v1 HTTP/1.1\r\n" + HOST + b"\r\n" + CHUNKED + b"\r\n\r\n" + chunk(b"x" * 900),
            Saw(b"xxx"),
            chunk(b"y" * 900),
            Read(),
        ),
        ((Read(),),),
        sees=("413 clean",),
        reaches=("cut",),
        own="body_too_large",
        via=GATEWAY,
        after=None,
        setup="limited",
    ),
    Row(
        "an upstream that gives no head in the time that is set is a 504",
        PLAIN,
        ((Read(), Gone()),),
        sees=("504 clean",),
        own="upstream_timeout",
        via=GATEWAY,
        setup="limited",
    ),
    Row("a limit that is met leaves the next request alone", PLAIN, setup="limited", via=GATEWAY),
]
