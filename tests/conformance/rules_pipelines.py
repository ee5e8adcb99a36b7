"""Rules for requests that come before the answer to the one before them has ended.

Not here: one request after another, and the plain pipelines (rules_connections.py). Source: RFC 9112 9.3.2 and 9.6.
"""

from __future__ import annotations

from tests.conformance.actions import (
    Action,
    Await,
    Close,
    Cut,
    Gone,
    Read,
    ReadBody,
    ReadHead,
    ReadInterim,
    Saw,
    Script,
    Tell,
    Until,
)
from tests.conformance.rows import (
    ANSWERED,
    CHUNKED,
    GATEWAY,
    NOISE,
    OK,
    PROXIES,
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

_BOTH = ("200 clean", "200 clean")


def _streaming(until: str) -> Script:
    """An answer whose second half waits for that point."""
    return (Read(), head(CHUNKED) + chunk(b"one"), Await(until), chunk(b"two") + b"0\r\n\r\n")


_STREAMING = _streaming("second sent")
ROUNDS = 20  # of a row whose fault was seen in one of twenty


def _meanwhile(id: str, second: bytes, rounds: int = 1) -> Row:  # noqa: A002
    """A second request while the first one's answer streams."""
    client: list[Action] = []
    upstream: list[Script] = []
    for name in [f"second sent {n}" for n in range(rounds)]:
        client += [ask(b"/v1/1"), ReadHead(), Until(b"one"), second, Tell(name), ReadBody(), Read()]
        upstream += [_streaming(name), (Read(), answer(body=b"second"))]
    return Row(id, tuple(client), tuple(upstream), sees=_BOTH * rounds)


PIPELINES = [
    _meanwhile("a GET sent while an answer streams is answered after it", ask(b"/v1/2")),
    _meanwhile("a POST sent while an answer streams is answered after it", post(b"hello")),
    _meanwhile("a chunked POST sent while an answer streams is answered after it", upload(b"hello", b"you")),
    _meanwhile("a POST of 200 KB sent while an answer streams arrives whole", post(NOISE[:200_000]), ROUNDS),
    _meanwhile(
        "a body that looks like heads, sent while an answer streams, arrives as it is",
        post(b"GET / HTTP/1.1\r\nUser-Agent: a\r\nuser-agent: b\r\n\r\n" * 4000),
    ),
    Row(
        "half a POST sent while an answer streams waits for its rest",
        (
            *(ask(b"/v1/1"), ReadHead(), Until(b"one"), post(b"hello")[:-3], Tell("second sent"), ReadBody()),
            *(b"llo", Read()),
        ),
        (_STREAMING, ANSWERED),
        sees=_BOTH,
    ),
    Row(
        "a POST behind a POST whose answer streams",
        (post(b"first"), ReadHead(), Until(b"one"), post(b"second"), Tell("second sent"), ReadBody(), Read()),
        (_STREAMING, ANSWERED),
        sees=_BOTH,
    ),
    Row(
        "fifty requests in one write are answered in order",
        (b"".join(ask(b"/v1/%d" % n) for n in range(50)), *[Read()] * 50),
        answered(*(answer(body=b"%d" % n) for n in range(50))),
        sees=("200 clean",) * 50,
    ),
    Row(
        "ten POSTs in one write keep their bodies apart",
        (b"".join(post(b"%d" % n * n) for n in range(10)), *[Read()] * 10),
        answered(*(answer(body=b"%d" % n) for n in range(10))),
        sees=("200 clean",) * 10,
    ),
    Row(
        "pipelined requests of every framing keep their bodies apart",
        (post(b"length") + upload(b"chunk") + ask(b"/v1/3") + upload() + post(b"") + post(b"end"), *[Read()] * 6),
        answered(*(answer(body=b"%d" % n) for n in range(6))),
        sees=("200 clean",) * 6,
    ),
    Row(
        "a request behind HEAD gets its own answer",
        (ask(b"/v1/1", method=b"HEAD") + ask(b"/v1/2"), Read(bodyless=True), Read()),
        answered(head(b"Content-Length: 5"), answer(body=b"second")),
        sees=_BOTH,
    ),
    Row(
        "a request behind a chunked HEAD gets its own answer",
        (ask(b"/v1/1", method=b"HEAD") + ask(b"/v1/2"), Read(bodyless=True), Read()),
        answered(head(CHUNKED), answer(body=b"second")),
        sees=_BOTH,
    ),
    Row(
        "requests behind 204 and 304 get their own answers",
        (ask(b"/v1/1") + ask(b"/v1/2") + ask(b"/v1/3"), Read(), Read(), Read()),
        answered(
            head(status=b"204 No Content"),
            head(b"Content-Length: 9", status=b"304 Not Modified"),
            answer(body=b"third"),
        ),
        sees=("204 clean", "304 clean", "200 clean"),
    ),
    Row(
        "interim answers of pipelined requests stay with their own",
        (ask(b"/v1/1") + ask(b"/v1/2"), ReadInterim(), Read(), ReadInterim(), Read()),
        answered(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, b"HTTP/1.1 102 Processing\r\n\r\n" + OK),
        sees=_BOTH,
    ),
    Row(
        "an upstream that closes after the first answer is no end for the second request",
        (ask(b"/v1/1") + post(b"two"), Read(), Read()),
        ((Read(), answer(b"Connection: close"), Close()), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
        after="open",
    ),
    Row(
        "an answer until close is no end for the second request",
        (ask(b"/v1/1") + ask(b"/v1/2"), Read(), Read()),
        ((Read(), head() + b"all", Close()), ANSWERED),
        sees=_BOTH,
        via=PROXIES,
        after="open",
    ),
    Row(
        "a request behind one that says Connection: close is not sent",
        (ask(b"/v1/1", b"Connection: close") + ask(b"/v1/2"), Read(), Gone()),
        (ANSWERED,),
        via=PROXIES,
        after=None,
    ),
    Row(
        "a request behind an answer that was cut is not answered as if it were sound",
        (ask(b"/v1/1") + ask(b"/v1/2"), Read(), Read()),
        ((Read(), head(b"Content-Length: 9") + b"half", Saw(b"half"), Cut()),),
        sees=("200 cut", "nothing"),
    ),
    Row(
        "nonsense behind a request leaves the request its answer",
        (ask(b"/v1/1") + b"\x00\x01 nonsense\r\n\r\n", Read(), Read()),
        (ANSWERED,),
        sees=("200 clean", "400 clean"),
        own="bad_request",
        via=GATEWAY,
    ),
    Row(
        "nonsense sent while an answer streams leaves the answer whole",
        (
            *(ask(b"/v1/1"), ReadHead(), Until(b"one"), b"\x00\x01 nonsense\r\n\r\n", Tell("second sent")),
            *(ReadBody(), Read()),
        ),
        (_STREAMING,),
        sees=("200 clean", "400 clean"),
        own="bad_request",
        via=GATEWAY,
    ),
    Row(
        "a client that leaves with a request waiting ends the one that runs",
        (ask(b"/v1/1") + ask(b"/v1/2"), ReadHead(), Until(b"one"), Close()),
        ((Read(), head(CHUNKED) + chunk(b"one"), Gone()),),
        sees=("200 unread",),
        via=PROXIES,
        after=None,
    ),
    Row(
        "a refused expectation leaves the connection to the next request",
        (post(b"hello", b"Expect: 100-continue")[:-5], Read(), b"hello", ask(b"/v1/2"), Read()),
        ((ReadHead(), answer(status=b"417 Expectation Failed"), Gone()), ANSWERED),
        sees=("417 clean", "200 clean"),
        reaches=("unread", "clean"),
        via=PROXIES,
    ),
    Row(
        "a request behind a body that waits for 100",
        (post(b"hello", b"Expect: 100-continue")[:-5], ReadInterim(), b"hello" + ask(b"/v1/2"), Read(), Read()),
        ((ReadHead(), b"HTTP/1.1 100 Continue\r\n\r\n", ReadBody(), OK), ANSWERED),
        sees=_BOTH,
    ),
    Row(
        "a slow upload holds nobody: its answer and the next come in order",
        (
            upload()[:-5] + chunk(b"first"),
            Saw(b"first"),
            chunk(b"second") + b"0\r\n\r\n" + ask(b"/v1/2"),
            Read(),
            Read(),
        ),
        ((Read(), head(CHUNKED) + chunks(b"one", b"two")), ANSWERED),
        sees=_BOTH,
    ),
]
