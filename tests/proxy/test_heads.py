"""Heads are read strictly, and travel as they came: a table of lines, and h11 as a second reader of random ones."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.http1.heads import BadHeadError, read_request, read_response, valid_trailer

HOST = b"Host: client.test"


def request(*lines: bytes, start: bytes = b"GET /v1/files HTTP/1.1") -> bytes:
    """A head without its empty line."""
    return b"\r\n".join([start, *lines])


ONWARD = [
    pytest.param(request(HOST), [b"Host: up.test"], id="the host is the upstream's"),
    pytest.param(request(b"hOsT:client.test", b"X: 1"), [b"hOsT: up.test", b"X: 1"], id="in its place and case"),
    pytest.param(
        request(b"X: 1", start=b"GET / HTTP/1.0"), [b"Host: up.test", b"X: 1"], id="an old request gets a host"
    ),
    pytest.param(
        request(HOST, b"x-A:1", b"X-a:  2 ", b"x-A:\t"),
        [b"Host: up.test", b"x-A:1", b"X-a:  2 ", b"x-A:\t"],
        id="lines stay to the byte",
    ),
    pytest.param(
        request(HOST, b"User-Agent: a", b"user-agent: b"),
        [b"Host: up.test", b"User-Agent: a", b"user-agent: b"],
        id="repeated ones too",
    ),
    pytest.param(
        request(HOST, b"Connection: X-A, close, host", b"x-a: 1", b"X-B: 2"),
        [b"Host: up.test", b"X-B: 2"],
        id="what Connection names ends here",
    ),
    pytest.param(request(b"X-A: 1", HOST, b"Connection: x-a"), [b"Host: up.test"], id="also in front of the host"),
    pytest.param(
        request(HOST, b"Content-Length: 1", b"Connection: content-length"),
        [b"Host: up.test", b"Content-Length: 1"],
        id="framing is never named",
    ),
    pytest.param(request(HOST, b"Upgrade: h2c", b"Connection: upgrade"), [b"Host: up.test"], id="an upgrade ends here"),
    pytest.param(
        request(HOST, b"Upgrade: WebSocket", b"Connection: keep-alive, Upgrade"),
        [b"Host: up.test", b"Connection: Upgrade", b"Upgrade: WebSocket"],
        id="a web socket's doesn't",
    ),
    pytest.param(
        request(HOST, b"Upgrade: websocket", b"Upgrade: h2c", b"Connection: Upgrade"),
        [b"Host: up.test"],
        id="one that names another protocol too is none",
    ),
]


@pytest.mark.parametrize(("head", "lines"), ONWARD)
def test_what_travels_on(head: bytes, lines: list[bytes]) -> None:
    onward = read_request(head).onward(b"up.test", b"")

    assert onward.split(b"\r\n")[1:] == [*lines, b"", b""]


REPLACED = [
    pytest.param([HOST, b"X: 1", b"A: 1"], b"n: 2", [b"Host: up.test", b"n: 2", b"A: 1"], id="in its place"),
    pytest.param([b"x:1", HOST, b"X: 2"], b"n: 2", [b"n: 2", b"Host: up.test"], id="once, and the host stays found"),
    pytest.param([b"x:1", b"Y: 1", HOST], None, [b"Host: up.test"], id="or nothing in its place"),
    pytest.param([HOST, b"A: 1"], b"n: 2", [b"Host: up.test", b"A: 1", b"n: 2"], id="at the end where it never was"),
    pytest.param([HOST, b"xx: 1", b"A: x"], None, [b"Host: up.test", b"xx: 1", b"A: x"], id="never another line"),
]


@pytest.mark.parametrize(("lines", "line", "expected"), REPLACED)
def test_lines_that_are_replaced(lines: list[bytes], line: bytes | None, expected: list[bytes]) -> None:
    head = read_request(request(*lines))
    head.fields.replace({b"x", b"y"}, line)

    assert head.onward(b"up.test", b"").split(b"\r\n")[1:-2] == expected


def test_trace_context_of_several_lines_is_noted_as_one_list() -> None:
    """So that a traceparent that stands twice is none; of other names the first line counts."""
    lines = (b"traceparent: a", b"BAGGAGE: x=1", b"Traceparent: b", b"baggage:y=2 ", b"User-Agent: a", b"User-Agent: b")
    noted = read_request(request(HOST, *lines)).fields.noted

    assert noted == {b"traceparent": b"a,b", b"baggage": b"x=1,y=2", b"user-agent": b"a"}


TARGETS = [
    (b"GET /a?b#c HTTP/1.1", b"/pre/a?b#c"),
    (b"GET //a/../b; HTTP/1.1", b"/pre//a/../b;"),
    (b"GET /\xc3\xa9\xff HTTP/1.1", b"/pre/\xc3\xa9\xff"),
    (b"GET http://other.test/a HTTP/1.1", b"/pre/a"),
    (b"GET HTTPS://other.test?a HTTP/1.1", b"/pre/?a"),
    (b"GET munity://other.test/a HTTP/1.1", b"/pre/a"),
    (b"OPTIONS * HTTP/1.1", b"*"),
    (b"m-search / HTTP/1.1", b"/pre/"),
]


@pytest.mark.parametrize(("line", "target"), TARGETS)
def test_the_target_travels_as_it_came(line: bytes, target: bytes) -> None:
    """Of an absolute one the host is left out: the upstream is fixed."""
    onward = read_request(request(HOST, start=line)).onward(b"up.test", b"/pre")

    assert onward.partition(b"\r\n")[0].split(b" ")[1] == target


REFUSED = [
    request(HOST, start=start)
    for start in (
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.2",
        b"GET /a b HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET a:80/b HTTP/1.1",
        b"G{T / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"",
    )
] + [
    request(*lines)
    for lines in (
        (b"X: 1",),
        (HOST, HOST),
        (b"Host: a, b",),
        (b"Host: a/b",),
        (b"Host: a b",),
        (HOST, b"X"),
        (HOST, b": x"),
        (HOST, b"X : 1"),
        (HOST, b" X: 1"),
        (HOST, b"X: a", b" b"),
        (HOST, b"X: a\rb"),
        (HOST, b"X: a\nb: c"),
        (HOST, b"X: \x00"),
        (HOST, b"X: \x7f"),
        (HOST, b"Content-Length: 1", b"Content-Length: 1"),
        (HOST, b"Content-Length: 1, 1"),
        (HOST, b"Content-Length: +1"),
        (HOST, b"Content-Length: "),
        (HOST, b"Content-Length: 1_0"),
        (HOST, b"Content-Length: 9999999999999999999"),
        (HOST, "Content-Length: ٤".encode()),
        (HOST, b"Transfer-Encoding: gzip, chunked"),
        (HOST, b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (HOST, b"Transfer-Encoding: chunked", b"Content-Length: 3"),
        (HOST, b"Transfer-Encoding:"),
        (HOST, b"Transfer-Encoding: identity"),
        (HOST, b"Transfer-Encoding: \x0bchunked"),
    )
]


@pytest.mark.parametrize("head", REFUSED, ids=repr)
def test_what_could_be_read_in_two_ways_is_refused(head: bytes) -> None:
    with pytest.raises(BadHeadError) as caught:
        read_request(head)
    assert "X" not in str(caught.value), "the reason holds nothing of the head"


_NAMES = st.sampled_from(
    [b"X-A", b"x-a", b"User-Agent", b"Content-Length", b"Transfer-Encoding", b"Host", b"Connection"]
)
_VALUES = st.sampled_from([b"1", b"3", b"chunked", b"close", b" a ", b"", b"a.test", b"\xe9", b"x\x0b", b"0x1", b"X-A"])
_LINES = st.lists(st.tuples(_NAMES, st.sampled_from([b":", b": ", b" :", b":\t"]), _VALUES).map(b"".join), max_size=6)
_STARTS = st.sampled_from(
    [b"GET / HTTP/1.1", b"POST /a HTTP/1.1", b"POST /a HTTP/1.0", b"GET  / HTTP/1.1", b"PUT x HTTP/1.1"]
)


@given(_STARTS, _LINES, st.sampled_from([b"\r\n", b"\n", b"\r\n "]))
def test_a_second_reader_sees_the_same_request(start: bytes, lines: list[bytes], ending: bytes) -> None:
    """Whatever is not refused is one request to h11 too, as it came and as it goes on, with the same framing."""
    head = ending.join([start, *lines])
    try:
        read = read_request(head)
    except BadHeadError:
        return
    for sent in (head + b"\r\n\r\n", read.onward(b"up.test", b"")):
        other = h11.Connection(h11.SERVER)
        other.receive_data(sent)
        event = other.next_event()

        assert isinstance(event, h11.Request)
        framing = [(name, value) for name, value in event.headers if name in (b"content-length", b"transfer-encoding")]
        assert (b"transfer-encoding", b"chunked") in framing if read.chunked else True
        if read.fields.length is not None:
            assert framing == [(b"content-length", b"%d" % read.fields.length)]
        assert len(framing) <= 1


RESPONSES = [
    pytest.param(b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5", (200, 5, False, True), id="a length"),
    pytest.param(b"HTTP/1.1 200\r\nTransfer-Encoding: Chunked", (200, None, True, True), id="chunked, no reason"),
    pytest.param(b"HTTP/1.1 200 \xff\r\nA:", (200, None, False, True), id="until the end"),
    pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 5", (200, 5, False, False), id="an old server's"),
    pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5", (200, 5, False, False), id="its last"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        (200, None, True, True),
        id="both",
    ),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5", (200, 5, False, True), id="twice"),
    pytest.param(b"HTTP/1.1 200 OK\nA: 1\nContent-Length: 5", (200, 5, False, True), id="lone line feeds"),
    pytest.param(b"HTTP/1.1 200 OK\r\nA: 1\r\n b\r\nContent-Length: 5", (200, 5, False, True), id="a folded line"),
]


@pytest.mark.parametrize(("head", "expected"), RESPONSES)
def test_a_response_is_framed_as(head: bytes, expected: tuple[int, int | None, bool, bool]) -> None:
    read = read_response(head)

    assert (read.status, read.length, read.chunked, read.keep_alive) == expected
    lengths = [line for line in read.fields.lines if line.lower().startswith(b"content-length")]
    assert len(lengths) == (read.length is not None), "never beside a coding, never twice"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 20 OK",
        b"HTTP/2 200 OK",
        b"ICY 200 OK",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nX",
        b"HTTP/1.1 200 OK\r\nX : 1",
        b"HTTP/1.1 200 OK\r\nX: a\rb",
    ],
    ids=repr,
)
def test_a_response_that_is_none(head: bytes) -> None:
    with pytest.raises(BadHeadError):
        read_response(head)


@pytest.mark.parametrize(
    ("line", "valid"),
    [
        (b"X-Sum: 1", True),
        (b"User-Agent: a", True),
        (b"Content-Length: 1", False),
        (b"Transfer-Encoding: chunked", False),
        (b"Connection: a", False),
        (b"Host: a", False),
        (b"X: a\nb", False),
        (b"X", False),
    ],
)
def test_a_trailer_frames_nothing(line: bytes, valid: bool) -> None:
    assert valid_trailer(line) is valid
