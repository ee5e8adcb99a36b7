"""The last events of a response, each as type, index, size and time; kept only where it is asked for.

Not here: what the events mean (interaction.py). Deltas that came together and were told together are one entry.
Promise: at most MAX_EVENTS are kept, and nothing of what they say.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.wire.events import (
    Done,
    ErrorEvent,
    Event,
    InteractionCompleted,
    InteractionCreated,
    InvalidEvent,
    StatusUpdate,
    StepDelta,
    StepStart,
    StepStop,
    UnknownEvent,
)
from gateway.wire.facts import StreamFacts
from gateway.wire.interaction import InteractionTracker

MAX_EVENTS = 512
NO_INDEX = -1
TYPES = (
    "interaction.created",
    "interaction.status_update",
    "step.start",
    "step.delta",
    "step.stop",
    "interaction.completed",
    "error",
    "done",
    "unknown",
    "invalid",
)

_CODES: dict[type, int] = {
    cls: code
    for code, cls in enumerate(
        (
            InteractionCreated,
            StatusUpdate,
            StepStart,
            StepDelta,
            StepStop,
            InteractionCompleted,
            ErrorEvent,
            Done,
            UnknownEvent,
            InvalidEvent,
        )
    )
}
_DELTA = TYPES.index("step.delta")
_ENTRY = struct.Struct("<BiHIq")
_MAX_COUNT, _MAX_SIZE = (1 << 16) - 1, (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, or several deltas of one arrival. size_bytes: of the data, of all together."""

    type: str
    index: int | None
    count: int
    size_bytes: int
    t_ns: int


class RecordingTracker(InteractionTracker):
    """A tracker that keeps them beside its facts."""

    def __init__(self, *, stall_ns: int) -> None:
        super().__init__(stall_ns=stall_ns)
        self._ring: deque[bytes] = deque(maxlen=MAX_EVENTS)

    def feed(self, event: Event, t_ns: int, size: int = 0) -> None:
        """Keep the event, and account for it."""
        index = event.index if isinstance(event, StepDelta | StepStart | StepStop) else None
        self._keep(_CODES[type(event)], index, 1, size, t_ns)
        super().feed(event, t_ns, size)

    def feed_texts(self, index: int, count: int, size: int, running: bytes | None, t_ns: int) -> bool:
        """Keep the deltas, and account for them."""
        told = super().feed_texts(index, count, size, running, t_ns)
        if told:
            self._keep(_DELTA, index, count, size, t_ns)
        return told

    def finish(self, t_ns: int) -> StreamFacts:
        """The response is over."""
        facts = super().finish(t_ns)
        facts.packed_events = b"".join(self._ring).hex()
        return facts

    def _keep(self, code: int, index: int | None, count: int, size: int, t_ns: int) -> None:
        place = NO_INDEX if index is None else index
        self._ring.append(_ENTRY.pack(code, place, min(count, _MAX_COUNT), min(size, _MAX_SIZE), t_ns))


def unpack(packed: str) -> Iterator[Entry]:
    """The entries of StreamFacts.packed_events, oldest first. Raises ValueError for what no tracker wrote."""
    data = bytes.fromhex(packed)
    if len(data) % _ENTRY.size:
        raise ValueError("half an event")
    for code, index, count, size_bytes, t_ns in _ENTRY.iter_unpack(data):
        yield Entry(TYPES[code], None if index == NO_INDEX else index, count, size_bytes, t_ns)
