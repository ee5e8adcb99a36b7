"""How an exchange ended: one pure table from facts to exactly one outcome.

Not here: how the facts are found (interaction.py reads the body, the forwarder knows the transport).
Source: accounting.md 1, rule by rule; the rule numbers stand beside the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Route(StrEnum):
    """What a request asks of the API, told by method and path."""

    CREATE = "create"
    GET = "get"
    CANCEL = "cancel"
    DELETE = "delete"
    PASSTHROUGH = "passthrough"


class Answer(StrEnum):
    """Who answered the client."""

    REFUSED = "refused"  # by a limit of ours or by draining, before the upstream saw the request
    OURS = "ours"  # the upstream could not be asked, a timeout that was set, or our own death
    UPSTREAM = "upstream"


class End(StrEnum):
    """How the transport of the response ended."""

    CLEAN = "clean"  # whole by its framing
    CUT = "cut"  # the upstream broke
    LEFT = "left"  # the client went before the response was whole
    NO_HEAD = "no_head"  # the request was sent, no response head came


class Body(StrEnum):
    """What the response says it is (its Content-Type), as far as the books care."""

    STREAM = "stream"
    JSON = "json"
    OTHER = "other"


class Outcome(StrEnum):
    """The closed list, public from the first release (design.md 4)."""

    COMPLETED = "completed"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CONTINUATION = "requires_continuation"
    INCOMPLETE = "incomplete"
    BUDGET_EXCEEDED = "budget_exceeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_PROGRESS = "in_progress"
    STREAM_ERROR = "stream_error"
    HTTP_ERROR = "http_error"
    UPSTREAM_ABORT = "upstream_abort"
    TRUNCATED = "truncated"
    CLIENT_ABORT = "client_abort"
    GATEWAY_ERROR = "gateway_error"
    REJECTED = "rejected"
    UNKNOWN_STATUS = "unknown_status"
    FORWARDED = "forwarded"


TERMINAL_STATUSES = frozenset(
    {"completed", "requires_action", "requires_continuation", "incomplete", "budget_exceeded", "failed", "cancelled"}
)
RUNNING_STATUSES = frozenset({"queued", "in_progress"})
STATUSES = TERMINAL_STATUSES | RUNNING_STATUSES

_INTERACTION_ROUTES = frozenset({Route.CREATE, Route.GET, Route.CANCEL})


@dataclass(slots=True)  # not frozen: that costs thrice as much to make, and each exchange makes one
class EndFacts:
    """All that decides an outcome.

    http_status: the upstream's, None when there was none.
    final_seen: an `interaction.completed`, or a unary body that could be read, was there, whatever it said.
    final_status: the status in it, None when it had none that could be read.
    last_status: the last status of the stream (`interaction.created`, `interaction.status_update`).
    status_updated: last_status came from a `status_update`; only there a terminal one is an end (rule 8).
    error_seen: an `error` event or a bare JSON error.
    """

    answered_by: Answer
    end: End
    route: Route
    body: Body = Body.OTHER
    http_status: int | None = None
    client_left: bool = False
    background: bool = False
    final_seen: bool = False
    final_status: str | None = None
    last_status: str | None = None
    status_updated: bool = True
    error_seen: bool = False
    done_seen: bool = False


def decide(facts: EndFacts) -> Outcome:
    """The first rule that matches (accounting.md 1). Total: every combination has exactly one outcome."""
    end = facts.end
    if facts.answered_by is Answer.REFUSED:  # 1
        return Outcome.REJECTED
    if facts.answered_by is Answer.OURS:  # 2
        return Outcome.GATEWAY_ERROR
    if end is End.NO_HEAD:  # 3
        return Outcome.CLIENT_ABORT if facts.client_left else Outcome.UPSTREAM_ABORT
    if facts.http_status is not None and facts.http_status >= 400:  # 4
        return Outcome.HTTP_ERROR
    if not is_interaction_answer(facts.route, facts.http_status, facts.body):  # 5
        return _TRANSPORT.get(end, Outcome.FORWARDED)
    if facts.final_status is not None:  # 6, 6a, 6b, 6c
        return _by_final_status(facts.final_status)
    if end is End.CLEAN if facts.body is Body.JSON else facts.final_seen:  # 6c: it is the last word, and says nothing
        return Outcome.UNKNOWN_STATUS
    if facts.error_seen:  # 7
        return Outcome.STREAM_ERROR
    update = facts.last_status if facts.status_updated else None
    if update in TERMINAL_STATUSES and (end is End.CLEAN or facts.done_seen):  # 8
        return Outcome(update)
    if not facts.done_seen and end in _TRANSPORT:  # 9, 10
        return _TRANSPORT[end]
    runs_on = facts.background or facts.route is Route.GET
    if runs_on and (facts.last_status is None or facts.last_status in RUNNING_STATUSES):  # 11
        return Outcome.IN_PROGRESS
    return Outcome.TRUNCATED  # 12


def is_interaction_answer(route: Route, http_status: int | None, body: Body) -> bool:
    """Whether a response speaks of an interaction at all (rule 5 says what does not)."""
    if route not in _INTERACTION_ROUTES or body is Body.OTHER:
        return False
    return http_status is not None and 200 <= http_status < 300


_TRANSPORT = {End.CUT: Outcome.UPSTREAM_ABORT, End.LEFT: Outcome.CLIENT_ABORT}


def _by_final_status(status: str) -> Outcome:
    if status in TERMINAL_STATUSES:
        return Outcome(status)
    if status in RUNNING_STATUSES:  # 6a, 6b
        return Outcome.IN_PROGRESS
    return Outcome.UNKNOWN_STATUS  # 6c
