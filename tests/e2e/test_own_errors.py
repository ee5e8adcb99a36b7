"""The gateway's own answers: the API's error shape, a code and a header of ours, and never a traceback."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.raw import DEADLINE_S, Client, Conversation, Message, Upstream
from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until
from tests.ports import closed_port, is_refused


def assert_own(answer: Message, status: int, code: str) -> str:
    """It is ours, in the API's error shape and in nothing but; returns the message."""
    document = json.loads(answer.body)
    assert answer.ending == "clean"
    assert answer.status == status
    assert document["error"]["code"] == code
    assert set(document) == {"error"}
    assert set(document["error"]) == {"code", "message"}
    assert answer.value("x-interactions-gateway-error") == "1"
    assert answer.value("content-type").startswith("application/json")
    assert "Traceback" not in answer.body.decode()
    return str(document["error"]["message"])


def assert_booked(gateway: GatewayProcess, outcome: str, code: str, closed: int = 1) -> None:
    """One exchange, with that outcome and error, and no traceback in the log."""
    scrape = gateway.settled(closed)
    assert scrape.total("requests_total", outcome=outcome) == closed
    assert scrape.total("errors_total", source="gateway", code=code) == closed
    assert not any("Traceback" in line or "forwarding_failed" in line for line in gateway.log_lines())


def create(url: str) -> Message:
    """One create, answered."""
    with Client(url) as client:
        client.ask()
        return client.answer()


def test_an_upstream_that_refuses_connections_is_a_502() -> None:
    """Nothing was sent, so a client may safely send it again."""
    with closed_port() as port, GatewayProcess(f"http://127.0.0.1:{port}") as gateway:
        message = assert_own(create(gateway.url), 502, "connect_error")
        assert_booked(gateway, "gateway_error", "connect_error")

    assert "127.0.0.1" in message


def test_a_name_without_an_address_is_a_502() -> None:
    """Names under .invalid never have one."""
    with GatewayProcess("http://nowhere.invalid") as gateway:
        assert_own(create(gateway.url), 502, "dns_error")
        assert_booked(gateway, "gateway_error", "dns_error")


@contextmanager
def certificate(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A self-signed certificate for 127.0.0.2, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upstream.test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    yield chain, private


@contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A socket that gives each connection to `serve`; the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopping = threading.Event()

        def accept() -> None:
            while not stopping.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        serve(connection)
                    except OSError:
                        pass  # what a failed handshake looks like from here

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        stopping.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE_S)


def test_a_certificate_that_is_not_trusted_is_a_502_and_a_trusted_one_is_used(tmp_path: Path) -> None:
    """The API's key goes to nobody else; proxy.ca_file says who is trusted."""
    with certificate(tmp_path) as (chain, private):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, private)
        heard: list[bytes] = []

        def serve(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secured:
                heard.append(secured.recv(65536))
                secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        with listener(serve) as port:
            with GatewayProcess(f"https://localhost:{port}") as gateway:
                assert_own(create(gateway.url), 502, "tls_error")
                assert_booked(gateway, "gateway_error", "tls_error")
            assert heard == []
            with GatewayProcess(f"https://localhost:{port}", config={"proxy.ca_file": chain}) as gateway:
                assert create(gateway.url).body == b"{}"
            assert len(heard) == 1
            with GatewayProcess(f"https://127.0.0.1:{port}", config={"proxy.ca_file": chain}) as gateway:
                assert_own(create(gateway.url), 502, "tls_error")


def test_an_upstream_that_speaks_no_tls_is_a_502() -> None:
    """A failed handshake, told as one."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with listener(serve) as port, GatewayProcess(f"https://localhost:{port}") as gateway:
        assert_own(create(gateway.url), 502, "tls_error")


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: a further one gets no answer at all, as behind a dead route."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = int(server.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        time.sleep(0.2)  # until the kernel has queued what it will
        yield port
        for one in waiting:
            one.close()


@pytest.mark.parametrize("head_timeout_s", [None, 5.0])
def test_a_connection_that_does_not_come_is_a_502(head_timeout_s: float | None) -> None:
    """After proxy.connect_timeout_s, and it is named for that, also where a time for the head is set."""
    config: dict[str, object] = {"proxy.connect_timeout_s": 0.4}
    if head_timeout_s is not None:
        config["proxy.response_head_timeout_s"] = head_timeout_s
    with full_backlog() as port, GatewayProcess(f"http://127.0.0.1:{port}", config=config) as gateway:
        began_s = time.monotonic()
        message = assert_own(create(gateway.url), 502, "connect_timeout")
        assert 0.3 < time.monotonic() - began_s < 3.0
        assert_booked(gateway, "gateway_error", "connect_timeout")

    assert "connect_timeout_s" in message


def test_a_head_that_does_not_come_is_a_504_when_a_time_is_set(simulator: SimulatorProcess) -> None:
    """The operator's own choice; the upstream request ends with it."""
    with GatewayProcess(simulator.url, config={"proxy.response_head_timeout_s": 0.4}) as gateway:
        before = len(simulator.ledger())
        with Client(gateway.url) as client:
            client.ask(headers={"x-simulator-fault": "hang"})
            message = assert_own(client.answer(), 504, "upstream_timeout")
        assert_booked(gateway, "gateway_error", "upstream_timeout")
        entry = wait_until(lambda: [e for e in simulator.ledger()[before:] if e["ended"] != "open"], DEADLINE_S)[0]

    assert "response_head_timeout_s" in message
    assert entry["ended"] == "client_gone"


def test_more_exchanges_than_allowed_are_a_503(simulator: SimulatorProcess) -> None:
    """The open ones go on; when one ends there is room again."""
    with GatewayProcess(simulator.url, config={"proxy.max_open_exchanges": 2}) as gateway:
        holding = [Client(gateway.url) for _ in range(2)]
        for client in holding:
            client.ask(headers={"x-simulator-scenario": "text", "x-simulator-fault": "hold-after=2"})
            assert client.read_head() is not None
        before = len(simulator.ledger())
        assert_own(create(gateway.url), 503, "max_streams")
        assert len(simulator.ledger()) == before
        holding.pop().close()
        wait_until(lambda: create(gateway.url).status == 200, DEADLINE_S, "room")
        holding.pop().close()
        scrape = wait_until(
            lambda: (s := gateway.scrape()).total("requests_total", outcome="client_abort") == 2 and s, DEADLINE_S
        )

    assert scrape.total("active_streams") == 0
    assert scrape.total("requests_total", outcome="rejected") >= 1
    assert scrape.total("requests_total", outcome="completed") == 1


def test_a_body_over_the_limit_is_a_413(simulator: SimulatorProcess) -> None:
    """Declared or in chunks; the API gets no whole request of it, and one at the limit passes."""
    before = len(simulator.ledger())
    with GatewayProcess(simulator.url, config={"proxy.max_request_body_bytes": 1000}) as gateway:
        with Client(gateway.url) as client:
            client.ask(body=b" " * 1001)
            assert_own(client.answer(), 413, "body_too_large")
        for size in (600, 200_000):
            with Client(gateway.url) as client:
                client.ask(body=None, headers={"Transfer-Encoding": "chunked"})
                client.chunk(b" " * size)
                client.chunk(b" " * size)
                assert_own(client.answer(), 413, "body_too_large")
        assert_booked(gateway, "rejected", "body_too_large", closed=3)
        assert len(simulator.ledger()) == before
        with Client(gateway.url) as client:
            client.ask(body=b'{"model":"sim-text","stream":true}'.ljust(1000))
            assert client.answer().status == 200


def test_a_request_while_draining_is_a_503_and_the_open_stream_goes_on() -> None:
    """On a connection that was open before; new ones find nobody listening."""
    drained = threading.Event()

    def waits(conversation: Conversation) -> None:
        while (request := conversation.request()) is not None and b"stream" not in request.body:
            conversation.head(b"Content-Length: 2")
            conversation.send(b"{}")
        conversation.head(b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked")
        conversation.chunk(b"event: a\ndata: {}\n\n")
        assert drained.wait(DEADLINE_S)
        conversation.chunk(b"event: done\ndata: [DONE]\n\n")
        conversation.chunk(b"")

    with (
        Upstream(waits) as upstream,
        GatewayProcess(upstream.url) as gateway,
        Client(gateway.url) as streaming,
        Client(gateway.url) as idle,
    ):
        idle.ask(body=b"{}")
        assert idle.answer().status == 200
        streaming.ask()
        head = streaming.read_head()
        assert head is not None
        gateway.signal(15)
        # /readyz says so as soon as the supervisor knows; a forwarder may still take what has come meanwhile
        wait_until(lambda: is_refused(gateway.port), DEADLINE_S, "the forwarder's drain")
        idle.ask()
        assert_own(idle.answer(), 503, "draining")
        assert gateway.ready()[0] == 503
        drained.set()
        streaming.read_body(head, until_close=True)

        assert head.ending == "clean"
        assert head.body == b"event: a\ndata: {}\n\nevent: done\ndata: [DONE]\n\n"
        assert gateway.wait() == 0


MALFORMED = [
    pytest.param(b"nonsense\r\n\r\n", 400, "bad_request", id="no request line"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX y: 1\r\n\r\n", 400, "bad_request", id="a space in a header's name"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400, "bad_request", id="a space before the colon"),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        400,
        "bad_request",
        id="two lengths",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad_request",
        id="a length and chunks",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
        "bad_request",
        id="an unknown transfer coding",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", 400, "bad_request", id="a negative length"
    ),
    pytest.param(
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431, "header_size", id="a head too large"
    ),
    pytest.param(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "url_length", id="a target too long"),
]


@pytest.mark.parametrize(("raw", "status", "code"), MALFORMED)
def test_what_is_no_request_is_refused_in_the_same_shape(
    gateway: GatewayProcess, simulator: SimulatorProcess, raw: bytes, status: int, code: str
) -> None:
    """Nothing of it reaches the upstream, and the gateway goes on."""
    before, booked = len(simulator.ledger()), gateway.scrape().total("requests_total", outcome="rejected")
    with Client(gateway.url) as client:
        client.send(raw)
        assert_own(client.answer(), status, code)
        client.left()

    wait_until(
        lambda: gateway.scrape().total("requests_total", outcome="rejected") == booked + 1, DEADLINE_S, "the booking"
    )
    assert len(simulator.ledger()) == before
    assert create(gateway.url).status == 200


@pytest.mark.parametrize(
    "broken", [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n"], ids=["no size", "a wrong size"]
)
def test_a_request_body_that_breaks_its_framing_is_refused(broken: bytes) -> None:
    """Also when its head and its first chunk are upstream already, which then sees half a request."""
    seen: list[Message] = []

    def reads(conversation: Conversation) -> None:
        message = conversation.read_head()
        if message is not None:
            conversation.read_body(message, until_close=False)
            seen.append(message)

    with Upstream(reads) as upstream, GatewayProcess(upstream.url) as gateway, Client(gateway.url) as client:
        client.ask(body=None, headers={"Transfer-Encoding": "chunked"})
        client.chunk(b"{")
        wait_until(lambda: upstream.connections, DEADLINE_S, "the head upstream")
        time.sleep(0.1)  # the first chunk on its way
        client.send(broken)
        assert_own(client.answer(), 400, "bad_request")
        wait_until(lambda: seen, DEADLINE_S, "the break upstream")

    assert seen[0].ending in {"eof", "reset"}


def test_a_head_that_trickles_is_refused(simulator: SimulatorProcess) -> None:
    """After proxy.request_head_timeout_s from its first byte; a connection that idles between requests may wait."""
    with (
        GatewayProcess(simulator.url, config={"proxy.request_head_timeout_s": 0.5}) as gateway,
        Client(gateway.url) as idle,
    ):
        idle.ask()
        assert idle.answer().status == 200
        with Client(gateway.url) as client:
            client.send(b"POST /v1beta/interactions HTTP/1.1\r\nHost:")
            assert_own(client.answer(), 408, "slow_header")
        idle.ask()
        assert idle.answer().status == 200
