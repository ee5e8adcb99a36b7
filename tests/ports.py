"""Ports on which nobody listens: held so that nobody else can meanwhile, and whether one is.

One that is only free may be given to the next server of any test beside, which then answers in nobody's place.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


def hold() -> socket.socket:
    """A socket that is bound and not listening: connections to it are refused, and its port is nobody else's.

    Who says so by its address may listen there all the same (SO_REUSEADDR, as event loops set it).
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


@contextmanager
def closed_port() -> Iterator[int]:
    """The port, closed as long as the context is open."""
    with hold() as held:
        yield int(held.getsockname()[1])


def is_refused(port: int) -> bool:
    """Whether nobody listens on it."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False
