"""The spans of a closed exchange as a tree of plain values, with true times.

Not here: the SDK (exporter.py), those of steps (step_spans.py), attribute values (attributes.py, http_attributes.py).
Source: telemetry-conventions.md 2.1, 2.4; accounting.md 7.
Promise: the same account gives the same tree; a child lies within its parent's time.
"""

from __future__ import annotations

from collections.abc import Collection

from gateway.records import ExchangeClosed
from gateway.telemetry import attributes as attr
from gateway.telemetry import names
from gateway.telemetry.books import Account, is_resume
from gateway.telemetry.cost_metrics import is_wasted
from gateway.telemetry.http_attributes import Attributes, client_attributes, method_name, server_attributes, server_name
from gateway.telemetry.ids import Identity, derive, parse_traceparent
from gateway.telemetry.labels import CodeLabels
from gateway.telemetry.nodes import CLIENT, SERVER, Interval, Link, Node
from gateway.telemetry.span_events import SpanEvents
from gateway.telemetry.step_spans import StepSpans, count
from gateway.telemetry.tags import interaction_tags, server_tags
from gateway.wire.outcome import Outcome, Route


def build(
    account: Account,
    identity: Identity,
    codes: CodeLabels,
    *,
    kept_by: str = "",
    left: Collection[int] = (),
    events: bool = False,
) -> Node:
    """The tree of an exchange, its SERVER span at the root.

    kept_by: the sampling rule that kept it. left: the numbers of steps whose spans are out already. events: whether
    the interaction's span has span events.
    """
    root = _Builder(account.record, identity, codes, left, events=events).server(account)
    if kept_by:
        root.attributes[names.KEPT_BY] = kept_by
    return root


def size(account: Account) -> int:
    """How many spans the tree of an exchange would have, for one that isn't built."""
    record = account.record
    if attr.operation(record) is None and record.outcome is Outcome.REJECTED:
        return 1
    above = 1 if record.times.upstream_start_ns is None else 2
    return above if attr.operation(record) is None else above + 1 + count(account.shown)


class _Builder:
    def __init__(
        self, record: ExchangeClosed, identity: Identity, codes: CodeLabels, left: Collection[int], *, events: bool
    ) -> None:
        self._events = events
        self._record = record
        self._identity = identity
        self._left = left
        self._error = attr.error_type(record, codes)
        end_ns = record.times.end_ns
        start_ns = attr.main_start_ns(record)
        self._main = Interval(start_ns, end_ns)
        first_ns = record.times.first_byte_ns
        self._body = Interval(min(start_ns if first_ns is None else first_ns, end_ns), end_ns)

    def server(self, account: Account) -> Node:
        record = self._record
        whole = Interval(0, record.times.end_ns)
        found = record.baggage | server_attributes(record) | server_tags(account.tags)
        found |= attr.phase_attributes(account.phases)
        root = self._node(server_name(record), SERVER, whole, found)
        root.span_id = self._identity.server
        root.error = self._error if attr.is_server_error(record) else None
        linked = parse_traceparent(record.linked)
        if linked is not None:
            root.links.append(Link(linked, {names.LINK: names.LINK_CLIENT, names.LINK_BASIS: "known"}))
        # What was refused in the midst of its answer has one too, where steps hang below it already.
        doing = attr.asked_operation(record) if self._left else attr.operation(record)
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
        if self._events:
            node.events = SpanEvents(record)
        steps = StepSpans(record.started_unix_ns, self._identity, self._body)
        node.children = [
            *self._upstream(span_id=self._identity.upstream),
            *steps.all(account.shown, self._left),
        ]
        return node

    def _upstream(self, span_id: int | None) -> list[Node]:
        if self._record.times.upstream_start_ns is None:
            return []  # the upstream was never asked, as far as is known
        node = self._node(method_name(self._record), CLIENT, self._main, client_attributes(self._record))
        node.span_id, node.error = span_id, self._error
        return [node]

    def _node(self, name: str, kind: str, span: Interval, attributes: Attributes) -> Node:
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
