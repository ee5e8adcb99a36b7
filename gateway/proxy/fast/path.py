"""What all exchanges of the fast path share: settings, pool, deadlines, and the book of what is open.

Not here: one exchange (relay.py), one connection (client_side.py, upstream_side.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from gateway.proxy.attribution import attribution_of
from gateway.proxy.dial import upstream_of
from gateway.proxy.errors import Rejection
from gateway.proxy.exchange import Exchange
from gateway.proxy.exchanges import Exchanges
from gateway.proxy.fast.client_side import ClientSide, client_facts
from gateway.proxy.fast.deadlines import Deadlines
from gateway.proxy.fast.relay import Relay
from gateway.proxy.fast.upstream_side import UpstreamSide
from gateway.proxy.http1.heads import RequestHead
from gateway.proxy.pool import Pool
from gateway.proxy.propagation import Propagation

if TYPE_CHECKING:
    from gateway.config import Settings

KEEPALIVE_S = 75.0
LINGER_S = 5.0
LOOK_S = 2.0  # between looks at clients that aren't read


class Connections(Protocol):
    """What of a Pool is used here."""

    def take(self) -> UpstreamSide | None:
        """An idle one."""

    async def connect(self) -> UpstreamSide:
        """A new one; raises a GatewayError."""

    def give_back(self, connection: UpstreamSide) -> None:
        """It is idle."""

    def forget(self, connection: UpstreamSide) -> None:
        """It was idle, and is of no use any more."""

    async def close(self) -> None:
        """End them all."""


class FastPath:
    """Make it in a running loop. pool: instead of one to the upstream of the settings."""

    def __init__(self, settings: Settings, exchanges: Exchanges, pool: Connections | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        upstream = upstream_of(settings)
        self.host = upstream.authority.encode()
        self.prefix = upstream.prefix.encode()
        self.exchanges = exchanges
        self.attribution = attribution_of(settings.attribution)
        self.propagation = Propagation(settings.traces)
        self.max_body_bytes = settings.proxy.max_request_body_bytes
        self.head_timeout_s = settings.proxy.request_head_timeout_s
        self.response_timeout_s = settings.proxy.response_head_timeout_s
        self.tally = exchanges.tally
        self.pool: Connections = (
            pool if pool is not None else Pool(settings, lambda: UpstreamSide(self), tally=self.tally)
        )
        self.first_byte: Deadlines[ClientSide] = Deadlines(self.loop, self.head_timeout_s, ClientSide.gave_up)
        self.whole_head: Deadlines[ClientSide] = Deadlines(self.loop, self.head_timeout_s, ClientSide.too_slow)
        self.next_request: Deadlines[ClientSide] = Deadlines(self.loop, KEEPALIVE_S, ClientSide.gave_up)
        self.linger: Deadlines[ClientSide] = Deadlines(self.loop, LINGER_S, ClientSide.gave_up)
        self.held: Deadlines[ClientSide] = Deadlines(self.loop, LOOK_S, ClientSide.look)
        self.response_head: Deadlines[Relay] | None = None
        if self.response_timeout_s is not None:
            self.response_head = Deadlines(self.loop, self.response_timeout_s, Relay.too_slow)

    def begin(
        self, client: ClientSide, head: RequestHead, cut: Callable[[], None]
    ) -> tuple[Exchange, Rejection | None]:
        """Open the books on a request; with the reason, when it must be refused. cut: ends it at shutdown."""
        target = head.target.decode("utf-8", "surrogateescape")
        facts = client_facts(client, head)
        if self.attribution is not None:
            facts.tags = self.attribution.of_lines((*head.fields.lines, *head.fields.ended), target)
            if self.attribution.stripped:
                head.fields.replace(self.attribution.stripped, None)
        propagation = self.propagation
        if propagation.acts:
            propagation.settle(facts, head.fields.noted.get(b"baggage", b"").decode("latin-1"))
            propagation.rewrite_lines(facts, head.fields)
        return self.exchanges.begin(head.method.decode("ascii"), target, facts, cut)
