"""The gateway's traces in two products that people run: sent over OTLP/HTTP, stored, and read back through their APIs.

What had to be sent is computed from the simulator's ledger. Heavy because each product is an installation of hundreds
of megabytes, made once, and takes up to half a minute to start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pytest

from tests.backends import phoenix as its
from tests.backends.kept import AGENT, COST, Kept, differences, stated_cost, stated_usage
from tests.backends.mixed_run import Played, play
from tests.backends.mlflow import Trace, mlflow
from tests.backends.phoenix import Phoenix, phoenix
from tests.backends.servers import HERE
from tests.gateway_process import wait_until

VISIBLE_S = 30.0  # from the export to the API
LEAST_OUTCOMES = {"completed": 8, "requires_action": 2, "incomplete": 1, "failed": 1, "stream_error": 1}
LEAST_OUTCOMES |= {"http_error": 2, "truncated": 1, "upstream_abort": 1, "client_abort": 1, "in_progress": 1}

# Input with tool use, output with thoughts, by scenario: the simulated API's own figures.
TOKENS = {
    "text": (11, 335),
    "thinking": (18, 129),
    "several_tools": (138, 161),
    "google_search": (225, 287),
    "code_execution": (150, 260),
    "mcp_url_context": (80, 10),
    "image": (29, 6099),
    "audio": (12, 160),
    "incomplete": (7, 12),
    "failed": (7, 5),
    "unary": (7, 34),
    "function_call_turn2": (318, 15),
}

TOKEN_COUNTS = ("llm.token_count.prompt", "llm.token_count.completion")

Read = TypeVar("Read")


def report(found: Sequence[str]) -> str:
    """One a line."""
    return "\n" + "\n".join(found)


def complete(read: Callable[[], Read], count: Callable[[Read], int], spans: int) -> Read:
    """What the API tells once all spans are visible; what it has after a while when some never are."""
    found = read()

    def is_complete() -> bool:
        nonlocal found
        found = read()
        return count(found) >= spans

    try:
        wait_until(is_complete, VISIBLE_S, f"{spans} spans")
    except TimeoutError as error:
        print(error)  # the comparison says which are missing
    return found


def test_versions_are_pinned_to_the_last_dependency() -> None:
    for pins in sorted(HERE.glob("*.txt")):
        lines = pins.read_text(encoding="utf-8").splitlines()

        assert len(lines) > 50
        assert [line for line in lines if line.count("==") != 1 or " " in line or "/" in line] == []


def assert_mixed(played: Played) -> None:
    """The run held what it is to prove, and what it expects is what the scenarios' files say."""
    assert len(played.did) >= 20
    assert {name: least for name, least in LEAST_OUTCOMES.items() if played.outcomes[name] < least} == {}
    stated = {
        reading.entry["scenario"]: stated_usage(tree)
        for reading, tree in played.expected.values()
        if reading.entry is not None and reading.end == "clean"
    }
    assert {scenario: stated[scenario] for scenario in TOKENS} == TOKENS


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_phoenix_shows_every_span_as_it_was_sent(figures: list[str]) -> None:
    """Number, tree, names, status, attributes; and it understands which are model calls, of which model and tokens.
    So it does with the names of its own dialect beside the others, and then no span is without a kind."""
    with phoenix() as server:
        plain = _seen_by(server, "plain", None, figures)
        own = _seen_by(server, "openinference", {"spans.dialect": "genai,openinference"}, figures)

    assert own["UNKNOWN"] == 0
    assert (own["LLM"], own["AGENT"]) == (plain["LLM"], plain["AGENT"])


def _seen_by(server: Phoenix, project: str, config: Mapping[str, object] | None, figures: list[str]) -> Counter[str]:
    """Send a run and compare what Phoenix shows of it; gives its kinds of spans."""
    played = play(server.otel(project), config)
    raw = complete(lambda: server.raw_spans(project), len, played.spans)
    spans = [its.kept(span) for span in raw]
    kinds = Counter(str(span["span_kind"]) for span in raw)
    figures.append(
        f"phoenix, {project}: {len(played.did)} exchanges, {len(spans)} spans of {played.spans}, kinds {dict(kinds)}, "
        f"{_told(played)}"
    )

    assert_mixed(played)
    found = differences(played, spans)
    assert not found, report(found)
    assert [line for line in map(_misread, raw) if line] == []
    assert kinds["LLM"] == sum(1 for span in spans if span.name.startswith("generate_content"))
    assert kinds["AGENT"] == sum(1 for span in spans if span.name.startswith("invoke_agent"))
    # its total is its own sum, or the API's where we told it: so the parts are compared
    summed = [sum(span["attributes"].get(name, 0) for span in raw) for name in TOKEN_COUNTS]
    assert summed == [sum(part) for part in zip(*usages(played).values(), strict=True)]
    assert costs(spans) == expected_costs(played)
    return kinds


def _misread(raw: dict[str, Any]) -> str:
    """What Phoenix made of a span for its own pages, where it differs from what was sent."""
    attributes = its.kept(raw).attributes
    pairs = {
        "llm.model_name": "gen_ai.request.model",
        "llm.token_count.prompt": "gen_ai.usage.input_tokens",
        "llm.token_count.completion": "gen_ai.usage.output_tokens",
        "tool.name": "gen_ai.tool.name",
    }
    wrong = [
        f"{own} is {attributes.get(own)!r}, not {attributes[sent]!r}"
        for own, sent in pairs.items()
        if sent in attributes and attributes.get(own) != attributes[sent]
    ]
    return f"{raw['name']}: {wrong}" if wrong else ""


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_mlflow_shows_every_trace_as_it_was_sent(figures: list[str]) -> None:
    """Number, tree, names, status, attributes; and it understands how each trace ended and the tokens it used."""
    with mlflow() as server:
        played = play(server.otel)
        traces = complete(server.traces, lambda found: sum(len(trace.spans) for trace in found), played.spans)
    spans = [span for trace in traces for span in trace.spans]
    states = Counter(trace.state for trace in traces)
    figures.append(
        f"mlflow: {len(played.did)} exchanges, {len(traces)} traces, {len(spans)} spans of {played.spans}, "
        f"{dict(states)}, {_told(played)}"
    )

    assert_mixed(played)
    found = differences(played, spans)
    assert not found, report(found)
    assert len(traces) == len(played.did)
    assert costs(spans) == expected_costs(played)
    keys = {trace.trace_id: _key(trace) for trace in traces}
    assert {keys[trace.trace_id]: trace.state for trace in traces} == {
        key: _state(tree.error is not None, bool(reading.did.traceparent))
        for key, (reading, tree) in played.expected.items()
    }
    assert {
        keys[trace.trace_id]: (trace.usage["input_tokens"], trace.usage["output_tokens"])
        for trace in traces
        if trace.usage is not None
    } == usages(played)


def _told(played: Played) -> str:
    models = Counter(reading.subject for reading, _ in played.expected.values() if reading.subject)
    tokens = [sum(part) for part in zip(*usages(played).values(), strict=True)]
    money = expected_costs(played)
    return (
        f"models {dict(models)}, tokens in and out {tokens}, {len(money)} with a cost of {sum(money.values()):.6f} USD"
    )


def expected_costs(played: Played) -> dict[str, float]:
    """What every exchange with a price costs, by its key."""
    found = {key: stated_cost(tree) for key, (_, tree) in played.expected.items()}
    return {key: cost for key, cost in found.items() if cost is not None}


def costs(spans: Sequence[Kept]) -> dict[str, float]:
    """What the back end kept of costs, by the key of the exchange."""
    keys = {(span.trace_id, span.span_id): str(span.attributes[AGENT]) for span in spans if AGENT in span.attributes}
    return {
        keys[span.trace_id, span.parent_id]: float(span.attributes[COST]) for span in spans if COST in span.attributes
    }


def _key(trace: Trace) -> str:
    (key,) = (str(span.attributes[AGENT]) for span in trace.spans if AGENT in span.attributes)
    return key


def _state(is_error: bool, has_parent: bool) -> str:
    if has_parent:
        return "IN_PROGRESS"  # to MLflow, until the client's own span comes
    return "ERROR" if is_error else "OK"


def usages(played: Played) -> dict[str, tuple[int, int]]:
    """Input and output tokens of every exchange that states any."""
    found = {key: stated_usage(tree) for key, (_, tree) in played.expected.items()}
    return {key: usage for key, usage in found.items() if usage is not None}
