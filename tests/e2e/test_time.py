"""Each phase of an exchange, brought about over real sockets: a pause there is found there, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.raw import DEADLINE_S, Client, Conversation, Upstream
from tests.gateway_process import GatewayProcess, wait_until

PAUSE_S = 0.4
LEAST_MS = PAUSE_S * 500  # what is left of a pause that the machine shortened, by being late before it
STREAM = (b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked", b"Connection: close")
ASK = b'{"model":"gemini-3-flash-preview","input":"hi","stream":true}'
MANY = 400  # blocks of an image: more than all buffers on the way hold

Step = bytes | float  # what is sent, or a pause


def start(index: int, type_: str, more: str = "") -> bytes:
    """A step begins."""
    return (f'data: {{"event_type":"step.start","index":{index},"step":{{"type":"{type_}"{more}}}}}\n\n').encode()


def stop(index: int) -> bytes:
    """It ends."""
    return f'data: {{"event_type":"step.stop","index":{index}}}\n\n'.encode()


CREATED = b'data: {"event_type":"interaction.created","interaction":{"id":"v1_a","status":"in_progress"}}\n\n'
COMPLETED = b'data: {"event_type":"interaction.completed","interaction":{"id":"v1_a","status":"completed"}}\n\n'
IMAGE = b'data: {"event_type":"step.delta","index":0,"delta":{"type":"image","data":"' + b"A" * 32_000 + b'"}}\n\n'
CALL, RESULT = start(0, "google_search_call", ',"id":"c"'), start(1, "google_search_result", ',"call_id":"c"')

STREAMS: list[Any] = [
    pytest.param([CREATED, PAUSE_S, start(0, "model_output"), stop(0), COMPLETED], "wait", id="before the first step"),
    pytest.param([CREATED, start(0, "thought"), PAUSE_S, stop(0), COMPLETED], "think", id="a thought"),
    pytest.param([CREATED, CALL, stop(0), PAUSE_S, RESULT, stop(1), COMPLETED], "server_tool", id="call to result"),
    pytest.param([CREATED, start(0, "model_output"), PAUSE_S, stop(0), COMPLETED], "stream", id="an answer"),
    pytest.param([CREATED, COMPLETED, PAUSE_S, b"data: [DONE]\n\n"], "stream", id="behind the terminal event"),
]


class Stage:
    """A gateway in front of an upstream that does as it is told. play: what it does with its connections."""

    def __init__(self) -> None:
        self.play: Callable[[Conversation], None] = Conversation.close
        self.upstream = Upstream(self._serve)

    def _serve(self, conversation: Conversation) -> None:
        self.play(conversation)


@pytest.fixture(scope="module")
def stage() -> Stage:
    """One for all tests: each has its connections for itself."""
    return Stage()


@pytest.fixture(scope="module")
def gateway(stage: Stage) -> Iterator[GatewayProcess]:
    """The gateway in front of it."""
    with stage.upstream, GatewayProcess(stage.upstream.url) as process:
        yield process


def phases(gateway: GatewayProcess, before: int) -> dict[str, float]:
    """The phases of the exchange after so many, ms; they add up to its duration, those of all to all durations."""
    scrape = gateway.settled(before + 1)
    lines = wait_until(
        lambda: (found := gateway.events("exchange")) and len(found) > before and found, DEADLINE_S, "the line"
    )
    found: dict[str, float] = lines[-1]["phases_ms"]
    assert sum(found.values()) == pytest.approx(lines[-1]["duration_ms"], abs=0.01)
    assert scrape.total("phase_seconds_sum") == pytest.approx(scrape.total("request_duration_seconds_sum"), abs=1e-8)
    return found


def playing(steps: list[Step]) -> Callable[[Conversation], None]:
    """An upstream that answers with a stream of these, each a chunk of its own."""

    def play(conversation: Conversation) -> None:
        if conversation.request() is None:
            return
        conversation.head(*STREAM)
        for step in steps:
            time.sleep(step) if isinstance(step, float) else conversation.chunk(step)
        conversation.chunk(b"")

    return play


@pytest.mark.parametrize(("steps", "phase"), STREAMS)
def test_a_pause_in_a_stream(gateway: GatewayProcess, stage: Stage, steps: list[Step], phase: str) -> None:
    stage.play, before = playing(steps), len(gateway.events("exchange"))
    with Client(gateway.url) as client:
        client.ask()
        assert client.answer().ending == "clean"

    assert phases(gateway, before)[phase] >= LEAST_MS


def test_an_upload_that_takes_its_time(gateway: GatewayProcess, stage: Stage) -> None:
    stage.play, before = playing([CREATED, COMPLETED]), len(gateway.events("exchange"))
    with Client(gateway.url) as client:
        client.ask(body=None, headers={"Content-Type": "application/json", "Content-Length": str(len(ASK))})
        client.send(ASK[:10])
        time.sleep(PAUSE_S)
        client.send(ASK[10:])
        assert client.answer().ending == "clean"

    assert phases(gateway, before)["client_body"] >= LEAST_MS


def test_an_upstream_that_thinks_before_its_head(gateway: GatewayProcess, stage: Stage) -> None:
    """A unary answer: nothing shows before it is whole."""
    halves = b'{"id":"v1_a"', b',"status":"completed"}'

    def play(conversation: Conversation) -> None:
        if conversation.request() is not None:
            time.sleep(PAUSE_S)
            length = b"Content-Length: %d" % len(b"".join(halves))
            conversation.head(b"Content-Type: application/json", length, b"Connection: close")
            conversation.send(halves[0])
            time.sleep(PAUSE_S)
            conversation.send(halves[1])

    stage.play, before = play, len(gateway.events("exchange"))
    with Client(gateway.url) as client:
        client.ask()
        assert client.answer().body == b"".join(halves)

    found = phases(gateway, before)
    assert found["wait"] >= 2 * LEAST_MS
    assert found.keys() <= {"gateway", "connect", "client_body", "wait"}


def test_a_client_that_does_not_read(gateway: GatewayProcess, stage: Stage) -> None:
    """Its time is neither the answer's nor the thought's."""
    stage.play, before = (
        playing([CREATED, start(0, "model_output"), *[IMAGE] * MANY, stop(0), COMPLETED]),
        len(gateway.events("exchange")),
    )
    with Client(gateway.url, receive_buffer_bytes=64 * 1024) as client:
        client.ask()
        time.sleep(2 * PAUSE_S)
        assert client.answer().ending == "clean"

    assert phases(gateway, before)["client_blocked"] >= LEAST_MS


def test_an_upstream_that_takes_no_connection() -> None:
    """Nobody accepts: the time goes into the connection that never came."""
    with Upstream(lambda _: None, backlog=0) as upstream:
        port = upstream.port
    with GatewayProcess(f"http://127.0.0.1:{port}") as gateway:
        with Client(gateway.url) as client:
            client.ask()
            assert client.answer().status == 502

        assert phases(gateway, 0).keys() == {"gateway", "connect"}


def test_a_tunnel_streams_from_its_first_byte(gateway: GatewayProcess, stage: Stage) -> None:
    def play(conversation: Conversation) -> None:
        if conversation.request() is not None:
            conversation.head(b"Upgrade: websocket", b"Connection: Upgrade", status=b"101 Switching Protocols")
            time.sleep(PAUSE_S)
            conversation.send(b"a")
            time.sleep(PAUSE_S)
            conversation.send(b"b")

    stage.play, before = play, len(gateway.events("exchange"))
    with Client(gateway.url) as client:
        client.ask("/ws/live", None, method="GET", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        assert client.answer(has_body=False).status == 101
        assert b"".join(iter(client.read_some, b"")) == b"ab"

    found = phases(gateway, before)
    assert min(found["wait"], found["stream"]) >= LEAST_MS
