"""The cheap way for the commonest event: whole `step.delta` blocks with a piece of text, told by their bytes.

Not here: any other event. What isn't surely such a block is left to the plain way (sse.py, events.py).
Promise: the facts are those of the plain way, to the last field, in any split. So a block is told here only if it is
spelled in one of a few ways, has no field beside those below and none twice, its string is right JSON and right
UTF-8, and its step is open. What it says beside its index, size and running usage is in no fact.
"""

from __future__ import annotations

import re
from typing import TypeAlias

RUN_MAX_BYTES = 8 * 1024

# index (None: not sure after all, but the blocks end there), count, their data bytes, the last running usage as JSON,
# where they end in the piece.
Run: TypeAlias = tuple[int | None, int, int, bytes | None, int]

_LEAD = b'event: step.delta\ndata: {"'
_LEAD_AFTER_BLOCK = b"\n\n" + _LEAD
_LINE_ENDS = 3  # of one block
_AROUND_DATA_BYTES = len(b"event: step.delta\ndata: \n\n")

# Possessive (`*+`): nothing is tried twice, so the time is linear whatever the bytes are.
_PLAIN = rb'[^"\\\x00-\x1f]*+'
_STRING = rb'"' + _PLAIN + rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})' + _PLAIN + rb')*+"'
_EVENT_TYPE = rb'"event_type":"step\.delta"'
_DELTA = rb'(?:"text":%b,"type":"text"|"type":"text","text":%b)' % (_STRING, _STRING)


# Right counts only, so that it has no oddities; the last of those that come together is the one that holds.
_COUNT = rb'"total_(?:input_|output_|thought_|tool_use_|cached_)?+tokens":(?:0|[1-9][0-9]{0,17})'
_USAGE = rb'"metadata":\{"total_usage":\{%b(?:,%b)*+\}\}' % (_COUNT, _COUNT)
_USAGE_BEGINS = b'"total_usage":'


def _block(index: bytes, usage: bytes) -> bytes:
    fields = rb"(?:" + _EVENT_TYPE + rb',)?+"index":' + index + rb',"delta":\{' + _DELTA + rb"\}"
    more = rb"(?:," + _EVENT_TYPE + rb")?+" + usage + rb'(?:,"event_id":' + _STRING + rb")?+"
    return rb"event: step\.delta\ndata: \{" + fields + more + rb"\}\n\n"


# The first block's index and usage, and further blocks of the same index, all with usage or all without.
_FIRST = _block(rb"(0|[1-9][0-9]{0,8})", rb"(," + _USAGE + rb")?")
_RUN = re.compile(_FIRST + rb"(?:" + _block(rb"\1", rb"(?(2)," + _USAGE + rb")") + rb")*+")


def text_run(piece: bytes, at: int) -> Run | None:
    """The blocks of text deltas that begin at `at`, where a block begins, at most RUN_MAX_BYTES; None when not sure."""
    run = _RUN.match(piece, at, at + RUN_MAX_BYTES)
    if run is None:
        return None
    blocks, end = run[0], run.end()
    index = int(run[1]) if blocks.isascii() or _is_utf8(blocks) else None
    count = blocks.count(b"\n") // _LINE_ENDS
    usage = _last_usage(blocks) if run.lastindex == 2 else None
    return index, count, end - at - count * _AROUND_DATA_BYTES, usage, end


def _last_usage(blocks: bytes) -> bytes:
    begin = blocks.rfind(_USAGE_BEGINS) + len(_USAGE_BEGINS)
    return blocks[begin : blocks.index(b"}", begin) + 1]


def next_lead(piece: bytes, at: int, stop: int) -> int:
    """Where to try again behind `at`: before `stop` the next block that may be one of ours, or `stop`.

    Behind a delta that was not told it is at the end of a block near `stop`: those that follow are likely of its sort.
    """
    untold = piece.startswith(_LEAD, at)
    lead = piece.rfind(b"\n\n", at, stop) if untold else piece.find(_LEAD_AFTER_BLOCK, at, stop)
    return lead + 2 if lead >= 0 else stop


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
