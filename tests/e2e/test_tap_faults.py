"""The tap never harms: a bug anywhere in it costs what it would have learned from then on, never a byte.

The whole gateway in one process, so that a fault can be put into it; the sockets on both sides are real.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from gateway import embed
from gateway.config import Settings
from gateway.proxy import decode
from gateway.proxy import exchange as exchange_module
from gateway.proxy.app import EXCHANGES, runner
from gateway.proxy.tap import Tap
from gateway.records import ExchangeClosed, Record
from gateway.telemetry.books import Books
from gateway.telemetry.log import ExchangeLog
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.pipeline import Telemetry
from gateway.telemetry.traces import Traces
from gateway.telemetry.view import View
from gateway.wire import events, interaction, outcome, request, response, sse, steps, usage
from gateway.wire.facts import StreamFacts
from gateway.wire.outcome import Body, Outcome, Route
from tests.e2e.raw import DEADLINE_S, Client, Conversation, Message, Upstream
from tests.forwarding import settings

# With a space that sends every event the plain way; the cheap one has its test in tests/proxy/test_tap.py.
THINKING = (Path(__file__).parent.parent / "streams" / "thinking.sse").read_bytes().replace(b'"index":', b'"index": ')
BLOCKS = [block + b"\n\n" for block in THINKING.removesuffix(b"\n\n").split(b"\n\n")]
TERMINAL = next(number for number, block in enumerate(BLOCKS) if b"interaction.completed" in block)


class Lockstep:
    """An upstream that writes the next block only when the client has the one before: a chunk is an event."""

    def __init__(self) -> None:
        self.confirmed = threading.Semaphore(0)
        self.coded = False

    def __call__(self, conversation: Conversation) -> None:
        while conversation.request() is not None:
            coding = [b"Content-Encoding: gzip"] if self.coded else []
            conversation.head(b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked", *coding)
            for block in self.blocks():
                if not self.confirmed.acquire(timeout=DEADLINE_S):
                    return
                conversation.chunk(block)
            conversation.chunk(b"")

    def blocks(self) -> list[bytes]:
        """What it writes: one block of the stream each, each decodable when it has come."""
        if not self.coded:
            return BLOCKS
        packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        packed = [packer.compress(block) + packer.flush(zlib.Z_SYNC_FLUSH) for block in BLOCKS]
        packed[-1] += packer.flush()
        return packed


class Embedded:
    """create_app() on a port, and what it closed."""

    def __init__(self, app: web.Application, url: str, closed: list[ExchangeClosed], lockstep: Lockstep) -> None:
        self.app, self.url, self.closed, self.lockstep = app, url, closed, lockstep

    @property
    def telemetry(self) -> Telemetry:
        """What it knows."""
        return self.app[embed.TELEMETRY]

    def samples(self, family: str) -> dict[tuple[str, ...], float]:
        """The samples of a counter, by label values, zeros left out."""
        text, _ = self.telemetry.render("text/plain")
        return {
            tuple(sample.labels.values()): sample.value
            for found in text_string_to_metric_families(text.decode())
            for sample in found.samples
            if sample.name == f"interactions_gateway_{family}_total" and sample.value
        }

    async def stream(self) -> Message:
        """One stream, block by block."""
        return await asyncio.to_thread(self._stream)

    def _stream(self) -> Message:
        with Client(self.url) as client:
            client.ask()
            head = client.read_head()
            assert head is not None
            while True:
                self.lockstep.confirmed.release()
                chunk = client.next_chunk()
                if not chunk:
                    break
                head.chunks.append(chunk)
            self.lockstep.confirmed.acquire(blocking=False)  # the one for the end, which nobody waits for
        head.body = b"".join(head.chunks)
        return head

    async def idle(self) -> None:
        """Until nothing is open."""
        async with asyncio.timeout(DEADLINE_S):
            await self.app[EXCHANGES].wait_idle()


@pytest.fixture
async def embedded(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Embedded]:
    """The embedded gateway in front of the lockstep upstream."""
    closed: list[ExchangeClosed] = []
    put = embed.DirectSink.put

    def keeping(sink: embed.DirectSink, record: Record) -> None:
        if isinstance(record, ExchangeClosed):
            closed.append(record)
        put(sink, record)

    monkeypatch.setattr(embed.DirectSink, "put", keeping)
    lockstep = Lockstep()
    with Upstream(lockstep) as upstream:
        async with serving(settings(upstream=upstream.url)) as (app, url):
            yield Embedded(app, url, closed, lockstep)


@asynccontextmanager
async def serving(chosen: Settings) -> AsyncIterator[tuple[web.Application, str]]:
    """create_app() on a port."""
    app = embed.create_app(chosen)
    running = runner(app)
    await running.setup()
    try:
        await web.TCPSite(running, "127.0.0.1", 0).start()
        yield app, "http://{}:{}".format(*running.addresses[0])
    finally:
        await running.cleanup()


class TapBug(Exception):
    """What is injected."""


class Nth:
    """Raises at the n-th call (from 0), and passes all others on."""

    def __init__(self, n: int) -> None:
        self._left = n
        self.raised = 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left < 0 and not self.raised:
                self.raised += 1
                raise TapBug("secret text of the stream")
            return function(*args, **kwargs)

        return wrapped


def _inflating(nth: Nth) -> SimpleNamespace:
    def decompressobj(wbits: int) -> SimpleNamespace:
        real = zlib.decompressobj(wbits)
        return SimpleNamespace(decompress=nth(real.decompress), unconsumed_tail=b"")

    return SimpleNamespace(decompressobj=decompressobj, error=zlib.error, MAX_WBITS=zlib.MAX_WBITS)


# place, what is broken there, how often it is called for thinking.sse, the label of tap_faults_total, compressed
Break = Callable[[pytest.MonkeyPatch, Nth], None]
PLACES: list[tuple[str, Break, int, str, bool]] = [
    ("sse parser", lambda m, n: m.setattr(sse, "SSEEvent", n(sse.SSEEvent)), len(BLOCKS), "sse", False),
    ("sse parser, packed", lambda m, n: m.setattr(sse, "SSEEvent", n(sse.SSEEvent)), len(BLOCKS), "sse", True),
    ("decode", lambda m, n: m.setattr(decode, "zlib", _inflating(n)), len(BLOCKS), "sse", True),
    ("events", lambda m, n: m.setattr(response, "read_event", n(events.read_event)), len(BLOCKS), "tracker", False),
    (
        "tracker.feed",
        lambda m, n: m.setattr(interaction.InteractionTracker, "feed", n(interaction.InteractionTracker.feed)),
        len(BLOCKS),
        "tracker",
        False,
    ),
    ("steps.start", lambda m, n: m.setattr(steps.Steps, "start", n(steps.Steps.start)), 2, "tracker", False),
    ("steps.delta", lambda m, n: m.setattr(steps.Steps, "delta", n(steps.Steps.delta)), 5, "tracker", False),
    ("steps.stop", lambda m, n: m.setattr(steps.Steps, "stop", n(steps.Steps.stop)), 2, "tracker", False),
    ("usage", lambda m, n: m.setattr(events, "read_usage", n(usage.read_usage)), 3, "tracker", False),
    (
        "tracker.finish",
        lambda m, n: m.setattr(interaction.InteractionTracker, "finish", n(interaction.InteractionTracker.finish)),
        1,
        "tracker",
        False,
    ),
    ("steps.finish", lambda m, n: m.setattr(steps.Steps, "finish", n(steps.Steps.finish)), 1, "tracker", False),
    (
        "request, feed",
        lambda m, n: m.setattr(request.RequestReader, "feed", n(request.RequestReader.feed)),
        1,
        "skim",
        False,
    ),
    (
        "request, read",
        lambda m, n: m.setattr(request.RequestReader, "read_into", n(request.RequestReader.read_into)),
        1,
        "tracker",
        False,
    ),
    (
        "head of the request",
        lambda m, n: m.setattr(exchange_module, "route_of", n(request.route_of)),
        1,
        "tracker",
        False,
    ),
    (
        "head of the response",
        lambda m, n: m.setattr(exchange_module, "body_kind", n(response.body_kind)),
        1,
        "tracker",
        False,
    ),
    (
        "outcome",
        lambda m, n: m.setattr(exchange_module, "decide", n(outcome.decide)),
        1,
        "tracker",
        False,
    ),
]


def known_until(block: int) -> StreamFacts:
    """What a tap knows that saw the blocks before that one and then no more."""
    tap = Tap(Route.CREATE, 200, Body.STREAM, None, stall_ns=10**12)
    for number, data in enumerate(BLOCKS[:block]):
        tap.feed(data, number)
    return tap.reader.tracker.finish(len(BLOCKS))


def figures(facts: StreamFacts) -> tuple[object, ...]:
    """The facts that don't depend on times."""
    seen = [(step.index, step.type, step.closed, step.deltas, step.bytes) for step in facts.steps]
    return (facts.interaction, seen, facts.usage, facts.basis, facts.events, facts.deltas, facts.anomalies)


@contextmanager
def broken(break_: Break, n: int) -> Iterator[Nth]:
    """The place, broken at its n-th call."""
    nth = Nth(n)
    with pytest.MonkeyPatch.context() as patch:
        break_(patch, nth)
        yield nth


@pytest.mark.parametrize(
    ("break_", "calls", "where", "coded"), [place[1:] for place in PLACES], ids=[p[0] for p in PLACES]
)
async def test_a_bug_in_the_tap_costs_no_byte(
    embedded: Embedded, capfd: pytest.CaptureFixture[str], break_: Break, calls: int, where: str, coded: bool
) -> None:
    """At each call of each place: bytes unchanged, the fault counted by place, one ExchangeClosed, no content told."""
    embedded.lockstep.coded = coded
    for n in range(calls):
        with broken(break_, n) as nth:
            answer = await embedded.stream()
            await embedded.idle()

        assert nth.raised == 1, n
        assert (gzip.decompress(answer.body) if coded else answer.body) == THINKING, n
        assert answer.chunks == embedded.lockstep.blocks(), n
        assert len(embedded.closed) == n + 1
        assert embedded.closed[-1].faults == {where: 1}, n
        assert embedded.closed[-1].bytes_down == len(answer.body), n
        assert embedded.samples("tap_faults") == {(where,): n + 1.0}
        assert sum(embedded.samples("requests").values()) == n + 1
    assert "secret text" not in "".join(capfd.readouterr())


EVENTWISE = ("sse parser", "sse parser, packed", "decode", "events", "tracker.feed")


@pytest.mark.parametrize("name", EVENTWISE)
async def test_what_was_known_before_the_bug_is_kept(embedded: Embedded, name: str) -> None:
    """The interaction, steps and usage up to the event that it struck; the outcome claims no more than that."""
    _, break_, calls, _, coded = next(place for place in PLACES if place[0] == name)
    embedded.lockstep.coded = coded
    for n in range(calls):
        with broken(break_, n):
            await embedded.stream()
            await embedded.idle()

        closed = embedded.closed[-1]
        facts, expected = closed.stream, known_until(n)
        assert figures(facts) == figures(expected), n
        assert closed.outcome is (Outcome.COMPLETED if n > TERMINAL else Outcome.UNKNOWN_STATUS), n


async def test_a_bug_behind_a_compressed_body_is_not_taken_for_a_bad_encoding(embedded: Embedded) -> None:
    """A ValueError of ours is a fault, though one of the decoder's is the body's."""
    embedded.lockstep.coded = True

    def value_error(*_: object, **__: object) -> None:
        raise ValueError("ours")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sse, "SSEEvent", value_error)
        answer = await embedded.stream()
        await embedded.idle()

    assert gzip.decompress(answer.body) == THINKING
    assert embedded.closed[-1].faults == {"sse": 1}
    assert embedded.closed[-1].stream.anomalies == {}


async def test_a_sink_that_raises_is_never_felt(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """For any record, begun() too; the exchange that follows is booked as if nothing had been."""

    def refuse(*_: object) -> None:
        raise TapBug("a hostile sink")

    with monkeypatch.context() as patch:
        patch.setattr(embed.DirectSink, "put", refuse)
        patch.setattr(embed.DirectSink, "begun", refuse)
        answer = await embedded.stream()
        await embedded.idle()
    assert answer.body == THINKING
    assert embedded.closed == []

    assert (await embedded.stream()).body == THINKING
    await embedded.idle()
    assert [closed.outcome for closed in embedded.closed] == [Outcome.COMPLETED]


async def test_telemetry_that_fails_is_never_felt(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sink of the observer fails on every record: the bytes are the same, and the faults are counted."""

    def refuse(*_: object, **__: object) -> None:
        raise TapBug("a broken sink")

    broken_parts = [
        (View, ("opened", "step_started", "step_finished", "heartbeat", "closed")),
        (Books, ("account",)),
        (Metrics, ("closed",)),
        (Traces, ("closed", "exemplar")),
        (ExchangeLog, ("closed",)),
    ]
    with monkeypatch.context() as patch:
        for part, methods in broken_parts:
            for method in methods:
                patch.setattr(part, method, refuse)
        answer = await embedded.stream()
        await embedded.idle()

    assert answer.body == THINKING
    assert {sink for (sink,) in embedded.samples("telemetry_faults")} == {"view", "books", "metrics", "traces", "log"}
