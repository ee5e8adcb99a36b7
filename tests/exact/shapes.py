"""Families whose values are the machine's doing: what must hold of them whatever the values are.

Their labels are all there and no others; their buckets are the agreed ones and not all empty; some can't be 0, or can't
be more than another.
Not here: families whose values follow from the exchanges (books.py, traffic.py).
Source: telemetry-conventions.md 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Sample: TypeAlias = tuple[str, frozenset[tuple[str, str]]]
Rows: TypeAlias = Sequence[tuple[str, ...]]

# Ten bounds a decade from 0.1 ms.
LAG: Final = (
    *(
        round(step * decade, 9)
        for decade in (0.0001, 0.001, 0.01)
        for step in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)
    ),
    *(0.1, 0.25, 0.5, 1),
)
BOUNDS: Final[Mapping[str, Sequence[float]]] = {"loop_lag_seconds": LAG}
_FIXED: Final[Mapping[str, tuple[tuple[str, ...], Rows]]] = {
    "loop_lag_seconds": (("process",), [("forwarder",), ("observer",)]),
    "oldest_silence_seconds": ((), [()]),
    "upstream_connections": (("state",), [("active",), ("idle",)]),
    "upstream_connects_total": (
        ("result",),
        [("ok",), ("dns_error",), ("connect_error",), ("connect_timeout",), ("tls_error",)],
    ),
    "upstream_tls_handshakes_total": (("resumed",), [("true",), ("false",)]),
    "process_restarts_total": (("process",), [("forwarder",), ("observer",)]),
    "start_time_seconds": ((), [()]),
    "series": ((), [()]),
    "config_reload_timestamp_seconds": ((), [()]),
    "config_last_reload_successful": ((), [()]),
}
_BY_WORKER: Final = ("record_queue_bytes", "record_lag_seconds", "tap_seconds_total")
_BY_PROCESS: Final = ("process_cpu_seconds_total", "process_resident_memory_bytes")
FAMILIES: Final = frozenset({*_FIXED, *_BY_WORKER, *_BY_PROCESS})


def family_of(sample: str) -> str:
    """The family of a sample's name."""
    for suffix in ("_bucket", "_count", "_sum"):
        if sample.removesuffix(suffix) in BOUNDS:
            return sample.removesuffix(suffix)
    return sample


def wrong(samples: Mapping[Sample, float], workers: int) -> list[str]:
    """What does not hold in a scrape at the end, when nothing is open, one line each."""
    found = []
    numbers = [(str(number),) for number in range(workers)]
    shapes = {
        **_FIXED,
        **dict.fromkeys(_BY_WORKER, (("worker",), numbers)),
        **{
            name: (
                ("process", "worker"),
                [("supervisor", "none"), ("observer", "none"), *(("forwarder", *number) for number in numbers)],
            )
            for name in _BY_PROCESS
        },
    }
    for name, (labels, rows) in shapes.items():
        counted = f"{name}_count" if name in BOUNDS else name
        have = {has: value for (family, has), value in samples.items() if family == counted}
        wanted = {frozenset(zip(labels, row, strict=True)) for row in rows}
        if have.keys() != wanted:
            found.append(f"{name} has the labels {sorted(map(sorted, have))}, not {sorted(map(sorted, wanted))}")
        if name in BOUNDS:
            found += [f"{name}{dict(has)} counted nothing" for has, value in have.items() if not value]
        if name in _BY_PROCESS:
            found += [f"{name}{dict(has)} is {value}" for has, value in have.items() if value <= 0]
    found += [f"{name}{dict(has)} is {value}" for (name, has), value in samples.items() if not value >= 0]
    series = samples.get(("series", frozenset()))
    if series is None or series < len(samples):  # those of the second set are among them (test_semconv.py)
        found.append(f"series is {series}, of {len(samples)}")
    for name in ("record_queue_bytes", "record_lag_seconds", "oldest_silence_seconds", "upstream_tls_handshakes_total"):
        if value := sum(value for (family, _), value in samples.items() if family == name):
            found.append(f"{name} is {value:g}, and nothing waits, is open, or speaks TLS")
    return found
