"""What passed, as the ledger and the clients know it: bytes, events by type, clients that left, refusals, added times.

Not here: outcomes, steps, tokens (books.py). Source: telemetry-conventions.md 3.3.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from tests.exact.facts import Reading

Sample: TypeAlias = tuple[str, frozenset[tuple[str, str]]]

EVENT_TYPES: Final = (
    *("interaction.created", "interaction.status_update", "step.start", "step.delta", "step.stop"),
    *("interaction.completed", "error", "done", "other"),
)
PHASES: Final = ("before_first_delta", "streaming", "after_terminal")
REASONS: Final = ("header_size", "url_length", "body_size", "slow_header", "max_streams", "bad_request", "draining")
DIED: Final = "forwarder_died"


def note_event(
    reading: Reading, block: bytes, data: bytes, document: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    """Count a block of a stream by its type. facts: what the scenario says of it.

    Without data it is no event, nor is half of one at the end; behind the sentinel nothing is read.
    """
    is_half = "invalid" in facts and not block.endswith((b"\n\n", b"\r\r", b"\n\r\n"))
    if not (is_half or reading.event_types["done"]) and (b"data:" in block or "error" in facts):
        reading.event_types[_event_type(data, document, facts)] += 1


def _event_type(data: bytes, document: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    if data == b"[DONE]":
        return "done"
    for fact in ("error", "start", "delta", "stop"):
        if fact in facts:
            return fact if fact == "error" else f"step.{fact}"
    said = document.get("event_type")
    return said if said in EVENT_TYPES[:-2] else "other"


def samples(reading: Reading) -> Counter[Sample]:
    """What an exchange adds to the scrape, where it is more than nothing."""
    found: Counter[Sample] = Counter()
    died = reading.code == DIED
    entry = None if died else reading.entry
    found[_sample("stream_bytes_total", direction="down")] = entry["body_bytes"] if entry is not None else 0
    found[_sample("stream_bytes_total", direction="up")] = _bytes_up(reading)
    for name, times in reading.event_types.items():
        found[_sample("stream_events_total", event_type=name)] = times
    if reading.did.ended == "left" and not died:
        found[_sample("client_disconnects_total", phase=_phase(reading))] = 1
    if reading.outcome == "rejected":
        reason = {"body_too_large": "body_size"}.get(reading.code, reading.code)
        found[_sample("rejected_total", reason=reason)] = 1
    found[_sample("added_latency_seconds_count", path="request")] = int(entry is not None)
    first = entry is not None and entry["body_bytes"] > 0
    found[_sample("added_latency_seconds_count", path="first_event")] = int(first)
    return +found


def _bytes_up(reading: Reading) -> int:
    """A request that is refused is not read; of one whose forwarder died nobody knows."""
    if not reading.did.asked or reading.outcome == "rejected" or reading.code == DIED:
        return 0
    return len(json.dumps(reading.did.asked).encode())


def _phase(reading: Reading) -> str:
    if reading.is_terminal_timed or reading.event_types["done"]:
        return "after_terminal"
    return "streaming" if reading.deltas else "before_first_delta"


def _sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())
