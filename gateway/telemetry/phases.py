"""Where the wall time of an exchange went: one split into parts that do not overlap and add up to the whole.

| phase | from | to |
|---|---|---|
| `gateway` | the request head is here | the upstream is asked; all of it, where the upstream never was |
| `connect` | the upstream is asked | a connection is there, new or reused: name, TCP, TLS |
| `client_body` | a connection is there | the request body is whole, or the response head comes first |
| `wait` | the request is whole | the first step begins; and later, while no step is open and no server tool runs |
| `server_tool` | a server tool's call begins | its result stops |
| `think` | a thought begins | it stops |
| `stream` | a step of another type begins | it stops; and from the terminal event to the end of the body |
| `client_blocked` | the response waits for the client to take more of it | it has taken it |

Where several fit, the first of these holds: `client_blocked`, `connect`, `client_body`, `stream`, `server_tool`,
`think`, `wait`; `gateway` is what is left. So thinking beside an answer is `stream`, beside a tool `server_tool`.
Of an answer in one JSON text nothing shows before it is whole: `wait`. Any other body that nobody
reads (other routes, an error, an encoding that can't be read) is `stream` from its first byte. Steps over the
tracker's cap are `wait`. When a forwarder dies, nothing of its open exchanges is known but how long they were:
`gateway`.

Not here: the clock of the steps (wire/phases.py), metrics.
Promise: integers of ns, none below zero, that add up to `times.end_ns`, whatever the record says.
"""

from __future__ import annotations

from gateway.records import ExchangeClosed
from gateway.wire.facts import Anomaly
from gateway.wire.outcome import Body, is_interaction_answer

_FIRST_TO_HOLD = ("client_blocked", "connect", "client_body", "stream", "server_tool", "think", "wait")


def split(record: ExchangeClosed) -> dict[str, int]:
    """The phases of an exchange, ns, in the order of names.PHASES; 0 for those that it hadn't."""
    times, stream = record.times, record.stream
    end_ns, blocked_ns = times.end_ns, times.client_blocked_ns
    asked_ns = end_ns if times.upstream_start_ns is None else times.upstream_start_ns
    connected_ns = end_ns if times.connected_ns is None else times.connected_ns
    sent_ns = end_ns if times.request_body_ns is None else times.request_body_ns
    if times.head_ns is not None and times.head_ns < sent_ns:
        sent_ns = times.head_ns  # a response that comes before the request is whole ends the wait for the rest of it
    if sent_ns < connected_ns:
        sent_ns = connected_ns
    stream_ns = _stream_ns(record)
    answer_ns = stream.think_ns + stream_ns + stream.server_tool_ns
    parts = {
        "client_body": sent_ns - connected_ns,
        "connect": connected_ns - asked_ns,
        "wait": max(0, end_ns - sent_ns - blocked_ns - answer_ns),
        "think": stream.think_ns,
        "stream": stream_ns,
        "server_tool": stream.server_tool_ns,
        "client_blocked": blocked_ns,
    }
    parts["gateway"] = end_ns - sum(parts.values())
    return parts if min(parts.values()) >= 0 else _fitted(parts, max(0, end_ns))


def _fitted(parts: dict[str, int], left_ns: int) -> dict[str, int]:
    """What can't be, made to fit: each takes what it says of what those before it have left."""
    for phase in _FIRST_TO_HOLD:
        parts[phase] = min(max(0, parts[phase]), left_ns)
        left_ns -= parts[phase]
    parts["gateway"] = left_ns
    return parts


def _stream_ns(record: ExchangeClosed) -> int:
    """As the tracker told it; of a body that was not read, all from its first byte."""
    times, stream = record.times, record.stream
    if stream.first_event_ns is not None or record.body is Body.JSON or times.first_byte_ns is None:
        return stream.stream_ns
    blind = record.faults or Anomaly.UNREADABLE_ENCODING in stream.anomalies
    if is_interaction_answer(record.route, record.http_status, record.body) and not blind:
        return stream.stream_ns
    return times.end_ns - times.first_byte_ns - times.client_blocked_ns
