"""What is going on: open exchanges by forwarder, the balance of each worker, recent ends.

Not here: metric text (collectors.py), pages (admin/). Source: accounting.md 8; records.py says what the counts mean.
Promise: for each worker opened = closed + open + lost holds whenever a heartbeat was the last record, and at its end.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from gateway.records import (
    ContentCaptured,
    ExchangeClosed,
    ExchangeOpened,
    Heartbeat,
    Hello,
    StepFinished,
    StepStarted,
    Times,
)
from gateway.telemetry import names
from gateway.wire.facts import InteractionFacts, Mode, Step, StreamFacts
from gateway.wire.outcome import Body, End, Outcome

if TYPE_CHECKING:
    from gateway.telemetry.early import Leaving

MAX_RECENT = 256
MAX_REMEMBERED_FORWARDERS = 1024  # processes that lost anything, over the observer's life
MAX_LIVE_STEPS = 256  # of one open exchange
FORWARDER_DIED = "forwarder_died"

_CLOSED_KIND = "ExchangeClosed/"
_UNACCOUNTED = "ExchangeClosed/shutdown"


@dataclass(slots=True)
class OpenExchange:
    """An exchange under way. begun: its steps that have not ended, by number. over: those that have.

    leaving: whose spans don't wait for its end (early.py).
    """

    opened: ExchangeOpened
    interaction_id: str | None = None
    begun: dict[int, Step] = field(default_factory=dict)
    over: list[Step] = field(default_factory=list)
    leaving: Leaving | None = None

    def step_began(self, step: Step) -> None:
        """Take in a step that began. It may have the index of another that never ends."""
        if len(self.begun) + len(self.over) < MAX_LIVE_STEPS:
            self.begun[step.number] = step

    def step_ended(self, step: Step) -> bool:
        """Take in a step that ended; whether there was room for it."""
        self.begun.pop(step.number, None)
        if len(self.begun) + len(self.over) >= MAX_LIVE_STEPS:
            return False
        self.over.append(step)
        return True


@dataclass(frozen=True, slots=True)
class RecentExchange:
    """An exchange that ended lately, without its steps."""

    exchange_id: str
    ended_unix_ns: int
    duration_ns: int
    route: str
    mode: str
    model: str | None
    interaction_id: str | None
    outcome: str
    steps: int
    total_tokens: int | None


@dataclass(slots=True)
class Session:
    """One connection of one forwarder. lost_before: its losses that an earlier session of the same process stated."""

    hello: Hello
    lost_before: dict[str, int] = field(default_factory=dict)
    open: dict[str, OpenExchange] = field(default_factory=dict)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    closed: int = 0
    lost_at_end: int = 0
    ended: bool = False
    content: ContentCaptured | None = None  # the last that came: its exchange's end comes next

    @property
    def worker(self) -> str:
        return str(self.hello.worker)

    @property
    def lost(self) -> dict[str, int]:
        """Records lost, by `Kind/reason`."""
        lost = {
            name: count - self.lost_before.get(name, 0)
            for name, count in self.heartbeat.lost.items()
            if count > self.lost_before.get(name, 0)
        }
        if self.lost_at_end:
            lost[_UNACCOUNTED] = lost.get(_UNACCOUNTED, 0) + self.lost_at_end
        return lost

    @property
    def lost_ends(self) -> int:
        return sum(count for name, count in self.lost.items() if name.startswith(_CLOSED_KIND))

    @property
    def opened(self) -> int:
        """Exchanges this observer is to account for in this session."""
        earlier = self.hello.closed_before + sum(
            count for name, count in self.lost_before.items() if name.startswith(_CLOSED_KIND)
        )
        lost = self.lost_ends
        # Before a batch's heartbeat the records themselves are ahead of it. With losses a listed exchange may be gone.
        known = self.closed + lost + (0 if lost or self.ended else len(self.open))
        return max(self.heartbeat.opened - earlier, known)

    @property
    def open_count(self) -> int:
        return self.opened - self.closed - self.lost_ends

    def forget_ghosts(self) -> None:
        """Drop listed exchanges whose end was lost: nobody knows which, the oldest are the likeliest."""
        surplus = len(self.open) - self.open_count
        for exchange_id in list(islice(self.open, max(0, surplus))):
            del self.open[exchange_id]


@dataclass(slots=True)
class Balance:
    """A worker's counts over all its sessions."""

    opened: int = 0
    closed: int = 0
    lost: dict[str, int] = field(default_factory=dict)

    def add(self, session: Session) -> None:
        self.opened += session.opened
        self.closed += session.closed
        for name, count in session.lost.items():
            self.lost[name] = self.lost.get(name, 0) + count


class View:
    """Sessions, what is open in them, and what ended lately."""

    def __init__(self) -> None:
        self.recent: deque[RecentExchange] = deque(maxlen=MAX_RECENT)
        self._sessions: list[Session] = []
        self._ended: dict[str, Balance] = {}  # by worker: sessions that are over
        self._last_lost: dict[tuple[int, int], dict[str, int]] = {}  # worker and pid to losses it stated last

    @property
    def sessions(self) -> tuple[Session, ...]:
        return tuple(self._sessions)

    def connected(self, hello: Hello) -> Session:
        """A forwarder speaks. One that comes back (same process) has already stated some of its losses."""
        session = Session(hello, lost_before=dict(self._last_lost.get((hello.worker, hello.pid), {})))
        self._sessions.append(session)
        return session

    def opened(self, session: Session, record: ExchangeOpened) -> None:
        session.open[record.exchange_id] = OpenExchange(record)

    def step_started(self, session: Session, record: StepStarted) -> None:
        exchange = session.open.get(record.exchange_id)
        if exchange is not None:
            exchange.interaction_id = record.interaction_id or exchange.interaction_id
            step = Step(
                record.index, record.type, wire_type=record.type, start_ns=record.start_ns, number=record.number
            )
            exchange.step_began(step)

    def step_finished(self, session: Session, record: StepFinished) -> OpenExchange | None:
        """The exchange that the step is one of, None where it isn't kept."""
        exchange = session.open.get(record.exchange_id)
        if exchange is None:
            return None
        exchange.interaction_id = record.interaction_id or exchange.interaction_id
        return exchange if exchange.step_ended(record.step) else None

    def closed(self, session: Session, record: ExchangeClosed) -> OpenExchange | None:
        """Account for an end: the one place where a session's `closed` grows. What was known of it until then."""
        exchange = session.open.pop(record.exchange_id, None)
        session.closed += 1
        usage, interaction = record.stream.usage, record.stream.interaction
        self.recent.append(
            RecentExchange(
                exchange_id=record.exchange_id,
                ended_unix_ns=record.started_unix_ns + record.times.end_ns,
                duration_ns=record.times.end_ns,
                route=record.route.value,
                mode=record.mode.value,
                model=record.request.model or record.request.agent or interaction.model or interaction.agent,
                interaction_id=interaction.id,
                outcome=record.outcome.value,
                steps=len(record.stream.steps),
                total_tokens=usage.total if usage is not None else None,
            )
        )
        return exchange

    def heartbeat(self, session: Session, record: Heartbeat) -> None:
        session.heartbeat = record
        if record.lost:
            self._remember_losses(session.hello, record.lost)
        session.forget_ghosts()

    def _remember_losses(self, hello: Hello, lost: dict[str, int]) -> None:
        self._last_lost[hello.worker, hello.pid] = lost
        if len(self._last_lost) > MAX_REMEMBERED_FORWARDERS:
            del self._last_lost[next(iter(self._last_lost))]

    def orphans(self, session: Session, now_unix_ns: int) -> list[ExchangeClosed]:
        """The ends of what is known to be open when a forwarder is gone, for the caller to account for."""
        session.forget_ghosts()
        return [_orphan(exchange, now_unix_ns) for exchange in session.open.values()]

    def disconnected(self, session: Session) -> None:
        """The session is over; what is still open was begun but never told of: lost."""
        if session.ended:
            return
        session.lost_at_end = max(0, session.opened - session.closed - session.lost_ends)
        session.open.clear()
        session.ended = True
        self._sessions.remove(session)
        self._ended.setdefault(session.worker, Balance()).add(session)

    def balances(self) -> dict[str, Balance]:
        """Counts by worker, over all sessions there were."""
        balances = {
            worker: Balance(balance.opened, balance.closed, dict(balance.lost))
            for worker, balance in self._ended.items()
        }
        for session in self._sessions:
            balances.setdefault(session.worker, Balance()).add(session)
        return balances

    def open_by_mode(self) -> dict[Mode, int]:
        """Open exchanges; those whose request isn't known yet are taken for unary."""
        count = dict.fromkeys(names.MODES, 0)
        for session in self._sessions:
            for exchange in session.open.values():
                count[exchange.opened.mode] += 1
        count[Mode.UNARY] += self._not_known_yet()
        return count

    def open_by_method(self) -> dict[str, int]:
        """The same ones; of those whose request isn't known yet, the method is an empty text."""
        count = Counter(exchange.opened.method for session in self._sessions for exchange in session.open.values())
        count[""] += self._not_known_yet()
        return count

    def _not_known_yet(self) -> int:
        return sum(max(0, session.open_count - len(session.open)) for session in self._sessions)


def _orphan(exchange: OpenExchange, now_unix_ns: int) -> ExchangeClosed:
    opened = exchange.opened
    steps = sorted((*exchange.over, *exchange.begun.values()), key=_number)
    stream = StreamFacts(interaction=InteractionFacts(id=exchange.interaction_id), steps=steps)
    # Not before what is known of it, should the wall clock have been set back.
    end_ns = max(now_unix_ns - opened.started_unix_ns, *(_latest_ns(step) for step in steps), 0)
    return ExchangeClosed(
        exchange_id=opened.exchange_id,
        started_unix_ns=opened.started_unix_ns,
        route=opened.route,
        mode=opened.mode,
        outcome=Outcome.GATEWAY_ERROR,
        end=End.CUT,
        method=opened.method,
        target=opened.target,
        request=opened.request,
        times=Times(end_ns=end_ns),
        stream=stream,
        body=Body.STREAM if stream.steps else Body.OTHER,  # only streams tell of steps before their end
        code=FORWARDER_DIED,
        client_address=opened.client_address,
        user_agent=opened.user_agent,
        traceparent=opened.traceparent,
        tracestate=opened.tracestate,
        linked=opened.linked,
        injected=opened.injected,
        baggage=opened.baggage,
        tags=opened.tags,
    )


def _number(step: Step) -> int:
    return step.number


def _latest_ns(step: Step) -> int:
    return step.stop_ns or step.start_ns or 0
