"""Spans as bytes of our own: the same, to the last byte, as the SDK makes of the same spans."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.telemetry import otlp
from gateway.telemetry.books import Account, Books
from gateway.telemetry.http_attributes import Whole
from gateway.telemetry.ids import Identity, SpanRef, identify
from gateway.telemetry.labels import CodeLabels, ModelLabels
from gateway.telemetry.nodes import CLIENT, INTERNAL, SERVER, Link, Node, SpanEvent
from gateway.telemetry.sdk import AsBytes, ThroughObjects, way
from gateway.telemetry.seen import Seen
from gateway.telemetry.tree import build, size
from gateway.wire.outcome import Outcome, Route
from tests.otlp_receiver import receiving
from tests.telemetry.factories import ID, MS, cancel, create, poll, resume, step, usage
from tests.telemetry.test_exporter import exporting
from tests.wire.pieces import STREAMS, facts_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STATE = "vendor=a:b, other@tenant=1,bad==,vendor=again"

RECORDS: list[Any] = [
    pytest.param(create(), id="bare create"),
    pytest.param(create(times_upstream_start_ns=None), id="upstream never asked"),
    pytest.param(create(traceparent=PARENT, tracestate=STATE), id="a client's trace"),
    pytest.param(create(Outcome.FAILED, stream_errors=1, stream_error_codes=["aborted"]), id="failed"),
    pytest.param(create(Outcome.REJECTED, http_status=None, code="max_streams"), id="rejected"),
    pytest.param(create(request_previous_interaction_id="v1_earlier"), id="second turn"),
    pytest.param(
        create(usage=usage(99, input=40, output=30, thought=5, by_modality={"input": {"text": 40}})), id="use"
    ),
    pytest.param(create(request_model="m" * 3000, stream_unknown_names=["ü" * 2000, "b"]), id="long texts"),
    pytest.param(create(request_stop_sequences=["a", "b"], request_temperature=0.25, request_seed=-7), id="asked for"),
    pytest.param(poll(), id="poll"),
    pytest.param(resume(stream_steps=[step(0, "text", 5, 9)]), id="resume"),
    pytest.param(cancel(), id="cancel"),
    pytest.param(poll(route=Route.PASSTHROUGH, target="/v1/files", outcome=Outcome.FORWARDED), id="other"),
    pytest.param(
        create(
            stream_steps=[
                step(0, "google_search_call", 1, 2, id="a"),
                step(1, "google_search_result", 2, 3, call_id="a", is_error=True),
                step(2, "google_search_result", 2, 3, call_id="a"),
                step(3, "google_search_call", 3, 4, id="a"),
                step(4, "mcp_server_tool_call", 4, id="b", name="find"),
                step(5, "function_call", 5, 6, id="c", name="weather"),
                step(6, "function_result", 6, 7, call_id="c"),
                step(7, "thought", 7, 8, deltas=3, max_gap_ns=5 * MS, first_delta_ns=7 * MS, step_usage=usage(9)),
                step(8, "other", 8, 9, wire_type="hologram"),
            ]
        ),
        id="tools",
    ),
    *(
        pytest.param(dataclasses.replace(create(), stream=facts_of([file.read_bytes()])), id=file.stem)
        for file in sorted(STREAMS.glob("*.sse"))
    ),
]


def account(record: Any) -> Account:
    codes = CodeLabels((), lambda *_: None)
    books = Books(Seen(10), ModelLabels(("gemini-*",), 10, lambda *_: None), codes, 60)
    return books.account(record, identify(record))


def numbered(node: Node, ids: Iterator[int]) -> Node:
    """The tree with an id at each span, so that nothing is random."""
    node.span_id = node.span_id or next(ids)
    for child in node.children:
        numbered(child, ids)
    return node


SENT: list[bytes] = []


def keep(body: bytes) -> SimpleNamespace:
    """A collector that takes everything."""
    SENT.append(body)
    return SimpleNamespace(success=True)


OURS = AsBytes(InMemorySpanExporter(), keep)
OBJECTS = ThroughObjects(InMemorySpanExporter())


def both(root: Node, identity: Identity, tracestate: str | None) -> tuple[bytes, bytes]:
    """The export request as we make it and as the SDK does."""
    SENT.clear()
    OURS.send(OURS.ready(root, identity, tracestate))
    return SENT[0], encode_spans(OBJECTS.ready(root, identity, tracestate)).SerializeToString()


@pytest.mark.parametrize("record", RECORDS)
def test_an_exchange_in_bytes(record: Any) -> None:
    identity = identify(record)
    root = numbered(build(account(record), identity, CodeLabels((), lambda *_: None)), itertools.count(1 << 40))
    ours, theirs = both(root, identity, record.tracestate)

    assert ours == theirs


@pytest.mark.parametrize("record", RECORDS)
def test_a_tree_that_is_not_built_is_counted_right(record: Any) -> None:
    """What sampling left out is a number in spans_total, and costs no tree."""
    found = account(record)

    assert size(found) == build(found, identify(record), CodeLabels((), lambda *_: None)).count()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NUMBERS = st.integers(-otlp.MAX_INT, otlp.MAX_INT)
VALUES = st.one_of(
    st.sampled_from(["x" * 127, "x" * 128, "ü" * 1024, "ü" * 1025, "y" * 5000, Whole("ü" * 3000)]),
    TEXTS,
    st.booleans(),
    NUMBERS,
    st.floats(),
    st.lists(TEXTS, max_size=3),
    st.just(["z" * 2000]),
)
FOUND = st.dictionaries(st.sampled_from(["a", "gen_ai.request.model", "n" * 130]), VALUES, max_size=3)
IDS = st.integers(1, (1 << 64) - 1)
LINKS = st.builds(Link, st.builds(SpanRef, st.integers(1, (1 << 128) - 1), IDS), st.just({"interactions.link": "poll"}))
TIMES = st.integers(1, (1 << 63) - 1)
EVENTS = st.builds(SpanEvent, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200), TIMES, FOUND)
LEAVES = st.builds(
    Node,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    st.sampled_from([SERVER, CLIENT, INTERNAL]),
    TIMES,
    TIMES,
    FOUND,
    span_id=IDS,
    error=st.none() | st.just("x") | st.just("http_error"),
    links=st.lists(LINKS, max_size=2),
    events=st.lists(EVENTS, max_size=3),
)
TREES = st.builds(dataclasses.replace, LEAVES, children=st.lists(LEAVES, max_size=3))


@settings(deadline=None, max_examples=150)
@given(TREES, st.none() | st.builds(SpanRef, IDS, IDS), st.none() | st.sampled_from([STATE, "", "a=b"]))
def test_any_tree_in_bytes(root: Node, parent: SpanRef | None, tracestate: str | None) -> None:
    ours, theirs = both(root, Identity(0xABCDEF << 80, parent, 1, 2), tracestate)

    assert ours == theirs


def test_what_otlp_cannot_carry_is_left_out() -> None:
    assert otlp.attributes(b"\x4a", {"a": 1 << 63, "b": [1 << 70]}) == otlp.attributes(b"\x4a", {"b": []})  # type: ignore[list-item]


def test_the_installed_sdk_takes_our_bytes_and_one_of_another_make_our_spans() -> None:
    """Its client isn't public: if it is gone one day, spans still leave, at the SDK's price."""
    exporter = OTLPSpanExporter()
    assert isinstance(way(exporter), AsBytes)
    exporter._client = object()  # type: ignore[assignment]

    assert isinstance(way(exporter), ThroughObjects)


def test_no_batch_is_larger_than_the_operator_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none waits for more than the delay."""
    with receiving() as receiver:
        bench = exporting(monkeypatch, receiver.endpoint, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10")
        bench.apply(*(create(interaction_id=f"{ID}{number}") for number in range(9)))
        receiver.wait_for(lambda spans: len(spans) == 27)
        bench.flush()

    assert [request.spans for request in receiver.requests if request.spans > 10] == []
    assert bench.value("spans_total", result="exported") == 27
