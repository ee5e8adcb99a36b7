"""Heads of HTTP/1 messages: read strictly, their lines kept as they came.

Not here: where a head ends (the connections find that), bodies (framing.py), what a request means.
Source: RFC 9110 5 and 7.6.1, RFC 9112 2 to 6; RFC 9112 11.2 for what smugglers try.
Promise: a request of which two readers could make different ones is refused. Lines travel byte for byte, in order;
only those that end at each hop are left out.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import TypeAlias

HEAD_MAX_BYTES = 64 * 1024
HEAD_END = re.compile(rb"\r?\n\r?\n")
LENGTH_MAX_DIGITS = 18

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~\x80-\xff]++) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: " + _TEXT + rb")?")
_LINE = re.compile(_TOKEN + rb":" + _TEXT)
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")
_AUTHORITY = re.compile(rb"[A-Za-z0-9\-._~%!$&'()+*;=:\[\]]*")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE_END = re.compile(rb"\r?\n")

_Line: TypeAlias = tuple[int | None, bytes, bytes]  # its kind, name in lower case, value

_DROPPED, _CONNECTION, _UPGRADE, _HOST, _LENGTH, _CODING, _NOTED, _JOINED = range(8)
_KNOWN: dict[bytes, int] = {
    b"keep-alive": _DROPPED,
    b"proxy-authenticate": _DROPPED,
    b"proxy-authorization": _DROPPED,
    b"proxy-connection": _DROPPED,
    b"te": _DROPPED,
    b"trailer": _DROPPED,
    b"connection": _CONNECTION,
    b"upgrade": _UPGRADE,
    b"host": _HOST,
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"user-agent": _NOTED,
    b"traceparent": _JOINED,
    b"tracestate": _JOINED,
    b"baggage": _JOINED,
    b"api-revision": _NOTED,
    b"content-type": _NOTED,
    b"content-encoding": _NOTED,
}
# Lines are the same in each request of a client, and reading one takes longer than finding it here. Never one that may
# hold a secret.
_REMEMBERED = frozenset(
    b"accept accept-encoding accept-language alt-svc cache-control connection content-encoding content-type host "
    b"keep-alive pragma sec-fetch-mode server transfer-encoding user-agent vary x-content-type-options x-frame-options "
    b"x-goog-api-client x-xss-protection".split()
)
_REMEMBERED_MAX, _REMEMBERED_MAX_BYTES = 1024, 200
_remembered: dict[bytes, _Line] = {}
# A body whose framing was dropped because `Connection` names it would be read as the next message.
_NEVER_NAMED = frozenset({b"content-length", b"transfer-encoding", b"host"})
_KEEP_ALIVE = frozenset({b"keep-alive"})
_PLAIN_TOKENS = frozenset({b"", b"close", b"keep-alive", b"upgrade"})


class BadHeadError(ValueError):
    """The bytes are no head of HTTP/1, or one that could be read in two ways. Its text says why, without them."""


# Plain classes, not data classes: compiled, an __init__ that is written out costs a third of one that is generated.
class Fields:
    """The lines of a head. lines: those that travel on; noted: the first value of the names that are of interest.

    Of trace context, noted has all values joined by commas: a list of several lines is one, and a traceparent that
    stands twice is none. ended: the lines that `Connection` names, so that they don't travel on.
    length: of Content-Length. codings: of Transfer-Encoding, lower case. connection: the tokens of Connection, lower
    case. upgrades: the values of Upgrade. host_at: the place of the Host line.
    """

    __slots__ = ("codings", "connection", "ended", "host_at", "length", "lines", "noted", "upgrades")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.ended: tuple[bytes, ...] = ()
        self.noted: dict[bytes, bytes] = {}
        self.length: int | None = None
        self.codings: tuple[bytes, ...] = ()
        self.connection: frozenset[bytes] = frozenset()
        self.upgrades: tuple[bytes, ...] = ()
        self.host_at: int | None = None

    def replace(self, names: Container[bytes], line: bytes | None) -> None:
        """Leave out the lines of these names; in the place of the first, or at the end, goes this line."""
        host = None if self.host_at is None else self.lines[self.host_at]
        kept: list[bytes] = []
        for one in self.lines:
            if one[: one.index(b":")].lower() not in names:
                kept.append(one)
            elif line is not None:
                kept.append(line)
                line = None
        if line is not None:
            kept.append(line)
        self.lines = kept
        if host is not None:
            self.host_at = next(at for at, one in enumerate(kept) if one is host)

    @property
    def asks_for_websocket(self) -> bool:
        """Whether it is about a WebSocket, and no other protocol: the one upgrade that is relayed."""
        if not self.upgrades or b"upgrade" not in self.connection:
            return False
        return all(value.lower() == b"websocket" for value in self.upgrades)


class RequestHead:
    """A request's head. target: as it goes on, in origin form or `*`. modern: HTTP/1.1. chunked: how its body comes."""

    __slots__ = ("chunked", "fields", "keep_alive", "method", "modern", "target")

    def __init__(
        self, method: bytes, target: bytes, modern: bool, fields: Fields, chunked: bool, keep_alive: bool
    ) -> None:
        self.method = method
        self.target = target
        self.modern = modern
        self.fields = fields
        self.chunked = chunked
        self.keep_alive = keep_alive

    @property
    def upgrades(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.fields.asks_for_websocket

    def onward(self, host: bytes, prefix: bytes) -> bytes:
        """The head as the upstream gets it: `Host` is its own, `prefix` goes before the path."""
        lines, at = self.fields.lines, self.fields.host_at
        if at is None:
            lines = [b"Host: " + host, *lines]
        else:
            lines = lines.copy()
            lines[at] = lines[at][:5] + b" " + host
        if self.upgrades:
            lines = [*lines, b"Connection: Upgrade", *(b"Upgrade: " + value for value in self.fields.upgrades)]
        target = self.target if self.target == b"*" else prefix + self.target
        return b"\r\n".join([self.method + b" " + target + b" HTTP/1.1", *lines, b"", b""])


class ResponseHead:
    """A response's head. said: its first line after the version. raw: the whole, for a 101.

    length: of its body, where that frames it; chunked: it comes in chunks; neither: it lasts until the end.
    """

    __slots__ = ("chunked", "fields", "keep_alive", "length", "raw", "said", "status")

    def __init__(
        self,
        status: int,
        said: bytes,
        fields: Fields,
        chunked: bool,
        length: int | None,
        keep_alive: bool,
        raw: bytes,
    ) -> None:
        self.status = status
        self.said = said
        self.fields = fields
        self.chunked = chunked
        self.length = length
        self.keep_alive = keep_alive
        self.raw = raw

    @property
    def is_interim(self) -> bool:
        """Another head follows."""
        return self.status < 200 and self.status != 101

    def onward(self, *more: bytes) -> bytes:
        """The head as the client gets it, with these lines behind its own."""
        return b"\r\n".join([b"HTTP/1.1" + self.said, *self.fields.lines, *more, b"", b""])


def read_request(head: bytes) -> RequestHead:
    """A request's head, without the empty line that ends it. Raises BadHeadError."""
    start = _first_line_end(head)
    line = _REQUEST_LINE.fullmatch(head, 0, start)
    if line is None:
        raise BadHeadError("its first line is no request line of HTTP/1")
    method, target, minor = line.groups()
    modern = minor == b"1"
    fields = _read_fields(head, start, response=False)
    chunked = bool(fields.codings)
    if chunked and (fields.codings != (b"chunked",) or fields.length is not None or not modern):
        raise BadHeadError("its Transfer-Encoding leaves open where its body ends")
    if modern and fields.host_at is None:
        raise BadHeadError("it has no Host")
    connection = fields.connection
    keep_alive = b"close" not in connection if modern else b"keep-alive" in connection
    return RequestHead(method, _onward_target(method, target), modern, fields, chunked, keep_alive)


def read_response(head: bytes) -> ResponseHead:
    """A response's head, without the empty line that ends it. Raises BadHeadError.

    Lines may end in a lone LF and may be folded, as RFC 9112 2.2 and 5.2 ask of who reads responses.
    """
    start = _first_line_end(head)
    line = _STATUS_LINE.fullmatch(head, 0, start)
    if line is None or b"\r\n " in head or b"\r\n\t" in head or head.count(b"\n") != head.count(b"\r\n"):
        head = _LINE_END.sub(b"\r\n", _FOLD.sub(b" ", head))
        start = _first_line_end(head)
        line = _STATUS_LINE.fullmatch(head, 0, start)
    if line is None:
        raise BadHeadError("its first line is no status line of HTTP/1")
    status, modern = int(line[2]), line[1] == b"1"
    fields = _read_fields(head, start, response=True)
    chunked = bool(fields.codings)
    if chunked and fields.codings != (b"chunked",):
        raise BadHeadError("its Transfer-Encoding leaves open where its body ends")
    if chunked and fields.length is not None:
        # the coding counts; a length beside it is for smugglers only (RFC 9112 6.3)
        fields.lines = [one for one in fields.lines if not one.lower().startswith(b"content-length:")]
    connection = fields.connection
    return ResponseHead(
        status,
        head[8:start],
        fields,
        chunked=chunked,
        length=None if chunked else fields.length,
        keep_alive=b"close" not in connection if modern else b"keep-alive" in connection,
        raw=head,
    )


def valid_trailer(line: bytes) -> bool:
    """Whether a line may stand behind the last chunk: a field, and none that frames or routes."""
    try:
        kind, _, _ = _read_line(line)
    except BadHeadError:
        return False
    return kind is None or kind in (_NOTED, _JOINED)


def _first_line_end(head: bytes) -> int:
    end = head.find(b"\r\n")
    return len(head) if end < 0 else end


def _onward_target(method: bytes, target: bytes) -> bytes:
    if target[0] == 0x2F:
        return target
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise BadHeadError("its target is no path")
    # of `http://host/path` the host is not ours to follow: the upstream is fixed
    path = target[absolute.end() :]
    return path if path[:1] == b"/" else b"/" + path


def _read_fields(head: bytes, start: int, *, response: bool) -> Fields:
    fields = Fields()
    lines = fields.lines
    for line in head[start + 2 :].split(b"\r\n") if start < len(head) else ():
        known = _remembered.get(line)
        if known is None:
            known = _read_line(line)
        kind, name, value = known
        if kind is None:
            lines.append(line)
        elif kind == _NOTED:
            lines.append(line)
            fields.noted.setdefault(name, value)
        elif kind == _JOINED:
            lines.append(line)
            before = fields.noted.get(name)
            fields.noted[name] = value if before is None else before + b"," + value
        elif kind != _DROPPED:
            _read_known(fields, kind, line, value, response=response)
    if not fields.connection <= _PLAIN_TOKENS:
        _drop_named(fields)
    return fields


def _read_line(line: bytes) -> _Line:
    if _LINE.fullmatch(line) is None:
        raise BadHeadError("a header line is malformed")
    name = line[: line.index(b":")].lower()
    read = _KNOWN.get(name), name, line[len(name) + 1 :].strip(b" \t")
    if name in _REMEMBERED and len(line) <= _REMEMBERED_MAX_BYTES and len(_remembered) < _REMEMBERED_MAX:
        _remembered[line] = read
    return read


def _read_known(fields: Fields, kind: int, line: bytes, value: bytes, *, response: bool) -> None:
    if kind == _CONNECTION:
        fields.connection |= _tokens(value)
    elif kind == _UPGRADE:
        fields.upgrades += (value,)
    elif kind == _HOST:
        if not response:
            if fields.host_at is not None:
                raise BadHeadError("it has two Host lines")
            if _AUTHORITY.fullmatch(value) is None:
                raise BadHeadError("its Host is none")
            fields.host_at = len(fields.lines)
        fields.lines.append(line)
    elif kind == _CODING:
        fields.codings += (b"chunked",) if value == b"chunked" else tuple(_split(value))
        # in the one spelling that every reader knows
        fields.lines.append(line if value == b"chunked" else line[:18] + b" chunked")
    else:
        length = _length(value)
        if length is None or (fields.length is not None and (not response or fields.length != length)):
            raise BadHeadError("its Content-Length leaves open where its body ends")
        if fields.length is None:
            fields.length = length
            fields.lines.append(line)


def _tokens(value: bytes) -> frozenset[bytes]:
    return _KEEP_ALIVE if value == b"keep-alive" else frozenset(_split(value))


def _split(value: bytes) -> list[bytes]:
    return [token.strip(b" \t").lower() for token in value.split(b",")]


def _length(value: bytes) -> int | None:
    # isdigit of bytes knows ASCII digits only
    return int(value) if value.isdigit() and len(value) <= LENGTH_MAX_DIGITS else None


def _drop_named(fields: Fields) -> None:
    named = fields.connection - _PLAIN_TOKENS - _NEVER_NAMED
    host = None if fields.host_at is None else fields.lines[fields.host_at]
    fields.ended = tuple(line for line in fields.lines if line[: line.index(b":")].lower() in named)
    fields.lines = [line for line in fields.lines if line[: line.index(b":")].lower() not in named]
    if host is not None:
        fields.host_at = next(at for at, line in enumerate(fields.lines) if line is host)
