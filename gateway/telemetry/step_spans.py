"""The spans of steps: one each, always; the call and the result of a server tool below one span of its execution.

Not here: the spans above them (tree.py), which of them leave before the exchange ends (early.py).
Source: telemetry-conventions.md 2.1; accounting.md 7.
Promise: a step that has ended has the same span whenever it's made, before the exchange's end or at it.
"""

from __future__ import annotations

from collections.abc import Collection

from gateway.telemetry import attributes as attr
from gateway.telemetry import names
from gateway.telemetry.http_attributes import Attributes
from gateway.telemetry.ids import Identity
from gateway.telemetry.nodes import INTERNAL, Interval, Node
from gateway.telemetry.tools import pair
from gateway.wire.facts import Step
from gateway.wire.phases import TOOL_OF_CALL, TOOL_OF_RESULT


class StepSpans:
    """Makes them. body: the response body's time; what has no time of its own, or no end, is put into it."""

    def __init__(self, started_unix_ns: int, identity: Identity, body: Interval) -> None:
        self._zero_ns = started_unix_ns
        self._identity = identity
        self._body = body

    def all(self, steps: list[Step], left: Collection[int]) -> list[Node]:
        """Tool spans with their two steps where the call stood, the other steps in their order.

        left: the numbers of steps whose spans are out already.
        """
        result_of, paired = pair(steps)
        nodes: list[Node] = []
        for step in steps:
            if id(step) in paired:
                continue
            result = result_of.get(id(step))
            if left:
                here = [half for half in (step, result) if half is not None and half.number not in left]
                if not here:
                    continue
                # Of a pair either both have left or none has, unless an id was used twice.
                step, result = here[0], here[1] if len(here) > 1 else None  # noqa: PLW2901
            if (tool := TOOL_OF_CALL.get(step.type)) is not None:
                nodes.append(self.tool(tool, step, result))
            elif (tool := TOOL_OF_RESULT.get(step.type)) is not None:
                nodes.append(self.tool(tool, None, step))
            else:
                nodes.append(self.step(step))
        return nodes

    def tool(self, tool: str, call: Step | None, result: Step | None) -> Node:
        """The execution of a server tool, with its steps; at least one half is there."""
        steps = [step for step in (call, result) if step is not None]
        times = [self._time(step) for step in steps]
        end_ns = self._body.end_ns if result is None else max(time.end_ns for time in times)
        time = Interval(min(time.start_ns for time in times), end_ns)
        node = self._node(f"{names.EXECUTE_TOOL} {tool}", time, attr.tool_attributes(tool, call, result))
        node.span_id = self._identity.tool_span(steps[0].number)
        if result is not None and result.is_error:
            node.error = "tool_error"
        node.children = [self.step(step) for step in steps]
        return node

    def step(self, step: Step) -> Node:
        """A step."""
        found = attr.step_attributes(step, timed=step.start_ns is not None)
        node = self._node(f"{names.STEP} {step.type}", self._time(step), found)
        node.span_id = self._identity.step_span(step.number)
        if step.type == "function_result" and step.is_error:
            node.error = "tool_error"  # a server tool's error stands on its execute_tool span
        return node

    def _time(self, step: Step) -> Interval:
        if step.start_ns is None:
            return self._body
        start_ns = min(step.start_ns, self._body.end_ns)
        end_ns = self._body.end_ns if step.stop_ns is None else step.stop_ns
        return Interval(start_ns, min(max(start_ns, end_ns), self._body.end_ns))

    def _node(self, name: str, time: Interval, attributes: Attributes) -> Node:
        end_ns = max(time.start_ns, time.end_ns)
        return Node(name, INTERNAL, self._zero_ns + time.start_ns, self._zero_ns + end_ns, attributes)


def count(steps: list[Step]) -> int:
    """How many spans steps have, for those that aren't made."""
    tools = sum(step.type in TOOL_OF_CALL or step.type in TOOL_OF_RESULT for step in steps)
    return len(steps) + tools - (len(pair(steps)[1]) if tools else 0)
