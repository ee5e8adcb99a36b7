"""Event-stream framing: one row for each rule, in every split."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from gateway.wire.sse import SSEParser
from tests.wire.pieces import every_split

TAIL, BARE = "tail", "bare"  # a block without its blank line; a line that begins with `{`


class Seen(NamedTuple):
    """An event as a row states it."""

    name: str | None
    data: bytes | None
    mark: str = ""


def parse(pieces: list[bytes]) -> tuple[list[Seen], int]:
    """What the parser gives for these pieces, and its count of unknown fields."""
    parser = SSEParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    events += parser.finish()
    marks = [BARE if event.bare else "" if event.terminated else TAIL for event in events]
    return [
        Seen(event.name, event.data, mark) for event, mark in zip(events, marks, strict=True)
    ], parser.unknown_fields


RULES = [
    # line ends
    pytest.param(b"data: a\n\n", [Seen(None, b"a")], id="lf ends a line"),
    pytest.param(b"data: a\r\r", [Seen(None, b"a")], id="a lone cr ends a line"),
    pytest.param(b"data: a\r\n\r\n", [Seen(None, b"a")], id="crlf ends a line"),
    pytest.param(b"data: a\r\n\n", [Seen(None, b"a")], id="block boundary crlf lf"),
    pytest.param(b"data: a\n\r\n", [Seen(None, b"a")], id="block boundary lf crlf"),
    pytest.param(b"data: a\r\n\r", [Seen(None, b"a")], id="block boundary crlf cr"),
    pytest.param(b"data: a\r\r\n", [Seen(None, b"a")], id="block boundary cr crlf"),
    pytest.param(b"data: a\n\r", [Seen(None, b"a")], id="block boundary lf cr"),
    pytest.param(b"data: a\r\ndata: b\n\r\n", [Seen(None, b"a\nb")], id="mixed line ends in one block"),
    pytest.param(
        b"data: a\r\rdata: b\n\ndata: c\r\n\r\n",
        [Seen(None, b"a"), Seen(None, b"b"), Seen(None, b"c")],
        id="each block with line ends of its own",
    ),
    pytest.param(
        b"data: a\r\n\r\ndata: b\r\n\r\n", [Seen(None, b"a"), Seen(None, b"b")], id="crlf is one end, not a blank line"
    ),
    pytest.param("data: a\u2028b\u2029c\n\n".encode(), [Seen(None, "a\u2028b\u2029c".encode())], id="u+2028 ends none"),
    pytest.param("data: a\u0085b\n\n".encode(), [Seen(None, "a\u0085b".encode())], id="nel ends none"),
    pytest.param(b"data: a\x0bb\x0cc\n\n", [Seen(None, b"a\x0bb\x0cc")], id="vt and ff end none"),
    # byte order mark
    pytest.param(b"\xef\xbb\xbfdata: a\n\n", [Seen(None, b"a")], id="a leading bom is dropped"),
    pytest.param(b"\xef\xbb\xbf\n\ndata: a\n\n", [Seen(None, b"a")], id="a bom before a blank line"),
    pytest.param(b"\xef\xbb\xbf: hi\r\ndata: a\r\n\r\n", [Seen(None, b"a")], id="a bom before a comment"),
    pytest.param(b"data: \xef\xbb\xbfa\n\n", [Seen(None, b"\xef\xbb\xbfa")], id="a bom inside data stays"),
    # the python sdk drops a bom at the head of any piece that meets an empty buffer; the standard drops the first only
    pytest.param(
        b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Seen(None, b"a")], 1, id="a later bom is part of a field's name"
    ),
    pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [], 1, id="only one bom is dropped"),
    pytest.param(b"\xef\xbbdata: a\n\n", [], 1, id="two thirds of a bom are none"),
    # fields
    pytest.param(b"event: x\ndata: a\n\n", [Seen("x", b"a")], id="event names the block"),
    pytest.param(b"data: a\nevent: x\n\n", [Seen("x", b"a")], id="the name may come after the data"),
    pytest.param(b"event: x\nevent: y\ndata: a\n\n", [Seen("y", b"a")], id="the last name holds"),
    pytest.param(b"event: x\nevent\ndata: a\n\n", [Seen(None, b"a")], id="event without colon takes the name back"),
    pytest.param(b"event:\ndata: a\n\n", [Seen(None, b"a")], id="an empty name is none"),
    pytest.param(b"event:x\ndata:a\n\n", [Seen("x", b"a")], id="no space after the colon"),
    pytest.param(b"event:  x\ndata:  a\n\n", [Seen(" x", b" a")], id="of two spaces one is dropped"),
    pytest.param(b"data:\ta\n\n", [Seen(None, b"\ta")], id="a tab is no space"),
    pytest.param(b"data: a: b\n\n", [Seen(None, b"a: b")], id="the first colon divides"),
    pytest.param(b"data: a \n\n", [Seen(None, b"a ")], id="space at the end stays"),
    pytest.param(b"data: a\ndata:b\n\n", [Seen(None, b"a\nb")], id="data lines join with lf"),
    pytest.param(b"data: a\r\ndata: b\r\n\r\n", [Seen(None, b"a\nb")], id="data lines of crlf join with lf"),
    pytest.param(b"data: a\n: c\nid: 1\ndata: b\n\n", [Seen(None, b"a\nb")], id="data lines join over other lines"),
    pytest.param(b"data:\n\n", [Seen(None, b"")], id="empty data is data"),
    pytest.param(b"data\n\n", [Seen(None, b"")], id="data without colon is empty data"),
    pytest.param(b"data\ndata\n\n", [Seen(None, b"\n")], id="two empty data lines are one lf"),
    pytest.param(b"data:\ndata: a\ndata:\n\n", [Seen(None, b"\na\n")], id="empty data lines keep their lf"),
    pytest.param(b"event: x\n\n", [], id="an event without data is none"),
    pytest.param(b"event: x\n\ndata: a\n\n", [Seen(None, b"a")], id="its name is not inherited"),
    pytest.param(b"id: 7\nretry: 10\ndata: a\n\n", [Seen(None, b"a")], id="id and retry are read and not used"),
    pytest.param(b"id: 7\n\nretry: 10\n\n", [], id="id or retry alone are no event"),
    pytest.param(b"id: a\x00b\ndata: a\n\n", [Seen(None, b"a")], id="nul in an id harms nothing"),
    pytest.param(
        b"retry: soon\nid\nretry\ndata: a\n\n", [Seen(None, b"a")], id="retry that is no number, id without colon"
    ),
    pytest.param(b"event: \xff\ndata: a\n\n", [Seen("\ufffd", b"a")], id="a name that is no utf-8 is replaced"),
    pytest.param(b"data: \xff\n\n", [Seen(None, b"\xff")], id="data that is no utf-8 stays as it is"),
    # comments and unknown fields
    pytest.param(b": ping\n\n", [], id="a comment is no event"),
    pytest.param(b":\n:\n\n", [], id="empty comments"),
    pytest.param(b":data: a\n\n", [], id="a comment that looks like data"),
    pytest.param(b"\n\n\n\n", [], id="blank lines alone"),
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"foo: 1\nbar\ndata: a\n\n", [Seen(None, b"a")], 2, id="unknown fields are counted and skipped"),
    pytest.param(b" data: a\n\n", [], 1, id="space before a field makes another field"),
    pytest.param(b"Data: a\nEVENT: x\n\n", [], 2, id="fields mind their case"),
    pytest.param(b"data : a\ndatas: b\ndat: c\n\n", [], 3, id="nearly data"),
    pytest.param(b"ids: 1\neventx: 1\nret: 1\n\n", [], 3, id="nearly known"),
    # bare lines
    pytest.param(b'{"a": 1}\n', [Seen(None, b'{"a": 1}', BARE)], id="a line that begins with a brace is given out"),
    pytest.param(
        b'data: a\n{"b"}\ndata: c\n\n', [Seen(None, b'{"b"}', BARE), Seen(None, b"a\nc")], id="it splits no block"
    ),
    pytest.param(b' {"a": 1}\n', [], 1, id="after a space it is an unknown field"),
    pytest.param(b'[{"a": 1}]\n', [], 1, id="an array is an unknown field"),
    pytest.param(b'{"a"', [Seen(None, b'{"a"', BARE)], id="a bare line needs no end"),
    # the sentinel
    pytest.param(b"data: [DONE]\n\ndata: a\n\nfoo\n", [Seen(None, b"[DONE]")], id="nothing is read after the sentinel"),
    pytest.param(b"event: x\ndata:[DONE]\n\n{x\n", [Seen("x", b"[DONE]")], id="the sentinel is its data, not its name"),
    pytest.param(
        b"data: [DONE] \n\ndata: a\n\n", [Seen(None, b"[DONE] "), Seen(None, b"a")], id="with a space it is none"
    ),
    pytest.param(
        b"event: done\ndata: {}\n\ndata: a\n\n", [Seen("done", b"{}"), Seen(None, b"a")], id="the name alone is none"
    ),
    # ends without blank line (the python sdk delivers such a block, the js sdk loses it)
    pytest.param(b"data: a\n", [Seen(None, b"a", TAIL)], id="a last block without its blank line"),
    pytest.param(b"event: x\ndata: a", [Seen("x", b"a", TAIL)], id="a last line without its end"),
    pytest.param(b"data: a\r", [Seen(None, b"a", TAIL)], id="a last line that ends with cr"),
    pytest.param(b"data: a\nda", [Seen(None, b"a", TAIL)], id="a last block that breaks off in a field's name"),
    pytest.param(b"data: a\n\nevent: x\n", [Seen(None, b"a"), Seen("x", b"", TAIL)], id="half a block: a name alone"),
    pytest.param(
        b"data: a\n\neve", [Seen(None, b"a"), Seen(None, b"", TAIL)], id="half a block: part of a field's name"
    ),
    pytest.param(b"data: a\n\n: bye", [Seen(None, b"a")], id="a comment may end the body"),
    pytest.param(b"data: a\n\nid: 9\n", [Seen(None, b"a")], id="an id may end the body"),
    pytest.param(b"data: [DONE]", [Seen(None, b"[DONE]", TAIL)], id="a sentinel without its end"),
    pytest.param(b"data: a\n\nfoo", [Seen(None, b"a")], 1, id="an unknown field may end the body"),
]


@pytest.mark.parametrize(
    ("body", "expected", "unknown"),
    [pytest.param(*row.values, *[0] * (3 - len(row.values)), id=row.id) for row in RULES],
)
def test_framing(body: bytes, expected: list[Seen], unknown: int) -> None:
    """A body gives the events of its row, in whatever pieces it comes."""
    for pieces in every_split(body):
        assert parse(pieces) == (expected, unknown), pieces


def test_empty_pieces_change_nothing() -> None:
    """A socket may give nothing between two bytes, also between CR and LF and inside a byte order mark."""
    body = b"\xef\xbb\xbfevent: x\r\ndata: a\r\n\r\ndata: b"
    pieces = [piece for at in range(len(body)) for piece in (b"", body[at : at + 1], b"")]

    assert parse(pieces) == ([Seen("x", b"a"), Seen(None, b"b", TAIL)], 0)


def test_an_event_is_given_out_by_the_byte_that_ends_it() -> None:
    """Not one byte later: the time of an event is the time of the chunk that completed it."""
    parser = SSEParser()
    given = [len(parser.feed(bytes([byte]))) for byte in b"data: a\r\n\r\ndata: b\n\n"]

    assert [at for at, count in enumerate(given) if count] == [9, 19]


def test_size_counts_data_bytes() -> None:
    """The size of an event is its data, with the line feeds that join it, and nothing else."""
    parser = SSEParser()
    [event] = parser.feed("event: name\nid: 1\ndata: é\ndata: b\n\n".encode())

    assert (event.size, event.skimmed, event.terminated, event.bare) == (4, False, True, False)
