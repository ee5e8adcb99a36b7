"""Which scenario a request gets: by header, by a model or agent named sim-NAME, else by what the body asks for.

Not here: the scenarios (scenario.py), requests about an interaction that exists (interactions.py).
Source: the examples of the API's streaming guide, each of which must work with its own model name.
Promise: a name that is asked for is played or refused, never replaced by another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.simulator.scenario import Scenario

SCENARIO_HEADER: Final = "x-simulator-scenario"
NAME_PREFIX: Final = "sim-"

# in order of precedence; a request for an image may also bring a search tool
_BY_OUTPUT: Final = (("image", "image"), ("audio", "audio"))
_BY_TOOL: Final = (
    ("code_execution", "code_execution"),
    ("url_context", "url_context"),
    ("mcp_server", "mcp"),
    ("google_search", "google_search"),
)


class UnknownScenarioError(LookupError):
    """The header, model or agent names a scenario that does not exist; the text is that name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the body of a create request says, read leniently: a field of a wrong type counts as absent."""

    model: str = ""
    agent: str = ""
    stream: bool = False
    background: bool = False
    previous_interaction_id: str = ""
    continues: bool = False
    returns_function: bool = False
    thinking_summaries: bool = False
    tools: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    readable: bool = field(default=True)


def read_asked(body: bytes) -> Asked:
    """The facts of a create body; never raises, a body that is no JSON object is not readable."""
    try:
        document = json.loads(body)
    except ValueError:
        return Asked(readable=False)
    if not isinstance(document, dict):
        return Asked(readable=False)
    config = document.get("generation_config")
    return Asked(
        model=_text(document.get("model")),
        agent=_text(document.get("agent")),
        stream=document.get("stream") is True,
        background=document.get("background") is True,
        previous_interaction_id=_text(document.get("previous_interaction_id")),
        continues=bool(document.get("continuation_token")),
        returns_function="function_result" in _types(document.get("input")),
        thinking_summaries=isinstance(config, dict) and config.get("thinking_summaries") not in {None, "none"},
        tools=_types(document.get("tools")),
        outputs=_types(document.get("response_format")),
    )


def choose(asked: Asked, header: str, shelf: Mapping[str, Scenario]) -> tuple[Scenario, Mapping[str, tuple[str, str]]]:
    """The scenario, and the names in its bytes to replace (JSON key to literal and asked name).

    header: the value of x-simulator-scenario or an empty text. Raises UnknownScenarioError.
    """
    if header:
        scenario = _follow(_named(header, shelf), asked, shelf)
        return scenario, _names(scenario, asked)
    for name in (asked.model, asked.agent):
        if name.startswith(NAME_PREFIX):
            scenario = _follow(_named(name.removeprefix(NAME_PREFIX), shelf), asked, shelf)
            return _unary(scenario, asked, shelf), {}
    scenario = shelf[_by_shape(asked)]
    if not asked.stream:
        scenario = _unary(scenario, asked, shelf)
    return scenario, _names(scenario, asked)


def _named(name: str, shelf: Mapping[str, Scenario]) -> Scenario:
    scenario = shelf.get(name.strip().replace("-", "_"))
    if scenario is None:
        raise UnknownScenarioError(name)
    return scenario


def _follow(scenario: Scenario, asked: Asked, shelf: Mapping[str, Scenario]) -> Scenario:
    # an SDK repeats model and headers on the next hop or turn, which must not begin the story again
    if scenario.follow_up and (asked.continues or asked.returns_function):
        return shelf[scenario.follow_up]
    return scenario


def _unary(scenario: Scenario, asked: Asked, shelf: Mapping[str, Scenario]) -> Scenario:
    return shelf[scenario.unary] if scenario.unary and not asked.stream else scenario


def _names(scenario: Scenario, asked: Asked) -> Mapping[str, tuple[str, str]]:
    pairs = {"model": (scenario.model, asked.model), "agent": (scenario.agent, asked.agent)}
    return {key: pair for key, pair in pairs.items() if all(pair) and pair[0] != pair[1]}


def _by_shape(asked: Asked) -> str:
    if asked.agent or asked.background:
        return "deep_research"
    if asked.returns_function:
        return "function_call_turn2"
    if asked.continues:
        return "requires_continuation_hop2"
    if "function" in asked.tools:
        return "several_tools" if "google_search" in asked.tools else "function_call"
    for output, name in _BY_OUTPUT:
        if output in asked.outputs:
            return name
    for tool, name in _BY_TOOL:
        if tool in asked.tools:
            return name
    return "thinking" if asked.thinking_summaries else "text"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _types(value: object) -> frozenset[str]:
    items = value if isinstance(value, list) else [value]
    return frozenset(_text(item.get("type")) for item in items if isinstance(item, dict)) - {""}
