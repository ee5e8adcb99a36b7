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
}

# By forwarding path. The fast one reads heads and framing itself.
ACCEPTED: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {"fast": {}, "plain": _PLAIN}
