"""One line an exchange, without secrets; and faults that cost one sink one record."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import LogSettings, Settings
from gateway.telemetry.pipeline import Telemetry
from gateway.wire.facts import Basis
from gateway.wire.outcome import Outcome
from tests.telemetry.factories import AGENT, EVEN_PRICES, ID, MODEL, MS, Bench, create, hello, poll, step, usage

MARKER = "M4RK3R"


def logged(log: dict[str, Any], *records: Any) -> str:
    stream = io.StringIO()
    telemetry = Telemetry(Settings(log=LogSettings(**log), pricing=EVEN_PRICES), variables={}, log_stream=stream)
    session = telemetry.connected(hello(worker=3))
    for record in records:
        telemetry.apply(session, record)
    return stream.getvalue()


def test_an_exchange_is_one_line(bench: Bench) -> None:
    bench.apply(
        create(
            usage=usage(40, input=30, output=10),
            basis=Basis.RUNNING,
            outcome=Outcome.CLIENT_ABORT,
            stream_first_delta_ns={"any": 300 * MS},
            stream_steps=[step(0, "thought", 1, 2)],
            stream_anomalies={"untyped_delta": 2},
        )
    )

    (line,) = bench.lines()
    assert len(line.pop("trace_id")) == 32
    assert line.pop("timestamp")
    assert line == {
        "event": "exchange",
        "level": "info",
        "exchange_id": "x1",
        "worker": "0",
        "route": "create",
        "mode": "stream",
        "outcome": "client_abort",
        "method": "POST",
        "path": "/v1beta/interactions",
        "http_status": 200,
        "model": MODEL,
        "interaction_id": ID,
        "tokens": {"total": 40, "input": 30, "output": 10},
        "basis": "running",
        "counted": {"via": "create", "tokens": {"total": 40, "input": 30, "output": 10}},
        "cost_usd": 0.00004,
        "cost_parts_usd": {"input": 0.00003, "output": 0.00001},
        "cost_tier": "standard",
        "wasted": True,
        "steps": 1,
        "steps_counted": 1,
        "deltas": 0,
        "duration_ms": 1000.0,
        "upstream_head_ms": 40.0,
        "first_delta_ms": 300.0,
        "phases_ms": {"connect": 3.0, "wait": 995.0, "gateway": 2.0},
        "bytes_up": 0,
        "bytes_down": 0,
        "anomalies": {"untyped_delta": 2},
    }


def test_a_poll_that_counts_nothing_says_so(bench: Bench) -> None:
    """The ids in the log allow exact accounting across replicas."""
    bench.apply(poll(usage=usage(40)), poll(usage=usage(40)))

    first, second = bench.lines()
    assert first["counted"]["via"] == "poll"
    assert "counted" not in second
    assert second["interaction_id"] == ID


def test_no_secret_in_log_metrics_or_spans(bench: Bench) -> None:
    """Secrets of a query are left out again here; ids of the wire are no secrets."""
    bench.apply(
        create(target=f"/v1beta/interactions?key={MARKER}&access_token={MARKER}"),
        poll(Outcome.FORWARDED, target=f"http://u:{MARKER}@host/v1beta/files?x-api-key={MARKER}"),
    )
    bench.flush()
    spans = "".join(span.to_json() for span in bench.spans.get_finished_spans())

    assert MARKER not in bench.log.getvalue() + spans + bench.telemetry.render("")[0].decode()
    assert "REDACTED" in bench.log.getvalue()


def test_the_live_line_is_aligned() -> None:
    text = logged(
        {"format": "live"},
        create(usage=usage(1117031), stream_first_delta_ns={"any": 812 * MS}, stream_steps=[step(0, "thought", 1, 2)]),
        create(Outcome.HTTP_ERROR, request_agent=AGENT, http_status=429),
        poll(Outcome.REQUIRES_CONTINUATION),
        poll(interaction_model=None),
    )

    lines = text.splitlines()
    for line, parts in zip(
        lines,
        (
            (MODEL, "completed", "1 steps", "first     812 ms", "1,117,031 tokens", "1,000 ms"),
            (AGENT[:27], "http_error", "0 steps", "first          -", "- tokens", "1,000 ms"),
            (MODEL, "requires_continuation", "0 steps"),
            ("(get)", "completed"),
        ),
        strict=True,
    ):
        assert all(part in line for part in parts), line
    assert len({line.index(" tokens") for line in lines}) == 1


@pytest.mark.parametrize("format_", ["json", "console", "live"])
def test_a_name_of_the_wire_gives_the_terminal_no_orders(format_: str) -> None:
    text = logged({"format": format_}, create(request_model="gemini-\x1b[2J\r\n", stream_unknown_names=["\x1b]0;x"]))

    assert len(text.splitlines()) == 1
    assert text.rstrip("\n").isprintable()


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(), min_size=1, max_size=12))
def test_a_line_holds_what_was_said_but_for_what_is_not_printable(text: str) -> None:
    """Most lines have nothing to clean, and are not searched value by value; backslashes and quotes are no orders."""
    (line,) = logged({"format": "json"}, create(request_model=text, stream_unknown={text: 1})).splitlines()
    found = json.loads(line)
    clean = "".join(char if char.isprintable() else "?" for char in text)

    assert line.isprintable()
    assert (found["model"], found["unknown"]) == (clean, {clean: 1})


def test_levels() -> None:
    """Bad ends are warnings: a log of that level has nothing else."""
    records = (create(), create(Outcome.TRUNCATED), create(faults={"sse": 1}), create(Outcome.CLIENT_ABORT))

    assert logged({"level": "info"}, *records).count("\n") == 4
    assert logged({"level": "warning"}, *records).count("\n") == 2
    assert logged({"level": "error"}, *records) == ""


def test_a_fault_of_one_sink_stops_no_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted each time, told once, with the place and without what was in the values."""

    def broken(*_: Any) -> Any:
        raise KeyError(MARKER)

    for sink in ("_metrics", "_traces"):
        monkeypatch.setattr(getattr(bench.telemetry, sink), "closed", broken)
    bench.apply(create(), create(exchange_id="x2"))

    assert bench.value("telemetry_faults_total", sink="metrics") == 2
    assert bench.value("telemetry_faults_total", sink="traces") == 2
    assert bench.value("exchanges_closed_total") == 2
    faults = [line for line in bench.lines() if line["event"] == "telemetry_fault"]
    assert [(fault["sink"], fault["kind"]) for fault in faults] == [("metrics", "KeyError"), ("traces", "KeyError")]
    assert "broken" in faults[0]["where"][-1]
    assert MARKER not in bench.log.getvalue()
    assert sum(line["event"] == "exchange" for line in bench.lines()) == 2


def test_undecided_exchanges_are_counted_all_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(bench.telemetry._books, "account", broken)
    bench.apply(create())

    assert bench.value("requests_total", model="other", outcome="completed") == 1
    assert bench.value("telemetry_faults_total", sink="books") == 1


def test_a_closed_output_costs_lines_only(bench: Bench) -> None:
    bench.log.close()
    bench.apply(create())

    assert bench.value("telemetry_faults_total", sink="log") == 1
    assert bench.value("requests_total") == 1
