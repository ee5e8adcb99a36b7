"""The records that cross from forwarder to observer: the only contract between them.

Not here: their bytes (encoding.py), sockets and queues (proxy/sender.py, observer.py), what they become (telemetry/).
Promise: a record is self-contained and of bounded size; ExchangeClosed alone is enough for metrics and trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from gateway.wire.content import Content
from gateway.wire.facts import Mode, RequestFacts, Step, StreamFacts
from gateway.wire.outcome import Body, End, Outcome, Route

TAGS = ("team", "app", "user", "conversation", "client")  # whom an exchange is for, where the settings ask


@dataclass(slots=True)
class Hello:
    """First record of each connection: who speaks, and how its counts stood when the connection began.

    closed_before: exchanges whose end went to an earlier observer, or was lost with it; this one never hears of them.
    tally_before: the Heartbeat's tally as it was when an observer last acknowledged one, empty at first.
    """

    worker: int
    pid: int
    closed_before: int
    path: str  # of the forwarding: `plain` or `fast`
    aiohttp: str
    tally_before: list[int] = field(default_factory=list)


@dataclass(slots=True)
class ExchangeOpened:
    """An exchange is under way and its request is understood as far as it will be.

    traceparent, tracestate: of a client that is trusted; of another, linked is its traceparent. injected: the
    traceparent that went upstream, where one of ours did. baggage: the members that the settings name.
    It holds what a trace begins with, since its forwarder may die and the observer then closes it alone.
    """

    exchange_id: str
    started_unix_ns: int
    route: Route
    mode: Mode
    request: RequestFacts
    method: str = ""
    target: str = ""
    client_address: str | None = None
    user_agent: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    linked: str | None = None
    injected: str | None = None
    baggage: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class StepStarted:
    """A step began; for the live view and long agents. number: its place in the response, as on the step itself."""

    exchange_id: str
    interaction_id: str | None
    index: int
    type: str
    start_ns: int
    number: int


@dataclass(slots=True)
class StepFinished:
    """A step ended; for the live view and long agents."""

    exchange_id: str
    interaction_id: str | None
    step: Step


@dataclass(slots=True)
class Times:
    """Points of an exchange's life, ns since its start; None where the point was not reached."""

    request_body_ns: int | None = None  # the request body is whole
    upstream_start_ns: int | None = None  # the upstream request began
    connected_ns: int | None = None  # a connection is there, new or reused
    head_ns: int | None = None  # the upstream's head is here
    first_byte_ns: int | None = None  # of the response body
    end_ns: int = 0
    client_blocked_ns: int = 0  # a duration: the response waited for the client to take more of it
    sent_ns: int | None = None  # the request's head, with what there was of its body, is written to the upstream
    first_event_delay_ns: int | None = None  # a duration: from reading the response body's first bytes to their write


@dataclass(slots=True)
class ContentCaptured:
    """The content of an exchange, right before its end; only where capture is on."""

    exchange_id: str
    content: Content


@dataclass(slots=True)
class ExchangeClosed:
    """The whole of an ended exchange. started_unix_ns is wall time; every other `_ns` counts from it, monotonic.

    target: the request target, secrets in its query redacted. code: of our own answer, if it was ours.
    traceparent to baggage: as in ExchangeOpened. faults: tap faults by place. bytes_up and bytes_down: body bytes as
    they travelled.
    tags: whom it is for, by TAGS; a team told by its key is a fingerprint.
    """

    exchange_id: str
    started_unix_ns: int
    route: Route
    mode: Mode
    outcome: Outcome
    end: End
    method: str
    target: str
    request: RequestFacts
    times: Times
    stream: StreamFacts
    body: Body = Body.OTHER
    http_status: int | None = None  # the upstream's
    sent_status: int | None = None  # what the client got, be it the upstream's or ours
    http_error_code: str | None = None  # what the wire calls an answer of 400 or more, as it stands there, cut
    code: str | None = None
    error_text: str | None = None  # of our own answer or of a transport fault: never content
    done_seen: bool = False
    bytes_up: int = 0
    bytes_down: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    client_address: str | None = None
    user_agent: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    linked: str | None = None
    injected: str | None = None
    baggage: dict[str, str] = field(default_factory=dict)
    upstream_scheme: str = "https"
    upstream_host: str = ""
    upstream_port: int = 443
    peer_address: str | None = None  # where the connection to it ended
    http_version: str = "1.1"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Heartbeat:
    """The forwarder's own counts, cumulative since its start, true for all records up to this one.

    opened: exchanges begun. handed: ExchangeClosed given to the channel. lost: records dropped, by kind and reason
    (`"ExchangeClosed/queue_full"`). So opened - handed - lost ExchangeClosed are open, or still in the queue.
    queue_bytes and queue_age_ns: what still waits for a batch, and the age of the oldest of it.
    tally: a count for each name of TALLY; then how late its loop woke, counts by bucket of LAG_BOUNDS_NS, and their
    sum in ns. Empty where none is kept.
    """

    opened: int = 0
    handed: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    oldest_silence_ns: int | None = None
    queue_bytes: int = 0
    queue_age_ns: int = 0
    active_connections: int = 0  # to the upstream
    idle_connections: int = 0
    tally: list[int] = field(default_factory=list)


Record: TypeAlias = Hello | ExchangeOpened | StepStarted | StepFinished | ContentCaptured | ExchangeClosed | Heartbeat

KINDS: dict[str, type[Record]] = {
    cls.__name__: cls
    for cls in (Hello, ExchangeOpened, StepStarted, StepFinished, ContentCaptured, ExchangeClosed, Heartbeat)
}
LOST_REASONS = ("queue_full", "observer_died", "shutdown")
CONNECT_RESULTS = ("ok", "dns_error", "connect_error", "connect_timeout", "tls_error")
# tap_ns: CPU time, extrapolated from a share of the exchanges.
TALLY = ("tap_ns", *CONNECT_RESULTS, "handshakes_full", "handshakes_resumed")
# Ten steps a decade, so that a quantile between two bounds is within a tenth or so. Few series have them.
LAG_BOUNDS_NS = (
    *(step * 10**decade for decade in (3, 4, 5) for step in (100, 125, 160, 200, 250, 320, 400, 500, 630, 800)),
    *(100_000_000, 250_000_000, 500_000_000, 1_000_000_000),
)


class RecordSink(Protocol):
    """Where the forwarding path puts records. Neither call waits or raises, whatever state the other side is in."""

    def begun(self) -> None:
        """Count one exchange as opened, before anything else is known of it."""

    def put(self, record: Record) -> None:
        """Take a record; under pressure it may be dropped, which is counted."""
