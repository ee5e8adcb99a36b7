"""What the bench's clients notice: every byte, every stall, every delta, over real sockets."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from tests.bench import relay
from tests.bench.client import Group, GroupRun, Seen
from tests.bench.conftest import Upstream
from tests.bench.payload import payload

PACED = "paced:20:64:20"
SPECS = [
    pytest.param("unary:2048", 0, id="unary"),
    pytest.param("burst:60:150", 60, id="burst"),
    pytest.param("whole:60:150", 60, id="one write"),
    pytest.param("steps:10:3", 30, id="steps"),
    pytest.param("image:2x65536+1x300000", 3, id="images"),
    pytest.param("image:2x65536:10", 2, id="paced images"),
    pytest.param(PACED, 20, id="paced"),
]


async def seen_by(group: Group, tls: ssl.SSLContext | None = None) -> Seen:
    run = GroupRun(group, tls)
    await run.run()
    run.account()
    return run.seen


@pytest.mark.parametrize(("spec", "deltas"), SPECS)
async def test_every_answer_comes_as_it_was_sent(upstream: Upstream, spec: str, deltas: int) -> None:
    """With and without TLS; each connection asks again until the time is over."""
    group = Group("load", upstream.plain, spec, connections=4, loop=True, seconds=0.1)
    tls = ssl.create_default_context(cafile=str(upstream.certificate))
    seen = await seen_by(group)
    over_tls = await seen_by(replace(group, port=upstream.tls, tls=True), tls)

    for one in (seen, over_tls):
        assert one.faults == []
        assert one.requests >= 4
        assert one.deltas == one.requests * deltas == one.requests * payload(spec).deltas
        assert one.whole.count == one.first.count == one.requests


async def test_latency_and_gaps_are_of_every_delta_of_the_steady_part(upstream: Upstream) -> None:
    """The steady part begins STEADY_AFTER_S after the ramp: here with the 11th of 20 deltas, or the one beside it."""
    seen = await seen_by(Group("load", upstream.plain, PACED, connections=3))

    assert seen.faults == []
    assert (seen.requests, seen.deltas) == (3, 60)
    assert 3 * 7 <= seen.delta.count <= 3 * 12
    assert seen.gaps == seen.delta.count - 3
    assert 0 < seen.delta.ms(0.5) <= seen.delta.ms(1)


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        pytest.param(PACED, (b"thought", b"thouaht"), id="a letter of a delta"),
        pytest.param(PACED, (b'"text":"0', b'"text":"x'), id="a digit of a stamp"),
        pytest.param(PACED, (b"event: done\n", b"event: dome\n"), id="the last event"),
        pytest.param("unary:2048", (b'"total_tokens":346', b'"total_tokens":347'), id="unary"),
        pytest.param("burst:60:150", (b"\r\n\r\n", b"\r\n\r\n0\r\n\r\n"), id="an end before the end"),
        pytest.param("image:1x30000", (b'"type":"image"', b'"type":"imagf"'), id="a picture"),
    ],
)
async def test_a_wrong_byte_is_noticed(upstream: Upstream, spec: str, change: tuple[bytes, bytes]) -> None:
    """One byte, anywhere; the same way without harm passes."""

    def harm(piece: bytes, number: int) -> tuple[bytes, float]:
        return piece.replace(*change, 1), 0.0

    if change[0] not in b"\r\n\r\n" + payload(spec).body:
        pytest.fail(f"{change[0]!r} is nowhere in the answer")
    async with relay.relay(upstream.plain, harm) as harmed, relay.relay(upstream.plain, relay.none) as harmless:
        wrong = await seen_by(Group("load", harmed, spec, connections=1))
        right = await seen_by(Group("load", harmless, spec, connections=1))

    assert (right.wrong, right.requests, right.faults) == (0, 1, [])
    assert wrong.wrong == 1, wrong
    assert len(wrong.faults) == 1


async def test_a_stall_is_noticed(upstream: Upstream) -> None:
    """200 ms without a delta, in each of two streams, where one is due each 20 ms."""

    def harm(piece: bytes, number: int) -> tuple[bytes, float]:
        return piece, 0.2 if number == 16 else 0.0

    group = Group("load", 0, "paced:40:64:20", connections=2)
    async with relay.relay(upstream.plain, harm) as harmed, relay.relay(upstream.plain, relay.none) as harmless:
        stalled = await seen_by(replace(group, port=harmed))
        smooth = await seen_by(replace(group, port=harmless))

    assert stalled.faults == smooth.faults == []
    assert (stalled.stalls, stalled.stalled_streams) == (2, 2)
    assert stalled.delta.ms(1) > 150 > smooth.delta.ms(1)


async def test_a_cut_is_noticed(upstream: Upstream) -> None:
    """A connection that ends within the body."""

    def harm(piece: bytes, number: int) -> tuple[bytes, float]:
        if number == 5:
            raise ConnectionResetError
        return piece, 0.0

    async with relay.relay(upstream.plain, harm) as port:
        seen = await seen_by(Group("load", port, PACED, connections=2))

    assert (seen.wrong, seen.requests) == (2, 0)
    assert all(fault.startswith("cut after") for fault in seen.faults)


async def test_a_refusal_is_noticed(upstream: Upstream) -> None:
    """Any status but 200, and a port where nobody listens."""
    refused = await seen_by(
        Group("load", upstream.plain, "unary:2048", connections=1, path="/x HTTP/0.1\r\nx-bench: nonsense\r\ny: /")
    )

    assert refused.wrong == 1
    assert "status 400" in refused.faults[0]
