"""What capture costs in the forwarder: CPU of reading a stream without and with it, by kind of stream, as a table.

Use: `python -m tests.wire.capture_cost [rounds]`. Not here: the observer's share, latency.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from gateway.proxy.tap import Tap
from gateway.wire.capture import CapturingRequestReader
from gateway.wire.facts import RequestFacts
from gateway.wire.outcome import Body, End, Route
from gateway.wire.request import RequestReader
from tests.wire.corpus import AFTER, BEGUN, DELTA, IMAGE, TEXT, USAGE

EVENTS = 2_000
WANTED_BYTES = 32 * 1024
SUMMARY = (
    b'event: step.delta\ndata: {"index":0,"delta":{"content":{"text":"%b","type":"text"},"type":"thought_summary"},'
    b'"event_type":"step.delta"}\n\n' % TEXT
)
STREAMS: dict[str, tuple[bytes, int]] = {  # an event, and how many come
    "text deltas": (DELTA % (0, TEXT, b""), EVENTS),
    "text deltas with running usage": (DELTA % (0, TEXT, USAGE), EVENTS),
    "thought summaries": (SUMMARY, EVENTS),
    "images of 1 MiB": (IMAGE + b"A" * 1024 * 1024 + AFTER, 4),
}


def read(event: bytes, count: int, capture_bytes: int) -> None:
    """A stream of one such event a chunk, as a forwarder reads it."""
    tap = Tap(Route.CREATE, 200, Body.STREAM, None, stall_ns=30_000_000_000, capture_bytes=capture_bytes)
    tap.feed(BEGUN, 0)
    for number in range(count):
        more = tap.feed(event, number)
        while more:
            more = tap.go_on()
    tap.finish(End.CLEAN, count)
    if tap.capturing is not None:
        assert tap.capturing.fault is None
        tap.capturing.content.taken()


def ask(body: bytes, make: Callable[[], RequestReader]) -> None:
    """A request, read."""
    reader = make()
    reader.feed(body)
    reader.read_into(RequestFacts())
    if isinstance(reader, CapturingRequestReader):
        reader.excerpt()


def cpu_us(work: Callable[[], object], rounds: int) -> float:
    """The median of the thread's CPU time, in us."""
    times = []
    for _ in range(rounds):
        begun_ns = time.thread_time_ns()
        work()
        times.append(time.thread_time_ns() - begun_ns)
    return statistics.median(times) / 1e3


def table(rounds: int) -> list[str]:
    """Lines of Markdown: CPU of an event, or of a request."""
    lines = ["| read | off | on |", "|---|--:|--:|"]
    for name, (event, count) in STREAMS.items():
        off = cpu_us(lambda event=event, count=count: read(event, count, 0), rounds) / count  # type: ignore[misc]
        on = cpu_us(lambda event=event, count=count: read(event, count, WANTED_BYTES), rounds) / count  # type: ignore[misc]
        lines.append(f"| {name} | {off:,.2f} us | {on:,.2f} us |")
    for name, body in (
        ("a request of 200 bytes", b'{"model":"m","input":"%b","stream":true}' % (TEXT * 4)),
        ("a request with an image of 4 MiB", b'{"model":"m","input":[{"data":"%b"}]}' % (b"A" * 4 * 1024 * 1024)),
    ):
        off = cpu_us(lambda body=body: ask(body, RequestReader), rounds)  # type: ignore[misc]
        on = cpu_us(lambda body=body: ask(body, lambda: CapturingRequestReader(WANTED_BYTES)), rounds)  # type: ignore[misc]
        lines.append(f"| {name} | {off:,.0f} us | {on:,.0f} us |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(int(sys.argv[1]) if len(sys.argv) > 1 else 20)))
