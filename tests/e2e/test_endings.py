"""Honest endings: a break upstream is a break for the client, a client that leaves ends the upstream request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.raw import DEADLINE_S, Client, Conversation, Message, Upstream
from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until

TEXT = (Path(__file__).parent.parent / "streams" / "text.sse").read_bytes()
HALF = TEXT[: len(TEXT) // 2]
SSE = b"Content-Type: text/event-stream"
CHUNKED = b"Transfer-Encoding: chunked"
PROMPT_S = 2.0  # generous for two cores that others use too; a timer would be 30 s or more


class Plays:
    """An upstream whose next connections play the script that a test sets."""

    def __init__(self) -> None:
        self.script: Callable[[Conversation], None] = lambda conversation: None

    def __call__(self, conversation: Conversation) -> None:
        while conversation.request() is not None:
            self.script(conversation)


@pytest.fixture(scope="module")
def plays() -> Plays:
    """What the upstream does."""
    return Plays()


@pytest.fixture(scope="module")
def raw_gateway(plays: Plays) -> Iterator[GatewayProcess]:
    """The installed command in front of it."""
    with Upstream(plays) as upstream, GatewayProcess(upstream.url) as process:
        yield process


def ask(gateway: GatewayProcess, version: str = "1.1") -> Message:
    """One create through the gateway, read to its end."""
    with Client(gateway.url) as client:
        client.ask(version=version)
        return client.answer()


def outcomes(gateway: GatewayProcess) -> dict[str, float]:
    """Ended exchanges by outcome, so far."""
    counts: dict[str, float] = {}
    for labels, value in gateway.scrape().labelled("requests_total").items():
        counts[dict(labels)["outcome"]] = counts.get(dict(labels)["outcome"], 0.0) + value
    return counts


def outcome_of(gateway: GatewayProcess, act: Callable[[], object]) -> str:
    """The outcome of the one exchange that `act` causes."""
    before = outcomes(gateway)
    act()

    def gained() -> list[str]:
        return [name for name, count in outcomes(gateway).items() if count > before.get(name, 0.0)]

    (outcome,) = wait_until(gained, DEADLINE_S, "the exchange's end")
    return str(outcome)


# --- the upstream breaks


def _cut_between_chunks(conversation: Conversation) -> None:
    conversation.head(SSE, CHUNKED)
    conversation.chunk(HALF)
    conversation.close()


def _cut_in_a_chunk(conversation: Conversation) -> None:
    conversation.head(SSE, CHUNKED)
    conversation.send(b"%x\r\n%s" % (len(TEXT), HALF))
    conversation.close()


def _cut_before_the_last_line(conversation: Conversation) -> None:
    conversation.head(SSE, CHUNKED)
    conversation.chunk(HALF)
    conversation.send(b"0\r\n")
    conversation.close()


def _reset(conversation: Conversation) -> None:
    conversation.head(SSE, CHUNKED)
    conversation.chunk(HALF)
    _let_it_arrive()
    conversation.reset()


def _cut_of_a_length(conversation: Conversation) -> None:
    conversation.head(SSE, b"Content-Length: %d" % len(TEXT))
    conversation.send(HALF)
    conversation.close()


def _reset_of_a_length(conversation: Conversation) -> None:
    conversation.head(SSE, b"Content-Length: %d" % len(TEXT))
    conversation.send(HALF)
    _let_it_arrive()
    conversation.reset()


def _reset_without_framing(conversation: Conversation) -> None:
    conversation.head(SSE)
    conversation.send(HALF)
    _let_it_arrive()
    conversation.reset()


def _garbage_for_a_chunk(conversation: Conversation) -> None:
    conversation.head(SSE, CHUNKED)
    conversation.chunk(HALF)
    _let_it_arrive()
    conversation.send(b"zz\r\nnonsense\r\n")
    conversation.left()


def _cut_after_the_head(conversation: Conversation) -> None:
    conversation.head(SSE, CHUNKED)
    conversation.close()


def _let_it_arrive() -> None:
    # a reset discards what its receiver has not read; these tests are about what was read before it
    time.sleep(0.1)


BREAKS = [
    pytest.param(_cut_between_chunks, HALF, id="closed between chunks"),
    pytest.param(_cut_in_a_chunk, HALF, id="closed in a chunk"),
    pytest.param(_cut_before_the_last_line, HALF, id="closed in the terminator"),
    pytest.param(_reset, HALF, id="reset between chunks"),
    pytest.param(_cut_of_a_length, HALF, id="closed before the length"),
    pytest.param(_reset_of_a_length, HALF, id="reset before the length"),
    pytest.param(_reset_without_framing, HALF, id="reset of a body that ends with its connection"),
    pytest.param(_garbage_for_a_chunk, HALF, id="nonsense instead of a chunk"),
    pytest.param(_cut_after_the_head, b"", id="closed after the head"),
]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(("script", "body"), BREAKS)
def test_a_break_upstream_is_a_break_for_the_client(
    raw_gateway: GatewayProcess, plays: Plays, script: Callable[[Conversation], None], body: bytes, version: str
) -> None:
    """What came before it arrives, and no terminator, length or plain end says that it was all."""
    plays.script = script
    answers: list[Message] = []

    outcome = outcome_of(raw_gateway, lambda: answers.append(ask(raw_gateway, version)))

    (answer,) = answers
    assert answer.status == 200
    assert answer.ending in {"eof", "reset"}
    # without framing (an old client) an end would look whole: there it has to be a reset
    assert answer.ending == "reset" or answer.values("transfer-encoding") or answer.values("content-length")
    assert body.startswith(answer.body)
    if version == "1.1":
        assert answer.body == body
    assert outcome == "upstream_abort"


def test_a_clean_end_is_a_clean_end(raw_gateway: GatewayProcess, plays: Plays) -> None:
    """Also of a body that ends with its connection, and of one that stops halfway in good order."""

    def whole(conversation: Conversation) -> None:
        conversation.head(SSE)
        conversation.send(TEXT)
        conversation.close()

    def half(conversation: Conversation) -> None:
        conversation.head(SSE, CHUNKED)
        conversation.chunk(HALF)
        conversation.chunk(b"")

    plays.script = whole
    answers: list[Message] = []
    assert outcome_of(raw_gateway, lambda: answers.append(ask(raw_gateway))) == "completed"
    plays.script = half
    assert outcome_of(raw_gateway, lambda: answers.append(ask(raw_gateway))) == "truncated"

    assert [(answer.body, answer.ending) for answer in answers] == [(TEXT, "clean"), (HALF, "clean")]


@pytest.mark.parametrize("how", ["close", "reset", "half a head", "garbage"])
def test_no_head_means_no_answer(raw_gateway: GatewayProcess, plays: Plays, how: str) -> None:
    """Sent and not answered: the client's connection is aborted, as the upstream's was; a 5xx would be sent again."""

    def silent(conversation: Conversation) -> None:
        if how == "half a head":
            conversation.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
        if how == "garbage":
            conversation.send(b"no http at all\r\n\r\n")
        conversation.reset() if how == "reset" else conversation.close()

    plays.script = silent

    def nothing() -> None:
        with Client(raw_gateway.url) as client:
            client.ask()
            assert client.read_head() is None

    assert outcome_of(raw_gateway, nothing) == "upstream_abort"


def test_a_request_is_never_sent_twice(raw_gateway: GatewayProcess, plays: Plays) -> None:
    """Not even an idempotent one on a pooled connection that closes without an answer."""
    seen: list[int] = []

    def answers_once(conversation: Conversation) -> None:
        seen.append(len(seen))
        if len(seen) == 1:
            conversation.head(b"Content-Length: 2")
            conversation.send(b"{}")
        else:
            conversation.close()

    plays.script = answers_once
    with Client(raw_gateway.url) as client:
        client.ask("/v1beta/interactions/v1_A", None, method="GET")
        assert client.answer().status == 200
        client.ask("/v1beta/interactions/v1_A", None, method="GET")
        assert client.read_head() is None

    assert seen == [0, 1]


def test_bytes_that_nobody_asked_for_poison_no_other_answer(raw_gateway: GatewayProcess, plays: Plays) -> None:
    """A pooled connection on which a second answer came unasked isn't used again."""
    poisoned = threading.Event()

    def twice(conversation: Conversation) -> None:
        conversation.head(b"Content-Length: 4")
        conversation.send(b"mine")
        if not poisoned.is_set():
            time.sleep(0.1)  # after the first answer was read
            conversation.head(b"Content-Length: 6")
            conversation.send(b"poison")
            poisoned.set()

    plays.script = twice
    with Client(raw_gateway.url) as client:
        client.ask("/v1beta/models", None, method="GET")
        assert client.answer().body == b"mine"
        assert poisoned.wait(DEADLINE_S)
        client.ask("/v1beta/models", None, method="GET")
        assert client.answer().body == b"mine"


def test_an_early_answer_arrives_while_the_upload_goes_on(raw_gateway: GatewayProcess) -> None:
    """An upstream that refuses before it has read the body: its answer is the client's."""

    def refuses(conversation: Conversation) -> None:
        conversation.read_head()
        conversation.head(b"Content-Length: 2", b"Connection: close", status=b"413 Too Large")
        conversation.send(b"no")
        conversation.left()

    with Upstream(refuses) as upstream, GatewayProcess(upstream.url) as gateway, Client(gateway.url) as client:
        client.send(b"POST /v1beta/interactions HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        answer = client.answer()

    assert (answer.status, answer.body) == (413, b"no")


# --- the client leaves


LEAVES = [
    pytest.param("hang", 0, id="before the head"),
    pytest.param("hold-after=0", 0, id="after the head"),
    pytest.param("hold-after=4", 4, id="in a silent phase"),
]


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize(("fault", "events"), LEAVES)
def test_a_client_that_leaves_ends_the_upstream_request_at_once(
    gateway: GatewayProcess, simulator: SimulatorProcess, fault: str, events: int, how: str
) -> None:
    """While nothing flows, and before the response's head: nobody pays for what nobody reads."""
    before = len(simulator.ledger())
    left_ns: list[int] = []

    def leave() -> None:
        client = Client(gateway.url)
        client.ask(headers={"x-simulator-scenario": "thinking", "x-simulator-fault": fault})
        if fault == "hang":
            wait_until(lambda: len(simulator.ledger()) > before, DEADLINE_S, "the request at the upstream")
        else:
            assert client.read_head() is not None
            received = b""
            while received.count(b"\n\n") < events:
                received += client.next_chunk()
        left_ns.append(time.monotonic_ns())
        if how == "half-close":
            client.socket.shutdown(1)
            client.left(PROMPT_S)
        client.reset() if how == "reset" else client.close()

    outcome = outcome_of(gateway, leave)
    entry = wait_until(lambda: [e for e in simulator.ledger()[before:] if e["ended"] != "open"], DEADLINE_S)[0]

    assert entry["ended"] == "client_gone"
    assert 0 <= entry["client_gone_ns"] - left_ns[0] < PROMPT_S * 1e9
    assert outcome == "client_abort"


def test_a_client_that_leaves_in_its_upload_ends_the_upstream_request(raw_gateway: GatewayProcess) -> None:
    """Half a request body is no request: the upstream sees a break too."""
    seen: list[Message] = []

    def reads(conversation: Conversation) -> None:
        message = conversation.read_head()
        assert message is not None
        conversation.read_body(message, until_close=False)
        seen.append(message)

    with Upstream(reads) as upstream, GatewayProcess(upstream.url) as gateway:
        with Client(gateway.url) as client:
            client.send(b"POST /v1beta/interactions HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)
            wait_until(lambda: upstream.connections, DEADLINE_S)
        wait_until(lambda: seen, DEADLINE_S, "the break")
        scrape = gateway.settled(1)

        assert scrape.total("requests_total", outcome="client_abort") == 1
    assert seen[0].ending in {"eof", "reset"}


def test_a_client_that_left_after_the_terminal_event_got_it_all(
    gateway: GatewayProcess, simulator: SimulatorProcess
) -> None:
    """Both SDKs close at [DONE], before the upstream's end: that is no abort."""

    def leave() -> None:
        with Client(gateway.url) as client:
            client.ask(headers={"x-simulator-scenario": "text", "x-simulator-fault": "hold-after=99"})
            assert client.read_head() is not None
            received = b""
            while b"[DONE]" not in received:
                received += client.next_chunk()

    assert outcome_of(gateway, leave) == "completed"
