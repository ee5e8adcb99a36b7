"""Span events: none by default; with `spans.detail = "full"` what stands out, and the last events of the stream."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from gateway.config import Settings, SpanSettings
from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.books import Account
from gateway.telemetry.ids import identify
from gateway.telemetry.labels import CodeLabels
from gateway.telemetry.span_events import SpanEvents
from gateway.telemetry.tree import build
from gateway.wire.outcome import Body, End, Outcome, Route
from gateway.wire.response import ResponseReader
from tests.telemetry.factories import MODEL, MS, STARTED_NS, Bench, create, poll
from tests.telemetry.test_otlp import both, numbered
from tests.wire.pieces import STALL_NS, STREAMS


def events_of(span: ReadableSpan) -> list[tuple[str, int, dict[str, Any]]]:
    """Name, ms since the start, attributes without the prefix."""
    return [
        (
            event.name,
            (event.timestamp - STARTED_NS) // MS,
            {name.removeprefix("interactions."): value for name, value in (event.attributes or {}).items()},
        )
        for event in span.events
    ]


def spans_of(record: ExchangeClosed, detail: str) -> dict[str, ReadableSpan]:
    bench = Bench(Settings(spans=SpanSettings.model_validate({"detail": detail})))
    bench.apply(record)
    bench.flush()
    return {span.name: span for span in bench.spans.get_finished_spans()}


EVENTFUL = create(
    Outcome.STREAM_ERROR,
    stream_first_delta_ns={"any": 70 * MS, "text": 90 * MS},
    stream_errors=3,
    stream_error_codes=["aborted", None],
    stream_errors_ns=[400 * MS, 500 * MS],
    stream_unknown_names=["event_type:a.b", "step_type:hologram"],
    stream_unknown_names_ns=[80 * MS, 85 * MS],
    stream_stalled=True,
    stream_stall_ns=100 * MS,
    stream_terminal_ns=400 * MS,
    interaction_status="in_progress",
)


def test_by_default_there_are_none() -> None:
    """They are being phased out in the conventions; attributes say the same."""
    assert all(not span.events for span in spans_of(EVENTFUL, "basic").values())


def test_what_stands_out_is_on_the_interactions_span_in_the_order_of_time() -> None:
    spans = spans_of(EVENTFUL, "full")

    assert {name for name, span in spans.items() if span.events} == {f"generate_content {MODEL}"}
    assert events_of(spans[f"generate_content {MODEL}"]) == [
        ("interactions.first_delta", 70, {"delta.kind": "any"}),
        ("interactions.unknown", 80, {"unknown_name": "event_type:a.b"}),
        ("interactions.unknown", 85, {"unknown_name": "step_type:hologram"}),
        ("interactions.first_delta", 90, {"delta.kind": "text"}),
        ("interactions.stall", 100, {}),
        ("interactions.error", 400, {"error.code": "aborted"}),
        ("interactions.terminal", 400, {"terminal.status": "in_progress"}),
        ("interactions.error", 500, {}),
    ]


def test_every_span_event_is_in_the_catalogue_with_its_attributes() -> None:
    found = events_of(spans_of(EVENTFUL, "full")[f"generate_content {MODEL}"])
    listed = {attribute.name for attribute in names.ATTRIBUTES if names.ON_EVENT in attribute.on}

    assert {name for name, _, _ in found} == set(names.SPAN_EVENTS)
    assert {f"interactions.{name}" for _, _, said in found for name in said} <= listed


def test_what_a_whole_body_says_it_says_at_its_end() -> None:
    record = poll(Outcome.UNKNOWN_STATUS, body=Body.JSON, stream_errors=1, stream_error_codes=["aborted"])

    assert events_of(spans_of(record, "full")["fetch_response"]) == [
        ("interactions.error", 1000, {"error.code": "aborted"})
    ]


def recorded(name: str, *, detail: bool = True) -> ExchangeClosed:
    """A recorded stream, as the tap reads it."""
    reader = ResponseReader(Route.CREATE, 200, Body.STREAM, stall_ns=STALL_NS, detail=detail)
    blocks = (STREAMS / f"{name}.sse").read_bytes().split(b"\n\n")
    for number, block in enumerate(blocks):
        reader.feed(block + b"\n\n", number * MS)
    record = create(times_end_ns=len(blocks) * MS)
    record.stream = reader.finish(End.CLEAN, record.times.end_ns)
    return record


def test_the_last_events_of_the_stream_are_there_where_they_are_kept() -> None:
    spans = spans_of(recorded("text"), "full")
    found = [
        event for event in events_of(spans[f"generate_content {MODEL}"]) if not event[0].startswith("interactions")
    ]

    assert [(name, at_ms, said.get("event.index")) for name, at_ms, said in found] == [
        ("interaction.created", 0, None),
        ("interaction.status_update", 1, None),
        ("step.start", 2, 0),
        ("step.delta", 3, 0),
        ("step.stop", 4, 0),
        ("step.start", 5, 1),
        ("step.delta", 6, 1),
        ("step.delta", 7, 1),
        ("step.stop", 8, 1),
        ("interaction.completed", 9, None),
        ("done", 10, None),
    ]
    assert all(said["event.size"] > 0 for _, _, said in found)


@pytest.mark.parametrize("name", sorted(path.stem for path in STREAMS.glob("*.sse")))
@pytest.mark.parametrize("detail", [False, True])
def test_in_bytes_they_are_what_the_sdk_makes_of_them(name: str, detail: bool) -> None:
    record = recorded(name, detail=detail)
    identity = identify(record)
    account = Account(record, MODEL, shown=record.stream.steps)
    root = numbered(build(account, identity, CodeLabels((), lambda *_: None), events=True), iter(range(1, 99)))
    ours, theirs = both(root, identity, None)

    assert ours == theirs
    assert any(True for node in root.children for _ in node.events)


def test_times_stay_within_the_span() -> None:
    record = create(times_end_ns=50 * MS, stream_first_delta_ns={"any": 70 * MS}, stream_terminal_ns=-5)

    assert [event.unix_ns - STARTED_NS for event in SpanEvents(record)] == [0, 50 * MS]
