"""One exchange in plain values, as the run knows it: from the ledger and from the client, never from the gateway.

Not here: how the values are found (reading.py), what they mean for the books (rules.py, books.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.exact.client import Did
from tests.exact.usage import Usage

Entry: TypeAlias = Mapping[str, Any]  # of the ledger
SpanId: TypeAlias = tuple[str, str]  # trace id and span id, in hex


@dataclass(slots=True)
class Step:
    """A step as the response showed it. wire_type: the name outside the vocabulary. bytes: of its events' data."""

    index: int
    type: str
    wire_type: str | None = None
    closed: bool = False
    started: bool = False
    deltas: int = 0
    bytes: int = 0
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    is_error: bool = False
    whole: bool = False  # of a unary body
    own_usage: Usage | None = None


@dataclass(slots=True)
class Reading:
    """One exchange. did: the client's side; entry: the upstream's, None where it was never asked.

    parent, linked: the client's span, as the parent of ours or as a link. trace_id, upstream_span: of a trace that the
    gateway made before there was an interaction. errors: (source, code). folded_codes: error codes that became `other`.
    code: of the gateway's own answer.
    """

    did: Did
    entry: Entry | None
    route: str
    mode: str = "unary"
    end: str = "clean"
    outcome: str = ""
    code: str = ""
    http_status: int | None = None
    body_kind: str = "other"  # stream, json, other
    background: bool = False
    understood: bool = True
    steps: list[Step] = field(default_factory=list)
    events: int = 0
    event_types: Counter[str] = field(default_factory=Counter)
    deltas: int = 0
    kinds: set[str] = field(default_factory=set)
    unknown: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)
    anomalies: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)
    error_events: int = 0
    folded_codes: int = 0
    wire_error: str | None = None  # the first error code that is on the allow-list
    wire_codes: list[str] = field(default_factory=list)  # as they stand on the wire
    usage: Usage | None = None
    basis: str = "none"
    status: str | None = None
    interaction_id: str | None = None
    model: str | None = None
    agent: str | None = None
    tier: str | None = None
    is_dated: bool = False  # the answer says when the interaction was updated, which is always just now
    is_terminal_timed: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)  # whom it is for, as this gateway's settings ask
    team: str = ""  # the label, empty where there is none
    disagreements: list[str] = field(default_factory=list)
    parent: SpanId | None = None
    linked: SpanId | None = None
    trace_id: str = ""
    upstream_span: str = ""

    @property
    def key(self) -> str:
        """What client, ledger and span call it."""
        return self.did.key

    @property
    def asked(self) -> Mapping[str, Any]:
        """The request body, as far as the gateway had reason to read it."""
        return self.did.asked if self.understood and self.route == "create" else {}

    @property
    def subject(self) -> str | None:
        """The agent or model that was asked for."""
        value = self.asked.get("agent") or self.asked.get("model")
        return str(value) if value else None
