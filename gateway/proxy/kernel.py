"""What only the kernel tells of a connection: whether the peer is still there, and what it sent before a write failed.

Not here: what follows from it (fast/, dial.py). Promise: a system that doesn't know a question
answers as if all were well.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct

# A peer that vanishes without a word (a power cut, a NAT that forgot it) is found within two minutes; models think
# longer than any read timeout that we could set.
KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
REST_MAX_BYTES = 1024 * 1024
_ESTABLISHED = 1


def keep_alive(sock: socket.socket | None) -> None:
    """Let the kernel ask now and then whether the peer is there."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def peer_address(transport: asyncio.BaseTransport) -> str | None:
    """The address of the other end, None where it has none."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else None


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Let the connection end by a reset, with nothing more sent."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def has_left(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer has closed or reset the connection, also where nobody reads from it."""
    sock = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_INFO", None)
    if sock is None or option is None:
        return False
    try:
        state: int = sock.getsockopt(socket.IPPROTO_TCP, option, 1)[0]
    except (OSError, ValueError):  # the latter where the transport has closed it
        return False
    return state != _ESTABLISHED


class SecondHandle:
    """A connection's socket held open beside its transport, which closes with what it has not read when a write fails.

    An upstream that refuses a body answers and closes at once: its answer must not be lost with the body.
    """

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        self._file = -1
        if sock is not None and transport.get_extra_info("ssl_object") is None:
            self._file = os.dup(sock.fileno())

    def rest(self) -> bytes:
        """What has come and was not read, at most REST_MAX_BYTES."""
        pieces: list[bytes] = []
        left = REST_MAX_BYTES
        try:
            while left > 0 and self._file >= 0 and (piece := os.read(self._file, left)):
                pieces.append(piece)
                left -= len(piece)
        except OSError:
            pass  # nothing more is there, or the reset has been reached
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
