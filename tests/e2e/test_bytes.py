"""Transparency: through the installed command a client gets the bytes, status and headers that the upstream wrote."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.catalogue import scenarios
from tests.e2e.raw import DEADLINE_S, Client, Conversation, Headers, Message, Upstream
from tests.gateway_process import GatewayProcess, SimulatorProcess

STREAMS = sorted((Path(__file__).parent.parent / "streams").glob("*.[sj]s*"))
SPLITS = ("byte", "random:7", "whole")
RANDOM_PIECE_MAX_BYTES = 97

# Bodies of a mebibyte: byte by byte they go in chunks of one byte, but many chunks a write.
LARGE = ("big_image", "big_images", "oversized_line", "unary_big_image")
BULK_CHUNKS = 8192

HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"proxy-authenticate", b"trailer", b"upgrade"}

# What a client sees of a response's head that the upstream did not write. The whole list (of a request's head: none):
UNFRAMED = [(b"Transfer-Encoding", b"chunked")]  # HTTP/1.1, no length known
ADDED_TO_1_0 = [(b"Connection", b"close")]  # HTTP/1.0, whose body ends with the connection
ADDED_TO_1_0_KEPT = [(b"Connection", b"keep-alive")]  # HTTP/1.0 that asked to keep the connection


def pieces(data: bytes, split: str) -> Iterator[bytes]:
    """The body cut as asked: byte by byte, at random, or not at all."""
    how, _, seed = split.partition(":")
    source = random.Random(seed)
    start = 0
    while start < len(data):
        size = {"byte": 1, "whole": len(data)}.get(how) or source.randint(1, RANDOM_PIECE_MAX_BYTES)
        yield data[start : start + size]
        start += size


def end_to_end(headers: Headers) -> Headers:
    """The headers that a proxy must pass on."""
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


# --- the recorded streams


ODD_HEADERS = (
    b"Server: ESF",
    b"X-Odd-CASE: Kept",
    b"Vary: X-Origin",
    b"vary: Referer",
    b"VARY: Origin,Accept-Encoding",
    b"Set-Cookie: a=1; Path=/",
    b"Set-Cookie: b=2",
    b"X-Empty:",
    b"X-Utf8: \xc3\xa9t\xc3\xa9",
    b"X-Latin-1: \xe9t\xe9",
    b"Connection: X-Hop",
    b"X-Hop: between two",
    b"Keep-Alive: timeout=5",
    b'ETag: W/"1"',
    b"Date: Mon, 23 Nov 2026 00:00:00 GMT",
)
ODD_HEADERS_SEEN: Headers = [
    (b"Server", b"ESF"),
    (b"X-Odd-CASE", b"Kept"),
    (b"Vary", b"X-Origin"),
    (b"vary", b"Referer"),
    (b"VARY", b"Origin,Accept-Encoding"),
    (b"Set-Cookie", b"a=1; Path=/"),
    (b"Set-Cookie", b"b=2"),
    (b"X-Empty", b""),
    (b"X-Utf8", b"\xc3\xa9t\xc3\xa9"),
    (b"X-Latin-1", b"\xe9t\xe9"),
    (b"ETag", b'W/"1"'),
    (b"Date", b"Mon, 23 Nov 2026 00:00:00 GMT"),
]


def serve_files(conversation: Conversation) -> None:
    """The file that x-file names, cut as x-split says, framed as x-framing says."""
    while (request := conversation.request()) is not None:
        path = next(path for path in STREAMS if path.name == request.value("x-file"))
        framing = request.value("x-framing")
        data = path.read_bytes()
        content_type = b"text/event-stream" if path.suffix == ".sse" else b"application/json; charset=UTF-8"
        framed = {"chunked": [b"Transfer-Encoding: chunked"], "length": [b"Content-Length: %d" % len(data)]}
        conversation.head(b"Content-Type: " + content_type, *framed.get(framing, [b"X-Unframed: 1"]), *ODD_HEADERS)
        for piece in pieces(data, request.value("x-split")):
            conversation.chunk(piece) if framing == "chunked" else conversation.send(piece)
        if framing == "chunked":
            conversation.chunk(b"")
        elif framing == "close":
            return


@pytest.fixture(scope="module")
def files() -> Iterator[Upstream]:
    """An upstream that serves the recorded streams."""
    with Upstream(serve_files) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway_of_files(files: Upstream) -> Iterator[GatewayProcess]:
    """The installed command in front of it."""
    with GatewayProcess(files.url) as process:
        yield process


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("split", SPLITS)
def test_each_recorded_stream_arrives_as_it_was_written(
    gateway_of_files: GatewayProcess, split: str, framing: str
) -> None:
    """Body, status line and headers, whatever the cuts and the framing; one connection carries them all."""
    assert len(STREAMS) == 33
    with Client(gateway_of_files.url) as client:
        for path in STREAMS:
            client.ask(headers={"x-file": path.name, "x-split": split, "x-framing": framing})
            answer = client.answer()

            content_type = b"text/event-stream" if path.suffix == ".sse" else b"application/json; charset=UTF-8"
            framed = {"length": [(b"Content-Length", b"%d" % path.stat().st_size)], "close": [(b"X-Unframed", b"1")]}
            tail = [] if framing == "length" else UNFRAMED
            assert (answer.body, answer.ending) == (path.read_bytes(), "clean"), path.name
            assert answer.start_line == b"HTTP/1.1 200 OK"
            assert framing_last(answer.headers) == [
                (b"Content-Type", content_type),
                *framed.get(framing, []),
                *ODD_HEADERS_SEEN,
                *tail,
            ]


def framing_last(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers, with the one of the chunks, which is each hop's own, at the end and in one case."""
    others = [(name, value) for name, value in headers if name.lower() != b"transfer-encoding"]
    return others + UNFRAMED * (len(headers) - len(others))


def test_an_upload_arrives_as_it_was_written(gateway_of_files: GatewayProcess, files: Upstream) -> None:
    """Target, headers in order, case and duplicates, and the body; nothing of ours is added but the upstream's host."""
    body = json.dumps({"model": "m", "input": "\u00e9" * 200_000}).encode()
    lines = [
        b"POST /v1beta/interactions?alt=sse&key=a%2fb&empty=&x HTTP/1.1",
        b"HOST: gateway.test",
        b"User-Agent: google-genai-sdk/1.55.0",
        b"user-agent: older SDKs say it twice",
        b"X-Latin-1: \xe9",
        b"X-Goog-Api-Key: secret",
        b"x-file: text.sse",
        b"x-split: whole",
        b"x-framing: length",
        b"X-Twice: 1",
        b"x-twice: 2",
        b"X-TWICE: 3",
        b"X-Twice: 4",
        b"Content-Encoding: deflate",
        b"Cookie: a=1; b=2",
        b"Authorization: Bearer x",
        b"Connection: keep-alive, X-Hop",
        b"X-Hop: between two",
        b"Content-Length: %d" % len(body),
    ]
    with Client(gateway_of_files.url) as client:
        client.send(b"\r\n".join([*lines, b"", b""]))
        for piece in (body[:1], body[1:2], body[2:100_000], body[100_000:]):
            client.send(piece)
        answer = client.answer()

    seen = files.requests[-1]
    assert answer.status == 200
    assert seen.start_line == lines[0]
    assert (seen.body, seen.ending) == (body, "clean")
    assert seen.headers == [
        (b"HOST", files.url.removeprefix("http://").encode()),
        (b"User-Agent", b"google-genai-sdk/1.55.0"),
        (b"user-agent", b"older SDKs say it twice"),
        (b"X-Latin-1", b"\xe9"),
        (b"X-Goog-Api-Key", b"secret"),
        (b"x-file", b"text.sse"),
        (b"x-split", b"whole"),
        (b"x-framing", b"length"),
        (b"X-Twice", b"1"),
        (b"x-twice", b"2"),
        (b"X-TWICE", b"3"),
        (b"X-Twice", b"4"),
        (b"Content-Encoding", b"deflate"),
        (b"Cookie", b"a=1; b=2"),
        (b"Authorization", b"Bearer x"),
        (b"Content-Length", b"%d" % len(body)),
    ]


TARGETS = [
    pytest.param(b"/v1beta/interactions?", b"/v1beta/interactions?", id="a bare question mark"),
    pytest.param(b"/a/../b//c/%2e%2E/%7e?x=%zz&&", b"/a/../b//c/%2e%2E/%7e?x=%zz&&", id="nothing is normalised"),
    pytest.param(b"//elsewhere.test/a", b"//elsewhere.test/a", id="two slashes are a path"),
    pytest.param(b"/a#frag", b"/a#frag", id="a hash"),
    pytest.param(b"http://elsewhere.test/a?b", b"/a?b", id="absolute form: the host is not followed"),
    pytest.param(b"munity://elsewhere.test/a", b"/a", id="absolute form: the scheme can't make another host"),
    pytest.param(b"http://elsewhere.test?b", b"/?b", id="absolute form without a path"),
    pytest.param(b"*", b"*", id="asterisk form"),
]


@pytest.mark.parametrize(("target", "upstream_target"), TARGETS)
def test_a_target_arrives_as_it_was_written(
    gateway_of_files: GatewayProcess, files: Upstream, target: bytes, upstream_target: bytes
) -> None:
    """Byte for byte, and only ever at the configured upstream."""
    method = b"OPTIONS" if target == b"*" else b"GET"
    with Client(gateway_of_files.url) as client:
        client.send(method + b" " + target + b" HTTP/1.1\r\nHost: a\r\nx-file: text.sse\r\nx-framing: length\r\n\r\n")
        answer = client.answer()

    assert answer.status == 200
    assert files.requests[-1].start_line == method + b" " + upstream_target + b" HTTP/1.1"


def test_an_upload_in_chunks_arrives_in_chunks(gateway_of_files: GatewayProcess, files: Upstream) -> None:
    """A body without a length goes on without one."""
    with Client(gateway_of_files.url) as client:
        client.ask(body=None, headers={"x-file": "text.sse", "x-framing": "length", "Transfer-Encoding": "chunked"})
        for piece in (b"{", b'"model":"m"', b"}", b""):
            client.chunk(piece)
        answer = client.answer()

    seen = files.requests[-1]
    assert (answer.status, seen.body, seen.ending) == (200, b'{"model":"m"}', "clean")
    assert framing_last(seen.headers)[-1:] == UNFRAMED
    assert not seen.values("content-length")


def test_a_body_waits_for_the_upstreams_leave() -> None:
    """`Expect: 100-continue` is answered by the upstream, also with a refusal."""

    def serve(conversation: Conversation) -> None:
        for status in (b"100 Continue", b"417 No"):
            head = conversation.read_head()
            assert head is not None
            assert head.value("expect") == "100-continue"
            assert not conversation.has_more(0.1)
            conversation.head(status=status) if status[:3] == b"100" else None
            if status[:3] == b"100":
                conversation.read_body(head, until_close=False)
                assert head.body == b"abc"
                conversation.head(b"Content-Length: 0")
            else:
                conversation.head(b"Content-Length: 0", b"Connection: close", status=status)

    head = b"POST /v1beta/interactions HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with Upstream(serve) as upstream, GatewayProcess(upstream.url) as gateway, Client(gateway.url) as client:
        client.send(head)
        leave = client.read_head()
        assert leave is not None
        assert leave.start_line == b"HTTP/1.1 100 Continue"
        client.send(b"abc")
        assert client.answer().status == 200
        client.send(head)
        assert client.answer().status == 417


def test_an_old_client_gets_a_body_that_ends_with_the_connection(gateway_of_files: GatewayProcess) -> None:
    """HTTP/1.0 knows no chunks: the same bytes, ended by the connection's end; with a length it may stay open."""
    path = next(path for path in STREAMS if path.name == "text.sse")
    asked = {"x-file": path.name, "x-split": "random:1"}
    with Client(gateway_of_files.url) as client:
        client.ask(headers={**asked, "x-framing": "chunked"}, version="1.0")
        answer = client.answer()
        assert (answer.body, answer.ending) == (path.read_bytes(), "clean")
        assert answer.headers == [(b"Content-Type", b"text/event-stream"), *ODD_HEADERS_SEEN, *ADDED_TO_1_0]
    with Client(gateway_of_files.url) as client:
        client.ask(headers={**asked, "x-framing": "length", "Connection": "keep-alive"}, version="1.0")
        answer = client.answer()
        assert answer.body == path.read_bytes()
        assert answer.headers[-1:] == ADDED_TO_1_0_KEPT


# --- the simulator's scenarios


def played(url: str, name: str, split: str, fault: str = "", *, client: Client | None = None) -> Message:
    """The answer of one scenario."""
    headers = {"x-simulator-scenario": name, "x-simulator-split": split, "x-simulator-fault": fault}
    connection = client or Client(url)
    connection.ask(headers=headers)
    answer = connection.answer()
    if client is None:
        connection.close()
    return answer


def without_fresh(headers: Headers) -> Headers:
    """All but the number that differs with each play, and a date that is made for it."""
    return [
        (name, value) for name, value in headers if name.lower() != b"x-simulator-seq" and not value.endswith(b" GMT")
    ]


def entry_of(simulator: SimulatorProcess, answer: Message) -> dict[str, Any]:
    """What the simulator says that it wrote."""
    seq = int(answer.value("x-simulator-seq"))
    with Client(simulator.url) as client:
        client.ask(f"/__simulator__/ledger?after={seq - 1}", None, method="GET")
        entries: list[dict[str, Any]] = json.loads(client.answer().body)
    return next(entry for entry in entries if entry["seq"] == seq)


FAULTS = ("", "gzip", "deflate", "close-delimited")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("split", ["event", "random:7", "whole"])
def test_each_scenario_arrives_as_it_was_written(
    gateway: GatewayProcess, simulator: SimulatorProcess, split: str, fault: str
) -> None:
    """Streams, unary answers, errors of each kind, redirects and HTML; plain, compressed, and without framing."""
    with Client(gateway.url) as through, Client(simulator.url) as straight:
        for name in scenarios():
            answer = played(gateway.url, name, split, fault, client=None if "close" in fault else through)
            direct = played(simulator.url, name, "whole", fault, client=None if "close" in fault else straight)

            entry = entry_of(simulator, answer)
            told = (answer.status, answer.ending, len(answer.body), hashlib.sha256(answer.body).hexdigest())
            assert told == (entry["status"], "clean", entry["body_bytes"], entry["body_sha256"]), name
            assert entry["ended"] == "complete", name
            assert answer.start_line == direct.start_line, name
            framing = UNFRAMED if answer.values("transfer-encoding") else []
            expected = without_fresh(end_to_end(direct.headers)) + framing
            lengths = (b"content-length",) if fault in {"gzip", "deflate"} else ()  # fresh ids pack to another size
            assert _bar(without_fresh(framing_last(answer.headers)), lengths) == _bar(expected, lengths), name


@pytest.mark.parametrize("fault", FAULTS)
def test_each_scenario_arrives_whole_when_it_is_written_byte_by_byte(simulator: SimulatorProcess, fault: str) -> None:
    """One write a byte; the answers are the simulator's, played again by an upstream that is fast enough for it."""
    answers: dict[str, Message] = {}
    with Client(simulator.url) as straight:
        for name in scenarios():
            if name not in LARGE:
                answers[name] = played(
                    simulator.url, name, "whole", fault, client=None if "close" in fault else straight
                )

    def serve(conversation: Conversation) -> None:
        while (request := conversation.request()) is not None:
            answer = answers[request.value("x-simulator-scenario")]
            lines = [b": ".join(header) for header in answer.headers]
            conversation.send(b"\r\n".join([answer.start_line, *lines, b"", b""]))
            chunked = bool(answer.values("transfer-encoding"))
            for piece in pieces(answer.body, "byte"):
                conversation.chunk(piece) if chunked else conversation.send(piece)
            if chunked:
                conversation.chunk(b"")
            if answer.values("connection"):
                return

    with Upstream(serve) as upstream, GatewayProcess(upstream.url) as gateway, Client(gateway.url) as client:
        for name, written in answers.items():
            client.ask(headers={"x-simulator-scenario": name})
            answer = client.answer()

            assert (answer.start_line, answer.ending) == (written.start_line, "clean"), name
            assert answer.body == written.body, name


def _bar(headers: Headers, names: tuple[bytes, ...]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in names]


@pytest.mark.parametrize("name", LARGE)
def test_a_mebibyte_arrives_whole_in_chunks_of_one_byte(simulator: SimulatorProcess, name: str) -> None:
    """The largest bodies, framed byte by byte."""
    direct = played(simulator.url, name, "whole")
    assert len(direct.body) > 1 << 20

    def serve(conversation: Conversation) -> None:
        conversation.request()
        conversation.head(b"Content-Type: " + direct.values("content-type")[0], b"Transfer-Encoding: chunked")
        for start in range(0, len(direct.body), BULK_CHUNKS):
            bulk = direct.body[start : start + BULK_CHUNKS]
            conversation.send(b"".join(b"1\r\n%c\r\n" % byte for byte in bulk))
        conversation.chunk(b"")

    with Upstream(serve) as upstream, GatewayProcess(upstream.url) as gateway, Client(gateway.url) as client:
        client.ask()
        answer = client.answer()

    assert answer.ending == "clean"
    assert hashlib.sha256(answer.body).hexdigest() == hashlib.sha256(direct.body).hexdigest()


ROUTES = [
    pytest.param("GET", "/v1beta/interactions/{id}", None, id="poll"),
    pytest.param("GET", "/v1beta/interactions/{id}?stream=true&last_event_id=evt_0005", None, id="resume"),
    pytest.param("POST", "/v1beta/interactions/{id}/cancel", b"{}", id="cancel"),
    pytest.param("POST", "/v1beta/interactions/{id}/cancel", None, id="cancel without a body"),
    pytest.param("DELETE", "/v1beta/interactions/{id}", None, id="delete"),
    pytest.param("GET", "/v1beta/interactions/v1_Nobody", None, id="an unknown interaction"),
    pytest.param("POST", "/v1beta/models/m:generateContent", b"{}", id="the classic call"),
    pytest.param("POST", "/v1beta/models/m:streamGenerateContent?alt=sse", b"{}", id="the classic stream"),
    pytest.param("GET", "/v1beta/models", None, id="a path unknown to the API"),
    pytest.param("PATCH", "/upload/v1beta/files?x=%20", b"\x00\xff", id="any method"),
]


@pytest.mark.parametrize(("method", "target", "body"), ROUTES)
def test_every_route_and_method_passes(
    gateway: GatewayProcess, simulator: SimulatorProcess, method: str, target: str, body: bytes | None
) -> None:
    """Interactions or not: target, status and body are the upstream's and the client's own."""
    with Client(gateway.url) as client:
        client.ask(headers={"x-simulator-scenario": "deep_research"})
        interaction_id = entry_of(simulator, client.answer())["interaction_id"]
        real = target.format(id=interaction_id)
        client.ask(real, body, method=method)
        answer = client.answer()

    entry = entry_of(simulator, answer)
    assert (answer.status, entry["method"], entry["target"]) == (entry["status"], method, real)
    assert hashlib.sha256(answer.body).hexdigest() == entry["body_sha256"]
    assert entry["request"]["body_sha256"] == hashlib.sha256(body or b"").hexdigest()
    assert entry["request"]["header_names"] == [
        "host",
        *(["content-type", "content-length"] if body else []),
    ]


def test_an_event_arrives_before_the_next_one_is_written() -> None:
    """The head before the first event, each event at once: the upstream goes on only when the client has it."""
    events = (
        (Path(__file__).parent.parent / "streams" / "thinking.sse").read_bytes().removesuffix(b"\n\n").split(b"\n\n")
    )
    confirmed = threading.Semaphore(0)
    late: list[int] = []

    def serve(conversation: Conversation) -> None:
        conversation.request()
        conversation.head(b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked")
        for number, event in enumerate([*events, b""]):
            if not confirmed.acquire(timeout=DEADLINE_S):
                late.append(number)
                return
            conversation.chunk(event + b"\n\n" if event else b"")

    with Upstream(serve) as upstream, GatewayProcess(upstream.url) as gateway, Client(gateway.url) as client:
        client.ask()
        assert client.read_head() is not None
        for event in [*events, b""]:
            confirmed.release()
            assert client.next_chunk() == (event + b"\n\n" if event else b"")

    assert late == []


def test_what_arrives_in_one_read_leaves_in_one_chunk() -> None:
    """No buffering and no splitting: an upstream write of ordinary size is one downstream chunk."""
    sizes = [1, 100, 1000, 8000]
    confirmed = threading.Semaphore(0)

    def serve(conversation: Conversation) -> None:
        conversation.request()
        conversation.head(b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked")
        for size in [*sizes, 0]:
            confirmed.acquire(timeout=DEADLINE_S)
            conversation.chunk(b"x" * size)

    with Upstream(serve) as upstream, GatewayProcess(upstream.url) as gateway, Client(gateway.url) as client:
        client.ask()
        assert client.read_head() is not None
        seen = []
        for _ in sizes:
            confirmed.release()
            seen.append(len(client.next_chunk()))
        confirmed.release()

    assert seen == sizes
