"""Answers that two readers could read as different ones: settled, broken off or refused, never passed on as they stand.

Not here: what the client may get (readings.py judges it). Source: RFC 9112 2.2, 5, 6.1, 6.3, 7.1 and 11.1.
"""

from __future__ import annotations

from tests.conformance.actions import Close, Read
from tests.conformance.rows import CHUNKED, Row, answer, ask

_INNER = answer(body=b"smuggled")
_CHUNKED_INNER = b"0\r\n\r\n" + _INNER
_START = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
_NONE: tuple[bytes, ...] = ()

Case = tuple[bytes, tuple[bytes, ...]]  # the answer, and the bodies as which it may arrive


def _te(*lines: bytes) -> bytes:
    """Lines that may mean chunked, beside a length that says otherwise."""
    return _coded(b"Content-Length: %d" % len(_CHUNKED_INNER), *lines)


def _coded(*lines: bytes) -> bytes:
    return _START + b"\r\n".join([*lines, b"", b""]) + _CHUNKED_INNER


def _length(*lines: bytes) -> bytes:
    return _START + b"\r\n".join([*lines, b"", b""]) + b"ok" + _INNER


def _chunks(body: bytes) -> bytes:
    return _START + CHUNKED + b"\r\n\r\n" + body


def _line(start: bytes) -> bytes:
    return start + b"\r\nContent-Length: 2\r\n\r\nok"


_LENGTHS: dict[str, Case] = {
    "two lengths that differ": (_length(b"Content-Length: 2", b"Content-Length: 9"), _NONE),
    "two lengths that differ, the longer first": (_length(b"Content-Length: 9", b"content-length: 2"), _NONE),
    "two lengths that agree": (_length(b"Content-Length: 2", b"Content-Length: 2"), (b"ok",)),
    "a list of lengths that differ": (_length(b"Content-Length: 2, 9"), _NONE),
    "a list of lengths that agree": (_length(b"Content-Length: 2, 2"), (b"ok",)),
    "a length with a sign": (_length(b"Content-Length: +2"), _NONE),
    "a negative length": (_length(b"Content-Length: -2"), _NONE),
    "a length in hexadecimal": (_length(b"Content-Length: 0x2"), _NONE),
    "a length with a letter": (_length(b"Content-Length: 2a"), _NONE),
    "a length with a space in it": (_length(b"Content-Length: 2 9"), _NONE),
    "a length with an underscore": (_length(b"Content-Length: 0_2"), _NONE),
    "a length without a value": (_length(b"Content-Length:"), _NONE),
    "a length beyond all bounds": (_length(b"Content-Length: 18446744073709551618"), _NONE),
    "a space before the colon of Content-Length": (_length(b"Content-Length : 2"), (b"ok",)),
    "a length in a folded line": (_length(b"Content-Length:\r\n 2"), (b"ok",)),
    "a length folded into another header": (_length(b"Content-Length: 2", b"X-A: b\r\n Content-Length: 9"), (b"ok",)),
}
_CODINGS: dict[str, Case] = {
    "chunked behind a length": (_te(CHUNKED), (b"",)),
    "chunked before a length": (_coded(CHUNKED, b"Content-Length: 3"), (b"",)),
    "chunked in capitals beside a length": (_te(b"Transfer-Encoding: CHUNKED"), (b"",)),
    "chunked twice in one line": (_te(b"Transfer-Encoding: chunked, chunked"), _NONE),
    "chunked twice in two lines": (_coded(CHUNKED, CHUNKED), _NONE),
    "chunked not last": (_coded(b"Transfer-Encoding: chunked, gzip"), _NONE),
    "gzip before chunked": (_coded(b"Transfer-Encoding: gzip, chunked"), _NONE),
    "an unknown coding": (_coded(b"Transfer-Encoding: xchunked"), _NONE),
    "an unknown coding beside a length": (_te(b"Transfer-Encoding: xchunked"), _NONE),
    "identity beside a length": (_te(b"Transfer-Encoding: identity"), (_CHUNKED_INNER,)),
    "an empty Transfer-Encoding beside a length": (_te(b"Transfer-Encoding:"), (_CHUNKED_INNER,)),
    "chunked and identity in two lines": (_coded(CHUNKED, b"Transfer-Encoding: identity"), _NONE),
    "a space before the colon of Transfer-Encoding": (_te(b"Transfer-Encoding : chunked"), (b"", _CHUNKED_INNER)),
    "chunked behind a vertical tab": (_te(b"Transfer-Encoding: \x0bchunked"), _NONE),
    "chunked in a folded line": (_te(b"Transfer-Encoding:\r\n chunked"), (b"",)),
    "chunked folded into another header": (_te(b"X-A: b\r\n Transfer-Encoding: chunked"), (_CHUNKED_INNER,)),
    "Transfer-Encoding behind a bare carriage return": (_te(b"X-A: b\rTransfer-Encoding: chunked"), _NONE),
    "Transfer-Encoding behind a bare line feed": (_te(b"X-A: b\nTransfer-Encoding: chunked"), (b"",)),
    "chunked from a server of HTTP/1.0": (_coded(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1), (b"",)),
}
_CHUNK_SIZES: dict[str, Case] = {
    "a chunk size with a sign": (_chunks(b"+2\r\nok\r\n" + _CHUNKED_INNER), _NONE),
    "a negative chunk size": (_chunks(b"-2\r\nok\r\n" + _CHUNKED_INNER), _NONE),
    "a chunk size with 0x": (_chunks(b"0x2\r\nok\r\n" + _CHUNKED_INNER), _NONE),
    "a chunk size with an underscore": (_chunks(b"0_2\r\nok\r\n" + _CHUNKED_INNER), _NONE),
    "a chunk size behind a space": (_chunks(b" 2\r\nok\r\n0\r\n\r\n"), (b"ok",)),
    "a chunk size beyond all bounds": (_chunks(b"FFFFFFFFFFFFFFFF2\r\nok\r\n0\r\n\r\n"), _NONE),
    "an empty chunk size": (_chunks(b"\r\nok\r\n0\r\n\r\n"), _NONE),
    "a chunk size that ends in a line feed": (_chunks(b"2\nok\r\n0\r\n\r\n"), (b"ok",)),
    "a chunk extension with a bare line feed": (_chunks(b"2;a\nb\r\nok\r\n0\r\n\r\n"), (b"ok",)),
    "a chunk extension with a bare carriage return": (_chunks(b"2;a\rb\r\nok\r\n0\r\n\r\n"), (b"ok",)),
    "a chunk whose data goes on": (_chunks(b"2\r\nokok\r\n0\r\n\r\n"), _NONE),
    "a chunk that ends in a line feed": (_chunks(b"2\r\nok\n0\r\n\r\n"), (b"ok",)),
    "a last chunk that ends in line feeds": (_chunks(b"2\r\nok\r\n0\n\n"), (b"ok",)),
    "a trailer without a colon": (_chunks(b"2\r\nok\r\n0\r\nnonsense\r\n\r\n"), (b"ok",)),
    "trailers that are framing": (
        _chunks(b"2\r\nok\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"ok",),
    ),
}
_HEADS: dict[str, Case] = {
    "lines that end in a line feed": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", (b"ok",)),
    "one line that ends in a line feed": (b"HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 2\r\n\r\nok", (b"ok",)),
    "a head that ends in two line feeds": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\nok" + _INNER, (b"ok",)),
    "lines that end in a carriage return": (b"HTTP/1.1 200 OK\rContent-Length: 2\r\rok", _NONE),
    "a header without a colon": (_length(b"Content-Length: 2", b"X-Nothing"), (b"ok",)),
    "a header without a name": (_length(b"Content-Length: 2", b": value"), (b"ok",)),
    "a name with a space": (_length(b"Content-Length: 2", b"X A: b"), (b"ok",)),
    "a NUL in a value": (_length(b"Content-Length: 2", b"X-A: b\x00c"), _NONE),
    "a bare carriage return in a value": (_length(b"Content-Length: 2", b"X-A: b\rX-C: d"), _NONE),
    "a first header that begins with a space": (_length(b" X-A: b", b"Content-Length: 2"), (b"ok",)),
    "a status of two digits": (_line(b"HTTP/1.1 20 OK"), _NONE),
    "a status of four digits": (_line(b"HTTP/1.1 2000 OK"), _NONE),
    "a status that is no number": (_line(b"HTTP/1.1 2OO OK"), _NONE),
    "a status with a sign": (_line(b"HTTP/1.1 +200 OK"), _NONE),
    "two spaces before the status": (_line(b"HTTP/1.1  200 OK"), (b"ok",)),
    "no space behind the status": (_line(b"HTTP/1.1 200"), (b"ok",)),
    "a reason with a carriage return": (_line(b"HTTP/1.1 200 O\rK"), _NONE),
    "another version": (_line(b"HTTP/2.0 200 OK"), (b"ok",)),
    "no version": (_line(b"HTTP 200 OK"), _NONE),
    "another protocol's name": (_line(b"ICY 200 OK"), _NONE),
    "no first line": (b"Content-Length: 2\r\n\r\nok", _NONE),
    "an answer of HTTP/0.9": (b"<html>ok</html>", _NONE),
    "the first bytes of TLS": (b"\x15\x03\x01\x00\x02\x02\x46", _NONE),
    "an empty line before the answer": (b"\r\n" + answer(), (b"ok",)),
}
_BODIES: dict[str, Case] = {
    "a 204 with a length and a body": (
        b"HTTP/1.1 204 No Content\r\nContent-Length: %d\r\n\r\n" % len(_INNER) + _INNER,
        (b"",),
    ),
    "a 204 that is chunked": (b"HTTP/1.1 204 No Content\r\n" + CHUNKED + b"\r\n\r\n" + _CHUNKED_INNER, (b"",)),
    "a 304 with a body": (
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: %d\r\n\r\n" % len(_INNER) + _INNER,
        (b"",),
    ),
    "an interim answer with a length": (b"HTTP/1.1 103 Hints\r\nContent-Length: 2\r\n\r\n" + answer(), (b"ok",)),
    "an interim answer that is chunked": (b"HTTP/1.1 103 Hints\r\n" + CHUNKED + b"\r\n\r\n" + answer(), (b"ok",)),
    "a switch of protocols that nobody asked for": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + _INNER,
        _NONE,
    ),
}
CASES = {**_LENGTHS, **_CODINGS, **_CHUNK_SIZES, **_HEADS, **_BODIES}

SPLITTING = [
    Row(
        f"an answer is read one way: {what}",
        ask(b"/v1/files", b"Connection: close"),
        ((Read(), data, Close()),),
        sees=(),
        readings=readings,
        after=None,
    )
    for what, (data, readings) in CASES.items()
]
