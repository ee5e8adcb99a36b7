"""Records as bytes, there and back.

Not here: what the records say (records.py), sockets and queues (proxy/sender.py, observer.py).
Promise: what is decoded equals what was encoded; what no forwarder of this version wrote is refused.

A batch is a length (4 bytes), a number (8 bytes), both big-endian, and a JSON array whose items are `[kind, row]`.
Batches are numbered from 1 for each connection; the observer answers each with its number (8 bytes).
A row is the values of a record's fields in their order, without their names: an ended exchange of ten steps has over
two hundred. That both sides mean the same fields is settled once a connection, by the layout beside its Hello.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any

import orjson

from gateway.records import (
    KINDS,
    ContentCaptured,
    ExchangeClosed,
    ExchangeOpened,
    Heartbeat,
    Hello,
    Record,
    StepFinished,
    StepStarted,
    Times,
)
from gateway.wire.content import Content, Part, StepContent
from gateway.wire.facts import Basis, Gaps, InteractionFacts, Mode, RequestFacts, Step, StreamFacts
from gateway.wire.outcome import Body, End, Outcome, Route
from gateway.wire.usage import Usage

HEADER = struct.Struct("!IQ")  # payload bytes, batch number
ACK = struct.Struct("!Q")
MAX_BATCH_BYTES = 32 * 1024 * 1024  # an observer refuses more: it is no forwarder that speaks


def encode(record: Record) -> bytes:
    """One record as `["Kind",[…]]`. Text that JSON can't hold (half a surrogate pair) loses that character."""
    item = (type(record).__name__, _ROWS[type(record)](record))
    try:
        return orjson.dumps(item, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        # Such text, or an integer over 64 bits, came from the wire.
        return json.dumps(item, ensure_ascii=False, default=_known).encode("utf-8", "replace")


def frame(number: int, encoded: list[bytes]) -> bytes:
    """A batch of encoded records, ready for the socket."""
    payload = b"[" + b",".join(encoded) + b"]"
    return HEADER.pack(len(payload), number) + payload


def decode(payload: bytes) -> list[Record]:
    """The records of a batch's payload. Raises ValueError or TypeError for what no forwarder of this version wrote."""
    records: list[Record] = []
    for kind, row in orjson.loads(payload):
        cls = KINDS.get(kind)
        if cls is None:
            raise ValueError(f"unknown record kind {kind!r:.80}")
        try:
            records.append(_BUILDS.get(cls, _build)(cls, row))
        except (LookupError, AttributeError) as error:
            raise ValueError(f"a record of another shape: {kind}") from error
    return records


def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


def _layout() -> str:
    parts = (RequestFacts, Times, StreamFacts, InteractionFacts, Step, Gaps, Usage, Content, StepContent, Part)
    text = json.dumps([(cls.__name__, _names(cls)) for cls in (*KINDS.values(), *parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


LAYOUT = _layout()

Values = Callable[[Any], tuple[Any, ...]]


def _values(cls: type[Any]) -> Values:
    return attrgetter(*_names(cls))


_CLOSED, _OPENED, _STREAM = _values(ExchangeClosed), _values(ExchangeOpened), _values(StreamFacts)
_REQUEST, _TIMES, _INTERACTION = _values(RequestFacts), _values(Times), _values(InteractionFacts)
_STEP, _GAPS, _USAGE = _values(Step), _values(Gaps), _values(Usage)
_CONTENT, _STEP_CONTENT, _PART = _values(Content), _values(StepContent), _values(Part)


def _hello_row(record: Hello) -> dict[str, Any]:
    # By name, so that another version can be told from nonsense.
    return {**asdict(record), "layout": LAYOUT}


def _closed_row(record: ExchangeClosed) -> list[Any]:
    row = list(_CLOSED(record))
    row[_C_REQUEST] = _REQUEST(record.request)
    row[_C_TIMES] = _TIMES(record.times)
    row[_C_STREAM] = _stream_row(record.stream)
    return row


def _opened_row(record: ExchangeOpened) -> list[Any]:
    row = list(_OPENED(record))
    row[_O_REQUEST] = _REQUEST(record.request)
    return row


def _finished_row(record: StepFinished) -> list[Any]:
    return [record.exchange_id, record.interaction_id, _step_row(record.step)]


def _stream_row(stream: StreamFacts) -> list[Any]:
    row = list(_STREAM(stream))
    row[_S_INTERACTION] = _INTERACTION(stream.interaction)
    row[_S_STEPS] = [_step_row(step) for step in stream.steps]
    row[_S_GAPS] = _GAPS(stream.gaps)
    if stream.usage is not None:
        row[_S_USAGE] = _USAGE(stream.usage)
    return row


def _step_row(step: Step) -> Sequence[Any]:
    if step.step_usage is None:
        return _STEP(step)
    row = list(_STEP(step))
    row[_T_USAGE] = _USAGE(step.step_usage)
    return row


def _content_row(record: ContentCaptured) -> list[Any]:
    content = list(_CONTENT(record.content))
    content[_N_STEPS] = [
        [*_STEP_CONTENT(step)[:-1], [_PART(part) for part in step.parts]] for step in record.content.steps
    ]
    return [record.exchange_id, content]


def _known(value: object) -> str:
    return str(value)  # json.dumps asks for what is no JSON; there is nothing such in a record but by a mistake


def _build(cls: type[Any], row: Any) -> Any:
    if type(row) is not list or len(row) != _LENGTHS[cls]:
        raise ValueError(f"a record of another shape: {cls.__name__}")
    return cls(*row)


def _hello(cls: type[Any], data: Any) -> Hello:
    if data.pop("layout", None) != LAYOUT:
        raise ValueError("a forwarder of another version")
    return Hello(**data)


def _opened(cls: type[Any], row: Any) -> ExchangeOpened:
    row[_O_ROUTE] = _ROUTE[row[_O_ROUTE]]
    row[_O_MODE] = _MODE[row[_O_MODE]]
    row[_O_REQUEST] = _build(RequestFacts, row[_O_REQUEST])
    opened: ExchangeOpened = _build(ExchangeOpened, row)
    return opened


def _step(row: Any) -> Step:
    if type(row) is not list or len(row) != _STEP_LENGTH:
        raise ValueError("a record of another shape: Step")
    if row[_T_USAGE] is not None:
        row[_T_USAGE] = _build(Usage, row[_T_USAGE])
    return Step(*row)


def _finished(cls: type[Any], row: Any) -> StepFinished:
    exchange_id, interaction_id, step = row
    return StepFinished(exchange_id, interaction_id, _step(step))


def _stream(row: Any) -> StreamFacts:
    row[_S_INTERACTION] = _build(InteractionFacts, row[_S_INTERACTION])
    row[_S_STEPS] = [_step(step) for step in row[_S_STEPS]]
    row[_S_GAPS] = _build(Gaps, row[_S_GAPS])
    if row[_S_USAGE] is not None:
        row[_S_USAGE] = _build(Usage, row[_S_USAGE])
    if row[_S_BASIS] is not None:
        row[_S_BASIS] = _BASIS[row[_S_BASIS]]
    stream: StreamFacts = _build(StreamFacts, row)
    return stream


def _closed(cls: type[Any], row: Any) -> ExchangeClosed:
    for at, members in _C_ENUMS:
        row[at] = members[row[at]]
    row[_C_REQUEST] = _build(RequestFacts, row[_C_REQUEST])
    row[_C_TIMES] = _build(Times, row[_C_TIMES])
    row[_C_STREAM] = _stream(row[_C_STREAM])
    closed: ExchangeClosed = _build(ExchangeClosed, row)
    return closed


def _content(cls: type[Any], row: Any) -> ContentCaptured:
    exchange_id, content = row
    steps = [_build(StepContent, step) for step in content[_N_STEPS]]
    for step in steps:
        step.parts = [_build(Part, part) for part in step.parts]
    content[_N_STEPS] = steps
    return ContentCaptured(exchange_id, _build(Content, content))


def _members(kind: type[StrEnum]) -> dict[str, Any]:
    # A dictionary: calling the class to look a member up costs ten times as much.
    return {member.value: member for member in kind}


_ROUTE, _MODE, _BASIS = _members(Route), _members(Mode), _members(Basis)
_C_REQUEST, _C_TIMES, _C_STREAM = map(_names(ExchangeClosed).index, ("request", "times", "stream"))
_C_ENUMS = tuple(
    (_names(ExchangeClosed).index(name), _members(kind))
    for name, kind in (("route", Route), ("mode", Mode), ("outcome", Outcome), ("end", End), ("body", Body))
)
_O_ROUTE, _O_MODE, _O_REQUEST = map(_names(ExchangeOpened).index, ("route", "mode", "request"))
_S_INTERACTION, _S_STEPS, _S_GAPS, _S_USAGE, _S_BASIS = map(
    _names(StreamFacts).index, ("interaction", "steps", "gaps", "usage", "basis")
)
_T_USAGE = _names(Step).index("step_usage")
_N_STEPS = _names(Content).index("steps")
_LENGTHS = {
    cls: len(_names(cls))
    for cls in (
        *(*KINDS.values(), RequestFacts, Times, StreamFacts, InteractionFacts, Step, Gaps, Usage),
        *(Content, StepContent, Part),
    )
}
_STEP_LENGTH = _LENGTHS[Step]

_ROWS: dict[type[Any], Callable[[Any], Any]] = {
    Hello: _hello_row,
    ExchangeOpened: _opened_row,
    StepStarted: _values(StepStarted),
    StepFinished: _finished_row,
    ContentCaptured: _content_row,
    ExchangeClosed: _closed_row,
    Heartbeat: _values(Heartbeat),
}
_BUILDS: dict[type[Any], Callable[[type[Any], Any], Any]] = {
    Hello: _hello,
    ExchangeOpened: _opened,
    StepFinished: _finished,
    ContentCaptured: _content,
    ExchangeClosed: _closed,
}
