"""An agent's finished steps leave before its end, through a real gateway to a real receiver; and who dies meanwhile.

Source: design.md 6, accounting.md 7: each step has one span, always.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until
from tests.otlp_receiver import OtlpReceiver, Span, receiving
from tests.process.stream import Stream, assert_balanced

AFTER_S = 0.2
EARLY = ["execute_tool google_search", "step google_search_call", "step google_search_result", "step thought"]
LATE = ["POST", "POST /v1beta/interactions", "generate_content gemini-3-flash-preview", "step model_output"]
HELD = b'"index":3'  # the fourth step has begun, three are over


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with receiving() as running:
        yield running


def gateway_of(simulator: SimulatorProcess, receiver: OtlpReceiver, **traces: object) -> GatewayProcess:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    config = {f"traces.{name}": value for name, value in {"early_export_after_s": AFTER_S, **traces}.items()}
    return GatewayProcess(simulator.url, env=env, config=config)


def held(gateway: GatewayProcess, fault: str) -> Stream:
    """A stream that says no more for a while, three of its steps being over."""
    stream = Stream(gateway.url, fault=fault, scenario="google_search")
    stream.read_until(HELD)
    return stream


def early(receiver: OtlpReceiver) -> list[Span]:
    """The spans that are there while the stream is open."""
    return receiver.wait_for(lambda spans: len(spans) >= len(EARLY))


def assert_whole(spans: list[Span], names: list[str]) -> None:
    """One tree, each of its spans once, below the ids that follow from the interaction's own."""
    ids = Counter((span.trace_id, span.span_id) for span in spans)
    (server,) = [span for span in spans if span.kind == "SERVER"]
    (main,) = [span for span in spans if span.parent_id == server.span_id]
    digest = hashlib.sha256(str(main.attributes["gen_ai.response.id"]).encode()).hexdigest()

    assert sorted(span.name for span in spans) == sorted(names)
    assert set(ids.values()) == {1}
    assert (main.trace_id, main.span_id) == (digest[:32], digest[32:48])
    assert {span.trace_id for span in spans} == {main.trace_id}
    assert {span.parent_id for span in spans} - {span.span_id for span in spans} == {""}
    assert all(main.start_ns <= span.start_ns and span.end_ns <= main.end_ns for span in spans if span is not server)


def test_finished_steps_show_while_the_stream_is_open_and_the_rest_once_at_its_end(
    simulator: SimulatorProcess, receiver: OtlpReceiver
) -> None:
    with gateway_of(simulator, receiver) as gateway:
        stream = held(gateway, "hold-after=12")
        before = early(receiver)

        assert sorted(span.name for span in before) == EARLY
        assert gateway.scrape().total("active_streams") == 1
        assert gateway.scrape().total("steps_total") == 0
        stream.socket.close()
        scrape = gateway.settled(1)
        spans = receiver.wait_for(lambda spans: len(spans) >= len(EARLY) + len(LATE))

        assert_whole(spans, EARLY + LATE)
        assert [span.attributes.get("interactions.step.open_at_end") for span in spans if "output" in span.name] == [
            True
        ]
        assert scrape.value("requests_total", **_labels("client_abort")) == 1
        assert scrape.total("steps_total") == 4
        exported = wait_until(lambda: gateway.scrape().value("spans_total", result="exported"))
        assert exported == len(spans) == gateway.scrape().total("spans_total")


def test_what_no_rule_keeps_already_waits_for_the_end(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    """It is kept in the end, since it was slow: nothing of it left before, all of it does then."""
    with gateway_of(simulator, receiver, keep_ratio=0, keep_slower_than_s=0.5) as gateway:
        stream = held(gateway, "stall-after=12:2.5")
        stream.read_to_end()
        gateway.settled(1)
        spans = receiver.wait_for(lambda spans: len(spans) >= len(EARLY) + len(LATE))

        assert {request.spans for request in receiver.requests} == {len(EARLY) + len(LATE)}
        assert_whole(spans, EARLY + LATE)
        assert [span.attributes["interactions.kept_by"] for span in spans if span.kind == "SERVER"] == ["slow"]


def test_a_forwarder_that_dies_meanwhile_leaves_one_whole_tree(
    simulator: SimulatorProcess, receiver: OtlpReceiver
) -> None:
    with gateway_of(simulator, receiver) as gateway:
        stream = held(gateway, "hold-after=12")
        early(receiver)
        os.kill(gateway.pids.forwarders[0], signal.SIGKILL)
        stream.read_to_end()
        scrape = gateway.settled(1)
        late = [name for name in LATE if name != "POST"]  # the upstream request's times died with the forwarder
        spans = receiver.wait_for(lambda spans: len(spans) >= len(EARLY) + len(late))

        assert_whole(spans, EARLY + late)
        assert scrape.total("requests_total", outcome="gateway_error") == 1
        assert scrape.total("steps_total") == 4


def test_an_observer_that_dies_meanwhile_is_followed_by_one_that_makes_no_second_spans(
    simulator: SimulatorProcess, receiver: OtlpReceiver
) -> None:
    """The new one can't know what has left, so it sends all: the same spans again, to the last attribute."""
    with gateway_of(simulator, receiver) as gateway:
        stream = held(gateway, "stall-after=12:4")
        before = early(receiver)
        os.kill(gateway.pids.observer, signal.SIGKILL)
        wait_until(lambda: gateway.ready()[0] == 200 and gateway.events("child_died"), what="a new observer")
        stream.read_to_end()
        scrape = gateway.settled(1)
        spans = receiver.wait_for(lambda spans: len(spans) >= len(before) + len(EARLY) + len(LATE))
        first, again = (_by_ids(some) for some in (before, spans[len(before) :]))

        assert {ids: again.get(ids) for ids in first} == first
        assert_whole(list(again.values()), EARLY + LATE)
        assert len(spans) == len(before) + len(again)
        assert_balanced(scrape, 1)


def _by_ids(spans: list[Span]) -> dict[tuple[str, str], Span]:
    """Without the resource, which names the observer's own process (service.instance.id)."""
    return {(span.trace_id, span.span_id): dataclasses.replace(span, resource={}) for span in spans}


def _labels(outcome: str) -> dict[str, str]:
    return {"route": "create", "model": "gemini-3-flash-preview", "mode": "stream", "outcome": outcome}
