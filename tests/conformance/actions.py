"""What either side of a row can do; a row is two lists of these. Bytes are an action too: send them.

Not here: how they are done (stage.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Read:
    """Read a whole message; a response with the interim ones before it."""

    bodyless: bool = False


@dataclass(frozen=True, slots=True)
class ReadHead:
    """Read a head; `Read` would wait for its body too, `ReadBody` takes it later."""


@dataclass(frozen=True, slots=True)
class ReadBody:
    """Read the body of the head that was read."""


@dataclass(frozen=True, slots=True)
class ReadInterim:
    """Read one 1xx head."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Read that many bytes of whatever protocol."""

    size: int


@dataclass(frozen=True, slots=True)
class ByteByByte:
    """Send bytes, each for itself."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Unasked:
    """Send bytes that are nobody's answer: they must not reach the other end. asked: how many of them are an answer."""

    data: bytes
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Until:
    """Receive until these bytes are there, and leave them unread."""

    mark: bytes


@dataclass(frozen=True, slots=True)
class Saw:
    """Wait until the other end of the row has received these bytes."""

    mark: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """Wait until the peer has read all that was sent, so that what is sent next is another read of its."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the other end that this point is reached."""

    name: str


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until the other end has told that."""

    name: str


@dataclass(frozen=True, slots=True)
class HalfClose:
    """Say that nothing more will be sent, and stay to read."""


@dataclass(frozen=True, slots=True)
class Close:
    """Leave in good order."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Leave by a reset."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Wait until the peer has left, whatever it sends before; a peer that stays fails the row."""


Action = (
    bytes
    | Read
    | ReadHead
    | ReadBody
    | ReadInterim
    | Raw
    | ByteByByte
    | Unasked
    | Until
    | Saw
    | Taken
    | Tell
    | Await
    | HalfClose
    | Close
    | Cut
    | Gone
)
Script = tuple[Action, ...]
