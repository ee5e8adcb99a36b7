"""The whole expected scrape, from the readings of all exchanges in the order in which they ended.

Not here: what an exchange was (reading.py), spans (spans.py).
Source: accounting.md 2, 3, 5 and 8; telemetry-conventions.md 3.2 and 3.3.
Promise: every sample of the gateway is stated, but for buckets and sums of times, which worker had how many exchanges,
and what the build is called: of those the scrape module asks for what must hold anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.exact import traffic
from tests.exact import usage as arithmetic
from tests.exact.attribution import BY_TEAM
from tests.exact.cost import Costs
from tests.exact.course import Course
from tests.exact.facts import Reading, Step
from tests.exact.singles import ADMITTED
from tests.exact.usage import Tokens, Usage
from tests.exact.words import BILLED, STEP_TYPES, TERMINAL, ZEROS
from tests.otlp_receiver import Value

Sample: TypeAlias = tuple[str, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class Known:
    """What the gateway may remember of an interaction. creator: the key of the exchange whose span a link may name."""

    created_here: bool = False
    stream_seen: bool = False
    final_counted: bool = False
    running: Usage | None = None
    steps: dict[int, str] = field(default_factory=dict)
    shown: bool = False
    creator: str = ""
    chain: str = ""
    model: str = ""


@dataclass(slots=True)
class Account:
    """An exchange and what of it counts. shown: steps that have a span. earlier: the creator that a link can name.

    chain: the first interaction of its chain, where this gateway saw that.
    """

    reading: Reading
    model: str
    counted: list[Step] = field(default_factory=list)
    shown: list[Step] = field(default_factory=list)
    tokens: Tokens = field(default_factory=Counter)
    tokens_model: str = ""
    via: str = ""
    stated_total: int = 0  # what a final usage of a create adds up to, by the API's own total where it is sane
    earlier: str = ""
    priced: dict[str, Value] = field(default_factory=dict)  # attributes of its interaction's span
    chain: str = ""


class Books:
    """Takes readings, gives accounts, and adds up the samples.

    is_window_open: an update of just now is recent enough for a poll to count it. tells_chains: its spans do.
    teams: its settings name some.
    """

    def __init__(self, *, is_window_open: bool = True, tells_chains: bool = False, teams: bool = False) -> None:
        self._is_window_open, self._tells_chains = is_window_open, tells_chains
        self._known: dict[str, Known] = {}
        self._team = ""
        self.samples: Counter[Sample] = Counter()
        self.accounts: list[Account] = []
        self.costs = Costs(teams=teams)
        self.course = Course()
        for name, (labels, rows) in ZEROS.items():
            for row in rows:
                self.samples[_sample(name, **dict(zip(labels, row, strict=True)))] = 0

    def take(self, reading: Reading) -> None:
        """The next exchange that ended."""
        account = Account(reading, "none")
        self._team = reading.team
        if reading.route == "create":
            account.model = self._fold(reading.subject, reading)
            self._create(account)
        elif reading.route in {"get", "cancel"}:
            self._later(account)
        if self._tells_chains:
            self._chain(account)
        self._count(account)
        folded = self.costs.take(reading, account.tokens_model, account.via, account.tokens)
        self._add("label_overflow_total", folded, label="tier")
        account.priced = self.costs.attributes(reading)
        for name, count, labels in self.course.take(account):
            self._add(name, count, **labels)
        self.accounts.append(account)

    def spans_exported(self, spans: int) -> None:
        """State how many spans there are."""
        self._add("spans_total", spans, result="exported")

    def _chain(self, account: Account) -> None:
        reading = account.reading
        asked_id = reading.did.path.partition("?")[0].split("/")[3] if reading.route in {"get", "cancel"} else ""
        known = self._known.get(reading.interaction_id or asked_id)
        if known is None:
            return
        if reading.route == "create":
            previous = reading.asked.get("previous_interaction_id")
            earlier = self._known.get(previous) if previous else None
            known.chain = "" if previous else reading.interaction_id or ""
            if earlier is not None:
                known.chain = earlier.chain
        account.chain = known.chain

    def _fold(self, subject: str | None, reading: Reading) -> str:
        if subject is None:
            return "none"
        # a name gets a place of its own when the upstream takes it; the one of `lonely` never takes any
        if subject in ADMITTED and reading.entry is not None:
            return subject
        self._add("label_overflow_total", label="model")
        return "other"

    def _create(self, account: Account) -> None:
        reading = account.reading
        account.counted = account.shown = reading.steps
        if previous := reading.asked.get("previous_interaction_id"):
            earlier = self._known.get(previous)
            account.earlier = earlier.creator if earlier is not None else ""
        if reading.usage is not None and arithmetic.is_stated(reading.usage):
            account.via, account.tokens_model = "create", account.model
            account.tokens = arithmetic.split(reading.usage)
            self._count_usage_oddities(account, reading.usage)
            if reading.basis == "final":
                stated = arithmetic.stated(reading.usage, "total")
                is_sane = stated is not None and not arithmetic.exceeds_total(reading.usage)
                account.stated_total = stated if stated is not None and is_sane else account.tokens.total()
        elif reading.outcome in BILLED:
            self._add("usage_missing_total", model=account.model, outcome=reading.outcome)
        if reading.interaction_id is None:
            return
        known = self._known.setdefault(reading.interaction_id, Known())
        known.created_here, known.creator, known.model = True, reading.key, account.model
        known.stream_seen = known.stream_seen or reading.body_kind == "stream"
        known.shown = known.shown or reading.outcome in TERMINAL
        if account.via:
            known.final_counted = reading.basis == "final"
            known.running = None if known.final_counted else reading.usage
        for step in reading.steps:
            known.steps[step.index] = step.type

    def _later(self, account: Account) -> None:
        """A poll, a resumed stream, a cancel."""
        reading = account.reading
        asked_id = reading.did.path.partition("?")[0].split("/")[3]
        known = self._known.get(reading.interaction_id or asked_id)
        account.earlier = known.creator if known is not None else ""
        if not 200 <= (reading.http_status or 0) < 300 or reading.body_kind == "other":
            return
        was_streamed = known is not None and known.stream_seen
        known = self._known.setdefault(reading.interaction_id or asked_id, known or Known())
        resumed = reading.body_kind == "stream"
        is_recent = self._is_window_open if reading.is_dated else known.created_here
        final = reading.usage if reading.basis == "final" and is_recent and not known.final_counted else None
        new = [step for step in reading.steps if step.index not in known.steps]
        for step in reading.steps:
            if step.type == "other" and not step.started and not step.whole:
                step.type = known.steps.get(step.index, "other")
        if resumed or (reading.outcome in TERMINAL and not known.shown):
            account.shown = reading.steps if resumed else new
        known.shown = known.shown or reading.outcome in TERMINAL
        if resumed or (final is not None and not was_streamed):
            account.counted = new
            known.steps.update({step.index: step.type for step in new})
        known.stream_seen = known.stream_seen or resumed
        if final is not None:
            account.via = "poll"
            subject = reading.agent or reading.model
            account.tokens_model = known.model if known.model and not subject else self._fold(subject, reading)
            account.tokens = (
                arithmetic.split(final) if known.running is None else arithmetic.growth(known.running, final)
            )
            self._count_usage_oddities(account, final)
            known.final_counted, known.running = True, None

    def _count_usage_oddities(self, account: Account, usage: Usage) -> None:
        for modality, count in arithmetic.cached(usage).items():
            self._add("cached_tokens_total", count, model=account.tokens_model, modality=modality)
        self._add("label_overflow_total", arithmetic.folded_modalities(usage), label="modality")
        # the scenario states these two among the anomalies of its stream, where they are counted already
        usage_anomalies = {
            "usage_exceeds_total": int(arithmetic.exceeds_total(usage)),
            "modality_exceeds_total": arithmetic.exceeding_lists(usage),
        }
        for name, times in usage_anomalies.items():
            stated = account.reading.anomalies[name]
            assert not times or stated == times, (account.reading.key, name, times, stated)

    def _count(self, account: Account) -> None:
        reading, model = account.reading, account.model
        self._add("label_overflow_total", reading.team == "other", label="team")
        self._add("requests_total", route=reading.route, model=model, mode=reading.mode, outcome=reading.outcome)
        self._add("request_duration_seconds_count", model=model, mode=reading.mode)
        for source, code in reading.errors:
            self._add("errors_total", source=source, code=code)
        self._add("label_overflow_total", reading.folded_codes, label="code")
        for key, count in account.tokens.items():
            kind, modality = key.split("/")
            self._add(
                "tokens_total",
                count,
                model=account.tokens_model,
                type=kind,
                modality=modality,
                basis=reading.basis,
                via=account.via,
            )
        if reading.route == "create":
            for kind in reading.kinds:
                self._add("time_to_first_delta_seconds_count", model=model, kind=kind)
        self._add("inter_delta_gap_seconds_count", max(0, reading.deltas - 1), model=model)
        self._count_steps(account.counted)
        self.samples.update(traffic.samples(reading))
        for name, label, counts in (
            ("unknown_events_total", "what", reading.unknown),
            ("invalid_events_total", "reason", reading.invalid),
            ("anomalies_total", "anomaly", reading.anomalies),
        ):
            for word, count in counts.items():
                self._add(name, count, **{label: word})

    def _count_steps(self, steps: Iterable[Step]) -> None:
        for step in steps:
            assert step.type in STEP_TYPES or step.type == "other"
            self._add("steps_total", step_type=step.type, state="closed" if step.closed else "open_at_end")
            if step.wire_type is not None:
                self._add("label_overflow_total", label="step_type")
            if step.closed and step.started:
                self._add("step_duration_seconds_count", step_type=step.type)

    def _add(self, name: str, count: int = 1, **labels: str) -> None:
        if self._team and name in BY_TEAM:
            labels["team"] = self._team
        if count:
            self.samples[_sample(name, **labels)] += count


def _sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())
