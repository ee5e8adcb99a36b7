"""New connections over real sockets: how they come about, who gets them, and in which words they fail."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohappyeyeballs import AddrInfoType

from gateway.proxy import dial
from gateway.proxy import pool as pool_module
from gateway.proxy.dns import Resolve
from gateway.proxy.errors import ConnectTimeout, GatewayError, NameNotFound, Unreachable
from gateway.tally import Tally
from tests.proxy.upstreams import LOOPS, Run, answered, at, black_hole, pool_for, until, upstream, url


def sockets() -> int:
    """How many this process has."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            pass  # the listing's own
    return found


async def test_a_family_that_hangs_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only the first connection waits for it."""
    monkeypatch.setattr(dial, "HAPPY_EYEBALLS_S", 1.0)

    async def resolve(host: str, port: int) -> Sequence[AddrInfoType]:
        return [at(dead, socket.AF_INET6, "::ffff:127.0.0.1"), at(server.port)]

    with black_hole() as dead:
        async with upstream() as server, pool_for("http://upstream.test", resolve) as pool:
            began_s = time.monotonic()
            first = await pool.connect()
            first_s = time.monotonic() - began_s
            second = await pool.connect()
            second_s = time.monotonic() - began_s - first_s
            first.end()
            second.end()

    assert 0.9 < first_s < 3.0
    assert second_s < 0.7


async def refusing(host: str, port: int) -> Sequence[AddrInfoType]:
    """A resolver that knows nobody."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
def test_a_failure_is_told_in_our_words(run: Run) -> None:
    """The code says whose fault, the text what was seen; nothing was sent."""

    tally = Tally()

    async def failure(pool_url: str, resolve: Resolve | None = None, **proxy: float) -> GatewayError:
        before = sum(tally.connects.values())
        async with pool_for(pool_url, resolve, tally=tally, **proxy) as pool:
            with pytest.raises(GatewayError) as caught:
                await pool.connect()
            await until(lambda: sum(tally.connects.values()) > before)  # the one who waits may be told first
        return caught.value

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        refused = await failure(url(port))
        assert (type(refused), refused.code) == (Unreachable, "connect_error")
        assert str(refused).startswith("the upstream 127.0.0.1 could not be reached: ")
        assert "Connect" in str(refused)
        unknown = await failure("http://upstream.test", refusing)
        assert (type(unknown), unknown.code) == (NameNotFound, "dns_error")
        assert str(unknown) == "the upstream upstream.test could not be reached: its name has no address"
        with black_hole() as dead:
            slow = await failure(url(dead), connect_timeout_s=0.2)
        assert (type(slow), slow.code) == (ConnectTimeout, "connect_timeout")
        assert str(slow).endswith("no connection within proxy.connect_timeout_s")
        async with upstream(greeting=b"220 hello\r\n") as chatty:
            early = await failure(url(chatty.port))
            assert early.code == "connect_error"
        tried = pool_module.CONNECT_TRIES  # there each was a connection, for as long as it lasted
        counts = {"ok": tried, "dns_error": 1, "connect_error": 1, "connect_timeout": 1, "tls_error": 0}
        assert tally.connects == counts

    run(main())


async def test_a_caller_that_leaves_leaves_no_socket_behind() -> None:
    """Neither while it waits for an upstream that hangs, nor where it leaves as its connection comes."""
    before = sockets()
    with black_hole() as dead:
        held = sockets()
        async with pool_for(url(dead)) as pool:
            connecting = [asyncio.create_task(pool.connect()) for _ in range(20)]
            await until(lambda: sockets() > held)
            for one in connecting:
                one.cancel()
            await asyncio.wait(connecting)
            assert all(one.cancelled() for one in connecting)
        assert sockets() == held
    assert sockets() == before


async def test_the_connection_of_a_caller_that_left_becomes_idle() -> None:
    """The next one has it at once."""
    gate = asyncio.Event()

    async def resolve(host: str, port: int) -> Sequence[AddrInfoType]:
        await gate.wait()
        return [at(server.port)]

    async with upstream() as server, pool_for("http://upstream.test", resolve) as pool:
        connecting = asyncio.create_task(pool.connect())
        await asyncio.sleep(0.01)
        connecting.cancel()
        await asyncio.wait((connecting,))
        gate.set()
        await until(lambda: server.seen)
        await until(lambda: pool._idle)

        assert await answered(pool) == b"one\n"
        assert len(server.seen) == 1


async def test_a_caller_that_leaves_as_its_connection_comes_gives_it_on() -> None:
    async with upstream() as server, pool_for(url(server.port)) as pool:
        line = await pool.connect()
        waiting = asyncio.create_task(pool.connect())
        await asyncio.sleep(0)
        pool.give_back(line)
        waiting.cancel()
        await asyncio.wait((waiting,))

        assert waiting.cancelled()
        assert pool.take() is line


async def test_a_burst_is_dialled_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """More at once would hold the loop; where they take long without us, the next begin nevertheless."""
    monkeypatch.setattr(pool_module, "DIAL_HOLDS_S", 60.0)
    with black_hole() as dead:
        for dialling in (pool_module.DIALS_AT_ONCE, 40):
            held = sockets()
            async with pool_for(url(dead)) as pool:
                connecting = [asyncio.create_task(pool.connect()) for _ in range(40)]
                await asyncio.sleep(0.1)
                await until(lambda: sockets() - held == dialling)  # noqa: B023
            done = await asyncio.gather(*connecting, return_exceptions=True)
            assert {type(one) for one in done} == {Unreachable}
            monkeypatch.setattr(pool_module, "DIAL_HOLDS_S", 0.005)


async def test_the_time_to_connect_counts_from_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for who waits its turn behind others that hang."""
    monkeypatch.setattr(pool_module, "DIAL_HOLDS_S", 60.0)
    with black_hole() as dead:
        async with pool_for(url(dead), connect_timeout_s=0.3) as pool:
            began_s = time.monotonic()
            done = await asyncio.gather(*(pool.connect() for _ in range(40)), return_exceptions=True)
            took_s = time.monotonic() - began_s

    assert {type(one) for one in done} == {ConnectTimeout}
    assert 0.25 < took_s < 1.2


async def test_a_burst_is_served() -> None:
    """Each its own connection, and all of them idle afterwards."""
    async with upstream() as server, pool_for(url(server.port)) as pool:
        lines = await asyncio.gather(*(pool.connect() for _ in range(200)))
        assert len(set(lines)) == 200
        for line in lines:
            pool.give_back(line)

        assert len({pool.take() for _ in range(200)}) == 200
        assert pool.take() is None
