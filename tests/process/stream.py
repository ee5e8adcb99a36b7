"""A client on a plain socket, which sees every byte and every break; and the balance of a scrape.

Not here: starting gateways (tests/gateway_process.py).
"""

from __future__ import annotations

import json
import socket

from gateway.addresses import split_address
from tests.gateway_process import Scrape

BODY = json.dumps({"model": "gemini-3-flash-preview", "input": "hi", "stream": True}).encode()


def create(url: str, *, fault: str = "", pace: str = "0", scenario: str = "thinking", close: bool = True) -> bytes:
    """One streamed interaction over a connection of its own; whatever came, when it ended or broke."""
    stream = Stream(url, fault=fault, pace=pace, scenario=scenario, close=close)
    return stream.read_to_end()


class Stream:
    """A client with a plain socket, which sees every byte and every break."""

    def __init__(
        self, url: str, *, fault: str = "", pace: str = "0", scenario: str = "thinking", close: bool = True
    ) -> None:
        host, port = split_address(url.removeprefix("http://"))
        self.socket = socket.create_connection((host, port), timeout=20)
        headers = [
            "POST /v1beta/interactions HTTP/1.1",
            f"host: {host}:{port}",
            "content-type: application/json",
            f"content-length: {len(BODY)}",
            f"x-simulator-scenario: {scenario}",
            f"x-simulator-pace: {pace}",
        ]
        headers += [f"x-simulator-fault: {fault}"] if fault else []
        headers += ["connection: close"] if close else []
        self.socket.sendall("\r\n".join([*headers, "", ""]).encode() + BODY)
        self.received = b""
        self.broken = False

    def read_until(self, needle: bytes) -> None:
        while needle not in self.received:
            data = self.socket.recv(65_536)
            assert data, f"ended before {needle!r}: {self.received!r}"
            self.received += data

    def read_to_end(self) -> bytes:
        with self.socket:
            try:
                while data := self.socket.recv(65_536):
                    self.received += data
            except ConnectionError:
                self.broken = True
        return self.received

    @property
    def is_whole(self) -> bool:
        return not self.broken and self.received.endswith(b"0\r\n\r\n")


def assert_balanced(scrape: Scrape, workers: int) -> None:
    for worker in map(str, range(workers)):
        opened = scrape.value("exchanges_opened_total", worker=worker)
        closed = scrape.value("exchanges_closed_total", worker=worker)
        assert opened >= closed
    lost = scrape.total("records_lost_total", kind="ExchangeClosed")
    opened, closed = scrape.total("exchanges_opened_total"), scrape.total("exchanges_closed_total")

    assert opened == closed + scrape.total("active_streams") + lost
    assert scrape.total("requests_total") == closed
