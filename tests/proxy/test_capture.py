"""What crosses to the observer: no content where capture is off; where it is on, before the end, and dropped first."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gateway.encoding import encode
from gateway.proxy.exchange import ClientFacts, Exchange, Upstream
from gateway.proxy.record_queue import RecordQueue
from gateway.records import ContentCaptured, ExchangeClosed, Record
from gateway.tally import Tally
from gateway.wire import capture
from gateway.wire.outcome import End
from tests.wire.pieces import STREAMS

PROMPT, ANSWER = "PROMPTMARKER", "Dividing 1071 by 462"
WANTED = 32 * 1024


class Kept:
    """A RecordSink that keeps what it gets."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def begun(self) -> None:
        """Part of RecordSink."""

    def put(self, record: Record) -> None:
        self.records.append(record)

    @property
    def kinds(self) -> list[str]:
        return [type(record).__name__ for record in self.records]

    @property
    def on_the_socket(self) -> bytes:
        """The bytes of all records."""
        return b"\n".join(encode(record) for record in self.records)


def exchange(
    sink: Kept,
    capture_bytes: int,
    *,
    method: str = "POST",
    target: str = "/v1beta/interactions",
    name: str = "thinking.sse",
    status: int = 200,
    meter: Tally | None = None,
) -> Exchange:
    """An exchange that was asked PROMPT and answered with a recorded stream, up to its end."""
    upstream = Upstream("http", "h", 80)
    made = Exchange(
        *("x", method, target, ClientFacts(), upstream, sink),
        stall_ns=1 << 40,
        capture_bytes=capture_bytes,
        meter=meter,
    )
    if method == "POST":
        made.request_chunk(json.dumps({"model": "m", "input": PROMPT, "stream": True}).encode())
    made.request_whole()
    content_type = "text/event-stream" if name.endswith(".sse") else "application/json"
    made.response_head(status, content_type, None)
    made.response_chunk((STREAMS / name).read_bytes(), made.started_ns + 1)
    return made


def test_off_nothing_of_the_content_is_in_any_record() -> None:
    """As it is where nobody asked for it."""
    sink = Kept()
    exchange(sink, 0).ended(End.CLEAN)

    assert "ContentCaptured" not in sink.kinds
    assert PROMPT.encode() not in sink.on_the_socket
    assert ANSWER.encode() not in sink.on_the_socket


@pytest.mark.parametrize("meter", [None, Tally()], ids=["unmeasured", "measured"])
def test_on_it_comes_right_before_the_end(meter: Tally | None) -> None:
    """Also of the one exchange in sixteen whose tap is measured."""
    sink = Kept()
    exchange(sink, WANTED, meter=meter).ended(End.CLEAN)

    assert sink.kinds[-2:] == ["ContentCaptured", "ExchangeClosed"]
    assert sink.kinds.count("ContentCaptured") == 1
    assert PROMPT.encode() in sink.on_the_socket
    assert ANSWER.encode() in sink.on_the_socket
    assert b"EpwGCpkGAdHtim8kFAKEsignature0001" not in sink.on_the_socket


OTHERS: list[tuple[str, Mapping[str, object]]] = [
    ("a cancel", {"target": "/v1beta/interactions/v1_a/cancel", "name": "unary.json"}),
    ("another route", {"target": "/v1beta/files"}),
]


@pytest.mark.parametrize("more", [row[1] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_other_exchanges_have_no_content(more: dict[str, str]) -> None:
    sink = Kept()
    exchange(sink, WANTED, **more).ended(End.CLEAN)  # type: ignore[arg-type]

    assert "ContentCaptured" not in sink.kinds


def test_a_poll_has_an_answer_alone() -> None:
    sink = Kept()
    exchange(sink, WANTED, method="GET", target="/v1beta/interactions/v1_a", name="unary.json").ended(End.CLEAN)
    [record] = [one for one in sink.records if isinstance(one, ContentCaptured)]

    assert record.content.request is None
    assert [step.type for step in record.content.steps] == ["thought", "model_output"][1:]


def test_a_refused_request_has_what_was_asked() -> None:
    """What the API says of a mistake is no answer."""
    sink = Kept()
    exchange(sink, WANTED, name="http_error_400.json", status=400).ended(End.CLEAN)
    [record] = [one for one in sink.records if isinstance(one, ContentCaptured)]

    assert PROMPT in (record.content.request or "")
    assert record.content.steps == []


def test_a_fault_of_the_capture_is_counted_and_costs_the_content_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "load_json", lambda _: 1 // 0)
    sink = Kept()
    exchange(sink, WANTED).ended(End.CLEAN)
    closed = sink.records[-1]

    assert isinstance(closed, ExchangeClosed)
    assert (closed.outcome, closed.faults) == ("completed", {"capture": 1})
    assert closed.stream.deltas == 5
    assert ANSWER.encode() not in sink.on_the_socket


def test_a_full_queue_drops_content_first() -> None:
    """Before steps, and long before any end."""
    lost: list[str] = []
    queue = RecordQueue(1000, lost.append)
    for kind in ("ExchangeOpened", "ContentCaptured", "StepStarted", "ContentCaptured", "ExchangeClosed"):
        queue.push(kind, b"x" * 200, 0)
    queue.push("ExchangeClosed", b"x" * 400, 0)
    assert lost == ["ContentCaptured", "ContentCaptured"]

    queue.push("ExchangeClosed", b"x" * 200, 0)
    assert lost[2:] == ["StepStarted"]
    assert [entry.kind for entry in queue.take(10_000)] == ["ExchangeOpened", *["ExchangeClosed"] * 3]
