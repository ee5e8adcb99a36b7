"""Trace context of the run: whose trace each exchange is in, by what its client sent and got and what went upstream.

Not here: which headers are valid (tests/wire), the same line by line (tests/e2e/test_propagation.py).
Source: telemetry-conventions.md 2.8, accounting.md 7. With nothing set a client's traceparent is the parent; a gateway
that trusts no client and injects tells its trace in the answer, and names its span to the upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.exact.facts import Reading

STRICT: Final[Mapping[str, object]] = {
    "traces.inbound": "untrusted",
    "traces.upstream_headers": "inject",
    "traces.response_header": "true",
}
CHAINED: Final[Mapping[str, object]] = {"traces.chain_root": "true", "traces.conversation_id_from": "chain_root"}
TOLD: Final = "x-interactions-trace-id"
TRACEPARENT_CHARS: Final = 55


def note(reading: Reading, config: Mapping[str, object]) -> None:
    """Write down an exchange's context, with the settings of its gateway."""
    given = reading.did.traceparent if len(reading.did.traceparent) == TRACEPARENT_CHARS else ""
    span = (given[3:35], given[36:52]) if given else None
    if config.get("traces.inbound") != "untrusted":
        reading.parent = span
        return
    reading.linked = span
    reading.trace_id = reading.did.headers.get(TOLD, "")
    if reading.did.status is not None and not reading.trace_id:
        reading.disagreements.append(f"{reading.key}: was not told its trace")
    if reading.entry is None:
        return
    (injected,) = reading.entry["request"]["traceparents"]
    version, trace_id, reading.upstream_span, flags = injected.split("-")
    assert (version, flags) == ("00", "01")
    # who never got a head was told nothing
    if trace_id != (reading.trace_id or trace_id):
        reading.disagreements.append(f"{reading.key}: told {reading.trace_id}, injected {trace_id}")
    reading.trace_id = trace_id
