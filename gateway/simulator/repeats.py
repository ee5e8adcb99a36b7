"""The same request again: how often it came, so that a fault can end after so many of them.

Not here: which fault (faults.py), what is answered (routes.py).
Source: interactions-api.md 1.5: a retry of an SDK is the same request, byte for byte.
Promise: requests are the same when method, target, header names, body and what they ask of the simulator are; memory
is bounded, the story that was quiet for longest is forgotten first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.simulator.connection import Request

OWN_HEADERS_PREFIX: Final = "x-simulator-"
STORIES_MAX: Final = 4096

_OF_ONE_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "te"})


class Repeats:
    """Counts of requests that fail, for each story of a request and its repetitions."""

    def __init__(self) -> None:
        self._failed: OrderedDict[bytes, int] = OrderedDict()

    def fails(self, request: Request, times: int) -> bool:
        """Whether this request is one of the first so many of its story; the one after them ends the story."""
        story = _story(request)
        failed = self._failed.pop(story, 0)
        if failed >= times:
            return False
        self._failed[story] = failed + 1
        while len(self._failed) > STORIES_MAX:
            self._failed.popitem(last=False)
        return True


def _story(request: Request) -> bytes:
    names = sorted({name for name, _ in request.headers} - _OF_ONE_HOP)
    asked = [f"{name}:{value}" for name, value in request.headers if name.startswith(OWN_HEADERS_PREFIX)]
    head = "\n".join([request.method, request.target, *names, *asked]).encode()
    return hashlib.sha256(head + b"\n\n" + request.body).digest()
