"""Listening addresses as text: `host:port`, `[v6]:port`, `:port` for every address.

Not here: binding (supervisor.py), upstream URLs (config.py).
Promise: standard library only, since the supervisor imports this and almost nothing else.
"""

from __future__ import annotations

ALLOWED = "host:port with a port of 0-65535, such as 127.0.0.1:8080, [::1]:8080, or :8080 for all addresses"


def split_address(text: str) -> tuple[str, int]:
    """Host (empty: every address, IPv6 and IPv4) and port (0: any free one). Raises ValueError for anything else."""
    host, colon, port_text = text.rpartition(":")
    if not colon or not (port_text.isascii() and port_text.isdigit()) or int(port_text) > 65_535:
        raise ValueError(ALLOWED)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host:
            raise ValueError(ALLOWED)
    elif ":" in host:
        raise ValueError(ALLOWED)
    if host != host.strip() or "/" in host or "@" in host or "[" in host or " " in host:
        raise ValueError(ALLOWED)
    return ("" if host == "*" else host), int(port_text)


def join_address(host: str, port: int) -> str:
    """The text of a bound address: IPv6 in brackets, so that it can stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable(address: str) -> str:
    """An address that a client on this machine can connect to: the any-address becomes the loopback one."""
    host, port = split_address(address)
    if host in ("", "0.0.0.0"):  # noqa: S104  nothing is bound here
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return join_address(host, port)
