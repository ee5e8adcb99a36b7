"""One new connection to the upstream: its address, TCP, TLS, and in our words why there is none.

Not here: when one is opened and who gets it (pool.py), which addresses there are (dns.py), sessions (tls.py).
An HTTP proxy between the gateway and the upstream is out of scope: the connection is direct.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

import aiohappyeyeballs
from yarl import URL

from gateway.proxy.dns import Addresses, Resolve
from gateway.proxy.errors import ConnectTimeout, GatewayError, NameNotFound, TLSFailed, Unreachable
from gateway.proxy.exchange import Upstream
from gateway.proxy.kernel import keep_alive
from gateway.proxy.tls import client_context
from gateway.tally import Tally

if TYPE_CHECKING:
    from gateway.config import Settings

HAPPY_EYEBALLS_S = 0.25  # before the other family is tried beside one that hangs (RFC 8305 5)
TICKET_WAIT_S = 5.0  # a server that sent none by then sends none
TLS_CLOSE_S = 1.0  # for the upstream to answer our close_notify


class Pooled(Protocol):
    """What the pool keeps: an asyncio protocol with a transport."""

    transport: asyncio.Transport | None

    @property
    def can_serve(self) -> bool:
        """Connected, nothing came unasked, its last answer was whole."""
        ...


P = TypeVar("P", bound=Pooled)


def upstream_of(settings: Settings) -> Upstream:
    """The upstream's address in parts."""
    url = URL(settings.upstream)
    scheme, host = url.scheme, url.host or ""
    return Upstream(scheme, host, url.port or (443 if scheme == "https" else 80), url.raw_path.rstrip("/"))


class Dialer(Generic[P]):
    """Opens connections. factory: makes the protocol of each."""

    def __init__(
        self, settings: Settings, factory: Callable[[], P], resolve: Resolve | None = None, tally: Tally | None = None
    ) -> None:
        upstream = upstream_of(settings)
        self.host = upstream.host
        name = (URL(settings.upstream).raw_host or "").rstrip(".")  # a certificate's names have no dot at their end
        self.addresses = Addresses(name, upstream.port, resolve)
        self._factory = factory
        self._tally = tally if tally is not None else Tally()
        self._timeout_s = settings.proxy.connect_timeout_s
        self._tls = client_context(settings.proxy.ca_file) if upstream.scheme == "https" else None
        self._server_name = name if self._tls is not None else None
        # a connection whose session was not read yet, and when it opened
        self._ticket_from: tuple[P, ssl.SSLObject, float] | None = None

    async def dial(self) -> P:
        """A new connection. Raises a GatewayError, and leaves no socket behind when it raises or is cancelled."""
        self._learn()
        connects = self._tally.connects
        try:
            connection = await self._dial_in_time()
        except GatewayError as error:
            connects[error.code] += 1
            raise
        connects["ok"] += 1
        return connection

    def answered(self, connection: P) -> None:
        """The connection has carried an answer: its ticket is here."""
        if self._ticket_from is not None and self._ticket_from[0] is connection:
            self._learn()

    async def close(self) -> None:
        """Give up what runs beside the dials."""
        self._ticket_from = None
        await self.addresses.close()

    def _learn(self) -> None:
        if self._ticket_from is not None and self._tls is not None:
            _, secured, opened_s = self._ticket_from
            if self._tls.learn(secured, opened_s) or time.monotonic() - opened_s > TICKET_WAIT_S:
                self._ticket_from = None

    async def _dial_in_time(self) -> P:
        try:
            async with asyncio.timeout(self._timeout_s) as deadline:
                return await self._dial()
        except TimeoutError as exc:
            if deadline.expired():
                raise ConnectTimeout(self.host, "no connection within proxy.connect_timeout_s") from exc
            raise Unreachable(self.host, _reason(exc)) from exc

    async def _dial(self) -> P:
        try:
            addresses = await self.addresses.get()
        except OSError as exc:
            raise NameNotFound(self.host, "its name has no address") from exc
        while True:
            try:
                sock = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_S)
            except (OSError, RuntimeError) as exc:  # uvloop has both
                self.addresses.failed()
                raise Unreachable(self.host, _reason(exc)) from exc
            family, peer = sock.family, None
            try:
                peer = sock.getpeername()[:2]
                keep_alive(sock)
                connection = await self._dress(sock)
            except OSError as exc:
                sock.close()
                # one of several may be ill
                others = [one for one in addresses if one[4][:2] != peer]
                if len(others) in (0, len(addresses)):
                    self.addresses.failed()
                    raise self._translated(exc) from exc
                addresses = others
            except BaseException:
                sock.close()
                raise
            else:
                self.addresses.answered(family)
                return connection

    async def _dress(self, sock: socket.socket) -> P:
        """Give the socket its TLS and its protocol."""
        started_s = time.monotonic()
        transport, protocol = await asyncio.get_running_loop().create_connection(
            cast(Callable[[], asyncio.BaseProtocol], self._factory),
            sock=sock,
            ssl=self._tls,
            server_hostname=self._server_name,
            ssl_shutdown_timeout=TLS_CLOSE_S if self._tls is not None else None,
        )
        connection = cast(P, protocol)
        if self._tls is not None:
            secured: ssl.SSLObject = transport.get_extra_info("ssl_object")
            self._tls.opened(secured, started_s)
            self._tally.handshake(resumed=bool(secured.session_reused))
            if self._ticket_from is None:
                self._ticket_from = connection, secured, time.monotonic()
        return connection

    def _translated(self, exc: Exception) -> GatewayError:
        if isinstance(exc, ssl.SSLError):
            return TLSFailed(self.host, _reason(exc))
        return Unreachable(self.host, _reason(exc))


def _reason(exc: Exception) -> str:
    return (isinstance(exc, OSError) and exc.strerror) or type(exc).__name__
