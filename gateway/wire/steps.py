"""The steps of one response: opened, fed, closed, keyed by index; bounded whatever the stream does.

Not here: other events, usage, outcome (interaction.py).
Source: accounting.md 3; interactions-api.md 4.1 and 9 (28-32).
"""

from __future__ import annotations

from gateway.wire.events import STEP_TYPES, StepDelta, StepStart, StepStop
from gateway.wire.facts import Anomaly, Invalid, Step, StreamFacts
from gateway.wire.jsontext import load_json
from gateway.wire.phases import PhaseClock
from gateway.wire.usage import Usage

MAX_STEPS = 1024  # kept one by one; beyond it steps are only counted by type
MAX_TEXT_CHARS = 128 * 1024  # of all kept steps' ids and names together; beyond it too
MAX_ARGUMENT_CHARS = 32 * 1024  # of all open steps together, to check that the fragments' sum is JSON
OTHER = "other"

_CLOSED, _OPEN = 0, 1  # places in StreamFacts.steps_beyond


class Steps:
    """Keeps `facts.steps` in order of their start. started and finished: since the owner last cleared them.

    calm_ns of its calls: t_ns less the time that the client has held up the response.
    """

    def __init__(self, facts: StreamFacts, phases: PhaseClock) -> None:
        self._facts = facts
        self._phases = phases  # told of each step that is kept
        self._open: dict[int, Step] = {}
        self._beyond: dict[int, str] = {}  # open steps over the cap: index to type
        self._types: dict[int, str] = {}  # of closed ones: a late delta still has a type
        self._calm_ns: dict[int, int] = {}  # of open steps: when the last delta came
        self._arguments: dict[int, list[str] | None] = {}  # None: too long, or left out, to be checked
        self._argument_chars = 0
        self._text_chars = 0
        self.started: list[Step] = []
        self.finished: list[Step] = []

    @staticmethod
    def is_known(type_: str | None) -> bool:
        """Whether a step's type is of the known vocabulary."""
        return type_ in STEP_TYPES

    @property
    def is_streaming(self) -> bool:
        """Whether a step is open that is not a thought: silence then is a stall, not thinking."""
        return any(step.type != "thought" for step in self._open.values())

    def open_on(self, index: int) -> Step | None:
        """The step that is open on an index and kept."""
        return self._open.get(index)

    def start(self, event: StepStart, t_ns: int, size: int, calm_ns: int) -> None:
        """A step begins; one that is open on the same index ends unfinished."""
        index = self._index(event.index)
        if index is None:
            return
        if index in self._open or index in self._beyond:
            self._anomaly(Anomaly.STEP_REOPENED)
            self._drop_open(index, calm_ns)
        step = _step(index, event)
        step.start_ns, step.bytes = t_ns, size
        self._add(step, calm_ns)

    def delta(self, event: StepDelta, t_ns: int, size: int, calm_ns: int) -> None:
        """A delta comes to its step."""
        index = self._index(event.index)
        step = None if index is None else self._open_step(index, calm_ns)
        if index is None or step is None:
            return
        if step.first_delta_ns is None:
            step.first_delta_ns = t_ns
        else:
            step.max_gap_ns = max(step.max_gap_ns, calm_ns - self._calm_ns.get(index, calm_ns))
        self._calm_ns[index] = calm_ns
        step.last_delta_ns = t_ns
        step.deltas += 1
        step.bytes += size
        if event.is_error is not None:
            step.is_error = event.is_error
        if event.type == "arguments_delta":
            self._keep_arguments(index, event.arguments)

    def text_deltas(self, step: Step, count: int, size: int, t_ns: int, calm_ns: int) -> None:
        """Several deltas of one arrival, without arguments or errors, come to an open step; size: of all together."""
        if step.first_delta_ns is None:
            step.first_delta_ns = t_ns
        else:
            gap_ns = calm_ns - self._calm_ns[step.index]
            if gap_ns > step.max_gap_ns:
                step.max_gap_ns = gap_ns
        self._calm_ns[step.index] = calm_ns
        step.last_delta_ns = t_ns
        step.deltas += count
        step.bytes += size

    def stop(self, event: StepStop, t_ns: int, size: int, calm_ns: int) -> None:
        """A step ends."""
        index = self._index(event.index)
        if index is None:
            return
        if index in self._beyond:
            counts = self._facts.steps_beyond[self._beyond.pop(index)]
            counts[_CLOSED] += 1
            counts[_OPEN] -= 1
            return
        step = self._open_step(index, calm_ns)
        if step is None:
            return
        del self._open[index]
        self._phases.ended(step, calm_ns)
        self._calm_ns.pop(index, None)
        if len(self._types) < MAX_STEPS:
            self._types[index] = step.type
        step.closed, step.stop_ns = True, t_ns
        step.bytes += size
        if event.step_usage is not None:
            step.step_usage = self._bounded(event.step_usage.usage)
        self._check_arguments(index)
        self.finished.append(step)

    def whole(self, event: StepStart, is_error: bool | None) -> None:
        """A step of a whole body: closed, without times."""
        step = _step(event.index or 0, event)
        step.closed, step.is_error = True, is_error
        if self._fits(step):
            self._keep(step)
        else:
            self._count_beyond(step.type, _CLOSED)

    def whole_beyond(self, type_: str | None, times: int) -> None:
        """More steps of a whole body than are kept, all of one type."""
        self._count_beyond(_known(type_), _CLOSED, times)

    def finish(self) -> None:
        """The response is over: what is open stays unfinished."""
        self._open.clear()
        self._beyond.clear()
        self._arguments.clear()

    def _open_step(self, index: int, calm_ns: int) -> Step | None:
        """The open step of an index; without one, a step of which no start was seen."""
        step = self._open.get(index)
        if step is None and index not in self._beyond:
            self._anomaly(Anomaly.STEP_WITHOUT_START)
            step = Step(index, self._types.get(index, OTHER))
            self._add(step, calm_ns)
            step = self._open.get(index)
        return step

    def _add(self, step: Step, calm_ns: int) -> None:
        if not self._fits(step):
            self._count_beyond(step.type, _OPEN)
            if len(self._beyond) < MAX_STEPS:
                self._beyond[step.index] = step.type
            return
        self._keep(step)
        self._open[step.index] = step
        self.started.append(step)
        self._phases.began(step, calm_ns)

    def _keep(self, step: Step) -> None:
        step.number = len(self._facts.steps)
        self._facts.steps.append(step)

    def _fits(self, step: Step) -> bool:
        texts = (step.wire_type, step.id, step.call_id, step.name)
        chars = self._text_chars + sum(len(text) for text in texts if text is not None)
        if len(self._facts.steps) >= MAX_STEPS or chars > MAX_TEXT_CHARS:
            return False
        self._text_chars = chars
        return True

    def _bounded(self, usage: Usage) -> Usage:
        """A step's own usage; without its lists when the record has no more room for names."""
        chars = sum(map(len, usage.grounding)) + sum(sum(map(len, names)) for names in usage.by_modality.values())
        if self._text_chars + chars > MAX_TEXT_CHARS:
            usage.by_modality, usage.grounding = {}, {}
        else:
            self._text_chars += chars
        return usage

    def _count_beyond(self, type_: str, place: int, times: int = 1) -> None:
        self._anomaly(Anomaly.TOO_MANY_STEPS, times)
        self._facts.steps_beyond.setdefault(type_, [0, 0])[place] += times

    def _drop_open(self, index: int, calm_ns: int) -> None:
        self._beyond.pop(index, None)
        dropped = self._open.pop(index, None)
        if dropped is not None:
            self._phases.ended(dropped, calm_ns)
        self._calm_ns.pop(index, None)
        self._forget_arguments(index)

    def _keep_arguments(self, index: int, fragment: str | None) -> None:
        kept = self._arguments.setdefault(index, [])
        if kept is None or fragment == "":
            return
        if fragment is None or len(fragment) > MAX_ARGUMENT_CHARS - self._argument_chars:
            self._forget_arguments(index)
            self._arguments[index] = None
            return
        kept.append(fragment)
        self._argument_chars += len(fragment)

    def _check_arguments(self, index: int) -> None:
        whole = "".join(self._arguments.get(index) or ())
        self._forget_arguments(index)
        # an empty sum means {} (interactions-api.md 9.31)
        if whole.strip() and isinstance(load_json(whole.encode("utf-8", "replace")), Invalid):
            self._anomaly(Anomaly.BAD_ARGUMENTS)

    def _forget_arguments(self, index: int) -> None:
        self._argument_chars -= sum(map(len, self._arguments.pop(index, None) or ()))

    def _index(self, index: int | None) -> int | None:
        if index is None:
            self._anomaly(Anomaly.BAD_INDEX)
        return index

    def _anomaly(self, anomaly: Anomaly, times: int = 1) -> None:
        self._facts.anomalies[anomaly] = self._facts.anomalies.get(anomaly, 0) + times


def _step(index: int, event: StepStart) -> Step:
    known = event.type in STEP_TYPES
    return Step(
        index,
        _known(event.type),
        wire_type=None if known else event.type or "",
        id=event.id,
        call_id=event.call_id,
        name=event.name,
    )


def _known(type_: str | None) -> str:
    return type_ if type_ is not None and type_ in STEP_TYPES else OTHER
