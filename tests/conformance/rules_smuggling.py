"""Requests that two readers could read as different ones: refused with 400, or exactly one request upstream.

Not here: what a refusal must look like (verdicts.py judges it, and reads the upstream's bytes with h11).
Source: RFC 9112 11.2, 6.1 and 6.3; published request smuggling cases.
"""

from __future__ import annotations

from tests.conformance.rows import CHUNKED, HOST, Row

_INNER = b"GET /smuggled HTTP/1.1\r\nHost: client.test\r\n\r\n"
_START = b"POST /v1/files HTTP/1.1\r\n" + HOST + b"\r\n"
_CHUNKED_INNER = b"0\r\n\r\n" + _INNER


def _te(line: bytes) -> bytes:
    """A line that may mean chunked, beside a length that says otherwise."""
    return _START + b"Content-Length: %d\r\n" % len(_CHUNKED_INNER) + line + b"\r\n\r\n" + _CHUNKED_INNER


def _length(*lines: bytes) -> bytes:
    return _START + b"\r\n".join([*lines, b"", b""]) + _INNER


def _chunks(body: bytes) -> bytes:
    return _START + CHUNKED + b"\r\n\r\n" + body


_ALL = b"%d" % len(_INNER)

CASES: dict[str, bytes] = {
    "a length beside chunked": _te(b"Transfer-Encoding: chunked"),
    "chunked before a length": _START + CHUNKED + b"\r\nContent-Length: 3\r\n\r\n" + _CHUNKED_INNER,
    "an unknown coding beside a length": _te(b"Transfer-Encoding: xchunked"),
    "an unknown coding alone": _START + b"Transfer-Encoding: xchunked\r\n\r\n" + _CHUNKED_INNER,
    "chunked twice in one line": _te(b"Transfer-Encoding: chunked, chunked"),
    "chunked twice in two lines": _te(CHUNKED + b"\r\n" + CHUNKED),
    "chunked twice alone": _START + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + _CHUNKED_INNER,
    "chunked not last": _te(b"Transfer-Encoding: chunked, gzip"),
    "chunked after identity": _te(b"Transfer-Encoding: identity, chunked"),
    "identity alone": _te(b"Transfer-Encoding: identity"),
    "chunked and identity in two lines": _te(CHUNKED + b"\r\nTransfer-Encoding: identity"),
    "a space before the colon of Transfer-Encoding": _te(b"Transfer-Encoding : chunked"),
    "a tab before the colon of Transfer-Encoding": _te(b"Transfer-Encoding\t: chunked"),
    "a space before Transfer-Encoding": _te(b" Transfer-Encoding: chunked"),
    "chunked behind a tab": _te(b"Transfer-Encoding:\tchunked"),
    "chunked behind a vertical tab": _te(b"Transfer-Encoding: \x0bchunked"),
    "chunked before a vertical tab": _te(b"Transfer-Encoding: chunked\x0b"),
    "chunked before a NUL": _te(b"Transfer-Encoding: chunked\x00"),
    "chunked in quotes": _te(b'Transfer-Encoding: "chunked"'),
    "chunked with a parameter": _te(b"Transfer-Encoding: chunked;a=b"),
    "chunked in capitals": _te(b"Transfer-Encoding: CHUNKED"),
    "chunked in a folded line": _te(b"Transfer-Encoding:\r\n chunked"),
    "chunked folded into another header": _te(b"X-A: b\r\n Transfer-Encoding: chunked"),
    "chunked with an empty element": _te(b"Transfer-Encoding: ,chunked"),
    "an empty Transfer-Encoding": _te(b"Transfer-Encoding:"),
    "Transfer_Encoding": _te(b"Transfer_Encoding: chunked"),
    "Transfer-Encoding behind a bare carriage return": _te(b"X-A: b\rTransfer-Encoding: chunked"),
    "Transfer-Encoding behind a bare line feed": _te(b"X-A: b\nTransfer-Encoding: chunked"),
    "Transfer-Encoding with a NUL in its name": _te(b"Transfer-\x00Encoding: chunked"),
    "chunked over HTTP/1.0": _te(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "two lengths that differ": _length(b"Content-Length: 0", b"Content-Length: " + _ALL),
    "two lengths that agree": _length(b"Content-Length: " + _ALL, b"Content-Length: " + _ALL),
    "a list of lengths that differ": _length(b"Content-Length: 0, " + _ALL),
    "a list of lengths that agree": _length(b"Content-Length: " + _ALL + b", " + _ALL),
    "a length with a sign": _length(b"Content-Length: +" + _ALL),
    "a negative length": _length(b"Content-Length: -1"),
    "a length in hexadecimal": _length(b"Content-Length: 0x2d"),
    "a length with a letter": _length(b"Content-Length: " + _ALL + b"a"),
    "a length with a space in it": _length(b"Content-Length: 4 5"),
    "a length with an underscore": _length(b"Content-Length: 4_5"),
    "a length with leading zeros": _length(b"Content-Length: 000" + _ALL),
    "a length in other digits": _length("Content-Length: ٤٥".encode()),
    "a length without a value": _length(b"Content-Length:"),
    "a length beyond all bounds": _length(b"Content-Length: 18446744073709551617"),
    "a space before the colon of Content-Length": _length(b"Content-Length : " + _ALL),
    "a length in a folded line": _length(b"Content-Length:\r\n " + _ALL),
    "a header without a colon": _length(b"Content-Length: " + _ALL, b"X-Nothing"),
    "a header without a name": _length(b"Content-Length: " + _ALL, b": value"),
    "a name with a space": _length(b"Content-Length: " + _ALL, b"X A: b"),
    "a NUL in a value": _length(b"Content-Length: " + _ALL, b"X-A: b\x00c"),
    "a bare carriage return in a value": _length(b"Content-Length: " + _ALL, b"X-A: b\rX-C: d"),
    "a control sign in a value": _length(b"Content-Length: " + _ALL, b"X-A: \x01"),
    "a folded header": _length(b"Content-Length: " + _ALL, b"X-A: b", b" c"),
    "a first header that begins with a space": b"POST / HTTP/1.1\r\n X: y\r\n"
    + HOST
    + b"\r\nContent-Length: 2\r\n\r\nok",
    "lines that end in a line feed": b"GET /v1/files HTTP/1.1\nHost: client.test\n\n",
    "one line that ends in a line feed": b"GET /v1/files HTTP/1.1\r\nHost: client.test\nX-A: b\r\n\r\n",
    "lines that end in a carriage return": b"GET /v1/files HTTP/1.1\rHost: client.test\r\rX\r\n\r\n",
    "a head that ends in two line feeds": b"GET /v1/files HTTP/1.1\r\nHost: client.test\n\n"
    + _INNER[:20]
    + b"\r\n\r\n",
    "two Host lines": b"GET /v1/files HTTP/1.1\r\nHost: client.test\r\nHost: other.test\r\n\r\n",
    "a Host that is a list": b"GET /v1/files HTTP/1.1\r\nHost: client.test, other.test\r\n\r\n",
    "no Host": b"GET /v1/files HTTP/1.1\r\nX-A: b\r\n\r\n",
    "a Host with a path": b"GET /v1/files HTTP/1.1\r\nHost: client.test/x\r\n\r\n",
    "a Host that differs from an absolute target": b"GET http://other.test/v1 HTTP/1.1\r\nHost: client.test\r\n\r\n",
    "a second user agent that hides a length": _length(
        b"User-Agent: a", b"User-Agent: b\rContent-Length: 0", b"Content-Length: " + _ALL
    ),
    "two user agents and two lengths": _length(
        b"User-Agent: a", b"User-Agent: b", b"Content-Length: 0", b"Content-Length: " + _ALL
    ),
    "two user agents beside chunked and a length": _te(b"User-Agent: a\r\nUser-Agent: b\r\n" + CHUNKED),
    "a user agent with a space before its colon, twice": _length(
        b"User-Agent : a", b"User-Agent : b", b"Content-Length: " + _ALL
    ),
    "spaces before the request line": b" GET /v1/files HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "two spaces in the request line": b"GET  /v1/files HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "two spaces before the version": b"GET /v1/files  HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a tab in the request line": b"GET\t/v1/files\tHTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a space in the target": b"GET /v1/a b HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a request in the target": b"GET /v1 HTTP/1.1\rHost:x\r\r HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a NUL in the target": b"GET /v1\x00/files HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a space behind the version": b"GET /v1/files HTTP/1.1 \r\n" + HOST + b"\r\n\r\n",
    "no version": b"GET /v1/files\r\n" + HOST + b"\r\n\r\n",
    "HTTP/0.9": b"GET /v1/files\r\n\r\n",
    "HTTP/1.2": b"GET /v1/files HTTP/1.2\r\n" + HOST + b"\r\n\r\n",
    "HTTP/2.0": b"GET /v1/files HTTP/2.0\r\n" + HOST + b"\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version with two digits": b"GET /v1/files HTTP/1.10\r\n" + HOST + b"\r\n\r\n",
    "another protocol's name": b"GET /v1/files HTTPS/1.1\r\n" + HOST + b"\r\n\r\n",
    "a version in lower case": b"GET /v1/files http/1.1\r\n" + HOST + b"\r\n\r\n",
    "no method": b"/v1/files HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a method that is no token": b"G{T /v1/files HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a target that is no path": b"GET v1/files HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "an authority as the target of a GET": b"GET client.test:443 HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a star as the target of a GET": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "a tunnel asked for by CONNECT": b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n",
    "a path asked for by CONNECT": b"CONNECT /v1/files HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    "the first bytes of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a chunk size with a sign": _chunks(b"+3\r\nabc\r\n" + _CHUNKED_INNER),
    "a negative chunk size": _chunks(b"-1\r\nabc\r\n" + _CHUNKED_INNER),
    "a chunk size with 0x": _chunks(b"0x3\r\nabc\r\n" + _CHUNKED_INNER),
    "a chunk size with an underscore": _chunks(b"0_3\r\nabc\r\n" + _CHUNKED_INNER),
    "a chunk size behind a space": _chunks(b" 3\r\nabc\r\n0\r\n\r\n"),
    "a chunk size beyond all bounds": _chunks(b"FFFFFFFFFFFFFFFF1\r\nabc\r\n0\r\n\r\n"),
    "an empty chunk size": _chunks(b"\r\nabc\r\n0\r\n\r\n"),
    "a chunk size that ends in a line feed": _chunks(b"3\nabc\r\n0\r\n\r\n"),
    "a chunk extension with a bare line feed": _chunks(b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
    "a chunk extension with a bare carriage return": _chunks(b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
    "a chunk whose data goes on": _chunks(b"3\r\nabcde\r\n0\r\n\r\n"),
    "a chunk that ends in a line feed": _chunks(b"3\r\nabc\n0\r\n\r\n"),
    "a last chunk that ends in line feeds": _chunks(b"3\r\nabc\r\n0\n\n"),
    "trailers that are framing": _chunks(b"3\r\nabc\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a trailer without a colon": _chunks(b"3\r\nabc\r\n0\r\nnonsense\r\n\r\n"),
}

SMUGGLING = [
    Row(f"no two readers disagree: {what}", data, safe=True, sees=(), after=None) for what, data in CASES.items()
]
