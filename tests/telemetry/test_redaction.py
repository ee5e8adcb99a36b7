"""Secrets in captured content: what is always found, what the operator adds, and what happens when there is no time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.patterns import compiled, repeats_a_choice
from gateway.telemetry import redaction
from gateway.telemetry.redaction import OVERLAP_CHARS, REDACTED, WINDOW_CHARS, Redactor, TooSlowError
from gateway.wire.outcome import Body
from tests.telemetry.captured import CapturingBench, content
from tests.telemetry.factories import create

KEY = "AIza" + "SyNotARealKey-0123456789abcdefghijk"
ALWAYS = [
    pytest.param(f"my key is {KEY}.", f"my key is {REDACTED}.", id="a key of Google"),
    pytest.param("use AQ.Ab8RN6Jxyz_0123 now", f"use {REDACTED} now", id="a newer one"),
    pytest.param("ya29.a0AfH6SMBx-abc_def", REDACTED, id="an OAuth token"),
    pytest.param("Authorization: Bearer abcDEF123456._-~+/=", f"Authorization: {REDACTED}", id="a bearer token"),
    pytest.param("authorization: bearer abcDEF123456", f"authorization: {REDACTED}", id="in small letters"),
    pytest.param("AUTHORIZATION: BEARER ABCDEF123456", f"AUTHORIZATION: {REDACTED}", id="in capitals"),
    pytest.param("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl x", f"{REDACTED} x", id="a JSON web token"),
    pytest.param("sk-proj-abcdefghijklmnop1234", REDACTED, id="a key of another API"),
    pytest.param("https://h/a?alt=sse&key=abcdef0123#x", f"https://h/a?alt=sse&key={REDACTED}#x", id="in a query"),
    pytest.param(
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend", f"{REDACTED}\nend", id="a PEM key"
    ),
    pytest.param("-----BEGIN PRIVATE KEY-----\nMIIE", REDACTED, id="the beginning of one"),
    pytest.param(f"{KEY}{KEY}", REDACTED, id="two in a row"),
    pytest.param("the bearer of news, a key=1 and AIza", "the bearer of news, a key=1 and AIza", id="harmless words"),
    pytest.param("", "", id="nothing"),
]


@pytest.mark.parametrize(("text", "expected"), ALWAYS)
def test_keys_and_tokens_are_always_found(text: str, expected: str) -> None:
    redactor = Redactor([])
    redactor.begin()

    assert redactor.text(text) == expected


def test_an_operator_adds_expressions() -> None:
    redactor = Redactor([r"\d{4}-\d{4}", r"(?i)project \w+"])
    redactor.begin()

    assert redactor.text("1234-5678 of Project Hail Mary") == f"{REDACTED} of {REDACTED} Mary"
    assert redactor.value({"1234-5678": ["project x", 7, None]}) == {REDACTED: [REDACTED, 7, None]}


@given(st.integers(0, 3 * WINDOW_CHARS), st.integers(20, OVERLAP_CHARS), st.integers(0, 2 * WINDOW_CHARS))
def test_a_secret_is_found_wherever_it_stands(before: int, size: int, behind: int) -> None:
    """Over any border of the windows that a text is searched in."""
    redactor = Redactor([])
    redactor.begin()

    assert redactor.text(" " * before + "AIza" + "k" * size + " " * behind) == " " * before + REDACTED + " " * behind


def test_a_secret_longer_than_a_window_goes_whole() -> None:
    redactor = Redactor([])
    redactor.begin()

    assert redactor.text("Bearer " + "t" * 5 * WINDOW_CHARS + " end") == f"{REDACTED} end"


def test_what_takes_too_long_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "TIME_S", -1.0)
    redactor = Redactor(["x"])
    redactor.begin()
    with pytest.raises(TooSlowError):
        redactor.text("abc")


def test_content_that_cannot_be_searched_in_time_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its spans leave without it; it is counted, and said once."""
    monkeypatch.setattr(redaction, "TIME_S", -1.0)
    bench = CapturingBench(redact=["x"])
    for number in range(3):
        bench.close(create(exchange_id=str(number)), content(request={"input": "abc"}))

    assert (bench.on_spans(), bench.told()) == ({}, [])
    assert bench.value("content_withheld_total", reason="redaction") == 3
    assert bench.value("spans_total", result="exported") == 9
    assert [line["setting"] for line in bench.lines() if line["event"] == "content_withheld"] == ["redact"]


SAID = f"It is {KEY}, or Bearer tokentoken0123."
PLACES: list[Any] = [
    pytest.param({"input": SAID}, {}, id="input"),
    pytest.param({"system_instruction": SAID}, {}, id="system instruction"),
    pytest.param({"tools": [{"type": "function", "name": "f", "description": SAID}]}, {}, id="description of a tool"),
    pytest.param(
        {"tools": [{"type": "function", "name": SAID, "parameters": {SAID: [SAID]}}]}, {}, id="its parameters"
    ),
    pytest.param(
        {"tools": [{"type": "mcp_server", "name": "m", "headers": {"A": SAID}}]}, {}, id="headers of a server"
    ),
    pytest.param({"input": [{"type": "function_result", "call_id": KEY, "result": {"a": SAID}}]}, {}, id="a result"),
    pytest.param({}, {"type": "model_output", "content": SAID}, id="answer"),
    pytest.param({}, {"type": "thought", "summary": [{"text": SAID}]}, id="thought"),
    pytest.param({}, {"type": "function_call", "id": KEY, "name": KEY, "arguments": {SAID: SAID}}, id="arguments"),
    pytest.param({}, {"type": "url_context_call", "id": "c", "arguments": {"urls": [SAID]}}, id="a server's tool"),
    pytest.param({}, {"type": "url_context_result", "call_id": "c", "result": SAID}, id="its result"),
    pytest.param({}, {"type": "model_output", "content": "x" * 32_700 + SAID}, id="at the end of what is told"),
    pytest.param({}, {"type": "model_output", "content": "x" * 65_500 + SAID}, id="at the end of what is kept"),
    pytest.param({"input": "x" * 65_500 + SAID}, {}, id="at the end of what is kept of a request"),
    pytest.param(
        {"input": [{"type": "function_result", "call_id": "c", "result": {"a": "x" * 65_500 + SAID}}]},
        {},
        id="at the end of a text inside a value",
    ),
]


@pytest.mark.parametrize(("request_", "answered"), PLACES)
def test_a_planted_secret_leaves_nowhere(request_: dict[str, Any], answered: dict[str, Any]) -> None:
    """Not whole, nor its first ten characters, in any span, event, log line or scrape."""
    wire = json.dumps({"status": "completed", "steps": [answered] if answered else []}).encode()
    bench = CapturingBench()
    bench.close(create(), content(wire, Body.JSON, request=request_))
    spans = [(span.name, dict(span.attributes or {})) for span in _flushed(bench)]
    events = [dict(event.attributes) for event in bench.told()]
    everything = repr((spans, events, bench.log.getvalue(), bench.telemetry.render("*/*")))

    assert any(name in everything for name in ("gen_ai.input", "gen_ai.output", "gen_ai.system", "gen_ai.tool"))
    assert KEY[:10] not in everything
    assert "tokentoken" not in everything


LONG_SECRETS = ("SECRET-" + "1234567890" * 4 + " ") * 3_000  # redacted it is small enough to be told to its end
CUT_EARLY: list[Any] = [
    pytest.param({"input": LONG_SECRETS}, {}, id="of a request"),
    pytest.param(
        {"input": [{"type": "function_result", "call_id": "c", "result": {"a": LONG_SECRETS}}]}, {}, id="inside a value"
    ),
    pytest.param({}, {"type": "model_output", "content": LONG_SECRETS}, id="of an answer"),
    pytest.param({}, {"type": "thought", "summary": LONG_SECRETS}, id="of a thought"),
    pytest.param(
        {}, {"type": "function_call", "id": "c", "name": "f", "arguments": {"a": LONG_SECRETS}}, id="of a call"
    ),
    pytest.param({}, {"type": "url_context_result", "call_id": "c", "result": LONG_SECRETS}, id="of a result"),
]


@pytest.mark.parametrize(("request_", "answered"), CUT_EARLY)
def test_half_a_secret_at_an_early_cut_leaves_nowhere(request_: dict[str, Any], answered: dict[str, Any]) -> None:
    """The forwarder cuts before anybody searches: what stands there may be the beginning of a secret."""
    wire = json.dumps({"status": "completed", "steps": [answered] if answered else []}).encode()
    bench = CapturingBench(redact=[r"SECRET-\d{40}"])
    bench.close(create(), content(wire, Body.JSON, request=request_))
    everything = repr(
        [dict(span.attributes or {}) for span in _flushed(bench)] + [dict(e.attributes) for e in bench.told()]
    )

    assert everything.count(REDACTED) > 2_000
    assert "bytes cut]" in everything
    assert "SECRET" not in everything


def _flushed(bench: CapturingBench) -> Any:
    bench.flush()
    return bench.spans.get_finished_spans()


REFUSED = [
    pytest.param("", "from 1 to 512 characters", id="nothing"),
    pytest.param("a" * 513, "from 1 to 512 characters", id="too long"),
    pytest.param("(", "no regular expression", id="no expression"),
    pytest.param("a*", "it matches an empty text", id="it matches everywhere"),
    pytest.param("$", "it matches an empty text", id="it matches at the end"),
    pytest.param("(a+)+b", "it repeats a group", id="a repeat in a repeat"),
    pytest.param("((a+)b)*c", "it repeats a group", id="deeper"),
    pytest.param("(?:a|b)+c", "it repeats a group", id="a choice in a repeat"),
    pytest.param("(a{2,}){3,}b", "it repeats a group", id="with numbers"),
]


@pytest.mark.parametrize(("expression", "why"), REFUSED)
def test_an_expression_that_is_refused(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compiled(expression)


@pytest.mark.parametrize(
    "expression",
    [r"\d+", r"(?:\d{4}-){3}\d{4}", r"[(+]+x", r"\(a+\)+", r"(a|b)c", r"(?i)secret\s+\w+", r"[]+(]*x", r"(ab){2,}c"],
)
def test_an_expression_that_is_taken(expression: str) -> None:
    assert not repeats_a_choice(expression)
    assert compiled(expression).pattern == expression
