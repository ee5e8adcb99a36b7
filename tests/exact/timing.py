"""Times in spans against the times at which the simulator sent: the differences, and their percentiles.

Not here: which spans there are (traces.py).
Source: both clocks are monotonic, and only differences within one exchange are compared: a point's distance from the
SERVER span's start with its distance from the request's arrival at the simulator. A gateway can only be late.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.exact.facts import Entry, Reading
from tests.exact.traces import Arrived
from tests.otlp_receiver import Span

NS_PER_MS = 1e6
NS_PER_S = 1e9


@dataclass(slots=True)
class Differences:
    """Milliseconds by what was compared."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def table(self) -> list[str]:
        """Number and percentiles, as lines."""
        lines = [
            f"{'time in a span minus time of sending, ms':<42} {'n':>6} {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8}"
        ]
        for what, values in self.ms.items():
            ranked = sorted(values)
            shown = " ".join(
                f"{ranked[min(len(ranked) - 1, int(len(ranked) * q))]:>8.2f}" for q in (0.5, 0.95, 0.99, 1)
            )
            lines.append(f"{what:<42} {len(ranked):>6} {shown}")
        return lines


def compare(readings: Sequence[Reading], arrived: Arrived) -> Differences:
    """Compare every timed point of every stream."""
    differences = Differences()
    for reading in readings:
        root, main = arrived.roots.get(reading.key), arrived.main(reading.key)
        if reading.entry is None or reading.body_kind != "stream" or root is None or main is None:
            continue
        if "Content-Encoding" in reading.did.headers:
            continue  # a coded block can be read before its last bytes are sent, which is what the ledger dates
        for what, shown_ns, sent_ns in _points(reading, reading.entry, root, main, arrived):
            differences.ms[what].append((shown_ns - sent_ns) / NS_PER_MS)
    return differences


def _points(
    reading: Reading, entry: Entry, root: Span, main: Span, arrived: Arrived
) -> Iterator[tuple[str, float, float]]:
    zero_ns: int = entry["received_ns"]
    events = [(event["t_ns"] - zero_ns, event) for event in entry["events"]]
    for attribute, key in (
        ("interactions.time_to_first_delta", "delta"),
        ("interactions.time_to_terminal", "terminal"),
    ):
        seconds = main.attributes.get(attribute)
        sent = [t_ns for t_ns, event in events if key in event]
        if isinstance(seconds, float) and sent:
            yield attribute, seconds * NS_PER_S, sent[-1] if key == "terminal" else sent[0]
    starts = {event["start"][0]: t_ns for t_ns, event in events if "start" in event}
    stops = {event["stop"]: t_ns for t_ns, event in events if "stop" in event}
    deltas = {event["delta"][0]: t_ns for t_ns, event in reversed(events) if "delta" in event}
    often = Counter(event["start"][0] for _, event in events if "start" in event)
    for span in _steps(main, arrived):
        index = span.attributes["interactions.step.index"]
        if often[index] != 1:
            continue  # a step that was opened twice, or one whose start was not in this stream
        start_ns, end_ns = span.start_ns - root.start_ns, span.end_ns - root.start_ns
        yield "step start", start_ns, starts[index]
        first = span.attributes.get("interactions.step.first_delta")
        if isinstance(first, float):
            yield "step's first delta", start_ns + first * NS_PER_S, deltas[index]
        if index in stops and "interactions.step.open_at_end" not in span.attributes:
            yield "step stop", end_ns, stops[index]
            yield "step duration (either way)", abs((end_ns - start_ns) - (stops[index] - starts[index])), 0


def _steps(span: Span, arrived: Arrived) -> Iterator[Span]:
    for child in arrived.below(span):
        if child.name.startswith("step "):
            yield child
        else:
            yield from _steps(child, arrived)
