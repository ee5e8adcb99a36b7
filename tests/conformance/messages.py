"""HTTP/1 messages as both ends of a row see them, and what of them a proxy must carry to the other side.

Not here: sockets, what a row expects. Not a server's parser: it reads what was sent, odd as it is, and hides nothing.
Source: RFC 9112 5 to 7; RFC 9110 7.6.1 for what ends at each hop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Headers = list[tuple[bytes, bytes]]

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
_SIZE = re.compile(rb"[0-9a-fA-F]+\Z")


class Reset(Exception):
    """The bytes end here by a reset."""


class Source:
    """Bytes to read from. `more` gets more of them into the buffer; it raises EOFError or Reset when none come."""

    def __init__(self, data: bytes = b"", end: type[Exception] = EOFError) -> None:
        self.buffer = bytearray(data)
        self._end = end

    def more(self) -> None:
        """Another piece."""
        raise self._end

    def until(self, mark: bytes) -> bytes:
        """All up to a mark, which goes too."""
        while mark not in self.buffer:
            self.more()
        found, _, rest = bytes(self.buffer).partition(mark)
        self.buffer[:] = rest
        return found

    def take(self, size: int) -> bytes:
        """That many bytes."""
        while len(self.buffer) < size:
            self.more()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def take_all(self) -> bytes:
        """What is there."""
        data = bytes(self.buffer)
        self.buffer.clear()
        return data


@dataclass(slots=True)
class Message:
    """One message. framing: none, length, chunked or close. ending: clean; cut: before it was whole;
    unread: nobody looked at the body."""

    start: bytes
    headers: Headers
    framing: str = "none"
    body: bytes = b""
    trailers: Headers = field(default_factory=list)
    ending: str = "clean"

    def values(self, name: bytes) -> list[bytes]:
        """All values of a (lower-case) name."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def is_response(self) -> bool:
        """By its first line."""
        return self.start.startswith(b"HTTP/")

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start.split(b" ", 2)[1])

    @property
    def is_interim(self) -> bool:
        """A 1xx after which another head follows."""
        return self.is_response and 100 <= self.status < 200 and self.status != 101

    @property
    def method(self) -> bytes:
        """Of a request."""
        return self.start.partition(b" ")[0]

    @property
    def upgrade(self) -> bytes | None:
        """`websocket` if the message speaks of changing to it: the one upgrade that a proxy relays."""
        wants = any(token == b"upgrade" for token in _tokens(self.values(b"connection")))
        protocols = _tokens(self.values(b"upgrade"))
        return b"websocket" if wants and b"websocket" in protocols else None

    def end_to_end(self) -> Headers:
        """The headers that concern the other end, in order."""
        gone = HOP_BY_HOP | (set(_tokens(self.values(b"connection"))) - {b"host", b"content-length"})
        return [(name, value) for name, value in self.headers if name.lower() not in gone]


def read_message(source: Source, *, bodyless: bool = False) -> Message | None:
    """The next message, whole or cut; None when its head never came whole. bodyless: it answers a HEAD."""
    try:
        while source.buffer[:2] == b"\r\n":
            source.take(2)
        message = head_of(source.until(b"\r\n\r\n"))
    except (EOFError, Reset):
        return None
    read_body(source, message, bodyless=bodyless)
    return message


def read_body(source: Source, message: Message, *, bodyless: bool = False) -> None:
    """The body that belongs to a head."""
    no_body = message.is_response and (message.status < 200 or message.status in {204, 304})
    if bodyless or no_body:
        return
    try:
        if b"chunked" in _tokens(message.values(b"transfer-encoding")):
            message.framing = "chunked"
            _read_chunks(source, message)
        elif lengths := message.values(b"content-length"):
            message.framing = "length"
            _read_piece(source, int(lengths[0]), message)
        elif message.is_response:
            message.framing = "close"
            _read_to_end(source, message)
    except (EOFError, Reset, ValueError):
        message.ending = "cut"


def head_of(head: bytes, *, ending: str = "clean") -> Message:
    """A head without its body. A folded line joins the one before it with a space."""
    start, *lines = head.split(b"\r\n")
    return Message(start, _pairs(lines), ending=ending)


def differences(where: str, sent: Message, got: Message, *, host: bytes | None) -> list[str]:
    """What of a message came otherwise than sent, beyond what a proxy may do. host: what a request must carry."""
    found: list[str] = []

    def compare(what: str, left: object, right: object) -> None:
        if left != right:
            found.append(f"{where}: {what} {_short(left)} became {_short(right)}")

    compare("first line", _start(sent), _start(got))
    compare("upgrade", sent.upgrade, got.upgrade)
    compare("headers", *_comparable(sent, got, host))
    if got.ending == "unread":
        return found
    compare("ending", sent.ending, got.ending)
    if sent.ending == "clean" == got.ending:
        compare("body", sent.body, got.body)
    elif not sent.body.startswith(got.body):
        found.append(f"{where}: {_short(got.body)} is no beginning of {_short(sent.body)}")
    compare("trailers", sent.trailers, got.trailers)
    return found


def _comparable(sent: Message, got: Message, host: bytes | None) -> tuple[Headers, Headers]:
    left, right = sent.end_to_end(), got.end_to_end()
    if sent.is_response or host is None:
        return left, right
    if not sent.values(b"host"):
        hosts = [pair for pair in right if pair[0].lower() == b"host"]
        right = [pair for pair in right if pair[0].lower() != b"host"]
        return [*left, (b"Host", host)], [*right, *hosts]
    return [(name, host if name.lower() == b"host" else value) for name, value in left], right


def _start(message: Message) -> bytes:
    if message.is_response:
        return message.start.partition(b" ")[2]
    method, _, rest = message.start.partition(b" ")
    target = rest.rpartition(b" ")[0]
    if not target.startswith(b"/") and b"://" in target:
        path = re.sub(rb"\A[^:]*://[^/?]*", b"", target)
        target = path if path.startswith(b"/") else b"/" + path
    return method + b" " + target


def _read_chunks(source: Source, message: Message) -> None:
    while True:
        size = source.until(b"\r\n").partition(b";")[0].strip(b" \t")
        if not _SIZE.match(size):
            raise ValueError(size)
        if int(size, 16) == 0:
            break
        _read_piece(source, int(size, 16), message)
        if source.take(2) != b"\r\n":
            raise ValueError("a chunk does not end where it said")
    lines: list[bytes] = []
    while line := source.until(b"\r\n"):
        lines.append(line)
    message.trailers = _pairs(lines)


def _read_piece(source: Source, size: int, message: Message) -> None:
    try:
        message.body += source.take(size)
    except (EOFError, Reset):
        message.body += source.take_all()
        raise


def _read_to_end(source: Source, message: Message) -> None:
    try:
        while True:
            source.more()
    except EOFError:
        pass
    finally:
        message.body += source.take_all()


def _pairs(lines: list[bytes]) -> Headers:
    pairs: Headers = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and pairs:
            name, value = pairs.pop()
            pairs.append((name, (value + b" " + line.strip(b" \t")).strip(b" \t")))
        else:
            name, _, value = line.partition(b":")
            pairs.append((name, value.strip(b" \t")))
    return pairs


def _tokens(values: list[bytes]) -> list[bytes]:
    return [token.strip().lower() for value in values for token in value.split(b",") if token.strip()]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 700 else f"{text[:330]} … {text[-330:]} ({len(text)})"
