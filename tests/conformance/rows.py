"""A row: one rule of HTTP, who does what, and how it must look from both ends; with helpers to write them short.

Not here: the rules themselves (rules_*.py), running (stage.py).
What a row need not say: a message reaches the other end as it was sent, but for what ends at each hop. So its bytes are
written once, by the side that sends them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.conformance.actions import Close, Cut, HalfClose, Read, Script

EVERYWHERE = frozenset({"direct", "nginx", "gateway"})
PROXIES = frozenset({"nginx", "gateway"})
GATEWAY = frozenset({"gateway"})

HOST = b"Host: client.test"
# In the order that nginx gives them: it moves these, and would differ in each row for that alone.
_TYPE = b"Content-Type: text/plain"
_SERVED = (b"Server: upstream", b"Date: Mon, 23 Nov 2026 00:00:00 GMT")


def ask(target: bytes = b"/v1/files", *lines: bytes, method: bytes = b"GET", body: bytes | None = None) -> bytes:
    """A request; with a body, its length goes before the lines."""
    length = [] if body is None else [b"Content-Length: %d" % len(body)]
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", HOST, *length, *lines, b"", body or b""])


def post(body: bytes, *lines: bytes) -> bytes:
    """A POST with that body."""
    return ask(b"/v1/files", *lines, method=b"POST", body=body)


def answer(*lines: bytes, body: bytes = b"ok", status: bytes = b"200 OK") -> bytes:
    """A response with its length."""
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 " + status, _TYPE, length, *_SERVED, *lines, b"", body])


def head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    """A response's head with the lines as they are, after the ones that every server sends."""
    return b"\r\n".join([b"HTTP/1.1 " + status, _TYPE, *_SERVED, *lines, b"", b""])


def chunk(data: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunks(*pieces: bytes) -> bytes:
    """A whole chunked body."""
    return b"".join(map(chunk, pieces)) + b"0\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
NOISE = random.Random(4).randbytes(3 * 1024 * 1024)
SIZES = {"0": 0, "1": 1, "64K-1": 65_535, "64K": 65_536, "64K+1": 65_537, "3M": len(NOISE)}
TEXT = b'data: {"delta":"hello hello hello"}\n\n' * 50
PLAIN = ask()
OK = answer()
ANSWERED: Script = (Read(), OK)


@dataclass(frozen=True, slots=True)
class Row:
    """id: the rule. client: what it does; bytes alone mean: send them and read the answer.

    upstream: a script for each request it gets, on whichever connection.
    sees: of each response "STATUS ending" (interim ones are only compared), or "nothing".
    reaches: how each request that reaches the upstream ends there.
    after: "open": the client's connection serves another request, "closed": it does not; None: not said.
    own: the code of the gateway's own answer. safe: the upstream sees no request but `sees` of them, as h11 reads it;
    refusing is as good. readings: the answer can be read in two ways; these bodies may reach the client as whole ones,
    in a head that can't; a break, no answer or a 502 is as good.
    via: where the rule holds. setup: the gateway that it needs (proxies.py).
    """

    id: str
    client: bytes | Script = PLAIN
    upstream: tuple[Script, ...] = (ANSWERED,)
    sees: tuple[str, ...] = ("200 clean",)
    reaches: tuple[str, ...] | None = None
    after: str | None = ""
    own: str | None = None
    safe: bool = False
    readings: tuple[bytes, ...] | None = None
    via: frozenset[str] = EVERYWHERE
    setup: str = "plain"

    @property
    def script(self) -> Script:
        """What the client does."""
        if isinstance(self.client, bytes):
            return (self.client, Read(bodyless=self.client.startswith(b"HEAD ")))
        return self.client

    @property
    def sent(self) -> bytes:
        """All bytes that the client means to send."""
        return b"".join(action if isinstance(action, bytes) else getattr(action, "data", b"") for action in self.script)

    @property
    def requests(self) -> tuple[str, ...]:
        """How each request ends at the upstream."""
        return ("clean",) * len(self.upstream) if self.reaches is None else self.reaches

    @property
    def serves_on(self) -> str | None:
        """`after`, found out where the row does not say it: whoever neither left nor said `close` is still there."""
        if self.after != "":
            return self.after
        if self.own is not None:
            return "closed"
        leaving = (Close, Cut, HalfClose)
        actions = [*self.script, *(action for script in self.upstream for action in script)]
        said = b"".join(action for action in actions if isinstance(action, bytes)).lower()
        stays = not any(isinstance(action, leaving) for action in actions) and b" http/1.0\r\n" not in self.sent.lower()
        clean = all(seen.endswith(" clean") for seen in self.sees) and not self.safe and self.readings is None
        return "open" if stays and clean and b"connection: close" not in said and b" 101 " not in said else None


def answered(*scripts: bytes) -> tuple[Script, ...]:
    """Upstream scripts that read the request and send these answers."""
    return tuple((Read(), data) for data in scripts)


def upload(*pieces: bytes, lines: tuple[bytes, ...] = ()) -> bytes:
    """A POST whose body comes in these chunks."""
    return b"\r\n".join([b"POST /v1/files HTTP/1.1", HOST, *lines, CHUNKED, b"", b""]) + chunks(*pieces)
