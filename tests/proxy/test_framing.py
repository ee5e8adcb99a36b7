"""Bodies are followed by their framing: the same in every split, and what is no framing never passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.http1.framing import BadFramingError, ChunkedBody, EndlessBody, SizedBody

BODIES = [
    pytest.param(b"3\r\nabc\r\n0\r\n\r\n", b"abc", id="a chunk"),
    pytest.param(b"0\r\n\r\n", b"", id="none"),
    pytest.param(b"003\r\nabc\r\n00\r\n\r\n", b"abc", id="leading zeros"),
    pytest.param(b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, id="both cases"),
    pytest.param(b'3;a="b;c"\r\nabc\r\n2 ; x\r\n\r\n\r\n0;last\r\n\r\n', b"abc\r\n", id="extensions"),
    pytest.param(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nx-sum:\r\n\r\n", b"abc", id="trailers"),
    pytest.param(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n", id="data that looks like an end"),
]


@pytest.mark.parametrize(("wire", "content"), BODIES)
def test_a_chunked_body_in_any_split(wire: bytes, content: bytes) -> None:
    """Whole, byte by byte, and each two-part cut: all its bytes pass, its content is read, what follows is left."""
    whole = wire + b"GET "
    splits = [[whole], [bytes([byte]) for byte in whole], *([whole[:at], whole[at:]] for at in range(1, len(whole)))]
    for pieces in splits:
        body, onward, read, beyond = ChunkedBody(), b"", b"", b""
        for piece in pieces:
            if body.ended:
                beyond += piece
                continue
            onward += body.feed(piece)
            read += body.payload
            beyond += body.beyond

        assert (onward, read, beyond, body.ended) == (wire, content, b"GET ", True), pieces


BROKEN = [
    (b"zz\r\n", b""),
    (b"3\r\nabcd\r\n", b"3\r\nabc"),
    (b"3\r\nabc\r\n-1\r\n", b"3\r\nabc\r\n"),
    (b"+3\r\nabc\r\n", b""),
    (b"0x3\r\nabc\r\n", b""),
    (b"1_0\r\nabc\r\n", b""),
    (b" 3\r\nabc\r\n", b""),
    (b"\r\nabc\r\n", b""),
    (b"3\nabc\r\n0\r\n\r\n", b""),
    (b"3\r\nabc\n0\r\n\r\n", b"3\r\nabc"),
    (b"0\n\n", b""),
    (b"3;a\nb\r\nabc\r\n", b""),
    (b"3;a\rb\r\nabc\r\n", b""),
    (b"FFFFFFFFFFFFFFFF\r\n", b""),
    (b"0\r\nContent-Length: 3\r\n\r\n", b"0\r\n"),
    (b"0\r\nnonsense\r\n\r\n", b"0\r\n"),
    (b"3;" + b"x" * 10_000, b""),
    (b"0\r\n" + b"X: " + b"x" * 10_000, b"0\r\n"),
]


@pytest.mark.parametrize(("wire", "sound"), BROKEN)
def test_what_is_no_framing_never_passes(wire: bytes, sound: bytes) -> None:
    """In one piece and byte by byte: what was sound before it passes, what isn't does not."""
    for pieces in ([wire], [bytes([byte]) for byte in wire]):
        assert _passed(pieces) == (sound, True)


def _passed(pieces: list[bytes]) -> tuple[bytes, bool]:
    """What passes of a body, and whether it was found to be broken."""
    body, onward = ChunkedBody(), b""
    try:
        for piece in pieces:
            onward += body.feed(piece)
    except BadFramingError as exc:
        return onward + exc.sound, True
    return onward, False


def test_trailers_are_bounded() -> None:
    body = ChunkedBody()
    body.feed(b"0\r\n")
    trailers = b"".join(b"X: " + b"x" * 1000 + b"\r\n" for _ in range(100))
    with pytest.raises(BadFramingError):
        body.feed(trailers)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), st.integers(0, 40))
def test_a_sized_body_in_any_split(pieces: list[bytes], length: int) -> None:
    body, onward, beyond = SizedBody(length), b"", b""
    for piece in pieces:
        if body.ended:
            beyond += piece
            continue
        onward += body.feed(piece)
        beyond += body.beyond
    sent = b"".join(pieces)

    assert (onward, beyond) == (sent[:length], sent[length:])
    assert body.ended is (len(sent) >= length)


def test_an_endless_body_never_ends_by_itself() -> None:
    body = EndlessBody()

    assert (body.feed(b"0\r\n\r\n"), body.payload, body.ended) == (b"0\r\n\r\n", b"0\r\n\r\n", False)
