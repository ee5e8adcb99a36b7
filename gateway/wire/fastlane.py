"""The cheap way for the commonest event: whole `step.delta` blocks with a piece of text, told by their bytes.

Not here: any other event. What isn't surely such a block is left to the plain way (sse.py, events.py).
Promise: the facts are those of the plain way, to the last field, in any split. So a block is told here only if it is
spelled in one of a few ways, has no field beside those below and none twice, its string is right JSON and right
UTF-8, and its step is open. What it says beside its index, kind and size is in no fact.
"""

from __future__ import annotations

import re

RUN_MAX_BYTES = 8 * 1024

_LEAD = b'event: step.delta\ndata: {"'
_LINE_ENDS = 3  # of one block
_AROUND_DATA_BYTES = len(b"event: step.delta\ndata: \n\n")

# Possessive (`*+`): nothing is tried twice, so the time is linear whatever the bytes are.
_PLAIN = rb'[^"\\\x00-\x1f]*+'
_STRING = rb'"' + _PLAIN + rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})' + _PLAIN + rb')*+"'
_EVENT_TYPE = rb'"event_type":"step\.delta"'
_DELTA = rb'(?:"text":%b,"type":"text"|"type":"text","text":%b)' % (_STRING, _STRING)


def _block(index: bytes) -> bytes:
    head = rb"event: step\.delta\ndata: \{(?:" + _EVENT_TYPE + rb',)?+"index":' + index
    return head + rb',"delta":\{' + _DELTA + rb"\}(?:," + _EVENT_TYPE + rb')?+(?:,"event_id":' + _STRING + rb")?+\}\n\n"


# The first block's index, and further blocks of the same one.
_RUN = re.compile(_block(rb"(0|[1-9][0-9]{0,8})") + rb"(?:" + _block(rb"\1") + rb")*+")


def text_run(piece: bytes, at: int) -> tuple[int | None, int, int, int] | None:
    """The blocks of text deltas of one index that begin at `at`, where a block begins; None when it isn't sure.

    At most RUN_MAX_BYTES of them.

    index (None: not sure after all, but the blocks end where they end), count, bytes of their data, their end.
    """
    run = _RUN.match(piece, at, at + RUN_MAX_BYTES)
    if run is None:
        return None
    blocks, end = run[0], run.end()
    index = int(run[1]) if blocks.isascii() or _is_utf8(blocks) else None
    count = blocks.count(b"\n") // _LINE_ENDS
    return index, count, end - at - count * _AROUND_DATA_BYTES, end


def next_lead(piece: bytes, at: int, stop: int) -> int:
    """The next place after `at` where a block begins that may be one of ours; `stop` when there is none before it."""
    lead = piece.find(b"\n\n" + _LEAD, at, stop)
    return lead + 2 if lead >= 0 else stop


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
