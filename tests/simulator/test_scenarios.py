"""Every scenario file agrees with itself: its figures with its facts, and its tokens with its own bytes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.catalogue import read_scenario, scenarios
from gateway.simulator.scenario import Answer, Scenario, ScenarioError

STREAMS = Path(__file__).parent.parent / "streams"
PLACEHOLDER = b"v1_SimInteraction0001"
EACH = [pytest.param(scenario, id=name) for name, scenario in scenarios().items()]
EACH_STREAM = [
    pytest.param(scenario, id=name)
    for name, scenario in scenarios().items()
    if scenario.kind == "stream" and scenario.answer.expected["outcome"] != "http_error"
]
ODD_USAGE = {"bad_usage", "usage_exceeds_total", "modality_exceeds_total"}

FIXTURES = [  # left the recorded layout, right the scenario that must have the same bytes
    ("text.sse", "text"),
    ("thinking.sse", "thinking"),
    ("function_call_turn1.sse", "function_call"),
    ("function_call_turn2.sse", "function_call_turn2"),
    ("google_search.sse", "google_search"),
    ("code_execution.sse", "code_execution"),
    ("mcp_url_context.sse", "mcp_url_context"),
    ("image_mixed.sse", "image"),
    ("audio.sse", "audio"),
    ("deep_research_background.sse", "deep_research"),
    ("requires_continuation_hop1.sse", "requires_continuation_hop1"),
    ("requires_continuation_hop2.sse", "requires_continuation_hop2"),
    ("error_midstream.sse", "error_midstream"),
    ("error_midstream_no_done.sse", "error_midstream_no_done"),
    ("failed_status.sse", "failed"),
    ("missing_done.sse", "missing_done"),
    ("no_trailing_blank_line.sse", "no_trailing_blank_line"),
    ("truncated_mid_event.sse", "truncated_mid_event"),
    ("unknown_events.sse", "unknown_events"),
    ("framing_torture.sse", "framing_torture"),
    ("unary.json", "unary"),
    ("unary_tools.json", "unary_tools"),
    ("http_error_400.json", "http_400"),
    ("http_error_429.json", "http_429"),
    ("http_error_rpc_400.json", "http_400_rpc"),
]


def wire(answer: Answer) -> bytes:
    return b"".join(event.wire for event in answer.events)


def facts(answer: Answer, key: str) -> list[Any]:
    return [event.facts[key] for event in answer.events if key in event.facts]


def folded_steps(answer: Answer) -> list[dict[str, object]]:
    """The steps that the facts tell of, each written down when it closes or at the end."""
    done: list[dict[str, object]] = []
    open_steps: dict[int, dict[str, object]] = {}
    for event in answer.events:
        touched = [
            value[0] for key, value in event.facts.items() if key in {"start", "delta"} and isinstance(value, list)
        ]
        touched += [value for key, value in event.facts.items() if key == "stop" and isinstance(value, int)]
        start = event.facts.get("start")
        for index in touched:
            if index not in open_steps or start:
                kind = start[1] if isinstance(start, list) else "other"
                open_steps[index] = {"index": index, "type": kind, "state": "open_at_end"}
                done.append(open_steps[index])
            if "stop" in event.facts:
                open_steps.pop(index)["state"] = "closed"
    return done


def usages(answer: Answer) -> list[dict[str, Any]]:
    """Every final usage in the bytes, read with nothing but json."""
    if not wire(answer).lstrip().startswith(b"{") or b"text/event-stream" in answer.content_type.encode():
        found = []
        for event in answer.events:
            if "terminal" in event.facts:
                document = json.loads(event.wire.partition(b"data:")[2])["interaction"]
                found += [document["usage"]] if "usage" in document else []
        return found
    document = json.loads(wire(answer))
    return [document["usage"]] if "usage" in document else []


@pytest.mark.parametrize("scenario", EACH_STREAM)
def test_a_streams_figures_are_the_sum_of_its_facts(scenario: Scenario) -> None:
    """Counts, steps and first deltas of the whole follow from what each event states."""
    answer, expected = scenario.answer, scenario.answer.expected
    deltas = [event.facts for event in answer.events if "delta" in event.facts]
    kinds = {str(fact["delta"][1]) for fact in deltas if isinstance(fact["delta"], list)} - {"other"}
    kinds |= {"any"} if deltas else set()
    kinds |= {"output"} if any("output" in fact for fact in deltas) else set()
    statuses = [event.facts.get("terminal", event.facts.get("status")) for event in answer.events]

    assert expected["deltas"] == len(deltas)
    assert expected["first_delta_kinds"] == sorted(kinds)
    assert expected["steps"] == folded_steps(answer)
    for key in ("unknown", "invalid", "anomalies"):
        assert expected[key] == Counter(word for words in facts(answer, key) for word in words)
    assert expected["status"] == next((status for status in reversed(statuses) if status), "")


@pytest.mark.parametrize("scenario", EACH_STREAM)
def test_a_streams_tokens_are_those_of_its_last_authority(scenario: Scenario) -> None:
    """A final usage goes before a running one; two interactions add up."""
    answer, expected = scenario.answer, scenario.answer.expected
    final, running = facts(answer, "final"), facts(answer, "running")
    if "second_interaction" in str(expected["anomalies"]):
        total: Counter[str] = Counter()
        for usage in final:
            total.update(usage)

        assert expected["tokens"] == total
        return
    held = final[-1] if final else running[-1] if running else {}

    assert expected["tokens"] == held
    assert expected["basis"] == ("final" if final else "running" if running else "none")
    assert expected["cached"] == (facts(answer, "final_cached") or [{}])[-1]


@pytest.mark.parametrize("scenario", EACH)
def test_tokens_add_up_to_the_total_on_the_wire(scenario: Scenario) -> None:
    """Types are disjoint, so a sane usage's tokens add up to its total_tokens."""
    for answer in (scenario.answer, *scenario.polls):
        if answer.expected["basis"] != "final" or ODD_USAGE & set(str(answer.expected["anomalies"]).split("'")):
            continue
        tokens = answer.expected["tokens"]
        assert isinstance(tokens, dict)
        found = usages(answer)
        if "second_interaction" not in str(answer.expected["anomalies"]):
            found = found[-1:]
        totals = [usage["total_tokens"] for usage in found if "total_tokens" in usage]

        assert not totals or sum(tokens.values()) == sum(totals)


@pytest.mark.parametrize("scenario", EACH)
def test_errors_follow_the_outcome(scenario: Scenario) -> None:
    """Each error event is one, a failed end without one counts once, so do a cut end and an HTTP error."""
    answer, expected = scenario.answer, scenario.answer.expected
    errors = [["upstream_event", code] for code in facts(answer, "error")]
    if expected["outcome"] == "failed" and not errors:
        errors = [["upstream_event", "failed"]]
    if expected["outcome"] == "truncated":
        errors.append(["transport", "truncated"])
    if answer.status >= 400:
        errors = [["upstream_http", str(answer.status)]]

    assert expected["errors"] == errors
    assert (expected["outcome"] == "http_error") == (answer.status >= 400)


@pytest.mark.parametrize(("fixture", "name"), FIXTURES)
def test_a_recorded_layout_is_the_scenarios_layout(fixture: str, name: str) -> None:
    """Where a recorded stream covers a scenario, the bytes are the same but for the id."""
    recorded = (STREAMS / fixture).read_bytes()
    parts = recorded.split(b'"v1_Chd')
    for number, part in enumerate(parts[1:], 1):
        parts[number] = b'"' + PLACEHOLDER + b'"' + part.partition(b'"')[2]

    assert wire(scenarios()[name].answer) == b"".join(parts)


def test_every_outcome_and_oddity_has_a_scenario() -> None:
    """The closed sets are covered, so a row of the accounting cannot go unplayed."""
    all_expected = [scenario.answer.expected for scenario in scenarios().values()]
    outcomes = {str(expected["outcome"]) for expected in all_expected}

    def words(key: str) -> set[str]:
        return {word for expected in all_expected for word in dict(expected[key])}  # type: ignore[call-overload]

    assert outcomes >= {
        *("completed", "requires_action", "requires_continuation", "incomplete", "budget_exceeded", "failed"),
        *("cancelled", "in_progress", "unknown_status", "stream_error", "truncated", "http_error", "forwarded"),
    }
    assert len(words("unknown")) == 8
    assert words("invalid") == {"json", "utf8", "shape", "size"}
    assert len(words("anomalies")) == 12


GOOD = """summary = "x"\nkind = "stream"\n[expected]\noutcome = "completed"\nstatus = ""\ntokens = {}\nbasis = "none"
cached = {}\nsteps = []\ndeltas = 0\nfirst_delta_kinds = []\nunknown = {}\ninvalid = {}\nanomalies = {}\nerrors = []
"""
BAD = [
    pytest.param(GOOD.replace("completed", "finished"), "outcome = 'finished' is not allowed", id="a strange outcome"),
    pytest.param(GOOD.replace("deltas = 0\n", ""), "deltas is missing", id="a figure left out"),
    pytest.param(GOOD.replace('kind = "stream"', 'kind = "tape"'), "'tape' is none of", id="a strange kind"),
    pytest.param("colour = 1\n" + GOOD, "unknown keys ['colour']", id="a strange key"),
    pytest.param(GOOD + "[[event]]\n", "exactly one of wire and wire_base64", id="an event without bytes"),
    pytest.param(
        GOOD + '[[event]]\nwire = ""\ndelta = [0, "smell"]\n', "delta = [0, 'smell']", id="a strange kind of delta"
    ),
    pytest.param(
        GOOD.replace("tokens = {}", 'tokens = {"thought/text" = 1}'), "not allowed", id="a thought's modality"
    ),
    pytest.param(GOOD.replace("tokens = {}", 'tokens = {"input/text" = 0}'), "not allowed", id="a zero is left out"),
    pytest.param("summary = ", "scenario trial: file", id="no toml"),
]


@pytest.mark.parametrize(("text", "problem"), BAD)
def test_a_bad_file_is_refused_with_its_place(text: str, problem: str) -> None:
    """A scenario with a word of its own never reaches a test that would believe it."""
    assert read_scenario("trial", GOOD).name == "trial"
    with pytest.raises(ScenarioError) as caught:
        read_scenario("trial", text)

    assert problem in str(caught.value)
