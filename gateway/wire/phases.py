"""What a stream does at a time: thinks, waits for a server tool, answers, or nothing that shows.

Not here: the rest of an exchange's time, and every border in words (telemetry/phases.py); clocks.
Promise: kept by step, never by delta; memory is bounded by the steps that are kept (steps.py); nothing raises.
"""

from __future__ import annotations

from typing import Final

from gateway.wire.events import SERVER_TOOLS
from gateway.wire.facts import Step, StreamFacts

# The server tool that a step belongs to; a function call's result is the client's to bring.
TOOL_OF_CALL: Final = {f"{tool}_call": tool for tool in SERVER_TOOLS}
TOOL_OF_RESULT: Final = {f"{tool}_result": tool for tool in SERVER_TOOLS}

_WAIT, _THINK, _SERVER_TOOL, _STREAM = 0, 1, 2, 3


class PhaseClock:
    """Adds up `think_ns`, `server_tool_ns` and `stream_ns` of the facts.

    calm_ns: the time, less what the client has held up so far. Where it steps back (events came meanwhile), it is
    taken to stand still, so no time counts twice.
    """

    def __init__(self, facts: StreamFacts) -> None:
        self._facts = facts
        self._phase = _WAIT
        self._since_ns = 0
        self._outputs = 0  # open steps, by what they are
        self._thoughts = 0
        self._tools = 0
        self._calls: set[tuple[str, str]] = set()  # of server tools, without result so far
        self._over = False

    def began(self, step: Step, calm_ns: int) -> None:
        """A step is open from now on."""
        tool = TOOL_OF_CALL.get(step.type)
        if tool is not None and step.id is not None:
            self._calls.add((tool, step.id))
        self._count(step, 1)
        self._turn(calm_ns)

    def ended(self, step: Step, calm_ns: int) -> None:
        """It is open no more, whether its stop came or another took its place."""
        tool = TOOL_OF_RESULT.get(step.type)
        if tool is not None and step.call_id is not None:
            self._calls.discard((tool, step.call_id))
        self._count(step, -1)
        self._turn(calm_ns)

    def over(self, calm_ns: int) -> None:
        """The terminal event is here: what still comes belongs to the answer's delivery."""
        self._over = True
        self._turn(calm_ns)

    def finish(self, calm_ns: int) -> None:
        """The body is over."""
        self._settle(calm_ns)

    def _count(self, step: Step, one: int) -> None:
        if step.type == "thought":
            self._thoughts += one
        elif step.type in TOOL_OF_CALL or step.type in TOOL_OF_RESULT:
            self._tools += one
        else:
            self._outputs += one

    def _turn(self, calm_ns: int) -> None:
        if self._outputs or self._over:
            phase = _STREAM
        elif self._tools or self._calls:
            phase = _SERVER_TOOL
        elif self._thoughts:
            phase = _THINK
        else:
            phase = _WAIT
        if phase != self._phase:
            self._settle(calm_ns)
            self._phase = phase

    def _settle(self, calm_ns: int) -> None:
        spent_ns = calm_ns - self._since_ns
        if spent_ns <= 0:
            return
        self._since_ns = calm_ns
        if self._phase == _THINK:
            self._facts.think_ns += spent_ns
        elif self._phase == _SERVER_TOOL:
            self._facts.server_tool_ns += spent_ns
        elif self._phase == _STREAM:
            self._facts.stream_ns += spent_ns
