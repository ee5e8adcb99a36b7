"""Which traces real gateways keep: the same in each replica, and what they hold in detail."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess
from tests.otlp_receiver import receiving

RATIO = 0.5
TRACES = [f"{number:016x}{(number * 0x9E3779B97F4A7C15) % 2**64:016x}" for number in range(1, 31)]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


def ask(gateway: GatewayProcess, scenario: str, traceparent: str = "", *, stream: bool = False) -> None:
    body = json.dumps({"model": "gemini-3-flash-preview", "input": "hi", "stream": stream}).encode()
    headers = {"content-type": "application/json", "x-simulator-scenario": scenario, "traceparent": traceparent}
    request = urllib.request.Request(f"{gateway.url}/v1beta/interactions", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


def test_two_replicas_keep_the_same_traces(simulator: SimulatorProcess) -> None:
    """Without a word between them; the client's sampled flag, which differs, changes nothing."""
    kept = []
    for flag in ("00", "01"):
        with receiving() as receiver:
            env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
            with GatewayProcess(simulator.url, env=env, config={"traces.keep_ratio": RATIO}) as gateway:
                for trace in TRACES:
                    ask(gateway, "unary", f"00-{trace}-b7ad6b7169203331-{flag}")
                scrape = gateway.settled(len(TRACES))
            kept.append({span.trace_id for span in receiver.spans})

            assert scrape.total("requests_total") == len(TRACES)  # metrics count every exchange

    assert kept[0] == kept[1] == {trace for trace in TRACES if int(trace[16:], 16) < RATIO * 2**64}
    assert 0 < len(kept[0]) < len(TRACES)


def test_span_events_are_there_for_who_asks_for_them(simulator: SimulatorProcess) -> None:
    """Of every event of the stream where proxy.detail is on, of what stands out where it's not, none by default."""
    found = {}
    wishes = {"basic": {}, "full": {"spans.detail": "full"}, "all": {"spans.detail": "full", "proxy.detail": "true"}}
    for name, config in wishes.items():
        with ExitStack() as stack:
            receiver = stack.enter_context(receiving())
            env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
            gateway = stack.enter_context(GatewayProcess(simulator.url, env=env, config=config))
            ask(gateway, "text", stream=True)
            gateway.settled(1)
            spans = receiver.wait_for(lambda spans: any(span.kind == "SERVER" for span in spans))
            found[name] = {span.name: span.events for span in spans if span.events}

    main = "generate_content gemini-3-flash-preview"
    assert found["basic"] == {}
    marks = found["full"][main]
    assert sorted(set(marks)) == ["interactions.first_delta", "interactions.terminal"]
    assert [name for name in found["all"][main] if name.startswith("interactions.")] == list(marks)
    wire = [name for name in found["all"][main] if not name.startswith("interactions.")]
    assert (wire[0], wire[-2:]) == ("interaction.created", ["interaction.completed", "done"])
    assert {"step.start", "step.delta", "step.stop"} <= set(wire)
