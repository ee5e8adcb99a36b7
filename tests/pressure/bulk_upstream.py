"""An upstream that takes and gives bodies of gigabytes, as a process: `python -m tests.pressure.bulk_upstream FD`.

A request whose query is `give=KIND:SIZE:FRAMING` is answered with that body; any other, once its own body is whole,
with a small interaction. `GET /last` tells size and SHA-256 of what passed last. FD gets the port as a line.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import sys
import threading
from typing import Final

from tests.pressure.bulk import KINDS, PATIENCE_S, Body, Reader, Told, send

_GIVE = re.compile(rb"[?&]give=(\w+):(\d+):(length|chunked)")
_TAKEN: Final = (
    b'{"id":"v1_Taken","object":"interaction","status":"completed","model":"gemini-3-flash-preview",'
    b'"usage":{"total_tokens":12,"total_input_tokens":7,"total_output_tokens":5}}'
)


class Server:
    """One thread for each connection."""

    def __init__(self) -> None:
        self._last = Told(0, "")
        self._passing = threading.Lock()

    def run(self, ready_fd: int) -> None:
        """Serve until killed."""
        listener = socket.create_server(("127.0.0.1", 0))
        with os.fdopen(ready_fd, "w") as ready:
            ready.write(f"{listener.getsockname()[1]}\n")
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(sock)
        with sock:
            try:
                while head := reader.head():
                    self._answer(sock, head, reader.body(head))
            except OSError:
                pass  # the gateway left

    def _answer(self, sock: socket.socket, head: bytes, taken: Told) -> None:
        # one after the other: who has a whole body asks what it was before its sender could say so
        with self._passing:
            self._answer_alone(sock, head, taken)

    def _answer_alone(self, sock: socket.socket, head: bytes, taken: Told) -> None:
        target = head.split(b" ", 2)[1]
        if target == b"/last":
            text = json.dumps(dataclasses.asdict(self._last)).encode()
            sock.sendall(_head("application/json", len(text)) + text)
        elif asked := _GIVE.search(target):
            body = Body(asked[1].decode(), int(asked[2]))
            chunked = asked[3] == b"chunked"
            sock.sendall(_head(KINDS[body.kind].content_type, None if chunked else body.size))
            self._last = send(sock, body, chunked=chunked)
        else:
            self._last = taken
            sock.sendall(_head("application/json", len(_TAKEN)) + _TAKEN)


def _head(content_type: str, length: int | None) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode()


if __name__ == "__main__":
    Server().run(int(sys.argv[1]))
