"""One exchange, from its request head to its one ExchangeClosed: times, request facts, tap, ending.

Not here: sockets (forward.py), what records become.
Promise: exactly one ExchangeClosed, whatever happens on the way; nothing here raises into the forwarding.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog

from gateway.proxy.errors import GatewayError, Rejection
from gateway.proxy.metered_tap import MeteredTap
from gateway.proxy.tap import Tap, frames_of
from gateway.records import (
    ContentCaptured,
    ExchangeClosed,
    ExchangeOpened,
    Record,
    RecordSink,
    StepFinished,
    StepStarted,
    Times,
)
from gateway.tally import Tally
from gateway.wire.capture import CapturingRequestReader
from gateway.wire.content import Content
from gateway.wire.facts import Mode, RequestFacts, StreamFacts, cut
from gateway.wire.outcome import Answer, Body, End, EndFacts, Outcome, Route, decide, is_interaction_answer
from gateway.wire.request import RequestReader, facts_of_query, mode_of, redact_target, route_of
from gateway.wire.response import body_kind

TARGET_MAX_CHARS = 2048

_log = structlog.get_logger()
_ROUTES_WITH_CONTENT = frozenset({Route.CREATE, Route.GET})  # those whose span may have some


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go; prefix: a path before the client's own, without its last slash."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @property
    def authority(self) -> str:
        """What `Host` says: no port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


@dataclass(slots=True)
class ClientFacts:
    """What the request's head told beside its target. linked, injected, baggage, tags: as in the records."""

    address: str | None = None
    user_agent: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    api_revision: str | None = None
    linked: str | None = None
    injected: str | None = None
    baggage: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class Exchange:
    """The state of one exchange; the forwarding calls it at each point of its life. Times are taken by the caller.

    capture_bytes: of its content that are wanted; 0: none is captured.
    """

    def __init__(
        self,
        exchange_id: str,
        method: str,
        target: str,
        client: ClientFacts,
        upstream: Upstream,
        sink: RecordSink,
        *,
        stall_ns: int,
        meter: Tally | None = None,
        capture_bytes: int = 0,
        detail: bool = False,
    ) -> None:
        """meter: where its tap's time is added up; None: it is not measured. detail: keep the last events too."""
        self.id = exchange_id
        self.started_unix_ns = time.time_ns()
        self.started_ns = time.monotonic_ns()
        self.last_byte_ns = self.started_ns
        self.times = Times()
        self.bytes_up = self.bytes_down = 0
        self.http_status: int | None = None
        self.peer_address: str | None = None  # of the connection to the upstream
        self.closed = False
        self.route = Route.PASSTHROUGH
        self.request = RequestFacts(api_revision=client.api_revision)
        self._method = method
        self._target = ""
        self.client = client
        self._upstream = upstream
        self._sink = sink
        self._stall_ns = stall_ns
        self._detail = detail
        self._meter = meter
        self._capture_bytes = capture_bytes
        self._asking: CapturingRequestReader | None = None
        self._body = Body.OTHER
        self._reader: RequestReader | None = None
        self._sent_status: int | None = None
        self._tap: Tap | None = None
        self._faults: dict[str, int] = {}
        self._announced = False
        try:
            self._read_head(method, target)
        except Exception:
            self._fault("tracker")

    @property
    def mode(self) -> Mode:
        """How it is delivered: by the response once there is one, by the request until then."""
        streams = self.request.stream if self.http_status is None else self._body is Body.STREAM
        return mode_of(self.request, streams=streams)

    def since_start_ns(self) -> int:
        """Now, as ns since the exchange's start."""
        return time.monotonic_ns() - self.started_ns

    def request_chunk(self, chunk: bytes) -> None:
        """Bytes of the request body pass."""
        self.bytes_up += len(chunk)
        if self._reader is not None:
            try:
                self._reader.feed(chunk)
            except Exception:
                self._reader = None
                self._fault("skim")

    def request_sent(self) -> None:
        """The request is on its way upstream: its head is written, and what there was of its body."""
        self.times.sent_ns = self.since_start_ns()

    def request_whole(self) -> None:
        """The request body is whole: understand it, and say that the exchange is open."""
        if self.times.request_body_ns is None:
            self.times.request_body_ns = self.since_start_ns()
        if self._reader is not None:
            reader, self._reader = self._reader, None
            try:
                reader.read_into(self.request)
            except Exception:
                self._fault("tracker")
        self._announce()

    def response_head(self, status: int, content_type: str | None, content_encoding: str | None) -> None:
        """The upstream's head is here."""
        self.times.head_ns = self.since_start_ns()
        self.http_status = self._sent_status = status
        try:
            self._body = body_kind(content_type)
            self._tap = self._make_tap(status, content_encoding)
        except Exception:
            self._fault("tracker")
        self._announce()

    def response_chunk(self, chunk: bytes, now_ns: int) -> bool:
        """Bytes of the response body have passed; now_ns (monotonic) is when they came.

        True: the tap is behind, call `read_on` soon.
        """
        self.last_byte_ns = now_ns
        self.bytes_down += len(chunk)
        times, t_ns = self.times, now_ns - self.started_ns
        if times.first_byte_ns is None:
            times.first_byte_ns = t_ns
            # this follows its write at once; what the client made it wait is not ours
            times.first_event_delay_ns = max(0, time.monotonic_ns() - now_ns - times.client_blocked_ns)
        tap = self._tap
        if tap is None:
            return False
        behind = tap.feed(chunk, t_ns)
        tracker = tap.reader.tracker
        tracker.blocked_ns = times.client_blocked_ns
        steps = tracker.steps
        if steps.started or steps.finished:
            self._tell_steps(tap)
        return behind

    def read_on(self) -> bool:
        """Let the tap read more of what it has not read yet, for a bounded time; whether there is still more."""
        tap = self._tap
        if tap is None:
            return False
        behind = tap.go_on()
        steps = tap.reader.tracker.steps
        if steps.started or steps.finished:
            self._tell_steps(tap)
        return behind

    def client_blocked(self, blocked_ns: int) -> None:
        """The client has held up the response for so long: never the model's time."""
        self.times.client_blocked_ns += blocked_ns
        if self._tap is not None:
            self._tap.reader.tracker.blocked_ns = self.times.client_blocked_ns

    def request_bytes(self, count: int) -> None:
        """Bytes pass up a tunnel, unread."""
        self.bytes_up += count

    def response_bytes(self, count: int) -> None:
        """Bytes pass down a tunnel, unread."""
        self.bytes_down += count
        self.last_byte_ns = time.monotonic_ns()
        if self.times.first_byte_ns is None and count:
            self.times.first_byte_ns = self.last_byte_ns - self.started_ns

    def opened_record(self) -> ExchangeOpened:
        """What an observer needs to know of an open exchange."""
        client = self.client
        return ExchangeOpened(
            self.id,
            self.started_unix_ns,
            self.route,
            self.mode,
            self.request,
            method=self._method,
            target=self._target,
            client_address=client.address,
            user_agent=client.user_agent,
            traceparent=client.traceparent,
            tracestate=client.tracestate,
            linked=client.linked,
            injected=client.injected,
            baggage=client.baggage,
            tags=client.tags,
        )

    def answered(self, error: GatewayError) -> None:
        """It ended with an answer of our own."""
        self._sent_status = error.status
        answered_by = Answer.REFUSED if isinstance(error, Rejection) else Answer.OURS
        self.ended(End.CLEAN, answered_by=answered_by, code=error.code, error_text=str(error))

    def ended(
        self,
        end: End,
        *,
        client_left: bool = False,
        answered_by: Answer = Answer.UPSTREAM,
        code: str | None = None,
        error_text: str | None = None,
    ) -> None:
        """It is over, in this way. The first call counts, later ones are ignored."""
        if self.closed:
            return
        self.closed = True
        if not self.times.end_ns:
            self.times.end_ns = self.since_start_ns()
        stream, tap = StreamFacts(), self._tap
        if tap is not None:
            stream = tap.finish(end, self.times.end_ns)
        if self._capture_bytes:
            self._put_content(tap)
        client, upstream = self.client, self._upstream
        self._put(
            ExchangeClosed(
                self.id,
                self.started_unix_ns,
                self.route,
                self.mode,
                self._outcome(end, client_left, answered_by),
                end,
                self._method,
                self._target,
                self.request,
                self.times,
                stream,
                body=self._body,
                http_status=self.http_status,
                sent_status=self._sent_status,
                http_error_code=tap.reader.http_error_code if tap is not None else None,
                code=code,
                error_text=cut(error_text),
                done_seen=tap is not None and tap.reader.tracker.done_seen,
                bytes_up=self.bytes_up,
                bytes_down=self.bytes_down,
                faults=self._all_faults(),
                client_address=client.address,
                user_agent=client.user_agent,
                traceparent=client.traceparent,
                tracestate=client.tracestate,
                linked=client.linked,
                injected=client.injected,
                baggage=client.baggage,
                upstream_scheme=upstream.scheme,
                upstream_host=upstream.host,
                upstream_port=upstream.port,
                peer_address=self.peer_address,
                tags=client.tags,
            )
        )

    def _read_head(self, method: str, target: str) -> None:
        path, _, query = target.partition("?")
        self._target = cut(redact_target(target), TARGET_MAX_CHARS) or ""
        self.route, self.request.interaction_id = route_of(method, path)
        if self.route is Route.GET:
            facts_of_query(self.request, query)
        if self.route is Route.CREATE:
            if self._capture_bytes:
                self._reader = self._asking = CapturingRequestReader(self._capture_bytes)
            else:
                self._reader = RequestReader()

    def _outcome(self, end: End, client_left: bool, answered_by: Answer) -> Outcome:
        try:
            return decide(self._end_facts(end, client_left, answered_by))
        except Exception:
            self._fault("tracker")
            return Outcome.UNKNOWN_STATUS

    def _end_facts(self, end: End, client_left: bool, answered_by: Answer) -> EndFacts:
        # A tap that was switched off missed the end: what it did not see is unknown, not absent. A cut is sure.
        reads = self.http_status is not None and is_interaction_answer(self.route, self.http_status, self._body)
        missed = reads and end is not End.CUT and (self._tap is None or self._tap.is_blind)
        facts = EndFacts(
            answered_by, end, self.route, self._body, self.http_status, client_left, self.request.background, missed
        )
        if self._tap is not None:
            tracker = self._tap.reader.tracker
            facts.final_seen = tracker.final_seen or (missed and not tracker.error_seen)
            facts.final_status = tracker.final_status
            facts.last_status = tracker.last_status
            facts.status_updated = tracker.status_updated
            facts.error_seen = tracker.error_seen
            facts.done_seen = tracker.done_seen
        return facts

    def _make_tap(self, status: int, content_encoding: str | None) -> Tap:
        route, body, stall_ns = self.route, self._body, self._stall_ns
        wanted = self._capture_bytes if route in _ROUTES_WITH_CONTENT else 0
        if self._meter is None:
            return Tap(
                route, status, body, content_encoding, stall_ns=stall_ns, capture_bytes=wanted, detail=self._detail
            )
        return MeteredTap(
            route,
            status,
            body,
            content_encoding,
            stall_ns=stall_ns,
            tally=self._meter,
            capture_bytes=wanted,
            detail=self._detail,
        )

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self._put(self.opened_record())

    def _tell_steps(self, tap: Tap) -> None:
        steps, interaction_id = tap.reader.tracker.steps, tap.reader.tracker.facts.interaction.id
        for step in steps.started:
            start_ns = step.start_ns or 0
            self._put(StepStarted(self.id, interaction_id, step.index, step.type, start_ns, step.number))
        for step in steps.finished:
            self._put(StepFinished(self.id, interaction_id, step))
        steps.started.clear()
        steps.finished.clear()

    def _put_content(self, tap: Tap | None) -> None:
        """Tell what was captured: right before the exchange's end, so that who takes it keeps it for a moment only."""
        content, asking, answer = Content(), self._asking, None if tap is None else tap.capturing
        try:
            if asking is not None and self.times.request_body_ns is not None:
                content.request, content.request_bytes = asking.excerpt(), asking.size
            if answer is not None:
                content.steps = answer.content.taken()
                content.beyond_parts, content.beyond_bytes = answer.content.beyond_parts, answer.content.beyond_bytes
        except Exception as exc:
            self._capture_fault(exc)
        for reader in (asking, answer):
            if reader is not None and reader.fault is not None:
                self._capture_fault(reader.fault)
        if content.request_bytes or content.steps or content.beyond_parts:
            self._put(ContentCaptured(self.id, content))

    def _capture_fault(self, exc: Exception) -> None:
        self._fault("capture")
        _log.error("capture_switched_off", error=type(exc).__name__, frames=frames_of(exc))

    def _put(self, record: Record) -> None:
        try:
            self._sink.put(record)
        except Exception:
            self._fault("records")

    def _fault(self, where: str) -> None:
        self._faults[where] = self._faults.get(where, 0) + 1

    def _all_faults(self) -> dict[str, int]:
        faults = dict(self._faults)
        for where, count in (self._tap.faults if self._tap is not None else {}).items():
            faults[where] = faults.get(where, 0) + count
        return faults
