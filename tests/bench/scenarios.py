"""The loads: S1 to S6, their TLS variants, the board, and agents of ten steps for the observer.

Not here: targets, how figures are made of what was seen (run.py).
Source: the goals of issue "The forwarding path"; the board is the shape of GetBusbar/benchmarking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.bench.groups import Group

WARM_S: Final = 0.5
BOARD_STREAMS: Final = (1, 8, 32, 64, 128, 256, 512, 1024, 2048)
BOARD_DELTAS: Final = 64
BOARD_PACE_MS: Final = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a run: quick shows whether something is far off, full is what goals are judged by."""

    rounds: int
    loop_s: float
    s3_s: float
    s4_s: float
    board_s: float


FULL: Final = Size(rounds=3, loop_s=5.0, s3_s=10.0, s4_s=15.0, board_s=4.0)
QUICK: Final = Size(rounds=1, loop_s=1.5, s3_s=3.0, s4_s=3.0, board_s=2.0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load. groups: of the port and path of a target; the first group is what is measured, others run beside it.

    unit: what CPU is counted for. only: the targets that it makes sense for; None: all. scrapes: /metrics is read each
    second meanwhile. memory_at_s: when memory is read.
    """

    name: str
    title: str
    unit: Literal["request", "event"]
    groups: Callable[[int, str], list[Group]]
    tls: bool = False
    scrapes: bool = False
    memory_at_s: float | None = None
    only: frozenset[str] | None = None

    def warm(self, port: int, path: str) -> list[Group]:
        """A little of the same, so that connections, code and caches are there."""
        first = self.groups(port, path)[0]
        spec = "burst:60:150" if first.spec.startswith("paced") else first.spec
        return [Group("warm", port, spec, 32, loop=True, seconds=WARM_S, path=path)]


def _loop(spec: str, connections: int, seconds: float) -> Callable[[int, str], list[Group]]:
    return lambda port, path: [Group("load", port, spec, connections, loop=True, seconds=seconds, path=path)]


def _paced(
    streams: int, pace_ms: int, seconds: float, ramp_s: float, *, image: bool = False
) -> Callable[[int, str], list[Group]]:
    spec = f"paced:{round(seconds * 1000 / pace_ms)}:150:{pace_ms}"

    def groups(port: int, path: str) -> list[Group]:
        text = Group("load", port, spec, streams, ramp_s=ramp_s, path=path)
        beside = Group("image", port, PACED_IMAGE, 1, loop=True, seconds=seconds, path=path, keep=True)
        return [text, beside] if image else [text]

    return groups


def _board(streams: int, seconds: float) -> Scenario:
    own_s = BOARD_DELTAS * BOARD_PACE_MS / 1000
    spec = f"paced:{BOARD_DELTAS}:16:{BOARD_PACE_MS}"

    def groups(port: int, path: str) -> list[Group]:
        return [Group("load", port, spec, streams, loop=True, seconds=own_s + seconds, ramp_s=own_s, path=path)]

    return Scenario(
        f"B{streams}", f"board: {streams} streams of 64 deltas of 16 B, 20 ms apart", "event", groups, only=_PLAIN
    )


IMAGE: Final = "image:4x262144+1x4194304"
PACED_IMAGE: Final = IMAGE + ":200"
_PLAIN: Final = frozenset({"direct", "nginx", "haproxy", "gateway", "gateway-plain", "aiohttp"})
_MANY: Final = _PLAIN | {"gateway-2", "gateway-python"}
_WITH_PEERS: Final = frozenset({"direct", "nginx", "gateway", "gateway-plain", "litellm", "mitmproxy"})
_LOOPED: Final = _MANY | _WITH_PEERS  # LiteLLM and mitmproxy can't carry hundreds of paced streams
_STREAMS: Final = _MANY | {"gateway-untapped", "gateway-1core"}
_BESIDE: Final = frozenset({"direct", "nginx", "gateway", "gateway-plain", "gateway-1core"})
_WORKERS: Final = frozenset({"gateway", "gateway-2"})


def scenarios(size: Size) -> dict[str, Scenario]:
    """All of them, by name."""
    s3_s, s4_s = 0.4 + size.s3_s * 0.6, 1.0 + size.s4_s * 0.6
    unary, burst = _loop("unary:2048", 32, size.loop_s), _loop("burst:60:150", 32, size.loop_s)
    images, many = _loop(IMAGE, 8, size.loop_s), _paced(1000, 200, size.s4_s, 1.0)
    streams, beside = _paced(200, 20, size.s3_s, 0.4), _paced(200, 20, size.s3_s, 0.4, image=True)
    agents, whole = _loop("steps:10:3", 16, size.loop_s), _loop("whole:600:150", 16, size.loop_s)
    few = _paced(20, 20, size.s3_s, 0.4)
    s5 = "image streams of 4 x 256 KiB and 4 MiB, 8 at a time"
    listed = [
        Scenario("S1", "unary, 2 KB answer, 32 connections", "request", unary, only=_LOOPED),
        Scenario("S2", "streams of 60 deltas at once, 32 at a time", "event", burst, only=_LOOPED),
        Scenario("S3", "200 streams, a delta every 20 ms", "event", streams, only=_STREAMS, memory_at_s=s3_s),
        Scenario("S4", "1,000 streams, a delta every 200 ms", "event", many, only=_MANY, memory_at_s=s4_s),
        Scenario("S5", s5, "request", images, only=_LOOPED),
        Scenario("S6", "S3 with an image stream, scrapes, spans", "event", beside, scrapes=True, only=_BESIDE),
        Scenario("S1t", "S1 with TLS to the upstream", "request", unary, tls=True, only=_MANY),
        Scenario("S3t", "S3 with TLS to the upstream", "event", streams, tls=True, only=_MANY, memory_at_s=s3_s),
        Scenario("S5t", "S5 with TLS to the upstream", "request", images, tls=True, only=_MANY),
        Scenario("O1", "streams of 10 steps at once, 16 at a time", "request", agents, only=frozenset({"gateway"})),
        Scenario("W1", "streams of 600 deltas in one write, 16 at a time", "event", whole, only=_WORKERS),
        Scenario("P20", "20 streams, a delta every 20 ms", "event", few, only=_WITH_PEERS),
        *(_board(streams, size.board_s) for streams in BOARD_STREAMS),
    ]
    return {scenario.name: scenario for scenario in listed}
