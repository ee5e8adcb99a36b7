"""Bodies of hundreds of megabytes and of gigabytes pass both ways whole, and the gateway's memory stays flat.

Both sides hash what passes them; the processes' memory is sampled all the while, against what they held before the
first of all transfers. Figures are shown at the end of the run.
"""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.gateway_process import GatewayProcess, wait_until
from tests.pressure.bulk import KINDS, PATIENCE_S, Body, Reader, Told, send
from tests.pressure.upstream import upstream
from tests.watch import MIB, Watch, holding

GIB = 1024 * MIB
# Seen: 4.1 and 0.1 MiB at most, for 4 GiB as for 256 MiB: buffers both ways, and what the first exchange loads.
FORWARDER_MAX_BYTES = 6 * MIB
OBSERVER_MAX_BYTES = 2 * MIB


@dataclass(frozen=True, slots=True)
class Transfer:
    """One body, one way. path: where to; a POST of its own for what is given, like a create."""

    way: str
    body: Body
    framing: str
    path: str

    @property
    def name(self) -> str:
        size = self.body.about_bytes
        told = f"{size // GIB} GiB" if size >= GIB else f"{size // MIB} MiB"
        return f"{self.way} of {told} of {self.body.kind}, {self.framing}"


FILES, UPLOADS, CREATE = "/v1beta/files/abc:download?alt=media", "/upload/v1beta/files", "/v1beta/interactions"


def transfers(size: int) -> list[Transfer]:
    """Every way, framing and kind of one message of that size."""
    return [
        Transfer(way, Body(kind, size), framing, path)
        for framing in ("length", "chunked")
        for way, kind, path in (
            ("upload", "octets", UPLOADS),
            ("upload", "asked", CREATE),
            ("download", "octets", FILES),
            ("download", "answer", CREATE),
        )
    ]


def streams(images_bytes: int, events_bytes: int) -> list[Transfer]:
    """Event streams of few large and of many small deltas."""
    sizes = {"images": images_bytes, "events": events_bytes}
    return [Transfer("download", Body(kind, size), "chunked", CREATE) for kind, size in sizes.items()]


LIGHT = [
    each
    for each in transfers(256 * MIB)
    if (each.framing, each.path == CREATE) in {("length", False), ("chunked", True)}
] + streams(240 * MIB, 24 * MIB)
HEAVY = transfers(4 * GIB) + streams(GIB, GIB)


@dataclass(frozen=True, slots=True)
class Bench:
    """The running gateway, its upstream, and what the gateway's processes held before the first transfer."""

    gateway: GatewayProcess
    upstream_url: str
    rest_bytes: dict[str, int]

    @property
    def pids(self) -> dict[str, int]:
        (forwarder,) = self.gateway.pids.forwarders
        return {"forwarder": forwarder, "observer": self.gateway.pids.observer}

    def last(self) -> Told:
        """What passed the upstream last."""
        with urllib.request.urlopen(f"{self.upstream_url}/last", timeout=PATIENCE_S) as answer:
            return Told(**json.load(answer))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with upstream("tests.pressure.bulk_upstream") as upstream_url, GatewayProcess(upstream_url) as gateway:
        bench = Bench(gateway, upstream_url, {})
        bench.rest_bytes.update({name: holding(pid).rss_bytes for name, pid in bench.pids.items()})
        yield bench


def passed(url: str, transfer: Transfer) -> Told:
    """Play it; what the client sent or received."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=PATIENCE_S) as sock:
        reader = Reader(sock)
        if transfer.way == "upload":
            chunked = transfer.framing == "chunked"
            framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {transfer.body.size}"
            sock.sendall(_head("POST", transfer.path, KINDS[transfer.body.kind].content_type, framing))
            told = send(sock, transfer.body, chunked=chunked)
            head = reader.head()
            assert reader.body(head).whole
        else:
            give = f"give={transfer.body.kind}:{transfer.body.about_bytes}:{transfer.framing}"
            target = f"{transfer.path}{'&' if '?' in transfer.path else '?'}{give}"
            if transfer.path == CREATE:
                asked = b'{"model":"gemini-3-flash-preview","input":"hi"}'
                sock.sendall(_head("POST", target, "application/json", f"Content-Length: {len(asked)}") + asked)
            else:
                sock.sendall(_head("GET", target, "", ""))
            head = reader.head()
            told = reader.body(head)
        assert head.startswith(b"HTTP/1.1 200 ")
        return told


def _head(method: str, target: str, content_type: str, framing: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: gateway.test"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    return "\r\n".join([*lines, *([framing] if framing else []), "", ""]).encode()


@pytest.mark.parametrize(
    "transfer",
    [
        *[pytest.param(each, id=each.name) for each in LIGHT],
        *[pytest.param(each, id=each.name, marks=[pytest.mark.heavy, pytest.mark.timeout(600)]) for each in HEAVY],
    ],
)
def test_a_large_body_arrives_whole_and_memory_stays_flat(bench: Bench, transfer: Transfer, figures: list[str]) -> None:
    """The same bytes in number and hash on both sides; no process grows by more than some buffers."""
    before = len(bench.gateway.events("exchange"))
    with Watch(bench.pids, every_s=0.02) as watch:
        began_s = time.monotonic()
        told = passed(bench.gateway.url, transfer)
        took_s = time.monotonic() - began_s
        line = wait_until(lambda: bench.gateway.events("exchange")[before:], what="the exchange's line")[0]
    grown = {name: watch.peak_bytes(name) - rest for name, rest in bench.rest_bytes.items()}
    figures.append(
        f"{transfer.name}: {told.size / MIB / took_s:.0f} MiB/s, "
        + ", ".join(f"{name} +{bytes_ / MIB:.1f} MiB" for name, bytes_ in grown.items())
    )

    assert told == bench.last()
    assert told.size == transfer.body.size
    assert told.whole
    assert line["bytes_up" if transfer.way == "upload" else "bytes_down"] == transfer.body.size
    assert line["outcome"] == ("completed" if transfer.path == CREATE else "forwarded")
    assert grown["forwarder"] < FORWARDER_MAX_BYTES
    assert grown["observer"] < OBSERVER_MAX_BYTES
    if transfer.path == CREATE:
        assert line["tokens"]["total"] == 12
