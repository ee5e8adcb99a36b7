"""The listening sockets that the supervisor binds and keeps open, whoever of its children dies.

Not here: who serves them (forwarder.py, observer.py), address text (addresses.py).
Source: design.md 7. Promise: standard library only; a port that another process holds is an OSError, also where
SO_REUSEPORT would silently share it.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from pathlib import Path

from gateway.addresses import join_address

BACKLOG = 1024
IS_LINUX = os.uname().sysname == "Linux"
SPREADS_BY_REUSEPORT = IS_LINUX  # macOS knows the option too, but doesn't spread connections by it

_Target = tuple[socket.AddressFamily, tuple[str, int]]


def bind_proxy(host: str, port: int, forwarders: int) -> list[socket.socket]:
    """One listening socket a forwarder: of their own on the same port where the kernel spreads, else one shared."""
    if not SPREADS_BY_REUSEPORT:
        return [bind(host, port)] * forwarders
    family, (host, port) = _target(host, port)
    if port:
        _listen(family, (host, port), reuse_port=False).close()  # fails if another holds the port; REUSEPORT wouldn't
    first = _listen(family, (host, port), reuse_port=True)
    bound = (host, int(first.getsockname()[1]))
    return [first, *(_listen(family, bound, reuse_port=True) for _ in range(forwarders - 1))]


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; host "" is every address, of IPv6 and IPv4."""
    return _listen(*_target(host, port), reuse_port=False)


def bind_records() -> tuple[socket.socket, str, Path | None]:
    """The socket where forwarders hand over records, its name, and the private folder to remove at the end, if any.

    An abstract name (`@…`) on Linux needs no file, so a read-only root will do.
    """
    records = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if IS_LINUX:
        name = f"interactions-gateway-{os.getpid()}-{secrets.token_hex(8)}"
        records.bind("\0" + name)
        records.listen(BACKLOG)
        return records, "@" + name, None
    folder = Path(tempfile.mkdtemp(prefix="interactions-gateway-"))  # mode 0700: only this user gets in
    path = folder / "records"
    records.bind(str(path))
    records.listen(BACKLOG)
    return records, str(path), folder


def address_of(listening: socket.socket) -> str:
    """Where it really listens, as text."""
    host, port = listening.getsockname()[:2]
    return join_address(host, port)


def _target(host: str, port: int) -> _Target:
    if not host:
        return (socket.AF_INET6, ("::", port)) if _has_ipv6() else (socket.AF_INET, ("0.0.0.0", port))  # noqa: S104  asked for by name
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return family, (str(address[0]), port)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _listen(family: socket.AddressFamily, address: tuple[str, int], *, reuse_port: bool) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address[0] == "::" else 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
