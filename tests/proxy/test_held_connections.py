"""Connections on which one side takes nothing: whoever leaves is noticed, and no answer is lost behind what waits."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.gateway_process import GatewayProcess, wait_until

UPLOAD_BYTES = 64 * 1024 * 1024  # more than all buffers on the way hold
HEAD = b"POST /v1/files HTTP/1.1\r\nHost: client.test\r\nContent-Length: %d\r\n\r\n" % UPLOAD_BYTES
DEADLINE_S = 15.0
Script = Callable[[socket.socket], None]


@contextmanager
def upstream(script: Script) -> Iterator[str]:
    """Plays the script on each connection, after the request's head."""
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listening:
        kept: list[socket.socket] = []

        def play(connection: socket.socket) -> None:
            connection.settimeout(DEADLINE_S)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(1024)
            script(connection)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                kept.append(connection)
                threading.Thread(target=play, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE_S)
            for connection in kept:
                connection.close()


@contextmanager
def gateway(script: Script, **config: object) -> Iterator[GatewayProcess]:
    with upstream(script) as url, GatewayProcess(url, config={"proxy.path": "fast", **config}) as process:
        yield process


def connect(process: GatewayProcess) -> socket.socket:
    host, _, port = process.url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)), DEADLINE_S)
    client.settimeout(DEADLINE_S)
    return client


def upload_until_stuck(client: socket.socket) -> None:
    """Send the head and body until nothing more is taken for a while."""
    client.sendall(HEAD)
    client.settimeout(1.0)
    try:
        while True:
            client.send(b"x" * 65_536)
    except TimeoutError:
        client.settimeout(DEADLINE_S)


def read_until(client: socket.socket, end: bytes) -> bytes:
    """What comes until these bytes, or until the connection's end."""
    received = b""
    while not received.endswith(end) and (piece := client.recv(65_536)):
        received += piece
    return received


def ended(client: socket.socket) -> bytes:
    """All that comes until the connection ends, in whatever way."""
    received = b""
    try:
        while piece := client.recv(65_536):
            received += piece
    except ConnectionError:
        pass
    return received


def nothing(_: socket.socket) -> None:
    """An upstream that neither reads nor answers."""


def test_an_answer_that_ends_with_its_connection_is_whole_while_an_upload_waits() -> None:
    """The upstream has answered and said that it is through; what it won't read keeps nobody waiting."""

    stuck = threading.Event()

    def refuse(connection: socket.socket) -> None:
        stuck.wait(DEADLINE_S)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\ntoo large")
        connection.shutdown(socket.SHUT_WR)

    with gateway(refuse) as process, connect(process) as client:
        upload_until_stuck(client)
        stuck.set()

        assert read_until(client, b"0\r\n\r\n").partition(b"\r\n\r\n")[2] == b"9\r\ntoo large\r\n0\r\n\r\n"
        assert process.settled(1).labelled("requests_total") != {}


def test_an_upstream_that_is_through_in_mid_body_is_a_cut_while_an_upload_waits() -> None:
    stuck = threading.Event()

    def half(connection: socket.socket) -> None:
        stuck.wait(DEADLINE_S)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.shutdown(socket.SHUT_WR)

    with gateway(half) as process, connect(process) as client:
        upload_until_stuck(client)
        stuck.set()

        assert ended(client).partition(b"\r\n\r\n")[2] == b"half"
        assert process.settled(1).total("requests_total", outcome="upstream_abort") == 1


def test_an_answer_is_not_lost_with_the_upload_that_it_refuses() -> None:
    """The upstream answers and closes at once, with the upload unread: the next write of it fails."""

    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large")
        connection.close()

    with gateway(refuse) as process:
        for _ in range(20):
            with connect(process) as client:
                client.sendall(HEAD + b"x" * 200_000)

                assert read_until(client, b"too large").endswith(b"too large")
        assert process.settled(20).total("requests_total", outcome="http_error") == 20


def test_a_client_that_resets_while_it_is_held_is_noticed() -> None:
    """It isn't read, since the upstream takes no more; its leaving ends the request all the same."""
    with gateway(nothing) as process:
        client = connect(process)
        upload_until_stuck(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

        assert process.settled(1).total("requests_total", outcome="client_abort") == 1


def test_a_client_that_half_closes_and_takes_nothing_is_let_go() -> None:
    """Its socket ends with its exchange, with all that waits in it."""

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65_536)
        except OSError:
            pass

    with gateway(endless) as process, connect(process) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /v1/files HTTP/1.1\r\nHost: client.test\r\n\r\n")
        wait_until(lambda: process.scrape().total("active_streams") == 1)
        client.shutdown(socket.SHUT_WR)

        assert process.settled(1).total("requests_total", outcome="client_abort") == 1
        ended(client)


def test_empty_lines_before_a_request_gain_no_time() -> None:
    with gateway(nothing, **{"proxy.request_head_timeout_s": 0.5}) as process, connect(process) as client:
        client.settimeout(0.05)
        began_s = time.monotonic()
        ended = False
        while not ended and time.monotonic() - began_s < DEADLINE_S:
            try:
                client.sendall(b"\r\n")
                ended = client.recv(1) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                ended = True

        assert ended
