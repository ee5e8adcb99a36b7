"""Heads as bytes: what a request leaves with, what a response leaves with.

Not here: parsing (aiohttp's parser has been strict about both already), bodies.
Source: RFC 9110 7.6.1 and RFC 9112; design.md 3: order, case and duplicates are kept, nothing is added.
"""

from __future__ import annotations

from collections.abc import Iterable

RawHeaders = Iterable[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# A body whose length was dropped because `Connection` names it would be read as the next message.
_NEVER_NAMED = frozenset({b"", b"content-length", b"host"})


def request_head(
    method: bytes, target: bytes, host: bytes, headers: RawHeaders, *, chunked: bool, upgrade: bool
) -> bytes:
    """The head that goes upstream: the client's lines in their order, `Host` in its place, hop-by-hop ones left out."""
    lines = [method, b" ", target, b" HTTP/1.1\r\n"]
    pairs = list(headers)
    dropped = _dropped(pairs)
    host_line = b"Host: " + host + b"\r\n"
    seen_host = False
    for name, value in pairs:
        lower = name.lower()
        if lower == b"host":
            lines.append(name + b": " + host + b"\r\n")
            seen_host = True
        elif lower not in dropped:
            lines.append(name + b": " + value + b"\r\n")
    if not seen_host:
        lines.insert(4, host_line)
    if chunked:
        lines.append(CHUNKED)
    if upgrade:
        lines.append(b"Connection: Upgrade\r\n")
        lines.extend(name + b": " + value + b"\r\n" for name, value in pairs if name.lower() == b"upgrade")
    lines.append(b"\r\n")
    return b"".join(lines)


def travelling(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """A request's headers without those that end at this hop: nothing of `Connection` counts for what joins them.

    `Upgrade` stays, for `request_head` to settle.
    """
    pairs = list(headers)
    dropped = _dropped(pairs) - {b"upgrade"}
    return [pair for pair in pairs if pair[0].lower() not in dropped]


def response_head(
    status: int,
    reason: bytes,
    headers: RawHeaders,
    *,
    chunked: bool = False,
    connection: bytes | None = None,
    more: Iterable[bytes] = (),
) -> bytes:
    """The head that goes to the client: the upstream's lines in their order, framing and connection as ours are.

    more: lines of ours, before those.
    """
    lines = [b"HTTP/1.1 %d " % status, reason, b"\r\n"]
    pairs = list(headers)
    dropped = _dropped(pairs)
    lines.extend(name + b": " + value + b"\r\n" for name, value in pairs if name.lower() not in dropped)
    lines.extend(line + b"\r\n" for line in more)
    if chunked:
        lines.append(CHUNKED)
    if connection is not None:
        lines.append(b"Connection: " + connection + b"\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


def origin_form(target: str) -> str:
    """The path and query of a request target, as they came; of `http://host/path` the host is not ours to follow."""
    if target.startswith("/"):
        return target
    authority_and_path = target.partition("://")[2]
    start = next((at for at, char in enumerate(authority_and_path) if char in "/?"), len(authority_and_path))
    path = authority_and_path[start:]
    return path if path.startswith("/") else "/" + path


def header(headers: RawHeaders, name: bytes) -> str | None:
    """The first header of a (lower-case) name, as text."""
    for key, value in headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return None


def joined(headers: RawHeaders, name: bytes) -> str | None:
    """All headers of a (lower-case) name as one list: their values, joined by commas."""
    values = [value for key, value in headers if key.lower() == name]
    return b",".join(values).decode("latin-1") if values else None


def _dropped(pairs: list[tuple[bytes, bytes]]) -> frozenset[bytes]:
    named = [value for name, value in pairs if name.lower() == b"connection"]
    if not named:
        return HOP_BY_HOP
    tokens = {token.strip().lower() for value in named for token in value.split(b",")}
    return HOP_BY_HOP | (tokens - _NEVER_NAMED)
