"""Content capture in the installed gateway: off it leaves no trace, on it leaves where it is wanted, keys nowhere.

Not here: the form of messages (telemetry/test_content.py), splits and bounds (wire/test_capture.py).
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.capture import VARIABLE
from tests.gateway_process import GatewayProcess, SimulatorProcess
from tests.otlp_receiver import OtlpReceiver, receiving

PROMPT = "PROMPTMARKER: how are 1071 and 462 related?"
SYSTEM = "SYSTEMMARKER"
KEY = "AIza" + "SyNotARealKey-0123456789abcdefghijk"
ANSWERED = ("Applying Euclid", "The greatest common divisor", "Mount Elbrus", "Paris, France", "Hello.")
ASKED = ("PROMPTMARKER", "SYSTEMMARKER", "TOOLMARKER")
SCENARIOS = ("thinking", "google_search", "function_call", "unary", "image", "error_midstream", "truncated_mid_event")


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with receiving() as running:
        yield running


def serving(
    simulator: SimulatorProcess, receiver: OtlpReceiver, variable: str | None = None, **config: object
) -> GatewayProcess:
    """A gateway that exports to the receiver at once."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    env["OTEL_BLRP_SCHEDULE_DELAY"] = "50"
    if variable is not None:
        env[VARIABLE] = variable
    settings = {name.replace("__", "."): value for name, value in config.items()}
    return GatewayProcess(simulator.url, env=env, config={"log.level": "debug", **settings})


def ask(gateway: GatewayProcess, scenario: str, input_: object = PROMPT) -> None:
    """One create, read to its end, however that is."""
    body = {
        "model": "gemini-3-flash-preview",
        "stream": not scenario.startswith("unary"),
        "input": input_,
        "system_instruction": f"{SYSTEM} {KEY}",
        "tools": [
            {"type": "function", "name": "lookup", "description": "TOOLMARKER"},
            {"type": "mcp_server", "name": "m", "headers": {"Authorization": f"Bearer {KEY}"}},
        ],
    }
    request = urllib.request.Request(
        f"{gateway.url}/v1beta/interactions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "x-goog-api-key": KEY, "x-simulator-scenario": scenario},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
    except OSError:
        pass  # a break is one of the scenarios
    except Exception as exc:  # http.client tells a cut body so
        assert type(exc).__name__ == "IncompleteRead"  # noqa: PT017


def outputs(gateway: GatewayProcess, receiver: OtlpReceiver) -> dict[str, str]:
    """Everything that the gateway tells to anybody but client and upstream."""
    return {
        "spans": "\n".join(map(repr, receiver.spans)),
        "events": "\n".join(map(repr, receiver.logs)),
        "log": "\n".join(gateway.log_lines()),
        "metrics": gateway.metrics_text("application/openmetrics-text") + gateway.metrics_text(),
    }


def holding(words: tuple[str, ...], told: Mapping[str, str]) -> set[tuple[str, str]]:
    """Which output holds which word."""
    return {(name, word) for name, text in told.items() for word in words if word in text}


def run(gateway: GatewayProcess, receiver: OtlpReceiver) -> dict[str, str]:
    """All scenarios through it, to the end of its life; what was told until then."""
    for scenario in SCENARIOS:
        ask(gateway, scenario)
    gateway.settled(len(SCENARIOS))
    receiver.wait_for(lambda spans: sum(span.kind == "SERVER" for span in spans) == len(SCENARIOS))
    return outputs(gateway, receiver)


def test_off_by_default_nothing_of_the_content_is_told(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    """Nobody asked for it: no prompt, no answer, no instruction, no key in any output."""
    with serving(simulator, receiver) as gateway:
        told = run(gateway, receiver)

    assert receiver.logs == []
    assert holding((*ASKED, *ANSWERED, KEY[:10]), told) == set()
    assert "gen_ai.input" not in told["spans"]


def test_an_unknown_word_captures_nothing_and_is_told(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    with serving(simulator, receiver, "yes please") as gateway:
        told = run(gateway, receiver)
        [line] = gateway.events("setting_not_followed")

    assert (line["variable"], line["value"], line["level"]) == (VARIABLE, "yes please", "warning")
    assert line["allowed"].endswith("taken as NO_CONTENT")
    assert holding((*ASKED, *ANSWERED), told) == set()


def test_on_it_is_on_spans_and_events_and_nowhere_else(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    """Whole on both; in log and scrape never; and the planted keys are in no output at all."""
    with serving(simulator, receiver, "SPAN_AND_EVENT") as gateway:
        told = run(gateway, receiver)
        logs = receiver.wait_for_logs(len(SCENARIOS))
        told = outputs(gateway, receiver)
        scrape = gateway.scrape()

    everywhere = {(name, word) for name in ("spans", "events") for word in (*ASKED, *ANSWERED)}
    assert holding((*ASKED, *ANSWERED), told) == everywhere
    assert holding((KEY[:10],), told) == set()
    assert len(logs) == scrape.value("content_events_total", result="exported") == len(SCENARIOS)
    assert scrape.total("records_lost_total") == scrape.total("content_withheld_total") == 0
    assert scrape.total("telemetry_faults_total") == scrape.total("tap_faults_total") == 0
    ids = {(span.trace_id, span.span_id): span for span in receiver.spans}
    for log in logs:
        span = ids[log.trace_id, log.span_id]
        assert span.name == "generate_content gemini-3-flash-preview"
        asked = json.loads(str(span.attributes["gen_ai.input.messages"]))
        assert asked == [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]


@pytest.mark.parametrize(
    ("word", "on_spans", "in_events"), [("SPAN_ONLY", True, False), ("EVENT_ONLY", False, True), ("true", False, True)]
)
def test_it_goes_only_where_it_is_wanted(
    simulator: SimulatorProcess, receiver: OtlpReceiver, word: str, on_spans: bool, in_events: bool
) -> None:
    with serving(simulator, receiver, word) as gateway:
        ask(gateway, "thinking")
        gateway.settled(1)
        if in_events:
            receiver.wait_for_logs(1)
        receiver.wait_for(lambda spans: any(span.kind == "SERVER" for span in spans))
        told = outputs(gateway, receiver)

    assert ("PROMPTMARKER" in told["spans"], "PROMPTMARKER" in told["events"]) == (on_spans, in_events)


def test_the_setting_wins_over_the_variable(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    with serving(simulator, receiver, "SPAN_AND_EVENT", capture__content="NO_CONTENT") as gateway:
        told = run(gateway, receiver)

    assert holding((*ASKED, *ANSWERED), told) == set()


def test_what_sampling_leaves_out_tells_no_content(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    with serving(simulator, receiver, "SPAN_AND_EVENT", traces__keep_ratio=0.0) as gateway:
        ask(gateway, "thinking")
        gateway.settled(1)
    # the end of its life has sent what there was to send

    assert (receiver.spans, receiver.logs) == ([], [])


def test_media_are_told_by_size_and_type_alone(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    """3 MB of an image in the request, the question behind it; and an image in the answer."""
    data = "QUJD" * 1_000_000
    blocks = [{"type": "image", "mime_type": "image/png", "data": data}, {"type": "text", "text": PROMPT}]
    with serving(simulator, receiver, "SPAN_ONLY") as gateway:
        ask(gateway, "image", blocks)
        gateway.settled(1)
        receiver.wait_for(lambda spans: any(span.kind == "SERVER" for span in spans))
        [span] = [span for span in receiver.spans if span.name.startswith("generate_content")]

    asked: Any = json.loads(str(span.attributes["gen_ai.input.messages"]))
    assert asked == [
        {
            "role": "user",
            "parts": [
                {"type": "blob", "modality": "image", "mime_type": "image/png", "size_bytes": 3_000_000},
                {"type": "text", "content": PROMPT},
            ],
        }
    ]
    answered = json.loads(str(span.attributes["gen_ai.output.messages"]))[0]["parts"]
    assert {part["type"] for part in answered} >= {"blob"}
    assert "QUJDQUJD" not in repr(receiver.spans)


def test_an_operators_expression_is_searched_for(simulator: SimulatorProcess, receiver: OtlpReceiver) -> None:
    with serving(simulator, receiver, "SPAN_ONLY", capture__redact=r"PROMPT\w+", capture__max_bytes=4096) as gateway:
        ask(gateway, "unary")
        gateway.settled(1)
        receiver.wait_for(lambda spans: any(span.kind == "SERVER" for span in spans))
        told = outputs(gateway, receiver)

    assert "PROMPTMARKER" not in told["spans"]
    assert "[redacted]: how are 1071 and 462 related?" in told["spans"]
