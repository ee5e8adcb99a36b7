"""An OTLP/HTTP receiver that costs little: `python -m tests.bench.sink`; it prints {"port": …} and runs until its
standard input ends.

POST /v1/traces is answered 200 and kept; GET /spans tells how many spans have come, and forgets them.
Not here: what the spans say (tests/otlp_receiver.py reads them).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import sys
from typing import Final, cast

import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_TAKEN: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


class Exports:
    """What has come, not decoded until it is asked for: the bench measures others meanwhile."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    def keep(self, body: bytes) -> None:
        """One export."""
        self._bodies.append(body)

    def spans(self) -> int:
        """How many spans there were; they are forgotten."""
        bodies, self._bodies = self._bodies, []
        return sum(map(_spans, bodies))


def _spans(body: bytes) -> int:
    export = ExportTraceServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    return sum(len(scope.spans) for of in export.resource_spans for scope in of.scope_spans)


class Connection(asyncio.Protocol):
    """One of an exporter."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports
        self._held = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._held += data
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._held, 0, end + 2)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._held) < whole:
            return
        head, body = bytes(self._held[:end]), bytes(self._held[end + 4 : whole])
        del self._held[:whole]
        if head.startswith(b"GET /spans "):
            text = json.dumps(self._exports.spans()).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
            return
        self._exports.keep(body)
        self._transport.write(_TAKEN)


async def serve() -> None:
    """Serve until the standard input ends."""
    exports = Exports()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(exports), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
