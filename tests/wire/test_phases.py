"""What a stream does at a time: thinks, waits for a server tool, answers; kept by step (telemetry/phases.py)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.errors import WireError
from gateway.wire.events import (
    Done,
    ErrorEvent,
    Event,
    InteractionCompleted,
    InteractionCreated,
    StatusUpdate,
    StepDelta,
    StepStart,
    StepStop,
)
from gateway.wire.facts import DeltaKind, InteractionFacts, StreamFacts
from gateway.wire.interaction import InteractionTracker
from gateway.wire.steps import MAX_STEPS

CREATED = InteractionCreated(InteractionFacts("a", "in_progress"))
COMPLETED = InteractionCompleted(InteractionFacts("a", "completed"))


def start(index: int, type_: str = "model_output", id_: str | None = None, call_id: str | None = None) -> StepStart:
    """A step begins."""
    return StepStart(index, type_, id_, call_id)


def delta(index: int) -> StepDelta:
    """A delta of it."""
    return StepDelta(index, "text", DeltaKind.TEXT)


def stop(index: int) -> StepStop:
    """It ends."""
    return StepStop(index)


def call(index: int, id_: str | None, tool: str = "google_search") -> StepStart:
    """A server tool is called."""
    return start(index, f"{tool}_call", id_)


def result(index: int, call_id: str | None, tool: str = "google_search") -> StepStart:
    """Its result begins."""
    return start(index, f"{tool}_result", call_id=call_id)


def track(events: list[Event], blocked_ns: dict[int, int] | None = None, end_ns: int | None = None) -> StreamFacts:
    """The facts of these events, 10 ns apart from 10 on; the body ends 10 later.

    blocked_ns: number of an event to how long the client has held up the response by then.
    """
    tracker = InteractionTracker()
    for number, event in enumerate(events):
        tracker.blocked_ns = (blocked_ns or {}).get(number, tracker.blocked_ns)
        tracker.feed(event, 10 + number * 10)
    return tracker.finish(10 + len(events) * 10 if end_ns is None else end_ns)


def spent(facts: StreamFacts) -> tuple[int, int, int]:
    """Thinking, server tools, the answer."""
    return facts.think_ns, facts.server_tool_ns, facts.stream_ns


STREAMS: list[tuple[str, list[Event], tuple[int, int, int]]] = [
    ("nothing", [], (0, 0, 0)),
    ("no step: the wait goes on", [CREATED, StatusUpdate("a", "in_progress")], (0, 0, 0)),
    ("a thought, then the answer", [start(0, "thought"), stop(0), start(1), stop(1)], (10, 0, 10)),
    ("between steps it waits", [start(0), stop(0), CREATED, start(1), stop(1)], (0, 0, 20)),
    ("a thought beside the answer", [start(0, "thought"), start(1), stop(1), stop(0)], (20, 0, 10)),
    ("two thoughts at once", [start(0, "thought"), start(1, "thought"), stop(0), stop(1)], (30, 0, 0)),
    ("a call of a function is answer", [start(0, "function_call", "f"), delta(0), stop(0)], (0, 0, 20)),
    ("so is what is unknown", [start(0, "hologram"), stop(0), start(1, "user_input"), stop(1)], (0, 0, 20)),
    ("a tool, from its call to its result's stop", [call(0, "c"), stop(0), result(1, "c"), stop(1)], (0, 30, 0)),
    (
        "a thought while a tool runs",
        [call(0, "c"), stop(0), start(1, "thought"), stop(1), result(2, "c"), stop(2)],
        (0, 50, 0),
    ),
    (
        "the answer while a tool runs",
        [call(0, "c"), stop(0), start(1), stop(1), result(2, "c"), stop(2)],
        (0, 40, 10),
    ),
    (
        "two tools at once",
        [call(0, "c"), call(1, "d"), stop(0), stop(1), result(2, "d"), stop(2), result(3, "c"), stop(3)],
        (0, 70, 0),
    ),
    ("a call without result runs to the end", [call(0, "c"), stop(0), start(1, "thought"), stop(1)], (0, 40, 0)),
    ("one without id only while it is open", [call(0, None), stop(0), start(1, "thought"), stop(1)], (10, 10, 0)),
    ("a result without call while it is open", [result(0, "c"), stop(0), start(1, "thought"), stop(1)], (10, 10, 0)),
    (
        "another tool's result ends no call",
        [call(0, "c"), stop(0), result(1, "c", "url_context"), stop(1), result(2, "c"), stop(2)],
        (0, 50, 0),
    ),
    ("a step left open", [start(0, "thought"), delta(0)], (20, 0, 0)),
    ("one that is opened again", [start(0, "thought"), start(0), stop(0)], (10, 0, 10)),
    ("a result that is opened again", [call(0, "c"), stop(0), result(1, "c"), start(1), stop(1)], (0, 30, 10)),
    ("a delta without start opens one", [delta(0), stop(0)], (0, 0, 10)),
    ("a late delta opens one of its type", [start(0, "thought"), stop(0), delta(0)], (20, 0, 0)),
    ("after the terminal event it is delivery", [start(0, "thought"), COMPLETED, Done()], (10, 0, 20)),
    ("whatever comes then", [COMPLETED, start(0, "thought"), stop(0)], (0, 0, 30)),
    ("an error is such an event", [start(0, "thought"), ErrorEvent(WireError(None))], (10, 0, 10)),
    ("so is the sentinel", [start(0, "thought"), Done()], (10, 0, 10)),
]


@pytest.mark.parametrize(("events", "expected"), [pytest.param(*row[1:], id=row[0]) for row in STREAMS])
def test_a_stream(events: list[Event], expected: tuple[int, int, int]) -> None:
    """Each moment goes to one of them, or to the wait."""
    assert spent(track(events)) == expected


def test_what_the_client_holds_up_is_taken_out_where_it_happens() -> None:
    """Of the thought 4 ns, of the answer 7, and 5 more before the body ends."""
    tracker = InteractionTracker()
    for event, t_ns, blocked_ns in (
        (start(0, "thought"), 10, 3),
        (stop(0), 20, 7),
        (start(1), 20, 7),
        (stop(1), 40, 14),
        (COMPLETED, 50, 14),
    ):
        tracker.blocked_ns = blocked_ns
        tracker.feed(event, t_ns)
    tracker.blocked_ns = 19

    assert spent(tracker.finish(60)) == (6, 0, 13 + 5)


def test_a_clock_that_steps_back_counts_nothing_twice() -> None:
    """Events that came while the client held up the response: its time is known only afterwards."""
    events: list[Event] = [start(0, "thought"), stop(0), start(1), stop(1)]
    facts = track(events, blocked_ns={2: 25})

    assert spent(facts) == (10, 0, 0)


def test_steps_over_the_cap_show_nothing() -> None:
    """They are only counted, so they are wait."""
    many: list[Event] = [event for index in range(MAX_STEPS) for event in (start(index), stop(index))]

    assert spent(track([*many, start(5000, "thought"), stop(5000)])) == (0, 0, MAX_STEPS * 10)


@dataclass
class Plain:
    """The definitions once more, as plain as they go: after each event, look at all that is open."""

    open: dict[int, tuple[str, str | None]] = field(default_factory=dict)  # index to type and call id
    types: dict[int, str] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    over: bool = False

    def take(self, event: Event) -> None:
        """What the event changes."""
        if isinstance(event, StepStart) and event.index is not None:
            self._close(event.index)
            self._open(event.index, event.type or "other", event)
        elif isinstance(event, StepDelta | StepStop) and event.index is not None:
            if event.index not in self.open:
                self._open(event.index, self.types.get(event.index, "other"), None)
            if isinstance(event, StepStop):
                self.types[event.index] = self.open[event.index][0]
                self._close(event.index)
        self.over |= isinstance(event, InteractionCompleted | ErrorEvent | Done)

    def _open(self, index: int, type_: str, event: StepStart | None) -> None:
        self.open[index] = (type_, event.call_id if event is not None else None)
        if type_.endswith("_search_call") and event is not None and event.id is not None:
            self.calls.append((type_.removesuffix("_call"), event.id))

    def _close(self, index: int) -> None:
        type_, call_id = self.open.pop(index, ("", None))
        if type_.endswith("_search_result"):
            self.calls = [one for one in self.calls if one != (type_.removesuffix("_result"), call_id)]

    @property
    def phase(self) -> str:
        """What holds now."""
        kinds = {type_.rpartition("_search_")[2] for type_, _ in self.open.values()}
        if self.over or kinds - {"call", "result", "thought"}:
            return "stream"
        if self.calls or kinds & {"call", "result"}:
            return "server_tool"
        return "think" if kinds else "wait"


INDICES = st.integers(0, 3)
IDS = st.sampled_from(["c", "d", None])
TOOLS = st.sampled_from(["google_search", "file_search"])
EVENTS = st.one_of(
    st.builds(start, INDICES, st.sampled_from(["thought", "thought", "model_output", "function_call"])),
    st.builds(call, INDICES, IDS, TOOLS),
    st.builds(result, INDICES, IDS, TOOLS),
    st.builds(delta, INDICES),
    st.builds(stop, INDICES),
    st.builds(stop, INDICES),
    st.sampled_from([CREATED, CREATED, CREATED, COMPLETED, Done(), ErrorEvent(WireError(None))]),
)
MOMENTS = st.tuples(EVENTS, st.integers(0, 50), st.booleans(), st.integers(0, 20))


@settings(max_examples=500)
@given(st.lists(MOMENTS, max_size=25), st.integers(0, 50), st.integers(0, 20))
def test_any_stream_is_split_as_the_definitions_say(
    moments: list[tuple[Event, int, bool, int]], last_ns: int, last_blocked_ns: int
) -> None:
    """Whatever the order, and whenever the client held up the response (here: between two events)."""
    tracker, plain = InteractionTracker(), Plain()
    expected = dict.fromkeys(("wait", "think", "server_tool", "stream"), 0)
    t_ns = 0
    for event, wait_ns, blocks, blocked_ns in moments:
        expected[plain.phase] += wait_ns
        t_ns += wait_ns + blocked_ns * blocks
        tracker.blocked_ns += blocked_ns * blocks
        tracker.feed(event, t_ns)
        plain.take(event)
    expected[plain.phase] += last_ns
    tracker.blocked_ns += last_blocked_ns
    facts = tracker.finish(t_ns + last_ns + last_blocked_ns)

    assert spent(facts) == (expected["think"], expected["server_tool"], expected["stream"])


@settings(max_examples=200)
@given(st.lists(st.tuples(EVENTS, st.integers(0, 50), st.integers(0, 80)), max_size=25))
def test_no_moment_counts_twice_however_the_clocks_run(moments: list[tuple[Event, int, int]]) -> None:
    """Blocked time may be told late, and be more than passed: the three together never exceed what passed."""
    tracker, times = InteractionTracker(), list(itertools.accumulate((wait_ns for _, wait_ns, _ in moments), initial=0))
    for (event, _, blocked_ns), t_ns in zip(moments, times[1:], strict=True):
        tracker.blocked_ns += blocked_ns
        tracker.feed(event, t_ns)
    facts = tracker.finish(times[-1])

    assert min(spent(facts)) >= 0
    assert sum(spent(facts)) <= times[-1]
