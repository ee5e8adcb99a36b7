"""The upstream's addresses: when a name is asked for, and which answer serves meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest
from aiohappyeyeballs import AddrInfoType

from gateway.proxy import dns
from gateway.proxy.dns import Addresses
from tests.proxy.upstreams import at

ONE, TWO, THREE = at(1), at(2), at(3)
SIX = at(6, socket.AF_INET6, "::1")


class Resolver:
    """Answers what it is told; `gate` holds it while it is clear."""

    def __init__(self, *answer: AddrInfoType) -> None:
        self.answer: list[AddrInfoType] = list(answer)
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[AddrInfoType]:
        self.asked += 1
        await self.gate.wait()
        if not self.answer:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return self.answer


class Clock:
    """Monotonic seconds, by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def settle() -> None:
    """Let what is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_answer_serves_until_its_time_is_over() -> None:
    """And then once more, while the new one is on its way."""
    clock, resolver = Clock(), Resolver(ONE)
    addresses = Addresses("upstream.test", 1, resolver, clock)
    assert await addresses.get() == [ONE]
    resolver.answer = [TWO]
    clock.now_s += dns.TTL_S - 1
    assert await addresses.get() == [ONE]
    assert resolver.asked == 1
    clock.now_s += 1
    resolver.gate.clear()
    assert [await addresses.get() for _ in range(3)] == [[ONE]] * 3
    await settle()
    assert resolver.asked == 2
    resolver.gate.set()
    await settle()

    assert await addresses.get() == [TWO]
    assert resolver.asked == 2


async def test_an_old_answer_outlives_a_refresh_that_fails() -> None:
    """The name is asked for again soon, not with each connection."""
    clock, resolver = Clock(), Resolver(ONE)
    addresses = Addresses("upstream.test", 1, resolver, clock)
    await addresses.get()
    resolver.answer.clear()
    clock.now_s += dns.TTL_S
    for _ in range(3):
        assert await addresses.get() == [ONE]
        await settle()
    assert resolver.asked == 2
    resolver.answer = [TWO]
    clock.now_s += dns.RETRY_S
    await addresses.get()
    await settle()

    assert await addresses.get() == [TWO]


async def test_a_first_lookup_is_shared_and_its_failure_is_told() -> None:
    """The next to ask asks anew."""
    resolver = Resolver()
    addresses = Addresses("upstream.test", 1, resolver, Clock())
    resolver.gate.clear()
    asking = [asyncio.create_task(addresses.get()) for _ in range(3)]
    await settle()
    asking[0].cancel()
    resolver.gate.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(one) for one in done] == [asyncio.CancelledError, socket.gaierror, socket.gaierror]
    assert resolver.asked == 1
    resolver.answer = [ONE]

    assert await addresses.get() == [ONE]


async def test_an_answer_from_long_ago_is_not_used_before_a_new_one_was_sought() -> None:
    """After a night without traffic the first request goes to where the name points now, if that is told in time."""
    clock, resolver = Clock(), Resolver(ONE)
    addresses = Addresses("upstream.test", 1, resolver, clock)
    await addresses.get()
    resolver.answer = [TWO]
    clock.now_s += dns.OLD_S + 1
    assert await addresses.get() == [TWO]
    resolver.answer.clear()
    clock.now_s += dns.OLD_S + 1

    assert await addresses.get() == [TWO]


async def test_addresses_that_took_no_connection_are_looked_up_anew() -> None:
    """But a name is not asked for more often than every few seconds."""
    clock, resolver = Clock(), Resolver(ONE)
    addresses = Addresses("upstream.test", 1, resolver, clock)
    await addresses.get()
    resolver.answer = [TWO]
    addresses.failed()
    assert await addresses.get() == [ONE]
    await settle()
    assert resolver.asked == 1
    clock.now_s += dns.RETRY_S
    await addresses.get()
    await settle()

    assert await addresses.get() == [TWO]
    assert resolver.asked == 2


async def test_addresses_of_a_family_take_turns() -> None:
    """So new connections spread over all that the name has."""
    addresses = Addresses("upstream.test", 1, Resolver(ONE, TWO, SIX, THREE), Clock())
    orders = [await addresses.get() for _ in range(3)]

    assert {order[0] for order in orders} == {ONE, TWO, THREE}
    assert all(order[3] == SIX for order in orders)


async def test_the_family_that_answers_goes_first_until_the_next_lookup() -> None:
    """A broken IPv6 costs its wait once, not with each connection."""
    clock = Clock()
    addresses = Addresses("upstream.test", 1, Resolver(SIX, ONE), clock)
    assert await addresses.get() == [SIX, ONE]
    addresses.answered(socket.AF_INET)
    assert await addresses.get() == [ONE, SIX]
    clock.now_s += dns.TTL_S
    await addresses.get()
    await settle()

    assert await addresses.get() == [SIX, ONE]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_address_needs_no_lookup(host: str) -> None:
    resolver = Resolver()
    found = await Addresses(host, 80, resolver, Clock()).get()

    assert [one[4][:2] for one in found] == [(host, 80)]
    assert resolver.asked == 0
