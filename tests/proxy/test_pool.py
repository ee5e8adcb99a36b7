"""The pool over real sockets: what is reused, what is dropped, what is opened, and in which words it fails."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence

import pytest
from aiohappyeyeballs import AddrInfoType

from gateway.proxy import dns
from gateway.proxy import pool as pool_module
from gateway.proxy.errors import Unreachable
from tests.proxy.upstreams import answered, at, black_hole, pool_for, until, upstream, url


async def test_the_most_recently_used_goes_first() -> None:
    """So the others grow old and are dropped when there is less to do."""
    async with upstream() as server, pool_for(url(server.port)) as pool:
        lines = [await pool.connect() for _ in range(3)]
        for line in (lines[1], lines[2], lines[0]):
            pool.give_back(line)

        assert [pool.take() for _ in range(4)] == [lines[0], lines[2], lines[1], None]
        assert len(server.seen) == 3


async def test_what_was_lost_or_spoiled_while_idle_is_never_given() -> None:
    """Bytes that came unasked would answer the next request."""
    async with upstream() as server, pool_for(url(server.port)) as pool:
        lines = [await pool.connect() for _ in range(3)]
        for line in lines:
            await line.ask()
            pool.give_back(line)
        server.seen[1].transport.write(b"unasked\n")
        server.seen[2].transport.close()
        await until(lambda: not lines[1].can_serve and not lines[2].can_serve)

        assert [pool.take(), pool.take()] == [lines[0], None]
        await server.left(1)


async def test_what_can_not_serve_is_ended_when_it_is_given_back() -> None:
    async with upstream() as server, pool_for(url(server.port)) as pool:
        line = await pool.connect()
        line.data_received(b"more than the answer")
        pool.give_back(line)
        await server.left(0)

        assert pool.take() is None


async def test_idle_connections_are_dropped_at_their_time() -> None:
    """Each at its own, and none that is in use; then nothing is left to wait for."""
    async with upstream() as server, pool_for(url(server.port), idle_timeout_s=0.6) as pool:
        old, young, used = [await pool.connect() for _ in range(3)]
        began_s = time.monotonic()
        pool.give_back(old)
        await asyncio.sleep(0.5)
        pool.give_back(young)
        await server.left(2)
        assert time.monotonic() - began_s > 0.55
        assert (old.can_serve, young.can_serve, used.can_serve) == (False, True, True)
        await server.left(1)
        assert time.monotonic() - began_s > 1.05
        assert pool.take() is None

        pool.give_back(used)
        assert pool.take() is used


async def test_a_changed_name_moves_new_connections_and_keeps_the_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is open stays in use for as long as it serves."""
    monkeypatch.setattr(dns, "TTL_S", 0.0)
    async with upstream(b"one") as one, upstream(b"two") as two:
        where = [at(one.port)]

        async def resolve(host: str, port: int) -> Sequence[AddrInfoType]:
            return list(where)

        async with pool_for("http://upstream.test", resolve) as pool:
            kept = await pool.connect()
            pool.give_back(kept)
            where[:] = [at(two.port)]
            line = pool.take()
            assert line is kept
            assert await line.ask() == b"one\n"

            async def moved() -> bool:
                new = await pool.connect()
                answer = await new.ask()
                new.end()
                return answer == b"two\n"

            async with asyncio.timeout(5):
                while not await moved():
                    pass
            pool.give_back(line)
            assert await answered(pool) == b"one\n"


async def test_who_waits_gets_what_is_given_back() -> None:
    """A connection that is free now beats one that is being opened; the first come are served first."""
    with black_hole() as dead:
        async with upstream() as server:
            where = [at(server.port)]

            async def resolve(host: str, port: int) -> Sequence[AddrInfoType]:
                return list(where)

            async with pool_for("http://upstream.test", resolve) as pool:
                lines = [await pool.connect() for _ in range(2)]
                pool._dialer.addresses._known = [at(dead)]
                waiting = [asyncio.create_task(pool.connect()) for _ in range(3)]
                await asyncio.sleep(0.02)
                for line in lines:
                    pool.give_back(line)
                done, pending = await asyncio.wait(waiting, timeout=0.1)

                assert {one.result() for one in done} == set(lines)
                assert [one.result() for one in waiting[:2]] == lines
                assert pending == {waiting[2]}
                waiting[2].cancel()


async def test_spare_connections_are_there_before_they_are_needed() -> None:
    """What is taken is opened anew; there are never more of them than was asked for."""
    async with upstream() as server, pool_for(url(server.port), spare_connections=3) as pool:
        await server.left(3)
        taken = [pool.take() for _ in range(2)]
        assert None not in taken
        await server.left(5)
        await asyncio.sleep(0.05)
        assert len(server.seen) == 5
        for line in taken:
            assert line is not None
            pool.give_back(line)
        assert pool.take() is not None
        await asyncio.sleep(0.05)

        assert len(server.seen) == 5


async def test_spare_connections_are_renewed_when_they_grow_old() -> None:
    async with upstream() as server, pool_for(url(server.port), spare_connections=2, idle_timeout_s=0.2) as pool:
        await until(lambda: len(server.seen) == 4)

        await until(lambda: pool.take() is not None)  # the server may see one before the pool has it


async def test_an_upstream_that_is_away_is_not_pestered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between tries grow; when it is back, so are the spare connections. One that keeps none is as away."""
    monkeypatch.setattr(pool_module, "REFILL_FIRST_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with pool_for(url(port), spare_connections=4) as pool:
        await until(lambda: pool._refill_s >= 0.4)
        async with upstream(port=port) as server:
            await server.left(4)
            before_s = pool._refill_s
            for one in list(server.open):
                one.transport.abort()
            await until(lambda: pool._refill_s == 2 * before_s)
            await server.left(4)
            assert await answered(pool) == b"one\n"

            assert pool._refill_s == 0.0


async def test_closing_ends_all_that_is_idle_and_what_comes_back_later() -> None:
    """What is in use goes on to its end."""
    async with upstream() as server:
        async with pool_for(url(server.port), spare_connections=1) as pool:
            await server.left(1)
            used, idle = await pool.connect(), await pool.connect()
            pool.give_back(idle)
        await until(lambda: len(server.open) == 1)
        assert await used.ask() == b"one\n"
        pool.give_back(used)
        await server.left(0)
        with pytest.raises(Unreachable, match="shutting down"):
            await pool.connect()
