"""All open exchanges of one forwarder: begun, counted, drained.

Not here: what happens inside one (exchange.py), records' way (sender.py).
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable

import structlog

from gateway.proxy.errors import Draining, Rejection, TooManyExchanges
from gateway.proxy.exchange import ClientFacts, Exchange, Upstream
from gateway.proxy.metered_tap import is_metered
from gateway.records import ExchangeOpened, RecordSink
from gateway.tally import Tally

_log = structlog.get_logger()


class Exchanges:
    """Begins exchanges and knows which are open. max_open: more are refused. tally: what is counted beside them.

    capture_bytes, detail: see Exchange.
    """

    def __init__(
        self,
        sink: RecordSink,
        upstream: Upstream,
        *,
        max_open: int,
        stall_ns: int,
        tally: Tally | None = None,
        capture_bytes: int = 0,
        detail: bool = False,
    ) -> None:
        self.tally = tally if tally is not None else Tally()
        self._sink = sink
        self._upstream = upstream
        self._max_open = max_open
        self._stall_ns = stall_ns
        self._capture_bytes = capture_bytes
        self._detail = detail
        self._open: dict[Exchange, Callable[[], object]] = {}
        self._prefix = f"{os.getpid():x}-{secrets.token_hex(8)}"  # ids of traces may come from it: unlike any other's
        self._begun = 0
        self._draining = False
        self.retiring = False  # another process has our place: each client's connection ends with its next answer
        self._aborting = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def open_count(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def aborting(self) -> bool:
        """Whether the grace period is over: what is cut now is cut by us."""
        return self._aborting

    def begin(
        self, method: str, target: str, client: ClientFacts, cut: Callable[[], object]
    ) -> tuple[Exchange, Rejection | None]:
        """Begin an exchange; with the reason, when it must be refused. The caller ends it, and calls `end`.

        cut: ends it at once, when the time for open exchanges is over.
        """
        self._begun += 1
        try:
            self._sink.begun()
        except Exception as exc:
            _log.error("sink_failed", error=type(exc).__name__)
        exchange = Exchange(
            f"{self._prefix}-{self._begun:x}",
            method,
            target,
            client,
            self._upstream,
            self._sink,
            stall_ns=self._stall_ns,
            meter=self.tally if is_metered(self._begun - 1) else None,
            capture_bytes=self._capture_bytes,
            detail=self._detail,
        )
        refusal: Rejection | None = None
        if self._draining:
            refusal = Draining()
        elif len(self._open) >= self._max_open:
            refusal = TooManyExchanges(self._max_open)
        self._open[exchange] = cut
        self._idle.clear()
        return exchange, refusal

    def refused(self, error: Rejection, client: ClientFacts) -> None:
        """Book a request that was refused before its head could be read."""
        exchange, _ = self.begin("UNKNOWN", "", client, _nothing)
        exchange.answered(error)
        self.end(exchange)

    def end(self, exchange: Exchange) -> None:
        """The exchange is closed and its task is about to go."""
        self._open.pop(exchange, None)
        if not self._open:
            self._idle.set()

    def opened_records(self) -> list[ExchangeOpened]:
        """All open exchanges, for an observer that has just come."""
        return [exchange.opened_record() for exchange in self._open if not exchange.closed]

    def oldest_silence_ns(self, now_ns: int) -> int | None:
        """The longest time since the last response byte, over the open exchanges; None when none is open."""
        return max((now_ns - exchange.last_byte_ns for exchange in self._open), default=None)

    def drain(self) -> None:
        """From now on new exchanges are refused; open ones go on."""
        self._draining = True

    async def wait_idle(self) -> None:
        """Return when no exchange is open."""
        await self._idle.wait()

    def abort_all(self) -> None:
        """Cut what is still open: the clients see a break, the books say that it was us."""
        self._aborting = True
        for cut in list(self._open.values()):
            cut()


def _nothing() -> None:
    """It is over already."""
