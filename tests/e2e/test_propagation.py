"""Trace context through the installed command: what goes upstream, what the client is told, and whose spans come of it.

Not here: which headers are valid (wire/test_tracecontext.py, wire/test_baggage.py).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.raw import Client, Conversation, Headers, Message, Upstream
from tests.gateway_process import GatewayProcess
from tests.otlp_receiver import OtlpReceiver, Span

TOLD = {"traces.response_header": "true"}
STRIP, INJECT = {"traces.upstream_headers": "strip"}, {"traces.upstream_headers": "inject"}
UNTRUSTED = {"traces.inbound": "untrusted"}
BAGGAGE = {"traces.baggage_keys": "tenant,session.id"}
SETUPS: dict[str, dict[str, str]] = {
    "pass": {},
    "strip": STRIP | TOLD,
    "inject": INJECT | TOLD | BAGGAGE,
    "untrusted": UNTRUSTED | TOLD | BAGGAGE,
    "untrusted, inject": UNTRUSTED | INJECT | TOLD,
    "told": TOLD,
}

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
OWN_TRACE = "x-interactions-trace-id"
SSE = (
    b'event: interaction.created\ndata: {"event_type":"interaction.created","interaction":{"id":"%s",'
    b'"status":"in_progress"}}\n\n'
    b'event: interaction.completed\ndata: {"event_type":"interaction.completed","interaction":{"id":"%s",'
    b'"status":"completed"}}\n\ndata: [DONE]\n\n'
)
_numbers = itertools.count(1)


def serve(conversation: Conversation) -> None:
    """A stream with an id of its own for each create, and a head that has what a gateway behind this one would add."""
    while conversation.request() is not None:
        name = b"v1_Number%d" % next(_numbers)
        conversation.head(
            b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked", b"X-Interactions-Trace-Id: other"
        )
        conversation.chunk(SSE % (name, name))
        conversation.chunk(b"")


class Setup:
    """One gateway with these settings, its upstream and its collector."""

    def __init__(self, upstream: Upstream, gateway: GatewayProcess, collector: OtlpReceiver) -> None:
        self.upstream, self.gateway, self.collector = upstream, gateway, collector

    def ask(self, *lines: str, target: str = "/v1beta/interactions", method: str = "POST") -> tuple[Message, Headers]:
        """The answer to a request with these header lines, and the headers that the upstream got."""
        body = b'{"model":"gemini-3-flash-preview","stream":true}' if method == "POST" else b""
        head = [f"{method} {target} HTTP/1.1", "Host: gateway.test", *lines, f"Content-Length: {len(body)}", "", ""]
        with Client(self.gateway.url) as client:
            client.send("\r\n".join(head).encode("latin-1") + body)
            answer = client.answer()
        return answer, self.upstream.requests[-1].headers

    def spans(self, user_agent: str) -> list[Span]:
        """The trace of the exchange that this user agent asked for, its SERVER span first."""

        def root(spans: Any) -> list[Span]:
            return [span for span in spans if span.attributes.get("user_agent.original") == user_agent]

        found = self.collector.wait_for(lambda spans: bool(root(spans)))
        (server,) = root(found)
        ours, wanted = [server], {server.span_id}
        for span in reversed(found):  # children came before their parents
            if span.trace_id == server.trace_id and span.parent_id in wanted:
                ours.append(span)
                wanted.add(span.span_id)
        return ours


@pytest.fixture(scope="module")
def setup() -> Iterator[Callable[[str], Setup]]:
    """A gateway of each kind, started when it is asked for."""
    made: dict[str, Setup] = {}
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(serve))

        def one(name: str) -> Setup:
            if name not in made:
                collector = stack.enter_context(OtlpReceiver())
                env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
                gateway = stack.enter_context(GatewayProcess(upstream.url, env=env, config=SETUPS[name]))
                made[name] = Setup(upstream, gateway, collector)
            return made[name]

        yield one


CONTEXT = [f"traceparent: {PARENT}", "X-Between: 1", "TraceState: a=1", "tracestate:b=2 ", "Baggage: tenant=t1;p, x=2"]
HEADS = [  # setup, lines sent, lines that go upstream: `*` a traceparent of ours, `=` one in the client's trace
    pytest.param("pass", CONTEXT, CONTEXT, id="pass: all as they came"),
    pytest.param("pass", ["traceparent: nonsense"], ["traceparent: nonsense"], id="pass: nonsense too"),
    pytest.param("untrusted", CONTEXT, CONTEXT, id="untrusted clients' headers pass as well"),
    pytest.param("strip", CONTEXT, ["X-Between: 1"], id="strip: none of the three goes"),
    pytest.param("strip", ["X-Only: 1"], ["X-Only: 1"], id="strip: nothing to strip"),
    pytest.param("inject", CONTEXT, ["=", *CONTEXT[1:]], id="inject: ours in the client's trace, all else as it came"),
    pytest.param("inject", ["X-Only: 1"], ["X-Only: 1", "*"], id="inject: without the client's, ours at the end"),
    pytest.param(
        "inject",
        ["X-A: 1", "TRACEPARENT: nonsense", "X-B: 1", *CONTEXT[2:]],
        ["X-A: 1", "*", "X-B: 1", CONTEXT[4]],
        id="inject: an invalid one goes, and its tracestate",
    ),
    pytest.param(
        "inject",
        [f"traceparent: {PARENT}", "X-A: 1", f"Traceparent: {PARENT}"],
        ["*", "X-A: 1"],
        id="inject: two are invalid",
    ),
    pytest.param(
        "inject",
        ["Connection: traceparent, Tracestate", *CONTEXT[:4], "X-A: 1"],
        ["X-Between: 1", "X-A: 1", "="],
        id="inject: what Connection names ends here, ours goes on",
    ),
    pytest.param("inject", ["tracestate: a=1", "X-A: 1"], ["*", "X-A: 1"], id="inject: a tracestate alone goes"),
    pytest.param(
        "untrusted, inject", CONTEXT, ["*", "X-Between: 1", CONTEXT[4]], id="untrusted and inject: a trace of our own"
    ),
]


@pytest.mark.parametrize(("name", "sent", "expected"), HEADS)
def test_what_goes_upstream(setup: Callable[[str], Setup], name: str, sent: list[str], expected: list[str]) -> None:
    """Line by line, in order; a traceparent of ours has the client's trace where that is valid and trusted."""
    _, got = setup(name).ask(*sent)
    lines = []
    for key, value in got:
        if key == b"traceparent" and value.decode() != PARENT and b"nonsense" not in value:
            version, trace_id, span_id, flags = value.decode().split("-")
            assert (version, flags, len(trace_id), len(span_id)) == ("00", "01", 32, 16)
            assert span_id != SPAN
            lines.append("=" if trace_id == TRACE else "*")
        elif key not in (b"Host", b"Content-Length"):
            lines.append((key + b":" + value).decode())

    assert lines == [line if len(line) == 1 else _bare(line) for line in expected]


def _bare(line: str) -> str:
    key, _, value = line.partition(":")
    return f"{key}:{value.strip()}"


def test_what_a_client_sent_unsampled_is_told_onward_so(setup: Callable[[str], Setup]) -> None:
    """The flags are the client's to set; those that nobody knows end here."""
    _, got = setup("inject").ask(f"traceparent: 00-{TRACE}-{SPAN}-fc")

    assert dict(got)[b"traceparent"].endswith(b"-00")


@pytest.mark.parametrize("target", ["/v1beta/interactions", "/v1beta/models/gemini-x:generateContent"])
def test_the_injected_parent_is_the_span_of_the_upstream_request(setup: Callable[[str], Setup], target: str) -> None:
    """Whatever route it is; the trace is the client's, and so is its tracestate."""
    agent = f"injected{target}"
    _, got = setup("inject").ask(f"User-Agent: {agent}", *CONTEXT, target=target)
    spans = setup("inject").spans(agent)
    (post,) = [span for span in spans if span.name == "POST" and span.kind == "CLIENT"]

    assert dict(got)[b"traceparent"].decode() == f"00-{TRACE}-{post.span_id}-01"
    assert {span.trace_id for span in spans} == {TRACE}
    assert spans[0].parent_id == SPAN
    assert {span.trace_state for span in spans} == {"a=1,b=2"}
    assert post.attributes["network.peer.address"] == "127.0.0.1"


def test_an_injected_trace_is_random_and_known_to_the_client(setup: Callable[[str], Setup]) -> None:
    """It has to be there before the interaction has an id, so nothing follows from that id."""
    answer, got = setup("inject").ask("User-Agent: injected-alone")
    spans = setup("inject").spans("injected-alone")
    (post,) = [span for span in spans if span.name == "POST"]
    (main,) = [span for span in spans if span.name.startswith("generate_content")]
    interaction = str(main.attributes["gen_ai.response.id"])
    derived = hashlib.sha256(interaction.encode()).hexdigest()

    assert dict(got)[b"traceparent"].decode() == f"00-{post.trace_id}-{post.span_id}-01"
    assert answer.values(OWN_TRACE) == [post.trace_id.encode()]
    assert spans[0].parent_id == ""
    assert derived[:32] != main.trace_id
    assert derived[32:48] != main.span_id


def test_an_untrusted_clients_span_is_linked(setup: Callable[[str], Setup]) -> None:
    """The trace is the gateway's own, as if there had been no traceparent; the client's span isn't lost."""
    answer, _ = setup("untrusted").ask("User-Agent: untrusted", *CONTEXT)
    spans = setup("untrusted").spans("untrusted")
    (main,) = [span for span in spans if span.name.startswith("generate_content")]
    derived = hashlib.sha256(str(main.attributes["gen_ai.response.id"]).encode()).hexdigest()
    (link,) = spans[0].links

    assert (main.trace_id, main.span_id) == (derived[:32], derived[32:48])
    assert spans[0].parent_id == ""
    assert (link.trace_id, link.span_id) == (TRACE, SPAN)
    assert link.attributes == {"interactions.link": "client", "interactions.link.basis": "known"}
    assert {span.trace_state for span in spans} == {""}
    assert answer.values(OWN_TRACE) == [b"other"]  # the trace was not known when the head left; what came, passes


def test_baggage_that_is_named_is_on_the_spans(setup: Callable[[str], Setup]) -> None:
    """Under its own key, as the SDKs' baggage processors write it, decoded; other members are nobody's."""
    setup("inject").ask("User-Agent: baggage", "baggage: tenant=t%201,x=2", "Baggage: session.id=s1;p=1")
    spans = setup("inject").spans("baggage")
    found = {span.kind: {key: span.attributes.get(key) for key in ("tenant", "session.id", "x")} for span in spans[:2]}

    assert found == {kind: {"tenant": "t 1", "session.id": "s1", "x": None} for kind in ("SERVER", "CLIENT")}


TOLD_ROWS = [
    pytest.param("told", [f"traceparent: {PARENT}"], [TRACE.encode()], id="the client's own"),
    pytest.param("told", [], [b"other"], id="not known yet"),
    pytest.param("told", ["traceparent: nonsense"], [b"other"], id="no valid one"),
    pytest.param("strip", [f"traceparent: {PARENT}"], [TRACE.encode()], id="also where it doesn't go upstream"),
    pytest.param("inject", [f"traceparent: {PARENT}"], [TRACE.encode()], id="the client's own, injected"),
    pytest.param("untrusted", [f"traceparent: {PARENT}"], [b"other"], id="never an untrusted one's"),
    pytest.param("pass", [f"traceparent: {PARENT}"], [b"other"], id="nobody asked for it"),
]


@pytest.mark.parametrize(("name", "sent", "expected"), TOLD_ROWS)
def test_what_the_client_is_told(
    setup: Callable[[str], Setup], name: str, sent: list[str], expected: list[bytes]
) -> None:
    """One header where the trace id is known at the response's head, in the place of one that came; else as it came."""
    answer, _ = setup(name).ask(*sent)

    assert answer.values(OWN_TRACE) == expected
    assert answer.status == 200
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_an_answer_of_ours_tells_it_too(setup: Callable[[str], Setup]) -> None:
    """It is where a trace id is needed most."""
    answer, _ = setup("told").ask(f"traceparent: {PARENT}", method="CONNECT", target="/x")

    assert answer.status == 400
    assert answer.values(OWN_TRACE) == [TRACE.encode()]
    assert json.loads(answer.body)["error"]["code"] == "bad_request"


def test_the_fast_path_is_not_given_up_for_it(setup: Callable[[str], Setup]) -> None:
    """Its self-test at start runs with heads as they come."""
    for name in SETUPS:
        assert setup(name).gateway.scrape().total("unexpected_plain_path") == 0
