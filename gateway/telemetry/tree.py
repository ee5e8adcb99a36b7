"""The spans of a closed exchange as a tree of plain values, with true times.

Not here: the SDK (exporter.py), attribute values (attributes.py, http_attributes.py).
Source: telemetry-conventions.md 2.1, 2.4; accounting.md 7.
Promise: the same account gives the same tree; a child lies within its parent's time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.records import ExchangeClosed
from gateway.telemetry import attributes as attr
from gateway.telemetry import names
from gateway.telemetry.books import Account, is_resume
from gateway.telemetry.cost_metrics import is_wasted
from gateway.telemetry.http_attributes import Attributes, client_attributes, method_name, server_attributes, server_name
from gateway.telemetry.ids import Identity, SpanRef, derive, parse_traceparent
from gateway.telemetry.labels import CodeLabels
from gateway.telemetry.tags import interaction_tags, server_tags
from gateway.telemetry.tools import pair
from gateway.wire.facts import Step
from gateway.wire.outcome import Outcome, Route
from gateway.wire.phases import TOOL_OF_CALL, TOOL_OF_RESULT

SERVER, CLIENT, INTERNAL = "server", "client", "internal"


@dataclass(slots=True)
class Link:
    """A link to an earlier interaction's span, or to that of a client that isn't trusted."""

    to: SpanRef
    attributes: Attributes


@dataclass(slots=True)
class Node:
    """A span to be. Times are wall time, ns. span_id None: any. error: its `error.type`, and with it Error.

    content_bytes: of captured content in the tree, where this is the root: a queue bounds their sum.
    """

    name: str
    kind: str
    start_unix_ns: int
    end_unix_ns: int
    attributes: Attributes
    span_id: int | None = None
    error: str | None = None
    links: list[Link] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    content_bytes: int = 0

    def count(self) -> int:
        return 1 + sum(child.count() for child in self.children)


@dataclass(frozen=True, slots=True)
class _Span:
    """Start and end, ns since the exchange's start."""

    start_ns: int
    end_ns: int


def build(account: Account, identity: Identity, codes: CodeLabels) -> Node:
    """The tree of an exchange, its SERVER span at the root."""
    return _Builder(account.record, identity, codes).server(account)


def size(account: Account) -> int:
    """How many spans the tree of an exchange would have, for one that isn't built."""
    record = account.record
    if attr.operation(record) is None and record.outcome is Outcome.REJECTED:
        return 1
    count = 1 if record.times.upstream_start_ns is None else 2
    if attr.operation(record) is None:
        return count
    tools = sum(step.type in TOOL_OF_CALL or step.type in TOOL_OF_RESULT for step in account.shown)
    return count + 1 + len(account.shown) + tools - (len(pair(account.shown)[1]) if tools else 0)


class _Builder:
    def __init__(self, record: ExchangeClosed, identity: Identity, codes: CodeLabels) -> None:
        self._record = record
        self._identity = identity
        self._error = attr.error_type(record, codes)
        end_ns = record.times.end_ns
        start_ns = attr.main_start_ns(record)
        self._main = _Span(start_ns, end_ns)
        first_ns = record.times.first_byte_ns
        self._body = _Span(min(start_ns if first_ns is None else first_ns, end_ns), end_ns)

    def server(self, account: Account) -> Node:
        record = self._record
        whole = _Span(0, record.times.end_ns)
        found = record.baggage | server_attributes(record) | server_tags(account.tags)
        found |= attr.phase_attributes(account.phases)
        root = self._node(server_name(record), SERVER, whole, found)
        root.span_id = self._identity.server
        root.error = self._error if attr.is_server_error(record) else None
        linked = parse_traceparent(record.linked)
        if linked is not None:
            root.links.append(Link(linked, {names.LINK: names.LINK_CLIENT, names.LINK_BASIS: "known"}))
        doing = attr.operation(record)
        if doing is not None:
            root.children.append(self._interaction(account, doing))
        elif record.outcome is not Outcome.REJECTED:
            # it is the main span here, under the id that went upstream, if one did
            root.children += self._upstream(span_id=self._identity.upstream or self._identity.main)
            root.links += _links(account)
        return root

    def _interaction(self, account: Account, doing: str) -> Node:
        record = self._record
        beyond = sum(sum(counts) for counts in record.stream.steps_beyond.values())
        own = attr.interaction_attributes(record, doing, len(record.stream.steps) + beyond)
        priced = attr.cost_attributes(account.cost, wasted=is_wasted(account))
        found = record.baggage | account.chain | own | priced | interaction_tags(account.tags)
        node = self._node(attr.interaction_name(record, doing), CLIENT, self._main, found)
        node.span_id = self._identity.main
        node.error = self._error
        node.links = _links(account)
        node.children = [*self._upstream(span_id=self._identity.upstream), *self._steps(account.shown)]
        return node

    def _upstream(self, span_id: int | None) -> list[Node]:
        if self._record.times.upstream_start_ns is None:
            return []  # the upstream was never asked, as far as is known
        node = self._node(method_name(self._record), CLIENT, self._main, client_attributes(self._record))
        node.span_id, node.error = span_id, self._error
        return [node]

    def _steps(self, steps: list[Step]) -> list[Node]:
        """Tool spans with their two steps where the call stood, the other steps in their order."""
        result_of, paired = pair(steps)
        nodes: list[Node] = []
        for step in steps:
            if id(step) in paired:
                continue
            if (tool := TOOL_OF_CALL.get(step.type)) is not None:
                nodes.append(self._tool(tool, step, result_of.get(id(step))))
            elif (tool := TOOL_OF_RESULT.get(step.type)) is not None:
                nodes.append(self._tool(tool, None, step))
            else:
                nodes.append(self._step(step))
        return nodes

    def _tool(self, tool: str, call: Step | None, result: Step | None) -> Node:
        steps = [step for step in (call, result) if step is not None]
        times = [self._time(step) for step in steps]
        end_ns = self._body.end_ns if result is None else max(time.end_ns for time in times)
        span = _Span(min(time.start_ns for time in times), end_ns)
        node = self._node(f"{names.EXECUTE_TOOL} {tool}", INTERNAL, span, attr.tool_attributes(tool, call, result))
        if result is not None and result.is_error:
            node.error = "tool_error"
        node.children = [self._step(step) for step in steps]
        return node

    def _step(self, step: Step) -> Node:
        found = attr.step_attributes(step, timed=step.start_ns is not None)
        node = self._node(f"{names.STEP} {step.type}", INTERNAL, self._time(step), found)
        if step.type == "function_result" and step.is_error:
            node.error = "tool_error"  # a server tool's error stands on its execute_tool span
        return node

    def _time(self, step: Step) -> _Span:
        if step.start_ns is None:
            return self._body
        start_ns = min(step.start_ns, self._body.end_ns)
        end_ns = self._body.end_ns if step.stop_ns is None else step.stop_ns
        return _Span(start_ns, min(max(start_ns, end_ns), self._body.end_ns))

    def _node(self, name: str, kind: str, span: _Span, attributes: Attributes) -> Node:
        zero_ns = self._record.started_unix_ns
        return Node(name, kind, zero_ns + span.start_ns, zero_ns + max(span.start_ns, span.end_ns), attributes)


def _links(account: Account) -> list[Link]:
    record = account.record
    if record.route is Route.CREATE:
        earlier = record.request.previous_interaction_id
        relation = "continuation" if record.request.continuation else "previous_interaction"
    elif record.route in (Route.GET, Route.CANCEL):
        earlier = record.request.interaction_id or record.stream.interaction.id
        relation = "cancel" if record.route is Route.CANCEL else "resume" if is_resume(record) else "poll"
    else:
        return []
    if not earlier:
        return []
    to, basis = (account.earlier, "known") if account.earlier is not None else (derive(earlier), "derived")
    return [Link(to, {names.LINK: relation, names.LINK_BASIS: basis})]
