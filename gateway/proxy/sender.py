"""The channel from forwarder to observer: a RecordSink that never waits, over a Unix socket, with exact counts.

Not here: what waits and what is dropped (record_queue.py), the frames (records.py), the other end (observer.py).
Source: design.md 5, accounting.md 8.
Promise: at every batch `opened = handed + lost ExchangeClosed + (open or queued)`, across any death of the observer.
A record is delivered at most once; what was sent and not acknowledged when the connection broke counts as lost.
An ExchangeClosed holds all that was told of its exchange: of one that ends within a flush window nothing else is
encoded or sent, and nothing of it is lost.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter, deque
from typing import NamedTuple, Protocol, TypeAlias, cast

import aiohttp
import structlog

from gateway.encoding import ACK, encode, frame
from gateway.proxy.record_queue import Entry, RecordQueue
from gateway.records import (
    ExchangeClosed,
    ExchangeOpened,
    Heartbeat,
    Hello,
    Record,
    StepFinished,
    StepStarted,
)
from gateway.tally import Tally

SENDER_QUEUE_BYTES = 8 * 1024 * 1024  # full means a slow observer: whole records go, counted by kind
BATCH_BYTES = 64 * 1024
IN_FLIGHT_BYTES = 512 * 1024  # sent and not acknowledged: what an observer's death may cost
FLUSH_DELAY_S = 0.02  # gathers records of one moment into one write
WINDOW_RECORDS = 2048  # kept unencoded until then: a few MB at most
HEARTBEAT_S = 1.0
RECONNECT_FIRST_S, RECONNECT_LAST_S = 0.05, 1.0

_Superseded: TypeAlias = ExchangeOpened | StepStarted | StepFinished  # by their exchange's end
_SUPERSEDED = (ExchangeOpened, StepStarted, StepFinished)
_CLOSED = ExchangeClosed.__name__
_OPENED = ExchangeOpened.__name__

log = structlog.get_logger(__name__)


class OpenExchanges(Protocol):
    """What the sender asks of the forwarding path."""

    def opened_records(self) -> list[ExchangeOpened]:
        """Every open exchange, to be told to a new observer."""

    def oldest_silence_ns(self, now_ns: int) -> int | None:
        """How long the most silent open exchange has been silent."""


class _Batch(NamedTuple):
    number: int
    size_bytes: int
    kinds: Counter[str]
    tally: list[int]


def socket_address(text: str) -> str:
    """The name of a Unix socket as the kernel wants it: `@name` is an abstract one."""
    return "\0" + text[1:] if text.startswith("@") else text


class Sender:
    """The forwarder's RecordSink. All calls on one event loop; records may come before start()."""

    def __init__(
        self,
        address: str,
        *,
        worker: int,
        queue_bytes: int = SENDER_QUEUE_BYTES,
        tally: Tally | None = None,
    ) -> None:
        """address: see socket_address. tally: what a Heartbeat tells beside the books."""
        self._address = address
        self._worker = worker
        self._tally = tally if tally is not None else Tally()
        self._tally_told: list[int] = []
        self._path = ""
        self._queue = RecordQueue(queue_bytes, lambda kind: self._lose(kind, "queue_full"))
        self._window: dict[str, list[_Superseded]] = {}  # by exchange; only while the flush timer runs
        self._window_records = 0
        self._resend: deque[Entry] = deque()
        self._exchanges: OpenExchanges | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._number = 0
        self._in_flight: deque[_Batch] = deque()
        self._in_flight_bytes = 0
        self._sent_since_beat = False
        self._closing = False
        self._settled: asyncio.Event | None = None
        self.opened = 0
        self.handed = 0
        self.lost: Counter[str] = Counter()

    # The forwarding path's side: neither call waits or raises.

    def begun(self) -> None:
        """Count one exchange as opened."""
        self.opened += 1

    def put(self, record: Record) -> None:
        """Take a record; it is dropped, and counted, where there is no room."""
        if self._flush_timer is None and self._loop is not None and self._writable():
            self._flush_timer = self._loop.call_later(FLUSH_DELAY_S, self._flush)
        if isinstance(record, ExchangeClosed):
            self._window_records -= len(self._window.pop(record.exchange_id, ()))
        elif self._flush_timer is not None and isinstance(record, _SUPERSEDED):
            # A dict keeps an exchange's records together: their order among exchanges means nothing.
            self._window.setdefault(record.exchange_id, []).append(record)
            self._window_records += 1
            if self._window_records >= WINDOW_RECORDS:
                self._close_window()
            return
        self._enqueue(record)

    def _close_window(self) -> None:
        window, self._window, self._window_records = self._window, {}, 0
        for records in window.values():
            for record in records:
                self._enqueue(record)

    def _enqueue(self, record: Record) -> None:
        kind = type(record).__name__
        try:
            encoded = encode(record)
        except Exception:
            # A promise of the sink: a record nobody can write costs itself, never an exchange.
            log.exception("record_unencodable", kind=kind)
            self._lose(kind, "queue_full")
            return
        exchange_id = record.exchange_id if isinstance(record, ExchangeOpened) else None
        self._queue.push(kind, encoded, time.monotonic_ns(), exchange_id)

    # Life.

    def start(self, exchanges: OpenExchanges, path: str) -> None:
        """Begin to connect, and to beat, on the running loop. path: of the forwarding, as Hello tells it."""
        self._path = path
        self._exchanges = exchanges
        self._loop = asyncio.get_running_loop()
        self._connecting = self._loop.create_task(self._connect())
        self._beat_timer = self._loop.call_later(HEARTBEAT_S, self._beat)

    async def close(self, timeout_s: float) -> dict[str, int]:
        """Hand over what is queued, with a last Heartbeat, and leave. Returns all that was lost, by `Kind/reason`."""
        self._closing = True
        self._settled = asyncio.Event()
        try:
            async with asyncio.timeout(timeout_s):
                self._flush()
                while self._queue.bytes or self._in_flight or not self._connected:
                    self._settled.clear()
                    await self._settled.wait()
                    self._flush()
                self._send([])
                while self._in_flight:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            log.warning("sender_closed_early", queue_bytes=self._queue.bytes, in_flight_bytes=self._in_flight_bytes)
        for timer in (self._flush_timer, self._beat_timer):
            if timer is not None:
                timer.cancel()
        self._loop = None
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.transport.abort()
        self._lose_in_flight("shutdown")
        self._close_window()
        for entry in self._queue.take(self._queue.bytes):
            self._lose(entry.kind, "shutdown")
        return dict(self.lost)

    @property
    def _connected(self) -> bool:
        return self._connection is not None

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = RECONNECT_FIRST_S
        while True:
            unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            unix.setblocking(False)
            try:
                # A Unix connect is done at once or fails at once: nothing to wait for.
                unix.connect(socket_address(self._address))
                await loop.create_unix_connection(lambda: _Connection(self), sock=unix)
            except OSError as error:
                unix.close()
                log.debug("observer_unreachable", error=str(error), retry_s=delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, RECONNECT_LAST_S)
            else:
                return

    # The connection's side.

    def connected(self, connection: _Connection) -> None:
        """A new observer, or the first: tell it who speaks and what is open, then what waited."""
        assert self._exchanges is not None
        self._connection, self._paused, self._number = connection, False, 0
        self._close_window()
        opened = self._exchanges.opened_records()
        self._queue.supersede({record.exchange_id for record in opened})
        self._resend.extend(Entry(0, _OPENED, encode(record)) for record in opened)
        hello = Hello(
            self._worker, os.getpid(), self.handed, self._path, aiohttp.__version__, tally_before=self._tally_told
        )
        self._send([Entry(0, Hello.__name__, encode(hello))])
        self._flush()

    def disconnected(self, connection: _Connection) -> None:
        """The observer is gone, and with it all that it had not acknowledged."""
        if self._connection is not connection:
            return
        self._connection = None
        self._resend.clear()
        self._lose_in_flight("observer_died")
        log.warning("observer_lost", lost=dict(self.lost))
        if self._loop is not None:
            self._connecting = self._loop.create_task(self._connect())

    def acknowledged(self, number: int) -> bool:
        """All batches up to this one were applied. False for a number that was never sent."""
        while self._in_flight and self._in_flight[0].number <= number:
            batch = self._in_flight.popleft()
            self._in_flight_bytes -= batch.size_bytes
            self._tally_told = batch.tally
        if self._flush_timer is None and (self._queue.bytes or self._resend):
            self._flush()
        if self._settled is not None:
            self._settled.set()
        return 0 < number <= self._number

    def paused(self, paused: bool) -> None:
        """The transport's buffer is full, or has room again."""
        self._paused = paused
        if not paused:
            self._flush()

    # Batches.

    def _writable(self) -> bool:
        return self._connection is not None and not self._paused and self._in_flight_bytes < IN_FLIGHT_BYTES

    def _flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        self._close_window()
        while self._writable() and (entries := self._next_entries()):
            self._send(entries)

    def _next_entries(self) -> list[Entry]:
        entries: list[Entry] = []
        size_bytes = 0
        while self._resend and size_bytes < BATCH_BYTES:
            entry = self._resend.popleft()
            size_bytes += len(entry.encoded)
            entries.append(entry)
        return entries or self._queue.take(BATCH_BYTES)

    def _send(self, entries: list[Entry]) -> None:
        if self._connection is None:
            return
        kinds = Counter(entry.kind for entry in entries if entry.kind != Hello.__name__)
        self.handed += kinds[_CLOSED]
        self._number += 1
        heartbeat = self._heartbeat()
        data = frame(self._number, [*(entry.encoded for entry in entries), encode(heartbeat)])
        self._in_flight.append(_Batch(self._number, len(data), kinds, heartbeat.tally))
        self._in_flight_bytes += len(data)
        self._sent_since_beat = True
        self._connection.transport.write(data)

    def _heartbeat(self) -> Heartbeat:
        now_ns = time.monotonic_ns()
        idle = self._tally.idle_connections()
        return Heartbeat(
            self.opened,
            self.handed,
            dict(self.lost),
            None if self._exchanges is None else self._exchanges.oldest_silence_ns(now_ns),
            self._queue.bytes,
            self._queue.age_ns(now_ns),
            max(0, self._tally.connections - idle),
            idle,
            self._tally.row(),
        )

    def _beat(self) -> None:
        if self._loop is None:
            return
        self._beat_timer = self._loop.call_later(HEARTBEAT_S, self._beat)
        if not self._sent_since_beat and self._writable():
            self._send([])
        self._sent_since_beat = False

    def _lose(self, kind: str, reason: str) -> None:
        self.lost[f"{kind}/{reason}"] += 1

    def _lose_in_flight(self, reason: str) -> None:
        for batch in self._in_flight:
            self.handed -= batch.kinds[_CLOSED]
            for kind, count in batch.kinds.items():
                self.lost[f"{kind}/{reason}"] += count
        self._in_flight.clear()
        self._in_flight_bytes = 0


class _Connection(asyncio.Protocol):
    """One connection to an observer: acknowledgements in, batches out."""

    transport: asyncio.Transport

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=2 * BATCH_BYTES)
        self._sender.connected(self)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        whole = len(data) // ACK.size * ACK.size
        self._buffer = data[whole:]
        if whole and not self._sender.acknowledged(ACK.unpack_from(data, whole - ACK.size)[0]):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._sender.disconnected(self)

    def pause_writing(self) -> None:
        self._sender.paused(True)

    def resume_writing(self) -> None:
        self._sender.paused(False)
