"""InteractionTracker: feed it the events of one response and their times, get what happened.

Not here: bytes (response.py), how the transport ended (the forwarder), the outcome (outcome.py), records, metrics.
Source: accounting.md 2-4. Promise: nothing raises, whatever the order; memory is bounded whatever the stream does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

from gateway.wire.events import (
    DELTA_TYPES,
    TIERS,
    Done,
    ErrorEvent,
    Event,
    InteractionCompleted,
    InteractionCreated,
    InvalidEvent,
    StatusUpdate,
    StepDelta,
    StepStart,
    StepStop,
    UnknownEvent,
    read_interaction,
    read_step,
)
from gateway.wire.facts import (
    GAP_BOUNDS_NS,
    NAME_MAX_CHARS,
    Anomaly,
    Basis,
    DeltaKind,
    InteractionFacts,
    Invalid,
    StreamFacts,
    Unknown,
    cut,
)
from gateway.wire.jsontext import load_json
from gateway.wire.outcome import RUNNING_STATUSES, STATUSES, TERMINAL_STATUSES
from gateway.wire.phases import PhaseClock
from gateway.wire.steps import MAX_STEPS, Steps
from gateway.wire.usage import Reading, Usage, add, read_usage

STALL_NS = 30_000_000_000
MAX_IDS = 8  # interactions of one answer: one, by the API's own word
_BEYOND = "\0"  # the place of all interactions over that bound
MAX_NAMES = 16  # of unknown vocabulary and of error codes, kept as a sample


class InteractionTracker:
    """The state of one response. Times are ns since the exchange's start; they may repeat, never go back."""

    def __init__(self, *, stall_ns: int = STALL_NS) -> None:
        self.facts = StreamFacts()
        self._phases = PhaseClock(self.facts)
        self.steps = Steps(self.facts, self._phases)
        self.done_seen = False
        self.final_seen = False
        self.final_status: str | None = None
        self.last_status: str | None = None
        self.status_updated = False
        self._stall_ns = stall_ns
        # How long the client has held up the response so far, set by the owner: gaps are the API's silence alone,
        # so they are taken on a clock that stands still meanwhile.
        self.blocked_ns = 0
        self._last_event_ns: int | None = None
        self._last_delta_ns: int | None = None
        self._text_seen = False
        self._ids: list[str] = []
        self._current: str | None = None  # the interaction that is spoken of, by its id
        self._completed: set[str | None] = set()
        self._final: dict[str | None, Usage] = {}
        self._running: dict[str | None, Usage] = {}
        self._running_unread: bytes | None = None  # a later word on the same interaction

    @property
    def error_seen(self) -> bool:
        """Whether an `error` event or a bare JSON error was there."""
        return self.facts.errors > 0

    def feed(self, event: Event, t_ns: int, size: int = 0) -> None:
        """Account for one event of this response.

        event: in wire order; unknown types and broken order become anomalies. size: its data bytes.
        t_ns: arrival of the chunk that completed the event.
        """
        facts = self.facts
        facts.events += 1
        if facts.first_event_ns is None:
            facts.first_event_ns = t_ns
        self._note_silence(t_ns)
        calm_ns = self._last_event_ns = t_ns - self.blocked_ns
        match event:
            case StepDelta():
                self._delta(event, t_ns, size)
            case StepStart():
                facts.step_starts += 1
                self._step_type(event.type)
                self.steps.start(event, t_ns, size, calm_ns)
            case StepStop():
                facts.step_stops += 1
                self._read(event.step_usage)
                self.steps.stop(event, t_ns, size, calm_ns)
            case InteractionCreated():
                facts.created += 1
                self._interaction(event.interaction)
                self._status(event.interaction.status, updated=False)
            case StatusUpdate():
                facts.status_updates += 1
                if facts.interaction.id is None:
                    facts.interaction.id = event.interaction_id
                self._status(event.status)
            case InteractionCompleted():
                facts.completed += 1
                self._complete(event, t_ns)
                self._phases.over(calm_ns)
            case ErrorEvent():
                if facts.terminal_ns is None:
                    facts.terminal_ns = t_ns
                self.feed_error(event)
                self._phases.over(calm_ns)
            case Done():
                self.done_seen = True
                self._phases.over(calm_ns)
                return
            case UnknownEvent():
                self.unknown(Unknown.LEGACY_EVENT if event.legacy else Unknown.EVENT_TYPE, event.name)
                if event.legacy:
                    return  # the old dialect's usage and end are not interpreted
            case InvalidEvent():
                self.invalid(event.reason)
                return
        self._run(event.running)

    def feed_texts(self, index: int, count: int, size: int, running: bytes | None, t_ns: int) -> bool:
        """Account for `count` text deltas of one open step that came together, as `feed` would for one after another.

        size: their data bytes together. running: the usage that the last of them states, as JSON without oddities; it
        is read when it's known that no later one takes its place. False: it is no such simple case, nothing was done.
        """
        facts, last_ns = self.facts, self._last_event_ns
        step = self.steps.open_on(index)
        if step is None or last_ns is None:
            return False
        calm_ns = t_ns - self.blocked_ns
        if calm_ns - last_ns > self._stall_ns:
            self._note_silence(t_ns)
        self._last_event_ns = calm_ns
        facts.events += count
        facts.deltas += count
        if not self._text_seen:
            self._text_seen = True
            for kind in (DeltaKind.ANY, DeltaKind.TEXT, DeltaKind.OUTPUT):
                facts.first_delta_ns.setdefault(kind, t_ns)
        gaps, last_ns = facts.gaps, self._last_delta_ns
        if last_ns is not None and calm_ns > last_ns:
            gap_ns = calm_ns - last_ns
            gaps.counts[bisect_left(GAP_BOUNDS_NS, gap_ns)] += 1
            gaps.sum_ns += gap_ns
            if gap_ns > gaps.max_ns:
                gaps.max_ns = gap_ns
            gaps.counts[0] += count - 1
        else:
            gaps.counts[0] += count - (last_ns is None)
        facts.last_delta_ns, self._last_delta_ns = t_ns, calm_ns
        self.steps.text_deltas(step, count, size, t_ns, calm_ns)
        if running is not None:
            self._running_unread = running
        return True

    def feed_body(self, wire: object) -> None:
        """Account for a whole unary, poll or cancel body, decoded."""
        self.final_seen = True
        if not isinstance(wire, dict):
            self.invalid(Invalid.SHAPE)
            return
        interaction = read_interaction(wire)
        self.final_status = interaction.status
        self._interaction(interaction)
        if interaction.status is None:
            self.invalid(Invalid.SHAPE)
        else:
            self._status(interaction.status)
        reading = self._read(read_usage(wire.get("usage")))
        # the API's own word is final only beside a terminal status (accounting.md 2)
        if reading is not None and interaction.status in TERMINAL_STATUSES and not reading.usage.is_empty:
            self._final[interaction.id] = reading.usage
        steps = wire.get("steps")
        if isinstance(steps, list):
            self._body_steps(steps)

    def feed_error(self, event: ErrorEvent) -> None:
        """Account for an error, of the stream or of a whole body."""
        self.facts.errors += 1
        if len(self.facts.error_codes) < MAX_NAMES:
            self.facts.error_codes.append(event.error.code)
            self._stamp(self.facts.errors_ns)
        if event.bare:
            self.anomaly(Anomaly.BARE_ERROR)

    def finish(self, t_ns: int) -> StreamFacts:
        """The response is over: close what is open and settle the usage. Call it once."""
        self._note_silence(t_ns)
        self._phases.finish(t_ns - self.blocked_ns)
        self.steps.finish()
        self._settle_usage()
        self.facts.interaction.status = self.final_status or self.last_status
        return self.facts

    def anomaly(self, anomaly: Anomaly, times: int = 1) -> None:
        """Count an oddity."""
        self.facts.anomalies[anomaly] = self.facts.anomalies.get(anomaly, 0) + times

    def invalid(self, reason: Invalid) -> None:
        """Count an event, or a body, that could not be read."""
        self.facts.invalid[reason] = self.facts.invalid.get(reason, 0) + 1

    def unknown(self, what: Unknown, name: str | None, times: int = 1) -> None:
        """Count vocabulary that this version doesn't know, and keep a sample of its names."""
        self.facts.unknown[what] = self.facts.unknown.get(what, 0) + times
        names = self.facts.unknown_names
        if len(names) < MAX_NAMES and (sample := f"{what}:{(name or '')[:NAME_MAX_CHARS]}") not in names:
            names.append(sample)
            self._stamp(self.facts.unknown_names_ns)

    def _stamp(self, times_ns: list[int]) -> None:
        """Add the time of the event that is being accounted for; a whole body has none."""
        if self._last_event_ns is not None:
            times_ns.append(self._last_event_ns + self.blocked_ns)

    def _delta(self, event: StepDelta, t_ns: int, size: int) -> None:
        facts = self.facts
        facts.deltas += 1
        if event.type is None:
            self.anomaly(Anomaly.UNTYPED_DELTA)
        elif event.type not in DELTA_TYPES:
            self.unknown(Unknown.DELTA_TYPE, event.type)
        first = facts.first_delta_ns
        first.setdefault(DeltaKind.ANY, t_ns)
        if event.kind is not None:
            first.setdefault(event.kind, t_ns)
            if event.kind in _OUTPUT_KINDS or event.type == "arguments_delta":
                first.setdefault(DeltaKind.OUTPUT, t_ns)
        calm_ns = t_ns - self.blocked_ns
        if self._last_delta_ns is not None:
            gap_ns = max(0, calm_ns - self._last_delta_ns)
            gaps = facts.gaps
            gaps.counts[bisect_left(GAP_BOUNDS_NS, gap_ns)] += 1
            gaps.sum_ns += gap_ns
            gaps.max_ns = max(gaps.max_ns, gap_ns)
        facts.last_delta_ns, self._last_delta_ns = t_ns, calm_ns
        self.steps.delta(event, t_ns, size, calm_ns)

    def _complete(self, event: InteractionCompleted, t_ns: int) -> None:
        self.facts.terminal_ns = t_ns
        self.final_seen = True
        interaction = event.interaction
        if interaction is None:
            self.invalid(Invalid.SHAPE)
            return
        self._interaction(interaction)
        key = self._current
        again = key in self._completed and key != _BEYOND
        self._completed.add(key)
        if again:
            self.anomaly(Anomaly.SECOND_COMPLETED)
        self._final_status(interaction.status, again=again)
        reading = self._read(event.final)
        if reading is not None and not reading.usage.is_empty:
            more = key == _BEYOND and key in self._final
            self._final[key] = add(self._final[key], reading.usage) if more else reading.usage

    def _final_status(self, status: str | None, *, again: bool) -> None:
        """Of one interaction the last status holds, of several the last terminal one; what is not said changes none."""
        if status is None:
            self.invalid(Invalid.SHAPE)
            return
        self._status(status)
        if status in RUNNING_STATUSES:
            self.anomaly(Anomaly.COMPLETED_NOT_TERMINAL)
        if again or status in TERMINAL_STATUSES or self.final_status not in TERMINAL_STATUSES:
            self.final_status = status

    def _interaction(self, said: InteractionFacts) -> None:
        """Take over what is said of the interaction; what is not said stays as it was, unless it is another one."""
        self._read_running()
        facts = self.facts
        if said.id is not None:
            if said.id not in self._ids:
                if self._ids:
                    self.anomaly(Anomaly.SECOND_INTERACTION)
                if len(self._ids) < MAX_IDS:
                    self._ids.append(said.id)
            self._current = said.id if said.id in self._ids else _BEYOND
            if facts.interaction.id not in (None, said.id):
                facts.interaction = InteractionFacts()
        if said.service_tier is not None and said.service_tier not in TIERS:
            self.unknown(Unknown.TIER, said.service_tier)
        kept = facts.interaction
        if said.id is not None:
            kept.id = said.id
        if said.model is not None:
            kept.model = said.model
        if said.agent is not None:
            kept.agent = said.agent
        if said.service_tier is not None:
            kept.service_tier = said.service_tier
        if said.created is not None:
            kept.created = said.created
        if said.updated is not None:
            kept.updated = said.updated

    def _status(self, status: str | None, *, updated: bool = True) -> None:
        if status is None:
            return
        self.last_status, self.status_updated = status, updated
        if status not in STATUSES:
            self.unknown(Unknown.STATUS, status)

    def _step_type(self, type_: str | None) -> None:
        if not self.steps.is_known(type_):
            self.unknown(Unknown.STEP_TYPE, type_)

    def _body_steps(self, steps: list[Any]) -> None:
        for index, wire in enumerate(steps[:MAX_STEPS]):
            start = read_step(wire, index)
            self._step_type(start.type)
            is_error = wire.get("is_error") if isinstance(wire, dict) else None
            self.steps.whole(start, is_error if isinstance(is_error, bool) else None)
        # thousands more are hostile: each type once, not each step
        for type_, times in Counter(map(_body_type, steps[MAX_STEPS:])).items():
            if not self.steps.is_known(type_):
                self.unknown(Unknown.STEP_TYPE, cut(type_, NAME_MAX_CHARS), times)
            self.steps.whole_beyond(type_, times)

    def _read(self, reading: Reading | None) -> Reading | None:
        """Count the oddities of a usage that was read."""
        if reading is not None:
            if reading.bad_fields:
                self.anomaly(Anomaly.BAD_USAGE, reading.bad_fields)
            if reading.unknown_modalities:
                self.unknown(Unknown.MODALITY, None, reading.unknown_modalities)
        return reading

    def _run(self, reading: Reading | None) -> None:
        if self._read(reading) is not None and reading is not None and not reading.usage.is_empty:
            self._running[self._current] = reading.usage
            self._running_unread = None

    def _read_running(self) -> None:
        unread, self._running_unread = self._running_unread, None
        if unread is not None:
            self._run(read_usage(load_json(unread)))

    def _settle_usage(self) -> None:
        """Final before running, each interaction's own; those of different interactions add up."""
        self._read_running()
        usages = {**self._running, **self._final}
        if None in usages and len(usages) > 1:
            del usages[None]  # said before the interaction had a name: an earlier word on the same one
        for usage in usages.values():
            self.facts.usage = usage if self.facts.usage is None else add(self.facts.usage, usage)
        if usages:
            self.facts.basis = Basis.FINAL if usages.keys() <= self._final.keys() else Basis.RUNNING

    def _note_silence(self, t_ns: int) -> None:
        since = self._last_event_ns
        if since is None or t_ns - self.blocked_ns - since <= self._stall_ns or self.final_seen or self.done_seen:
            return
        if self.steps.is_streaming:
            self.facts.stalled = True
            self.facts.stalls += 1
            if self.facts.stall_ns is None:
                self.facts.stall_ns = since + self.blocked_ns


def _body_type(step: object) -> str | None:
    type_ = step.get("type") if isinstance(step, dict) else None
    return type_ if isinstance(type_, str) else None


_OUTPUT_KINDS = frozenset({DeltaKind.TEXT, DeltaKind.MEDIA})
