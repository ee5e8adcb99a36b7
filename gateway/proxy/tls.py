"""TLS to the upstream: who is trusted, and sessions that are resumed.

Not here: when a handshake happens (dial.py, pool.py). Source: RFC 8446 4.6.1, the ssl module's documentation.
asyncio and uvloop offer no session, but both make their TLS object with the context's `wrap_bio`.
Promise: a session is offered only to the name that it came from, and not for ever: certificates are checked in full
handshakes only, so there is one at least every SESSION_MAX_S.
"""

from __future__ import annotations

import ssl
import sys
import time

SESSION_MAX_S = 3600.0  # since the full handshake at the root of it, however often it was renewed
LEARN_EVERY_S = 10.0  # to read a session out of a connection costs about as much as resuming saves


class ResumingContext(ssl.SSLContext):
    """A client's context that offers the newest session it was shown. For one server name."""

    _session: ssl.SSLSession | None = None
    _name: str | bytes | None = None
    _verified_s = 0.0  # when the certificate behind the session was checked
    _learnt_s = 0.0

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As SSLContext's, with the session in hand."""
        if session is None and server_hostname == self._name and time.monotonic() - self._verified_s < SESSION_MAX_S:
            session = self._session
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def opened(self, secured: ssl.SSLObject, started_s: float) -> None:
        """A handshake is done that began then. One that was offered a session and didn't take it has outdated it."""
        if not secured.session_reused and self._learnt_s < started_s:
            self._session = None

    def learn(self, secured: ssl.SSLObject, opened_s: float) -> bool:
        """Take a connection's session, if its ticket has come; whether this connection need not be asked again.

        TLS 1.3 sends tickets after the handshake: ask again when bytes have come since.
        opened_s: monotonic time of its handshake.
        """
        now_s = time.monotonic()
        if self._session is not None and now_s - self._learnt_s < LEARN_EVERY_S:
            return True
        session = secured.session
        if session is None or not (session.has_ticket or session.id):
            return False
        if not secured.session_reused:
            self._verified_s = opened_s
        self._session, self._name, self._learnt_s = session, secured.server_hostname, now_s
        return True


def client_context(ca_file: str | None) -> ResumingContext:
    """Verifies strictly, by the system's certificates or those of the file; speaks HTTP/1.1 only."""
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):
        # what create_default_context adds, which makes no subclass
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
