"""The interactions that were created here, and what a GET, a cancel or a DELETE of one is answered.

Not here: creating them (routes.py), sending answers (playback.py).
Source: interactions-api.md 1.1 and 6.2; for a refused cancel and an unknown event id the classic error form.
Promise: an interaction keeps its id, model and story; a background run goes one state further with each GET, until
its last one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.simulator.scenario import Answer, Event, Facts, Scenario

if TYPE_CHECKING:
    from gateway.simulator.body import Substitution

_JSON = (("content-type", "application/json; charset=utf-8"),)
_TERMINAL = frozenset(
    {"completed", "requires_action", "requires_continuation", "incomplete", "budget_exceeded", "failed", "cancelled"}
)


def json_answer(status: int, document: object, expected: Facts | None = None) -> Answer:
    """An answer whose body is this document; expected where the figures are known."""
    wire = json.dumps(document, ensure_ascii=False).encode()
    return Answer(status, _JSON, (Event(wire, {}, pause_ms=0),), expected or plain_expected(status))


def error_answer(status: int, reason: str, message: str) -> Answer:
    """An error in the classic form; reason is a google.rpc name in upper case."""
    return json_answer(status, {"error": {"code": status, "message": message, "status": reason}})


def plain_expected(status: int, outcome: str = "forwarded") -> Facts:
    """The figures of an answer without usage and steps: http_error from 400 on, else the outcome given."""
    failed = status >= 400
    return {
        "outcome": "http_error" if failed else outcome,
        "status": "",
        "tokens": {},
        "basis": "none",
        "cached": {},
        "steps": [],
        "deltas": 0,
        "first_delta_kinds": [],
        "unknown": {},
        "invalid": {},
        "anomalies": {},
        "errors": [["upstream_http", str(status)]] if failed else [],
    }


@dataclass(slots=True)
class Interaction:
    """One created interaction: its scenario, what its placeholders became, and how far it has come."""

    scenario: Scenario
    substitution: Substitution
    polls_answered: int = 0
    is_cancelled: bool = False

    def poll(self) -> Answer:
        """The answer to a plain GET; a background run moves on, all others are finished."""
        if self.is_cancelled:
            return self._cancelled_answer()
        if self.scenario.polls:
            answer = self.scenario.polls[min(self.polls_answered, len(self.scenario.polls) - 1)]
            self.polls_answered += 1
            return answer
        if self.scenario.kind == "json":
            return self.scenario.answer
        return self._finished_stream()

    def cancel(self) -> Answer:
        """The answer to a cancel; refused once the interaction has ended."""
        if not self.is_cancelled and self._has_ended():
            return error_answer(400, "FAILED_PRECONDITION", "The interaction has already ended.")
        self.is_cancelled = True
        return self._cancelled_answer()

    def resume(self, last_event_id: str) -> Answer:
        """The rest of the stream behind that event id (all of it without one); 400 for an id it never sent."""
        events = self.scenario.answer.events
        if self.scenario.kind != "stream":
            return error_answer(400, "INVALID_ARGUMENT", "This interaction was not streamed.")
        if not last_event_id:
            return self.scenario.answer
        marker = f'"event_id":"{last_event_id}"'.encode()
        for position, event in enumerate(events):
            if marker in event.wire:
                expected = self.scenario.resumes.get(last_event_id, {})
                return Answer(200, self.scenario.answer.headers, events[position + 1 :], expected)
        return error_answer(400, "INVALID_ARGUMENT", "Unknown last_event_id.")

    def _has_ended(self) -> bool:
        if self.scenario.polls:
            return self.polls_answered >= len(self.scenario.polls)
        return str(self.scenario.answer.expected["status"]) in _TERMINAL

    def _cancelled_answer(self) -> Answer:
        if self.scenario.cancelled is not None:
            return self.scenario.cancelled
        document = {**self._last_known(), "status": "cancelled"}
        document.pop("usage", None)
        return json_answer(200, document, {**plain_expected(200, "cancelled"), "status": "cancelled"})

    def _finished_stream(self) -> Answer:
        expected = self.scenario.answer.expected
        document = self._last_known()
        if "usage" not in document:
            return json_answer(200, document, plain_expected(200, "in_progress"))
        kept = {key: expected[key] for key in ("outcome", "status", "tokens", "basis", "cached")}
        return json_answer(200, document, {**plain_expected(200), **kept})

    def _last_known(self) -> dict[str, object]:
        """The interaction object of the closing event, else the little that is known."""
        for event in reversed(self.scenario.answer.events):
            if "terminal" in event.facts:
                document = json.loads(event.wire.partition(b"data:")[2]).get("interaction")
                if isinstance(document, dict):
                    return document
        main_id = next(iter(self.substitution.ids), b"").decode()
        return {"id": main_id, "object": "interaction", "status": "in_progress"}


@dataclass(slots=True)
class Interactions:
    """All interactions by id; those that were deleted are gone."""

    _by_id: dict[str, Interaction] = field(default_factory=dict)

    def keep(self, interaction: Interaction) -> None:
        """Remember it under every id that its bytes carry."""
        for fresh in interaction.substitution.ids.values():
            self._by_id[fresh.decode()] = interaction

    def find(self, interaction_id: str) -> Interaction | None:
        """The interaction with this id, if it was created here and not deleted."""
        return self._by_id.get(interaction_id)

    def delete(self, interaction_id: str) -> bool:
        """Forget it; False when there was none."""
        return self._by_id.pop(interaction_id, None) is not None
