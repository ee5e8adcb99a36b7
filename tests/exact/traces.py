"""What spans arrived, tree by tree, against what was expected: every difference as one readable line.

Not here: receiving (otlp_receiver.py), expecting (spans.py), times (timing.py).
Promise: each span that arrived is compared or reported; none is looked over because nothing expected it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.exact.facts import Reading
from tests.exact.spans import ANY, TIME, Expected, Linked, derived, trace_id
from tests.otlp_receiver import Span, Value

OPTIONAL = frozenset({"interactions.client_blocked"})  # it depends on how fast the client reads
ELSEWHERE = "interactions.phase."  # compared in clocks.py


@dataclass(slots=True)
class Arrived:
    """The spans by exchange and by parent."""

    roots: dict[str, Span] = field(default_factory=dict)
    children: dict[tuple[str, str], list[Span]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)

    def below(self, span: Span) -> list[Span]:
        """The children of a span."""
        return self.children.get((span.trace_id, span.span_id), [])

    def main(self, key: str) -> Span | None:
        """The interaction's span of an exchange."""
        root = self.roots.get(key)
        found = self.below(root) if root is not None else []
        return found[0] if len(found) == 1 else None


def arrange(spans: Sequence[Span]) -> Arrived:
    """Put the spans into their trees."""
    arrived = Arrived()
    for place, times in Counter((span.trace_id, span.span_id) for span in spans).items():
        if times > 1:
            arrived.problems.append(f"a span came {times} times: trace and id {place}")
    ids = {(span.trace_id, span.span_id) for span in spans}
    for span in spans:
        if span.kind == "SERVER":
            key = str(span.attributes.get("user_agent.original"))
            if key in arrived.roots:
                arrived.problems.append(f"{key}: a second SERVER span")
            arrived.roots[key] = span
        else:
            arrived.children[span.trace_id, span.parent_id].append(span)
            if (span.trace_id, span.parent_id) not in ids:
                arrived.problems.append(f"{span.name}: its parent {span.parent_id} never came")
    return arrived


def compare(expected: dict[str, tuple[Reading, Expected]], arrived: Arrived) -> list[str]:
    """All differences, one line each."""
    differences = list(arrived.problems)
    differences += [
        f"{key}: spans of an exchange that nobody asked for" for key in arrived.roots.keys() - expected.keys()
    ]
    for key, (reading, tree) in expected.items():
        root = arrived.roots.get(key)
        what = f"{key} ({reading.entry['scenario'] if reading.entry else 'no upstream'}, {reading.outcome})"
        if root is None:
            differences.append(f"{what}: no SERVER span")
            continue
        differences += [f"{what}: {problem}" for problem in _ids(reading, root)]
        differences += [f"{what}: {problem}" for problem in _span(tree, root, arrived, tree.name)]
    return differences


def _ids(reading: Reading, root: Span) -> Iterable[str]:
    parent_id = reading.parent[1] if reading.parent is not None else ""
    if root.parent_id != parent_id:
        yield f"SERVER has parent {root.parent_id!r}, not {parent_id!r}"
    expected = trace_id(reading)
    if expected and root.trace_id != expected:
        yield f"trace {root.trace_id}, not {expected}"
    if not int(root.trace_id, 16) or not int(root.span_id, 16):
        yield "an id of nothing but zeros"


def _span(expected: Expected, span: Span, arrived: Arrived, path: str) -> Iterable[str]:
    status = "ERROR" if expected.error is not None else "UNSET"
    for name, have, want in (("name", span.name, expected.name), ("kind", span.kind, expected.kind)):
        if have != want:
            yield f"{path}: {name} {have!r}, not {want!r}"
    if span.status != status:
        yield f"{path}: status {span.status}, not {status}"
    if span.events:
        yield f"{path}: span events {span.events}"
    if span.end_ns < span.start_ns:
        yield f"{path}: ends before it starts"
    if expected.span_ref is not None and (span.trace_id, span.span_id) != expected.span_ref:
        yield f"{path}: is {span.trace_id}/{span.span_id}, not {expected.span_ref}"
    yield from (f"{path}: {problem}" for problem in _attributes(expected, span))
    yield from (f"{path}: {problem}" for problem in _links(expected.links, span, arrived))
    yield from _children(expected, span, arrived, path)


def _attributes(expected: Expected, span: Span) -> Iterable[str]:
    for name in sorted(expected.attributes.keys() | span.attributes.keys()):
        want, have = expected.attributes.get(name), span.attributes.get(name)
        if name.startswith(ELSEWHERE):
            continue
        if want == ANY:
            if have is None:
                yield f"{name} is missing"
        elif want is None and name in OPTIONAL:
            continue
        elif want == TIME:
            if not isinstance(have, float) or have < 0:
                yield f"{name} is {have!r}, not a time"
        elif not _same(have, want):
            yield f"{name} is {_shown(have)}, not {_shown(want)}"


def targets(expected: Sequence[Linked], arrived: Arrived) -> list[tuple[str, str, str, str]]:
    """Relation, basis, trace id and span id of each link that a span is to have."""
    found = []
    for link in expected:
        creator = arrived.main(link.creator) if link.creator else None
        target = (creator.trace_id, creator.span_id) if creator is not None else derived(link.to)
        is_known = bool(link.creator) or link.span is not None
        found.append((link.relation, "known" if is_known else "derived", *(link.span or target)))
    return found


def _same(have: Value, want: Value) -> bool:
    return have == want and isinstance(have, bool) == isinstance(want, bool)


def _shown(value: Value) -> str:
    return "absent" if value is None else repr(value)


def _links(expected: Sequence[Linked], span: Span, arrived: Arrived) -> Iterable[str]:
    have = [
        (
            link.attributes.get("interactions.link"),
            link.attributes.get("interactions.link.basis"),
            link.trace_id,
            link.span_id,
        )
        for link in span.links
    ]
    want = targets(expected, arrived)
    if have != want:
        yield f"links {have}, not {want}"


def _children(expected: Expected, span: Span, arrived: Arrived, path: str) -> Iterable[str]:
    left = list(arrived.below(span))
    for child in expected.children:
        index = child.attributes.get("interactions.step.index")
        call = child.attributes.get("gen_ai.tool.call.id")
        place = f"{path} > {child.name}" + (f" [{index!r}]" if index is not None else "")
        fits = [
            other
            for other in left
            if other.name == child.name
            and other.attributes.get("interactions.step.index") == index
            and (index is not None or other.attributes.get("gen_ai.tool.call.id") == call)
        ]
        # a reopened step stands twice on one index: the two are told apart by whether they were closed
        alike = [other for other in fits if not any(True for _ in _attributes(child, other))]
        if not fits:
            yield f"{place}: missing"
            continue
        found = (alike or fits)[0]
        left.remove(found)
        if not (span.start_ns <= found.start_ns and found.end_ns <= span.end_ns):
            yield f"{place}: not within its parent's time"
        yield from _span(child, found, arrived, place)
    for other in left:
        yield f"{path} > {other.name} [{other.attributes.get('interactions.step.index')!r}]: extra"
