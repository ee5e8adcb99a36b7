"""What the bench's clients notice: every byte, every stall, every delta, over real sockets."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from tests.bench import relay
from tests.bench.client import GroupRun, Response
from tests.bench.conftest import Upstream
from tests.bench.groups import Group, Seen
from tests.bench.payload import STAMP, payload

PACED = "paced:20:64:20"
MS = 1_000_000
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
    """The steady part begins STEADY_AFTER_S after the ramp and ends with the first stream's end."""
    seen = await seen_by(Group("load", upstream.plain, PACED, connections=3))

    assert seen.faults == []
    assert (seen.requests, seen.deltas) == (3, 60)
    assert 3 <= seen.delta.count < 60
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

    async with relay.relay(upstream.plain, harm) as port:
        stalled = await seen_by(Group("load", port, "paced:40:64:20", connections=2))

    assert stalled.faults == []
    assert stalled.stalls >= 2
    assert stalled.stalled_streams == 2
    assert stalled.delta.ms(1) > 150


async def test_what_is_a_stall_is_counted_exactly() -> None:
    """Of ten deltas, 20 ms apart, two come over 40 ms after the one before, one of them late by 60 ms."""
    came_ms = [0, 20, 40, 60, 100, 120, 161, 180, 200, 280]
    sent_ms = [0, 20, 40, 60, 80, 100, 120, 140, 160, 220]
    run = GroupRun(Group("load", 0, "paced:10:16:20", connections=1, loop=True), None)
    reads: list[bytes] = []
    times_ns: list[int] = []
    came, sent, now_ns = iter(came_ms), iter(sent_ms), 0
    for event in payload("paced:10:16:20").events:
        text = event.text
        if event.stamp_at is not None:
            text, now_ns = text.replace(STAMP, b"%016x" % (next(sent) * MS)), next(came) * MS
        reads.append(b"%x\r\n%b\r\n" % (len(text), text))
        times_ns.append(now_ns)
    reads[-1] += b"0\r\n\r\n"

    run.answered(Response(0, 0, now_ns, True, reads, times_ns))
    seen = run.seen
    assert seen.faults == []
    assert (seen.gaps, seen.stalls, seen.stalled_streams) == (9, 2, 1)
    assert (seen.delta.count, seen.delta.ms(1), seen.first.ms(1)) == (10, 60, 0)
    assert (seen.requests, seen.deltas, seen.reads) == (1, 10, 15)


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
