"""Trees of planned spans to a collector: a bounded queue, batches on a thread of its own, every span's fate counted.

Not here: what spans there are (tree.py), the way to the collector (sdk.py), whether there is one (environment.py).
Source: telemetry-conventions.md 4.6: the SDK's processor drops silently, ignores timeouts, joins for 30 s at exit.
Promise: `send` never blocks and drops whole trees only; `shutdown` keeps its deadline whatever the collector does.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gateway.telemetry.ids import Identity
from gateway.telemetry.nodes import Node

if TYPE_CHECKING:
    from gateway.telemetry.sdk import Way

CONTENT_QUEUE_BYTES = 16 * 1024 * 1024  # of captured content, waiting too
CONTENT_BATCH_BYTES = 2 * 1024 * 1024  # of it in one request: collectors bound theirs, the smallest by 4 MB
QUEUE_SPANS = 8192  # waiting for the collector; more means it is slow or gone
BATCH_SPANS = 512
DELAY_MS = 1000

Counted = Callable[[str, int], None]  # a result of names.SPAN_RESULTS, and how many spans


class SpanSender:
    """Takes trees on the loop, sends them from its thread. `counted` and `log` are called from that thread too.

    of: what a tree's nodes are, for the log. limits: how the variables that bound queue and batch begin.
    """

    def __init__(
        self,
        counted: Counted,
        log: Callable[[str], object],
        way: Way,
        environment: Mapping[str, str] = os.environ,
        *,
        of: str = "span",
        limits: str = "OTEL_BSP",
    ) -> None:
        # Its failures are in our log and counts; without a handler the SDK's own lines would go to stderr.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        self._counted = counted
        self._log = log
        self._way = way
        self._of = of
        self._limit = _number(environment, f"{limits}_MAX_QUEUE_SIZE", QUEUE_SPANS)
        self._batch = min(_number(environment, f"{limits}_MAX_EXPORT_BATCH_SIZE", BATCH_SPANS), self._limit)
        self._delay_s = _number(environment, f"{limits}_SCHEDULE_DELAY", DELAY_MS) / 1000
        self._trees: deque[tuple[Node, Identity, str | None]] = deque()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._full = threading.Event()  # a batch is there, or the end
        self._queued = 0  # spans of self._trees
        self.content_bytes = 0  # of them
        self._waiting = 0  # spans that were taken and have no fate yet
        self._closing = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)  # left behind at a deadline
        self._thread.start()

    def send(self, root: Node, identity: Identity, tracestate: str | None) -> None:
        """Queue one tree, or drop it whole when the queue has no room."""
        if not self.offer(root, identity, tracestate):
            self._counted("dropped", root.count())

    def offer(self, root: Node, identity: Identity, tracestate: str | None) -> bool:
        """Queue one tree if there is room for it; whether there was."""
        size = root.count()
        with self._lock:
            fits = not self._closing and self._waiting + size <= self._limit
            fits = fits and self.content_bytes + root.content_bytes <= CONTENT_QUEUE_BYTES
            if fits:
                self.content_bytes += root.content_bytes
                self._waiting += size
                self._queued += size
                self._trees.append((root, identity, tracestate))
        if not fits:
            return False
        if not self._some.is_set():
            self._some.set()
        if self._queued >= self._batch and not self._full.is_set():
            self._full.set()
        return True

    def shutdown(self, timeout_s: float) -> None:
        """Send what waits, for at most timeout_s; what is left then is dropped. Blocks: call it off the loop."""
        with self._lock:
            self._closing = True
        self._some.set()
        self._full.set()
        self._thread.join(max(0.0, timeout_s))
        with self._lock:
            left, self._waiting = self._waiting, 0
        if left > 0:
            self._counted("dropped", left)

    def _run(self) -> None:
        ready: list[Any] = []
        content_bytes = 0  # of them
        while not (self._closing and not self._trees):
            self._some.wait()
            self._full.wait(self._delay_s)
            self._some.clear()
            self._full.clear()
            while self._trees:
                while self._trees and len(ready) < self._batch and content_bytes < CONTENT_BATCH_BYTES:
                    content_bytes += self._trees[0][0].content_bytes
                    ready += self._next()
                if content_bytes >= CONTENT_BATCH_BYTES:
                    self._export(ready)
                    ready, content_bytes = [], 0
                while len(ready) >= self._batch:
                    self._export(ready[: self._batch])
                    del ready[: self._batch]
            if ready:
                self._export(ready)
                ready, content_bytes = [], 0
        with suppress(Exception):  # every span has its fate by now
            self._way.close()

    def _next(self) -> list[Any]:
        root, identity, tracestate = self._trees.popleft()
        size = root.count()
        with self._lock:
            self._queued -= size
            self.content_bytes -= root.content_bytes
        try:
            return self._way.ready(root, identity, tracestate)
        except Exception:  # a tree that nobody can write costs itself, not the thread
            self._done("failed", size)
            return []

    def _export(self, spans: list[Any]) -> None:
        try:
            taken = self._way.send(spans)
        except Exception:  # an exporter's fault costs its batch, not the thread
            taken = False
        self._done("exported" if taken else "failed", len(spans))
        if taken is self._failing:
            self._failing = not taken
            self._log(f"{self._of}_export_recovered" if taken else f"{self._of}_export_failing")

    def _done(self, result: str, spans: int) -> None:
        with self._lock:
            # What the deadline of shutdown gave up is counted already, even if it gets through later.
            spans = min(spans, self._waiting)
            self._waiting -= spans
        self._counted(result, spans)


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip()
    return int(text) if text.isdecimal() and int(text) > 0 else default
