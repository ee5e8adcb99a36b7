"""Rules for how bytes are cut on their way: into reads, into chunks, and both ways at once. The cut means nothing.

Not here: what a message says (the other rules).
"""

from __future__ import annotations

from tests.conformance.actions import Action, Read, ReadBody, ReadHead, Saw, Script, Taken, Until
from tests.conformance.rows import (
    CHUNKED,
    HOST,
    NOISE,
    PLAIN,
    Row,
    answer,
    answered,
    ask,
    chunk,
    chunks,
    head,
    post,
    upload,
)

ROUNDS = 20


def _cut(message: bytes) -> list[Script]:
    """The message in two pieces, cut at every byte; each piece is a read of its own for the peer."""
    return [(message[:at], Taken(), message[at:]) for at in range(1, len(message))]


def _answer_cut(id: str, message: bytes, sees: str = "200 clean", request: bytes = PLAIN) -> Row:  # noqa: A002
    scripts = _cut(message)
    bodyless = request.startswith(b"HEAD ")
    return Row(
        f"an answer cut at every byte arrives whole: {id}",
        tuple(action for _ in scripts for action in (request, Read(bodyless))),
        tuple((Read(), *script) for script in scripts),
        sees=(sees,) * len(scripts),
    )


def _request_cut(id: str, message: bytes) -> Row:  # noqa: A002
    scripts = _cut(message)
    return Row(
        f"a request cut at every byte arrives whole: {id}",
        tuple(action for script in scripts for action in (*script, Read())),
        answered(*(answer() for _ in scripts)),
        sees=("200 clean",) * len(scripts),
    )


def _tiny(count: int) -> bytes:
    """So many chunks of one to seven bytes, each with an extension or without."""
    pieces = [NOISE[at : at + 1 + at % 7] for at in range(count)]
    sizes = [b"%x" % len(piece) + (b';n=%d;q="a;b\\"c"' % at if at % 3 else b"") for at, piece in enumerate(pieces)]
    return b"".join(b"%b\r\n%b\r\n" % pair for pair in zip(sizes, pieces, strict=True)) + b"0;last\r\n\r\n"


def _in_turn(id: str, begins: tuple[bytes, bytes], up: list[bytes], down: list[bytes], ends: bytes) -> Row:  # noqa: A002
    """Both bodies at once, a piece up and a piece down in turn, each there before the next."""
    client: list[Action] = [begins[0], ReadHead()]
    upstream: list[Action] = [ReadHead(), begins[1]]
    for piece, answer_piece in zip(up, down, strict=True):
        client += [piece, Until(answer_piece)]
        upstream += [Until(piece), answer_piece]
    return Row(id, (*client, ends, ReadBody()), ((*upstream, ReadBody(), ends),))


_SMALL = head(b"Content-Length: 4") + b"four"
_SMALL_CHUNKED = b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n\r\n" + b"3;a=b\r\nabc\r\n" + chunks(b"de")
_HINTED = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(body=b"")
_UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n'
_BEGUN = b"POST /v1/files HTTP/1.1\r\n" + HOST + b"\r\n" + CHUNKED + b"\r\n\r\n"

PIECES = [
    _answer_cut("a length", _SMALL),
    _answer_cut("chunks", _SMALL_CHUNKED),
    _answer_cut("304", _UNCHANGED, "304 clean"),
    _answer_cut("204", b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", "204 clean"),
    _answer_cut("to HEAD", head(b"Content-Length: 4"), request=ask(method=b"HEAD")),
    Row(
        "an answer cut at every byte arrives whole: an interim one before it",
        tuple(action for _ in _cut(_HINTED) for action in (PLAIN, Read())),
        tuple((Read(), *script) for script in _cut(_HINTED)),
        sees=("200 clean",) * len(_cut(_HINTED)),
    ),
    _request_cut("a length", post(b"four", b"X-A: b")),
    _request_cut("chunks", upload(b"abc", b"de")),
    _request_cut("no body", ask(b"/v1/files?a=b", b"User-Agent: a", b"user-agent: b")),
    Row(
        "an answer of 5000 tiny chunks with extensions, in one write, arrives whole",
        PLAIN,
        answered(head(CHUNKED) + _tiny(5000)),
    ),
    Row("a request of 5000 tiny chunks with extensions, in one write, arrives whole", (_BEGUN + _tiny(5000), Read())),
    Row(
        "chunks that end where reads end arrive whole",
        PLAIN,
        ((Read(), head(CHUNKED), *(part for n in range(8) for part in (chunk(b"%d" % n * 99), Taken())), chunks()),),
    ),
    Row(
        "a chunk cut between its size, its data and its end arrives whole",
        PLAIN,
        (
            (
                Read(),
                head(CHUNKED),
                *(part for piece in (b"5", b"\r", b"\n", b"hel", b"lo", b"\r", b"\n0\r") for part in (piece, Taken())),
                b"\n\r\n",
            ),
        ),
    ),
    Row(
        "a chunk of megabytes between tiny ones arrives whole",
        PLAIN,
        answered(head(CHUNKED) + chunks(b"a", NOISE, b"b", NOISE[:70_000], b"c")),
    ),
    Row(
        "the first byte of a body may come with its head, the last alone",
        PLAIN,
        ((Read(), head(b"Content-Length: 3") + b"a", Saw(b"\r\n\r\na"), b"b", Saw(b"\r\n\r\nab"), b"c"),),
    ),
    Row(
        "the end of a body may come alone and late",
        PLAIN,
        ((Read(), head(CHUNKED) + chunk(b"all"), Saw(b"all"), b"0\r\n", Taken(), b"\r\n"),),
    ),
    _in_turn(
        "a chunked upload and its answer take turns",
        (_BEGUN, head(CHUNKED)),
        [chunk(b"up %d." % n) for n in range(ROUNDS)],
        [chunk(b"down %d." % n) for n in range(ROUNDS)],
        b"0\r\n\r\n",
    ),
    _in_turn(
        "an upload with length and its answer take turns",
        (post(b"%04d" * ROUNDS)[: -4 * ROUNDS], head(b"Content-Length: %d" % (4 * ROUNDS))),
        [b"u%03d" % n for n in range(ROUNDS)],
        [b"d%03d" % n for n in range(ROUNDS)],
        b"",
    ),
]
