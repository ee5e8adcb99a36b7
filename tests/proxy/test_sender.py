"""The channel to the observer: what is dropped when, and that every count is exact whatever dies."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.encoding import ACK, HEADER, decode
from gateway.proxy.record_queue import RecordQueue
from gateway.proxy.sender import WINDOW_RECORDS, Sender, socket_address
from gateway.records import (
    ExchangeClosed,
    ExchangeOpened,
    Heartbeat,
    Hello,
    Record,
    StepFinished,
    StepStarted,
    Times,
)
from gateway.tally import Tally
from gateway.wire.facts import Mode, RequestFacts, Step, StreamFacts
from gateway.wire.outcome import End, Outcome, Route

_names = itertools.count()


def opened(name: str) -> ExchangeOpened:
    return ExchangeOpened(name, 1, Route.CREATE, Mode.STREAM, RequestFacts())


def closed(name: str, error_text: str | None = None) -> ExchangeClosed:
    return ExchangeClosed(
        exchange_id=name,
        started_unix_ns=1,
        route=Route.CREATE,
        mode=Mode.STREAM,
        outcome=Outcome.COMPLETED,
        end=End.CLEAN,
        method="POST",
        target="/v1/interactions",
        request=RequestFacts(),
        times=Times(),
        stream=StreamFacts(),
        error_text=error_text,
    )


def started(name: str) -> StepStarted:
    return StepStarted(name, None, 0, "text", 1, 0)


def finished(name: str) -> StepFinished:
    return StepFinished(name, None, Step(0, "text"))


class Forwarding:
    """A forwarding path: exchanges that begin and end."""

    def __init__(self) -> None:
        self.open: dict[str, ExchangeOpened] = {}

    def opened_records(self) -> list[ExchangeOpened]:
        return list(self.open.values())

    def oldest_silence_ns(self, now_ns: int) -> int | None:
        return 7 if self.open else None

    def begin(self, sender: Sender, name: str) -> None:
        sender.begun()
        self.open[name] = opened(name)
        sender.put(self.open[name])

    def end(self, sender: Sender, name: str) -> None:
        del self.open[name]
        sender.put(closed(name))


class Observer:
    """An observer whose reading, acknowledging and dying the test decides."""

    def __init__(self) -> None:
        self.address = f"@interactions-gateway-test-{id(self)}-{next(_names)}"
        self.sessions: list[list[list[Record]]] = []
        self.acknowledges = True
        self.reads = asyncio.Event()
        self.reads.set()
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._changed = asyncio.Condition()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, socket_address(self.address))

    async def die(self) -> None:
        """All connections break, and nobody listens."""
        await self.stop_listening()
        self.break_connections()

    def break_connections(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def until(self, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            try:
                return condition()
            except IndexError:  # no session yet, or no batch in it
                return False

        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(holds)

    @property
    def records(self) -> list[Record]:
        """Of the last session, without heartbeats."""
        return [record for batch in self.sessions[-1] for record in batch if not isinstance(record, Heartbeat)]

    def ended(self, session: int = -1) -> list[str]:
        return [r.exchange_id for batch in self.sessions[session] for r in batch if isinstance(r, ExchangeClosed)]

    @property
    def heartbeat(self) -> Heartbeat:
        last = self.sessions[-1][-1][-1]
        assert isinstance(last, Heartbeat)
        return last

    @property
    def hello(self) -> Hello:
        first = self.sessions[-1][0][0]
        assert isinstance(first, Hello)
        return first

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        batches: list[list[Record]] = []
        self.sessions.append(batches)
        try:
            while True:
                await self.reads.wait()
                size, number = HEADER.unpack(await reader.readexactly(HEADER.size))
                batch = decode(await reader.readexactly(size))
                assert number == len(batches) + 1
                assert isinstance(batch[-1], Heartbeat)
                batches.append(batch)
                if self.acknowledges:
                    writer.write(ACK.pack(number))
                async with self._changed:
                    self._changed.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def sending(
    observer: Observer, path: Forwarding, queue_bytes: int = 1 << 20, tally: Tally | None = None
) -> AsyncIterator[Sender]:
    sender = Sender(observer.address, worker=3, queue_bytes=queue_bytes, tally=tally)
    sender.start(path, "plain")
    try:
        yield sender
    finally:
        await sender.close(0.0)
        await observer.die()
        await asyncio.sleep(0)


def balanced(observer: Observer, session: int = -1) -> int:
    """Open exchanges by the last heartbeat of a session; asserts that it agrees with what was applied."""
    batches = observer.sessions[session]
    hello, heartbeat = batches[0][0], batches[-1][-1]
    assert isinstance(hello, Hello)
    assert isinstance(heartbeat, Heartbeat)
    assert len(observer.ended(session)) == heartbeat.handed - hello.closed_before
    lost = sum(count for name, count in heartbeat.lost.items() if name.startswith("ExchangeClosed/"))
    return heartbeat.opened - heartbeat.handed - lost


class TestQueue:
    @pytest.mark.parametrize(
        ("pushed", "kept"),
        [
            pytest.param("SOCF", "OCF", id="the oldest step goes first"),
            pytest.param("OCFS", "OCS", id="steps go before an older opened"),
            pytest.param("OOCC", "OCC", id="opened goes before closed"),
            pytest.param("CCCC", "CCC", id="closed goes when there is nothing else, the oldest"),
            pytest.param("CCCS", "CCC", id="a new step goes itself where only closed ones wait"),
            pytest.param("CCCO", "CCC", id="a new opened goes itself where only closed ones wait"),
        ],
    )
    def test_the_least_valuable_record_goes_first(self, pushed: str, kept: str) -> None:
        kinds = {"S": "StepStarted", "F": "StepFinished", "O": "ExchangeOpened", "C": "ExchangeClosed"}
        dropped: list[str] = []
        queue = RecordQueue(300, dropped.append)
        for letter in pushed:
            queue.push(kinds[letter], b"x" * 100, 0)

        assert [entry.kind for entry in queue.take(10_000)] == [kinds[letter] for letter in kept]
        assert len(dropped) == 1
        assert queue.bytes == 0

    def test_a_batch_takes_the_oldest_of_all_kinds_in_order(self) -> None:
        queue = RecordQueue(10_000, lambda _: None)
        order = ["ExchangeOpened", "StepStarted", "ExchangeClosed", "StepStarted", "ExchangeOpened"]
        for kind in order:
            queue.push(kind, b"x" * 100, 0)

        assert [entry.kind for entry in queue.take(250)] == order[:2]
        assert [entry.kind for entry in queue.take(1)] == order[2:3]
        assert len(queue) == 2

    def test_its_age_is_that_of_the_oldest_of_all_kinds(self) -> None:
        queue = RecordQueue(10_000, lambda _: None)
        assert queue.age_ns(9_000) == 0
        for kind, now_ns in (("StepStarted", 1_000), ("ExchangeClosed", 3_000), ("StepFinished", 4_000)):
            queue.push(kind, b"x" * 100, now_ns)

        assert queue.age_ns(9_000) == 8_000
        queue.take(1)
        assert queue.age_ns(9_000) == 6_000


async def test_records_arrive_in_order_after_hello_and_before_a_heartbeat() -> None:
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path) as sender:
        path.begin(sender, "a")
        sender.put(started("a"))
        sender.put(finished("a"))
        path.end(sender, "a")
        await observer.until(lambda: len(observer.records) == 5)

        assert [type(record).__name__ for record in observer.records] == [
            *("Hello", "ExchangeOpened", "StepStarted", "StepFinished", "ExchangeClosed")
        ]
        assert (observer.hello.worker, observer.hello.closed_before) == (3, 0)
        assert (observer.heartbeat.opened, observer.heartbeat.handed, observer.heartbeat.lost) == (1, 1, {})


async def test_an_idle_second_sends_a_heartbeat_alone() -> None:
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path) as sender:
        await observer.until(lambda: len(observer.sessions) == 1 and len(observer.sessions[0]) == 1)
        sender.begun()
        await observer.until(lambda: len(observer.sessions[0]) == 2)

        assert observer.sessions[0][1] == [Heartbeat(opened=1, tally=Tally().row())]


async def connected(observer: Observer) -> None:
    await observer.until(lambda: len(observer.sessions[-1]) > 0)


async def test_of_an_exchange_that_ends_within_a_flush_window_only_the_end_is_told() -> None:
    """It says all that the others said: they are superseded, not lost."""
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path) as sender:
        await connected(observer)
        for name in "abc":
            path.begin(sender, name)
            sender.put(started(name))
            sender.put(finished(name))
        path.end(sender, "a")
        path.end(sender, "b")
        await observer.until(lambda: observer.heartbeat.handed == 2)

        assert observer.ended() == ["a", "b"]
        assert [
            (type(record).__name__, record.exchange_id)
            for record in observer.records
            if not isinstance(record, (Hello, Heartbeat, ExchangeClosed))
        ] == [("ExchangeOpened", "c"), ("StepStarted", "c"), ("StepFinished", "c")]
        assert (balanced(observer), observer.heartbeat.lost) == (1, {})


async def test_what_is_told_before_the_end_is_told_in_order() -> None:
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path) as sender:
        await connected(observer)
        path.begin(sender, "a")
        sender.put(started("a"))
        await observer.until(lambda: len(observer.records) == 3)
        sender.put(finished("a"))
        path.end(sender, "a")
        await observer.until(lambda: observer.ended() == ["a"])

        kinds = [type(record).__name__ for record in observer.records]
        assert kinds == ["Hello", "ExchangeOpened", "StepStarted", "ExchangeClosed"]
        assert balanced(observer) == 0


async def test_records_that_wait_unencoded_are_bounded() -> None:
    """Between two turns of the loop anything may come; past the limit it is encoded, and bounded as bytes."""
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path, queue_bytes=50_000) as sender:
        await connected(observer)
        path.begin(sender, "a")
        for _ in range(3 * WINDOW_RECORDS):
            sender.put(started("a"))

        assert sender._window_records < WINDOW_RECORDS
        assert sender._queue.bytes <= 50_000
        assert sender.lost["StepStarted/queue_full"] > WINDOW_RECORDS


async def test_what_waits_for_an_observer_reaches_the_first_one() -> None:
    observer, path = Observer(), Forwarding()
    async with sending(observer, path) as sender:
        path.begin(sender, "a")
        path.begin(sender, "b")
        path.end(sender, "a")
        await asyncio.sleep(0.1)
        await observer.start()
        await observer.until(lambda: observer.ended() == ["a"])

        told = Counter(record.exchange_id for record in observer.records if isinstance(record, ExchangeOpened))
        assert told == {"a": 1, "b": 1}  # b as one that is open, and not once more from the queue
        assert balanced(observer) == 1


async def test_what_was_not_acknowledged_when_the_observer_died_is_lost_and_counted() -> None:
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path) as sender:
        for name in "abc":
            path.begin(sender, name)
        path.end(sender, "a")
        await observer.until(lambda: observer.ended() == ["a"])
        await asyncio.sleep(0.05)  # the acknowledgement travels
        observer.acknowledges = False
        path.end(sender, "b")
        sender.put(started("c"))
        await observer.until(lambda: observer.ended() == ["a", "b"])
        observer.break_connections()
        observer.acknowledges = True
        await observer.until(lambda: len(observer.sessions) == 2 and len(observer.sessions[1]) > 0)

        assert observer.hello.closed_before == 1
        assert observer.heartbeat.lost == {"ExchangeClosed/observer_died": 1, "StepStarted/observer_died": 1}
        assert [type(record).__name__ for record in observer.records] == ["Hello", "ExchangeOpened"]
        assert balanced(observer) == 1
        path.end(sender, "c")
        await observer.until(lambda: observer.ended() == ["c"])

        assert balanced(observer) == 0


async def test_a_new_observer_is_told_the_tally_that_the_last_one_acknowledged() -> None:
    """What was counted since is the new one's to add, also what went down with the last one."""
    observer, path = Observer(), Forwarding()
    tally = Tally()
    await observer.start()
    async with sending(observer, path, tally=tally) as sender:
        await connected(observer)
        assert (observer.hello.tally_before, observer.heartbeat.tally) == ([], Tally().row())
        for told, acknowledges in ((3, True), (5, True), (8, False)):
            tally.tap_ns, observer.acknowledges = told, acknowledges
            sender.put(closed(f"x{told}"))
            await observer.until(lambda told=told: observer.heartbeat.tally[0] == told)  # type: ignore[misc]
        await observer.die()
        observer.acknowledges = True
        await observer.start()
        await observer.until(lambda: len(observer.sessions) == 2 and len(observer.sessions[1]) > 0)

        assert (observer.hello.tally_before[0], observer.heartbeat.tally[0]) == (5, 8)


async def test_what_waits_for_an_observer_has_a_size_and_an_age() -> None:
    """Told first thing when one comes, while all of it still waits; nothing waits once it was sent."""
    observer, path = Observer(), Forwarding()
    async with sending(observer, path) as sender:
        began_ns = time.monotonic_ns()
        sender.put(closed("a"))
        await asyncio.sleep(0.2)  # what is measured
        await observer.start()
        await observer.until(lambda: observer.ended() == ["a"])
        waited_ns = time.monotonic_ns() - began_ns
        first, last = observer.sessions[0][0][-1], observer.heartbeat
        assert isinstance(first, Heartbeat)

        assert 200_000_000 <= first.queue_age_ns < waited_ns
        assert first.queue_bytes > 100
        assert (last.queue_bytes, last.queue_age_ns) == (0, 0)


async def test_a_heartbeat_tells_which_connections_serve() -> None:
    observer, path, tally = Observer(), Forwarding(), Tally()
    tally.connections, tally.idle = 7, [lambda: 2, lambda: 1]
    await observer.start()
    async with sending(observer, path, tally=tally):
        await connected(observer)

        assert (observer.heartbeat.active_connections, observer.heartbeat.idle_connections) == (4, 3)


async def test_a_hung_observer_costs_memory_up_to_the_limit_then_whole_records() -> None:
    """Nothing waits: put() returns whatever the other side does. What went is counted by kind, ends last."""
    observer, path = Observer(), Forwarding()
    observer.reads.clear()
    await observer.start()
    async with sending(observer, path, queue_bytes=100_000) as sender:
        await asyncio.sleep(0.1)
        path.begin(sender, "long")
        for number in range(2999):
            path.begin(sender, str(number))
            sender.put(started("long"))
            path.end(sender, str(number))
            if number % 50 == 0:
                await asyncio.sleep(0)
        assert sender.lost["StepStarted/queue_full"] > 0
        assert sender.lost["ExchangeClosed/queue_full"] > 0
        observer.reads.set()
        await observer.until(lambda: observer.heartbeat.opened == 3000 and balanced(observer) == 1)

        assert len(observer.ended()) + sender.lost["ExchangeClosed/queue_full"] == 2999
        assert observer.heartbeat.lost == dict(sender.lost)


async def test_close_hands_over_everything_and_a_last_heartbeat() -> None:
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path) as sender:
        for number in range(500):
            path.begin(sender, str(number))
            path.end(sender, str(number))
        lost = await sender.close(5.0)

        assert lost == {}
        assert len(observer.ended()) == 500
        assert balanced(observer) == 0


async def test_close_without_an_observer_counts_what_is_left_as_lost() -> None:
    observer, path = Observer(), Forwarding()
    async with sending(observer, path) as sender:
        path.begin(sender, "a")
        path.end(sender, "a")
        lost = await sender.close(0.1)

        assert lost == {"ExchangeOpened/shutdown": 1, "ExchangeClosed/shutdown": 1}


async def test_an_acknowledgement_of_what_was_never_sent_breaks_the_connection() -> None:
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path):
        await observer.until(lambda: len(observer.sessions) == 1 and len(observer.sessions[0]) == 1)
        observer._writers[0].write(ACK.pack(99))
        await observer.until(lambda: len(observer.sessions) == 2 and len(observer.sessions[1]) == 1)


async def test_an_observer_that_died_while_it_was_told_what_is_open_leaves_no_ghosts() -> None:
    """More is open than is sent at once; some of it ends before the next observer is there."""
    observer, path = Observer(), Forwarding()
    observer.reads.clear()
    for number in range(3000):
        path.open[str(number)] = opened(str(number))
    await observer.start()
    async with sending(observer, path) as sender:
        sender.opened = 3000
        async with asyncio.timeout(5):
            while not (observer._writers and sender._in_flight):  # noqa: ASYNC110  there, and being told
                await asyncio.sleep(0.01)
        for number in range(2900, 3000):
            path.end(sender, str(number))
        observer.break_connections()
        observer.reads.set()
        await observer.until(lambda: len(observer.ended()) == 100)

        told = Counter(record.exchange_id for record in observer.records if isinstance(record, ExchangeOpened))
        assert told == Counter(map(str, range(2900)))
        assert balanced(observer) == 2900


@pytest.mark.parametrize(
    "text",
    [pytest.param("half \ud800 a pair", id="lone surrogate"), pytest.param("\x00\x1f\u2028", id="controls")],
)
async def test_text_that_json_cannot_hold_costs_a_character_not_a_record(text: str) -> None:
    observer, path = Observer(), Forwarding()
    await observer.start()
    async with sending(observer, path) as sender:
        sender.begun()
        sender.put(closed("a", error_text=text))
        await observer.until(lambda: observer.ended() == ["a"])

        assert balanced(observer) == 0


async def test_an_observer_file_address_works_where_there_are_no_abstract_names(tmp_path: Path) -> None:
    observer, path = Observer(), Forwarding()
    observer.address = str(tmp_path / "records")
    await observer.start()
    async with sending(observer, path) as sender:
        path.begin(sender, "a")
        await observer.until(lambda: len(observer.records) == 2)


# What can happen to a sender, in any order; the balance must hold at whatever observer is there in the end.
HAPPENINGS = st.lists(
    st.sampled_from(["begin", "begin", "end", "end", "step", "break", "die", "live", "deaf", "hear", "wait"]),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(happenings=HAPPENINGS, queue_bytes=st.sampled_from([600, 3_000, 1 << 20]))
def test_the_balance_holds_after_anything(happenings: list[str], queue_bytes: int) -> None:
    asyncio.run(_balance_after(happenings, queue_bytes))


async def _balance_after(happenings: list[str], queue_bytes: int) -> None:
    observer, path = Observer(), Forwarding()
    begun = 0
    listening = False
    async with sending(observer, path, queue_bytes) as sender:
        for happening in [*happenings, "hear", "live"]:
            if happening == "begin":
                path.begin(sender, str(begun))
                begun += 1
            elif happening == "end" and path.open:
                path.end(sender, next(iter(path.open)))
            elif happening == "step" and path.open:
                sender.put(started(next(iter(path.open))))
            elif happening == "break":
                observer.break_connections()
            elif happening == "die":
                await observer.die()
                listening = False
            elif happening == "live" and not listening:
                await observer.start()
                listening = True
            elif happening in ("deaf", "hear"):
                observer.acknowledges = happening == "hear"
            elif happening == "wait":
                await asyncio.sleep(0.03)
        # Unacknowledged batches would stay in flight for ever: a deaf observer is as good as dead.
        observer.break_connections()
        lost_before = Counter(sender.lost)
        sender.put(started("last"))
        await observer.until(lambda: _settled(observer, sender))

        assert balanced(observer) == len(path.open)
        assert observer.heartbeat.opened == begun
        assert not Counter(lost_before) - sender.lost
        ends_lost = sum(count for name, count in sender.lost.items() if name.startswith("ExchangeClosed/"))
        assert begun == len(observer.ended()) + observer.hello.closed_before + ends_lost + len(path.open)


def _settled(observer: Observer, sender: Sender) -> bool:
    told = observer.heartbeat
    counts = (told.opened, told.handed, told.lost)
    waits = bool(sender._queue.bytes or sender._window)  # what it will still tell, the last Heartbeat can't know
    return not waits and told.queue_bytes == 0 and counts == (sender.opened, sender.handed, dict(sender.lost))
