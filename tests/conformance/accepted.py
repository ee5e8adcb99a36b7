"""Where the gateway is known to differ from no gateway: each row, why, and what it does instead, to the letter.

As short as can be: a row that begins to pass fails its test until its line here is gone.
"""

from __future__ import annotations

_REFUSED = (
    "client: the next request on the connection got None",
    "client: sees ('400 clean',) instead of ('200 clean',)",
    "upstream: requests () instead of ('clean',)",
    "client: got heads [b'HTTP/1.1 400 Bad Request'] of []",
)
_TRAILERS = "aiohttp's parser reads trailers and drops them; a body's bytes and its end are whole without"
_METHODS = "llhttp, the parser of aiohttp, knows a closed list of methods, in capitals; others are a 400 of ours"
_TARGETS = "llhttp refuses bytes beyond ASCII in a target, as RFC 3986 has it; every SDK escapes them"
_READS = "llhttp refuses a whole read for what stands behind a good request; that one is refused too, and never sent"
_CODINGS = "aiohttp takes chunked off and drops other codings unread; none was asked for, as TE ends at the gateway"
_ONE_WAY = "an answer is read one way: "
_UNDECODED = "client: a whole body of 132 bytes: b'0\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Type: text'"

_PLAIN: dict[str, tuple[str, tuple[str, ...]]] = {
    "request trailers travel": (
        _TRAILERS,
        ("request 0: trailers [(b'X-Sum', b'1'), (b'x-sum', b'2')] became []",),
    ),
    "response trailers travel": (_TRAILERS, ("response 0: trailers [(b'X-Sum', b'1')] became []",)),
    "a method nobody has heard of travels": (_METHODS, _REFUSED),
    "a method in lower case stays so": (_METHODS, _REFUSED),
    "the target travels as it was written: bytes beyond ASCII": (_TARGETS, _REFUSED),
    "the target travels as it was written: Latin-1 bytes": (_TARGETS, _REFUSED),
    "a space before a chunk extension is none": (
        "llhttp refuses the optional space of RFC 9112 7.1.1, which smugglers use and no client sends",
        _REFUSED,
    ),
    "each pipelined user agent stays with its request": (
        "only the first head of a read passes the gate that renames doubled lines; no SDK pipelines",
        (
            "client: the next request on the connection got None",
            "client: sees ('400 clean', 'nothing') instead of ('200 clean', '200 clean')",
            "upstream: requests () instead of ('clean', 'clean')",
            "client: got heads [b'HTTP/1.1 400 Bad Request'] of []",
        ),
    ),
    "OPTIONS for the whole server may come second in a pipeline": (
        "only the first head of a read passes the gate that hides the star from the parser; no SDK sends it at all",
        ("request 1: first line b'OPTIONS *' became b'OPTIONS /'",),
    ),
    "a request behind one that says Connection: close is not sent": (
        _READS,
        (
            "client: sees ('400 clean',) instead of ('200 clean',)",
            "upstream: requests () instead of ('clean',)",
            "client: got heads [b'HTTP/1.1 400 Bad Request'] of []",
        ),
    ),
    "nonsense behind a request leaves the request its answer": (
        _READS,
        (
            "client: sees ('400 clean', 'nothing') instead of ('200 clean', '400 clean')",
            "client: no answer of the gateway's",
            "upstream: requests () instead of ('clean',)",
        ),
    ),
    _ONE_WAY + "a space before the colon of Content-Length": (
        "aiohttp's parser of answers takes the space for a part of the name; RFC 9112 5.1 has a proxy drop it",
        (
            "client: a head that h11 refuses: b'HTTP/1.1 200 OK', [(b'Content-Type', b'text/plain'),"
            " (b'Content-Length ', b'2'), (b'Transfer-Encoding', b'chunked'), (b'Connection', b'close')]",
        ),
    ),
    _ONE_WAY + "chunked twice in two lines": (_CODINGS, ("client: a whole body of 0 bytes: b''",)),
    _ONE_WAY + "chunked not last": (_CODINGS, (_UNDECODED,)),
    _ONE_WAY + "gzip before chunked": (_CODINGS, ("client: a whole body of 0 bytes: b''",)),
    _ONE_WAY + "an unknown coding": (_CODINGS, (_UNDECODED,)),
    _ONE_WAY + "chunked and identity in two lines": (_CODINGS, (_UNDECODED,)),
    _ONE_WAY + "a switch of protocols that nobody asked for": (
        "a 101 opens a tunnel whether the client asked for one or not; no server sends it unasked",
        (
            "client: a head that h11 refuses: b'HTTP/1.1 101 Switching Protocols',"
            " [(b'Upgrade', b'websocket'), (b'Connection', b'Upgrade')]",
        ),
    ),
}

# By forwarding path. The fast one reads heads and framing itself.
ACCEPTED: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {"fast": {}, "plain": _PLAIN}
