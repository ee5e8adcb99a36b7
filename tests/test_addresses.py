"""Addresses as text, and sockets bound to them."""

from __future__ import annotations

import socket

import pytest

from gateway import sockets
from gateway.addresses import join_address, reachable, split_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        pytest.param("127.0.0.1:8080", "127.0.0.1", 8080, id="v4"),
        pytest.param("[::1]:80", "::1", 80, id="v6 in brackets"),
        pytest.param("localhost:0", "localhost", 0, id="a name, any port"),
        pytest.param(":65535", "", 65535, id="every address"),
        pytest.param("*:1", "", 1, id="every address, with a star"),
    ],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    assert split_address(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        "host",
        "host:",
        "host:-1",
        "host:65536",
        "host:8x",
        "::1:80",
        "[::1]",
        "[v4]:80",
        "http://h:80",
        "h :8",
        "u@h:1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        split_address(text)


@pytest.mark.parametrize(
    ("listening", "asked"),
    [
        (":80", "127.0.0.1:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("[::]:80", "[::1]:80"),
        ("h:80", "h:80"),
        ("[::1]:80", "[::1]:80"),
    ],
)
def test_a_client_on_the_machine_asks_loopback_where_all_addresses_listen(listening: str, asked: str) -> None:
    assert reachable(listening) == asked


def test_each_forwarder_has_a_socket_of_its_own_on_one_port() -> None:
    bound = sockets.bind_proxy("127.0.0.1", 0, 3)
    try:
        assert len({one.fileno() for one in bound}) == 3
        assert len({sockets.address_of(one) for one in bound}) == 1
    finally:
        for one in bound:
            one.close()


def test_every_address_means_ipv6_and_ipv4() -> None:
    with sockets.bind("", 0) as listening:
        port = listening.getsockname()[1]
        for host in ("127.0.0.1", *(["::1"] if listening.family == socket.AF_INET6 else [])):
            socket.create_connection((host, port), timeout=5).close()

        assert sockets.address_of(listening) == join_address(listening.getsockname()[0], port)
