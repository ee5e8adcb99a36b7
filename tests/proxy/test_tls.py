"""TLS to the upstream, on both loops: sessions are resumed, certificates stay strict."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohappyeyeballs import AddrInfoType

from gateway.proxy import tls
from gateway.proxy.errors import TLSFailed
from gateway.proxy.pool import Pool
from gateway.proxy.tls import client_context
from gateway.tally import Tally
from tests.proxy.upstreams import LOOPS, Authority, Line, LineUpstream, Run, at, pool_for, upstream

on_both_loops = pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextlib.asynccontextmanager
async def pool_to(
    authority: Authority, server: LineUpstream, tally: Tally | None = None, **proxy: Any
) -> AsyncIterator[Pool[Line]]:
    """A pool that trusts the authority and finds the server, and where `server.port` is changed, its successor."""

    async def resolve(host: str, port: int) -> Sequence[AddrInfoType]:
        return [at(server.port)]

    async with pool_for("https://upstream.test", resolve, tally=tally, ca_file=authority.file, **proxy) as pool:
        yield pool


async def one_exchange(pool: Pool[Line]) -> None:
    """On a new connection, which isn't kept."""
    line = await pool.connect()
    await line.ask()
    pool.give_back(line)
    kept = pool.take()
    assert kept is line
    kept.end()


@on_both_loops
@pytest.mark.parametrize("kind", ["tls 1.2 with tickets", "tls 1.2 with session ids", "tls 1.3"])
def test_the_second_connection_resumes(authority: Authority, run: Run, kind: str) -> None:
    """And those after it: a session serves many times."""

    async def main() -> None:
        context = authority.server_context("upstream.test")
        if kind != "tls 1.3":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if kind == "tls 1.2 with session ids":
            context.options |= ssl.OP_NO_TICKET
        tally = Tally()
        async with upstream(context=context) as server, pool_to(authority, server, tally) as pool:
            for _ in range(3):
                await one_exchange(pool)

            assert [one.is_resumed for one in server.seen] == [False, True, True]
            assert (tally.handshakes_full, tally.handshakes_resumed, tally.connects["ok"]) == (1, 2, 3)

    run(main())


@on_both_loops
def test_a_ticket_is_used_while_the_connection_it_came_over_is_busy(authority: Authority, run: Run) -> None:
    """Streams last for minutes; the next one doesn't wait for the first to end."""

    async def main() -> None:
        context = authority.server_context("upstream.test")
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            first = await pool.connect()
            await first.ask()
            second = await pool.connect()
            await second.ask()
            first.end()
            second.end()

            assert [one.is_resumed for one in server.seen] == [False, True]

    run(main())


@on_both_loops
def test_a_burst_after_the_first_connection_resumes(authority: Authority, run: Run) -> None:
    async def main() -> None:
        context = authority.server_context("upstream.test")
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            await one_exchange(pool)
            for line in await asyncio.gather(*(pool.connect() for _ in range(30))):
                await line.ask()
                line.end()

            assert [one.is_resumed for one in server.seen[1:]] == [True] * 30

    run(main())


def test_a_ticket_that_has_not_come_yet_is_waited_for(authority: Authority) -> None:
    """TLS 1.3 sends it after the handshake: a session read before is worth nothing, and is not taken for one."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = client_context(str(authority.file))
    client = context.wrap_bio(down, up, server_hostname="upstream.test")
    server = authority.server_context("upstream.test").wrap_bio(up, down, server_side=True)
    for side in (client, server):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    client.do_handshake()
    early = context.learn(client, 0.0)
    server.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        client.read()

    assert (early, context.learn(client, 0.0)) == (False, True)


@on_both_loops
def test_an_upstream_that_sends_no_tickets_works(authority: Authority, run: Run) -> None:
    """A full handshake each time."""

    async def main() -> None:
        context = authority.server_context("upstream.test")
        context.num_tickets = 0
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            for _ in range(3):
                await one_exchange(pool)

            assert [one.is_resumed for one in server.seen] == [False, False, False]

    run(main())


@on_both_loops
def test_a_session_that_is_refused_is_replaced(authority: Authority, run: Run) -> None:
    """The upstream was started anew and knows its old tickets no more: one full handshake, then its new ones serve."""

    async def main() -> None:
        context = authority.server_context("upstream.test")
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            await one_exchange(pool)
            renewed = authority.server_context("upstream.test")
            async with upstream(context=renewed) as successor:
                pool._dialer.addresses._known = [at(successor.port)]
                for _ in range(3):
                    await one_exchange(pool)

                assert [one.is_resumed for one in successor.seen] == [False, True, True]

    run(main())


@on_both_loops
def test_a_wrong_name_fails_also_with_a_session_in_hand(authority: Authority, run: Run) -> None:
    """A session proves nothing about a server that doesn't know it."""

    async def main() -> None:
        context = authority.server_context("upstream.test")
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            await one_exchange(pool)
            async with upstream(context=authority.server_context("other.test")) as other:
                pool._dialer.addresses._known = [at(other.port)]
                for _ in range(2):
                    with pytest.raises(TLSFailed, match=r"CERTIFICATE_VERIFY_FAILED.*Hostname mismatch"):
                        await pool.connect()
                await other.left(0)
            pool._dialer.addresses._known = [at(server.port)]
            await one_exchange(pool)

    run(main())


@on_both_loops
def test_a_session_is_not_resumed_for_ever(authority: Authority, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are looked at in full handshakes only."""
    monkeypatch.setattr(tls, "SESSION_MAX_S", 0.0)

    async def main() -> None:
        context = authority.server_context("upstream.test")
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            for _ in range(3):
                await one_exchange(pool)

            assert [one.is_resumed for one in server.seen] == [False, False, False]

    run(main())


@on_both_loops
def test_an_authority_that_is_not_trusted_fails(authority: Authority, run: Run, tmp_path: Path) -> None:
    """The file's authorities are trusted instead of the system's, and no others; nothing of ours is sent."""
    folder = tmp_path / "stranger"
    folder.mkdir()

    async def main() -> None:
        context = Authority(folder).server_context("upstream.test")
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            with pytest.raises(TLSFailed, match="CERTIFICATE_VERIFY_FAILED") as caught:
                await pool.connect()

            assert caught.value.code == "tls_error"

    run(main())


@on_both_loops
def test_what_speaks_no_tls_fails(authority: Authority, run: Run) -> None:
    async def main() -> None:
        async with upstream(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server, pool_to(authority, server) as pool:
            with pytest.raises(TLSFailed):
                await pool.connect()

    run(main())


@on_both_loops
def test_one_ill_address_of_two_is_passed_over(authority: Authority, run: Run) -> None:
    """Its certificate is wrong, the other's is right."""

    async def main() -> None:
        good, bad = authority.server_context("upstream.test"), authority.server_context("other.test")
        async with upstream(context=good) as server, upstream(context=bad) as ill, pool_to(authority, server) as pool:
            await one_exchange(pool)
            pool._dialer.addresses._known = [at(ill.port), at(server.port)]
            for _ in range(4):
                await one_exchange(pool)

            assert len(server.seen) == 5

    run(main())


@on_both_loops
def test_http_1_1_is_all_that_is_offered(authority: Authority, run: Run) -> None:
    """The upstream would rather speak HTTP/2."""

    async def main() -> None:
        context = authority.server_context("upstream.test")
        async with upstream(context=context) as server, pool_to(authority, server) as pool:
            await one_exchange(pool)

            assert server.seen[0].alpn == "http/1.1"

    run(main())


@on_both_loops
def test_an_idle_connection_is_closed_in_order(authority: Authority, run: Run) -> None:
    """With TLS's own farewell, so that the upstream sees an end and no cut."""

    async def main() -> None:
        context = authority.server_context("upstream.test")
        async with (
            upstream(context=context) as server,
            pool_to(authority, server, idle_timeout_s=0.1) as pool,
        ):
            line = await pool.connect()
            await line.ask()
            pool.give_back(line)
            await server.left(0)

            assert pool.take() is None

    run(main())
