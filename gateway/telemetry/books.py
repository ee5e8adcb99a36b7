"""What of a closed exchange counts: its tokens, steps, calls, errors. Decided once, before metrics, spans and log.

Not here: metric objects (metrics.py), the memory itself (seen.py), tool calls (tools.py), times (phases.py).
Source: accounting.md 2 (when), 3 (steps), 5 (errors).
Promise: nothing is estimated, and nothing this gateway remembers is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.attributes import ERRORS
from gateway.telemetry.chains import Chains
from gateway.telemetry.cost import Cost
from gateway.telemetry.http_attributes import Attributes
from gateway.telemetry.ids import Identity, SpanRef
from gateway.telemetry.labels import CodeLabels, ModelLabels, TeamLabels
from gateway.telemetry.phases import split
from gateway.telemetry.seen import Interaction, Seen
from gateway.telemetry.tools import CLIENT, ERROR, FUNCTION, OK, PendingCalls, ToolCall, Unmatched, tool_calls
from gateway.wire.content import Content
from gateway.wire.facts import Basis, Mode, Step
from gateway.wire.outcome import TERMINAL_STATUSES, Body, Outcome, Route
from gateway.wire.usage import Counted, Usage, count, growth

CREATE, POLL = "create", "poll"
FIRST, RESUME, CONTINUATION = "first", "resume", "continuation"
CANCELLED = "cancelled"

_BILLED_ANYWAY = frozenset({Outcome.STREAM_ERROR, Outcome.CLIENT_ABORT, Outcome.UPSTREAM_ABORT, Outcome.TRUNCATED})
_NONE: Unmatched = frozenset()
_GIVEN_UP = frozenset({Outcome.CLIENT_ABORT, Outcome.REJECTED})  # by the client, or by a limit met under way


@dataclass(frozen=True, slots=True)
class Error:
    """One error to count, label values already normalised."""

    source: str
    code: str


@dataclass(frozen=True, slots=True)
class CountedUsage:
    """Tokens to count. model: the label value. counted: the usage as disjoint counts.

    What pricing needs beside: whole: the usage as stated, where only its growth counts. subject: the model or agent
    by its own name, the one that was served where the answer says it. tier: the service tier, served, else asked for.
    memory: what is remembered of the interaction.
    """

    usage: Usage
    basis: Basis
    via: str
    model: str
    counted: Counted
    whole: Usage
    subject: str | None = None
    tier: str | None = None
    memory: Interaction | None = None


@dataclass(slots=True)
class Account:
    """An exchange as the books see it.

    model: the label value of the exchange (`none` but for creates). counted: steps to count, of them or all of them;
    beyond: steps over the tracker's cap, type to [closed, open]. shown: steps that get a span.
    earlier: the interaction's span that is known here, of the exchange's own or its previous interaction.
    chain: what its interaction span tells of its chain.
    team: the value of the label `team` as a tuple of one, empty where there is no such label.
    cost: of the counted usage; None where none is counted.
    sizes: this is where the interaction's size is told, once for all its exchanges: its tokens, or that it stated none.
    tags: the record's, the team by the name that is to be shown; for spans and log.
    tools: tool calls to count. result_waits_ns: of the function results that this request brought, how long each call
    had waited. phases: where the time went, ns.
    content: what was captured of it; only where capture is on.
    """

    record: ExchangeClosed
    model: str
    usage: CountedUsage | None = None
    usage_missing: bool = False
    counted: list[Step] = field(default_factory=list)
    beyond: dict[str, list[int]] = field(default_factory=dict)
    shown: list[Step] = field(default_factory=list)
    errors: list[Error] = field(default_factory=list)
    earlier: SpanRef | None = None
    team: tuple[str, ...] = ()
    cost: Cost | None = None
    sizes: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    content: Content | None = None
    chain: Attributes = field(default_factory=dict)
    tools: list[ToolCall] = field(default_factory=list)
    result_waits_ns: list[int] = field(default_factory=list)
    phases: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.phases = split(self.record)


class Books:
    """Decides what counts, and remembers what did."""

    def __init__(
        self,
        seen: Seen,
        models: ModelLabels,
        codes: CodeLabels,
        poll_window_s: float,
        *,
        teams: TeamLabels | None = None,
        chains: Chains | None = None,
    ) -> None:
        """teams: None where there is no such label. chains: None where none are told."""
        self._seen = seen
        self._chains = chains
        self._models = models
        self._codes = codes
        self._teams = teams
        self._poll_window_s = poll_window_s
        self._pending = PendingCalls(seen.capacity)

    def account(self, record: ExchangeClosed, identity: Identity | None) -> Account:
        """Decide one exchange, in the order they closed. identity: of its trace, None when there will be none."""
        account = Account(record, self._model(record), errors=self._errors(record), tags=record.tags)
        if self._teams is not None:
            self._attribute(account, self._teams)
        if record.route is Route.CREATE:
            self._create(account, identity)
        elif record.route in (Route.GET, Route.CANCEL):
            self._later(account)
        else:
            account.counted = account.shown = record.stream.steps
            account.beyond = record.stream.steps_beyond
        self._count_calls(account)
        if self._chains is not None:
            account.chain = self._chains.attributes(record)
        return account

    def _attribute(self, account: Account, teams: TeamLabels) -> None:
        record, team = account.record, account.record.tags.get("team")
        if team is not None:
            team = teams.name(team)
            account.tags = {**record.tags, "team": team}
        # Of the upstream's other paths some answer anybody: there a team would get a place without a key.
        asked = record.route is not Route.PASSTHROUGH or record.method == "POST"
        account.team = (teams.fold(team, accepted=asked and _is_accepted(record)),)

    def _model(self, record: ExchangeClosed) -> str:
        if record.route is not Route.CREATE:
            return names.NONE
        request, interaction = record.request, record.stream.interaction
        model = request.model or request.agent
        if model is None and not request.understood:
            # The body was longer than what is read of it: the answer names the model too.
            model = interaction.agent or interaction.model
        return self._models.fold(model, accepted=_is_accepted(record))

    def _create(self, account: Account, identity: Identity | None) -> None:
        record = account.record
        stream = record.stream
        account.counted = account.shown = stream.steps
        account.beyond = stream.steps_beyond
        previous = self._seen.get(record.request.previous_interaction_id)
        account.earlier = previous.span if previous is not None else None
        stated = stream.usage is not None and stream.basis is not None and not stream.usage.is_empty
        subject, tier = _subject(record), stream.interaction.service_tier or record.request.service_tier
        if stated and stream.usage is not None and stream.basis is not None:
            own = stream.usage
            account.usage = CountedUsage(own, stream.basis, CREATE, account.model, count(own), own, subject, tier)
        ended = record.outcome.value in TERMINAL_STATUSES or record.outcome in _BILLED_ANYWAY
        account.usage_missing = ended and not stated
        # What runs on has no size yet; a poll brings it.
        account.sizes = record.outcome is not Outcome.IN_PROGRESS
        if stream.interaction.id is None:
            return
        entry = self._seen.touch(stream.interaction.id)
        entry.created_here = True
        entry.sized |= account.sizes
        entry.model, entry.subject, entry.tier = account.model, subject, tier
        entry.stream_seen |= record.body is Body.STREAM
        entry.shown |= record.outcome.value in TERMINAL_STATUSES
        if identity is not None:
            entry.span = SpanRef(identity.trace_id, identity.main)
        if account.usage is not None:
            account.usage = replace(account.usage, memory=entry)
            entry.final_counted |= account.usage.basis is Basis.FINAL
            entry.running = None if entry.final_counted else account.usage.usage
        for step in stream.steps:
            entry.remember_step(step.index, step.type)

    def _count_calls(self, account: Account) -> None:
        """Function results that were brought, then the calls of the answer."""
        record = account.record
        for call_id, is_error in record.request.function_results.items():
            ended_unix_ns = self._pending.take(record.request.previous_interaction_id, call_id)
            if ended_unix_ns is not None:
                account.tools.append(ToolCall(FUNCTION, CLIENT, ERROR if is_error else OK))
                account.result_waits_ns.append(max(0, record.started_unix_ns - ended_unix_ns))
        if not account.counted:
            return
        interaction_id = record.stream.interaction.id or record.request.interaction_id
        entry = self._seen.get(interaction_id)
        calls, unmatched = tool_calls(account.counted, _NONE if entry is None else entry.unmatched)
        if entry is not None:
            entry.unmatched = unmatched
        if not calls:
            return
        account.tools += calls
        for step in account.counted:
            if step.type == "function_call" and step.id is not None:
                ended_ns = record.times.end_ns if step.stop_ns is None else step.stop_ns
                self._pending.put(interaction_id, step.id, record.started_unix_ns + ended_ns)

    def _later(self, account: Account) -> None:
        """A poll, a resumed stream or a cancel."""
        record = account.record
        interaction_id = record.stream.interaction.id or record.request.interaction_id
        entry = self._seen.get(interaction_id)
        account.earlier = entry.span if entry is not None else None
        # No status: its forwarder died, but what came of the answer is known.
        answered = record.http_status is None or 200 <= record.http_status < 300
        if interaction_id is None or not answered or record.body is Body.OTHER:
            return
        resumed = record.body is Body.STREAM
        steps = [_typed(step, entry) for step in record.stream.steps]
        final = self._countable(record, entry)
        terminal = record.outcome.value in TERMINAL_STATUSES
        if entry is None and not (resumed or terminal):
            return  # a poll of a run that goes on leaves nothing to remember
        stream_seen = entry is not None and entry.stream_seen
        entry = self._seen.touch(interaction_id)
        if resumed or (terminal and not entry.shown):
            account.shown = steps if resumed else [step for step in steps if not entry.has_step(step.index)]
        entry.shown |= terminal
        if resumed or (final is not None and not stream_seen):
            account.counted = [step for step in steps if not entry.has_step(step.index)]
            account.beyond = record.stream.steps_beyond
            for step in account.counted:
                entry.remember_step(step.index, step.type)
        entry.stream_seen |= resumed
        if final is not None:
            account.sizes, entry.sized = not entry.sized, True
            earlier, entry.running = entry.running, None
            entry.final_counted = True
            usage = final if earlier is None else growth(earlier, final)
            account.usage = CountedUsage(
                usage,
                Basis.FINAL,
                POLL,
                self._polled_model(record, entry),
                count(usage),
                final,
                _subject(record) or entry.subject,
                record.stream.interaction.service_tier or entry.tier,
                entry,
            )

    def _countable(self, record: ExchangeClosed, entry: Interaction | None) -> Usage | None:
        """The usage of a later exchange, if it is final, new here, and recent enough."""
        stream = record.stream
        if stream.usage is None or stream.usage.is_empty or stream.basis is not Basis.FINAL:
            return None
        if entry is not None and entry.final_counted:
            return None
        updated_s = _unix_s(stream.interaction.updated)
        if updated_s is None:
            return stream.usage if entry is not None and entry.created_here else None
        closed_s = (record.started_unix_ns + record.times.end_ns) / 1e9
        return stream.usage if closed_s - updated_s <= self._poll_window_s else None

    def _polled_model(self, record: ExchangeClosed, entry: Interaction) -> str:
        interaction = record.stream.interaction
        model = interaction.agent or interaction.model
        if model is None and entry.model is not None:
            return entry.model
        return self._models.fold(model, accepted=True)

    def _errors(self, record: ExchangeClosed) -> list[Error]:
        outcome, stream = record.outcome, record.stream
        if outcome is Outcome.HTTP_ERROR:
            return [Error("upstream_http", self._codes.http(record.http_status))]
        if outcome in (Outcome.REJECTED, Outcome.GATEWAY_ERROR):
            errors = [Error("gateway", self._codes.own(record.code))]
        elif outcome in (Outcome.UPSTREAM_ABORT, Outcome.TRUNCATED):
            errors = [Error("transport", outcome.value)]
        elif outcome is Outcome.CLIENT_ABORT:
            errors = [Error("client", outcome.value)]
        else:
            errors = []
        # The list of codes is bounded, the number of events is not.
        codes = [*stream.error_codes[: stream.errors], *[None] * (stream.errors - len(stream.error_codes))]
        errors += [Error("upstream_event", self._codes.wire(code)) for code in codes]
        if outcome is Outcome.FAILED and record.route is Route.CREATE and not stream.errors:
            errors.append(Error("upstream_event", Outcome.FAILED.value))
        return errors


def is_resume(record: ExchangeClosed) -> bool:
    """Whether a GET takes up a stream again, rather than asking how a run stands."""
    return record.body is Body.STREAM or record.mode is Mode.STREAM or record.request.last_event_id is not None


def _subject(record: ExchangeClosed) -> str | None:
    """The agent, else the model that was served, else the one that was asked for."""
    request, interaction = record.request, record.stream.interaction
    return interaction.agent or request.agent or interaction.model or request.model


def attempt(record: ExchangeClosed) -> tuple[str, str] | None:
    """Kind and result of the request to the upstream; None where none was begun, or its forwarder died with it.

    It is an error where its span is one (accounting.md 7), cancelled where it was given up, else ok.
    """
    if record.times.upstream_start_ns is None:
        return None
    if record.route is Route.CREATE and record.request.continuation:
        kind = CONTINUATION
    else:
        kind = RESUME if record.route is Route.GET and is_resume(record) else FIRST
    return kind, CANCELLED if record.outcome in _GIVEN_UP else ERROR if record.outcome in ERRORS else OK


def _is_accepted(record: ExchangeClosed) -> bool:
    return record.http_status is not None and record.http_status < 400


def _typed(step: Step, entry: Interaction | None) -> Step:
    # wire_type None beside `other`: no start was seen here, but the original stream may have shown it
    if entry is not None and step.type == names.OTHER and step.wire_type is None and step.index in entry.steps:
        return replace(step, type=entry.steps[step.index])
    return step


def _unix_s(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
