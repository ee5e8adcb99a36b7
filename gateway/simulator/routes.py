"""From a request to its answer: Interactions paths, other API paths, and the simulator's own pages.

Not here: bytes on a connection (playback.py, connection.py), the choice by body (selection.py).
Source: interactions-api.md 1.1: any prefix and version before /interactions, ids kept raw in the path.
Promise: nothing of authentication is required; every request gets an answer, unknown paths the classic 404.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote

from gateway.simulator.body import PLACEHOLDER_ID, Substitution
from gateway.simulator.catalogue import scenarios
from gateway.simulator.faults import DirectiveError, Directives, read_directives
from gateway.simulator.interactions import Interaction, Interactions, error_answer, json_answer, plain_expected
from gateway.simulator.repeats import Repeats
from gateway.simulator.scenario import Answer, Event
from gateway.simulator.selection import SCENARIO_HEADER, Asked, UnknownScenarioError, choose

if TYPE_CHECKING:
    from gateway.simulator.connection import Request

CONTROL_PREFIX: Final = "/__simulator__/"

_CREATE = re.compile(r"/interactions/?$")
_CANCEL = re.compile(r"/interactions/(?P<id>[^/]+)/cancel$")
_ONE = re.compile(r"/interactions/(?P<id>[^/]+)$")
_GENERATE = re.compile(r"/models/[^/]+:(?P<verb>generateContent|streamGenerateContent)$")
_CLASSIC: Final = (
    '{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello."}]},"finishReason":"STOP","index":0}],'
    '"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"totalTokenCount":9}}'
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What to play: the answer, its scenario's name, its placeholders and the faults asked for."""

    answer: Answer
    substitution: Substitution
    directives: Directives = field(default_factory=Directives)
    scenario: str = ""
    interaction_id: str = ""


def route_of(request: Request) -> tuple[str, str]:
    """The route ("create", "get", "cancel", "delete" or "other") and the interaction id, decoded."""
    path = request.target.partition("?")[0]
    if request.method == "POST":
        if _CREATE.search(path):
            return "create", ""
        if match := _CANCEL.search(path):
            return "cancel", unquote(match["id"])
    if request.method in {"GET", "DELETE"} and (match := _ONE.search(path)):
        return request.method.lower(), unquote(match["id"])
    return "other", ""


def request_facts(request: Request, asked: Asked) -> dict[str, object]:
    """What the ledger keeps of a request; header values only of user agents and traces, as others may be secret."""
    query = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
    return {
        "model": asked.model,
        "agent": asked.agent,
        "stream": asked.stream or query.get("stream", [""])[-1] == "true",
        "background": asked.background,
        "previous_interaction_id": asked.previous_interaction_id,
        "continuation_token": asked.continues,
        "last_event_id": query.get("last_event_id", [""])[-1],
        "header_names": [name for name, _ in request.headers],
        "user_agents": [value for name, value in request.headers if name == "user-agent"],
        "traceparents": [value for name, value in request.headers if name == "traceparent"],
        "body_bytes": len(request.body),
        "body_sha256": hashlib.sha256(request.body).hexdigest(),
    }


class Router:
    """Answers requests; owns the interactions of one simulator."""

    def __init__(self) -> None:
        self._interactions = Interactions()
        self._repeats = Repeats()

    def reply(self, request: Request, route: str, interaction_id: str, asked: Asked) -> Reply:
        """The answer to an API request; directives that are not understood become a 400."""
        try:
            directives = read_directives(dict(request.headers))
            scenario_name = request.header(SCENARIO_HEADER)
            if directives.fails is not None and not self._repeats.fails(request, directives.fails):
                directives, scenario_name = Directives(split=directives.split, pace=directives.pace), ""
            if route == "create":
                return self._create(scenario_name, asked, directives)
        except DirectiveError as exc:
            return Reply(error_answer(400, "INVALID_ARGUMENT", str(exc)), Substitution())
        except UnknownScenarioError as exc:
            message = f"unknown scenario {exc.args[0]!r}; see {CONTROL_PREFIX}scenarios"
            return Reply(error_answer(400, "INVALID_ARGUMENT", message), Substitution(), directives)
        if route == "other":
            return Reply(_other(request), Substitution(), directives)
        return self._existing(request, route, interaction_id, scenario_name, directives)

    def _create(self, scenario_name: str, asked: Asked, directives: Directives) -> Reply:
        if not asked.readable and not scenario_name:
            answer = error_answer(400, "INVALID_ARGUMENT", "The body is no JSON object.")
            return Reply(answer, Substitution(), directives)
        scenario, names = choose(asked, scenario_name, scenarios())
        substitution = Substitution(names)
        for event in scenario.answer.events:
            for match in PLACEHOLDER_ID.finditer(event.wire):
                substitution.apply(match[0])
        main_id = next(iter(substitution.ids.values()), b"").decode()
        if main_id:
            self._interactions.keep(Interaction(scenario, substitution))
        return Reply(scenario.answer, substitution, directives, scenario.name, main_id)

    def _existing(
        self, request: Request, route: str, interaction_id: str, scenario_name: str, directives: Directives
    ) -> Reply:
        if scenario_name and (scenario := scenarios().get(scenario_name.strip().replace("-", "_"))) is not None:
            return Reply(scenario.answer, Substitution(), directives, scenario.name, interaction_id)
        interaction = self._interactions.find(interaction_id)
        if interaction is None:
            answer = error_answer(404, "NOT_FOUND", "Requested entity was not found.")
            return Reply(answer, Substitution(), directives)
        if route == "delete":
            self._interactions.delete(interaction_id)
            answer = json_answer(200, {})
        elif route == "cancel":
            answer = interaction.cancel()
        else:
            query = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
            if query.get("stream", [""])[-1] == "true":
                answer = interaction.resume(query.get("last_event_id", [""])[-1])
            else:
                answer = interaction.poll()
        return Reply(answer, interaction.substitution, directives, interaction.scenario.name, interaction_id)


def scenario_list() -> list[dict[str, object]]:
    """Name, kind, status and one line about each scenario."""
    return [
        {"name": each.name, "kind": each.kind, "status": each.answer.status, "summary": each.summary}
        for each in scenarios().values()
    ]


def _other(request: Request) -> Answer:
    path, _, query = request.target.partition("?")
    match = _GENERATE.search(path) if request.method == "POST" else None
    if match is None:
        return error_answer(404, "NOT_FOUND", f"No such path: {path}")
    if match["verb"] == "generateContent":
        return json_answer(200, json.loads(_CLASSIC))
    if "alt=sse" in query.split("&"):
        events = tuple(Event(f"data: {_CLASSIC}\r\n\r\n".encode(), {}) for _ in range(2))
        return Answer(200, (("content-type", "text/event-stream"),), events, plain_expected(200))
    return json_answer(200, [json.loads(_CLASSIC)])
