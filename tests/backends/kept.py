"""A span as a back end kept it, and how it differs from the one that had to be sent.

Not here: how a back end is asked (phoenix.py, mlflow.py).
Promise: every attribute that was to be sent is compared by value; what a back end adds of its own is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.backends.mixed_run import Played
from tests.exact.facts import Reading
from tests.exact.spans import ANY, TIME, Expected, trace_id

AGENT: Final = "user_agent.original"  # the key of the exchange, on its SERVER span alone
USAGE_IN: Final = "gen_ai.usage.input_tokens"
USAGE_OUT: Final = "gen_ai.usage.output_tokens"
COST: Final = "interactions.cost_usd"


@dataclass(frozen=True, slots=True)
class Kept:
    """Ids in hex, parent_id empty for none. Times are wall clock ns, as fine as the back end keeps them."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    is_error: bool
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]


def differences(played: Played, kept: Sequence[Kept]) -> list[str]:
    """All of them, a line each: missing and extra spans, places in the tree, names, status, ids, attributes."""
    found = [] if len(kept) == played.spans else [f"{len(kept)} spans, not {played.spans}"]
    below: defaultdict[tuple[str, str], list[Kept]] = defaultdict(list)
    roots: dict[str, Kept] = {}
    for span in kept:
        if AGENT in span.attributes:
            roots[span.attributes[AGENT]] = span
        else:
            below[span.trace_id, span.parent_id].append(span)
    found += [f"{key}: nobody asked for it" for key in roots.keys() - played.expected.keys()]
    for key, (reading, tree) in played.expected.items():
        what = f"{key} ({reading.outcome})"
        if key not in roots:
            found.append(f"{what}: no SERVER span")
            continue
        found += [f"{what}: {problem}" for problem in _ids(reading, roots[key])]
        found += [f"{what}: {problem}" for problem in _span(tree, roots[key], below, tree.name)]
    return found


def stated_usage(expected: Expected) -> tuple[int, int] | None:
    """Input and output tokens that a tree's interaction span states, None where it states none."""
    for main in expected.children:
        tokens_in, tokens_out = main.attributes.get(USAGE_IN), main.attributes.get(USAGE_OUT)
        if isinstance(tokens_in, int) and isinstance(tokens_out, int):
            return tokens_in, tokens_out
    return None


def stated_cost(expected: Expected) -> float | None:
    """US dollars that a tree's interaction span states, None where it states none."""
    for main in expected.children:
        cost = main.attributes.get(COST)
        if isinstance(cost, float):
            return cost
    return None


def _ids(reading: Reading, root: Kept) -> Iterator[str]:
    expected, parent_id = trace_id(reading), reading.parent[1] if reading.parent is not None else ""
    if root.parent_id != parent_id:
        yield f"its parent is {root.parent_id!r}, not {parent_id!r}"
    if expected and root.trace_id != expected:
        yield f"its trace is {root.trace_id}, not {expected}"


def _span(expected: Expected, span: Kept, below: Mapping[tuple[str, str], list[Kept]], path: str) -> Iterator[str]:
    if span.name != expected.name:
        yield f"{path}: is called {span.name!r}"
    if span.is_error != (expected.error is not None):
        yield f"{path}: is {'an' if span.is_error else 'no'} error"
    if expected.span_ref is not None and (span.trace_id, span.span_id) != expected.span_ref:
        yield f"{path}: is {span.trace_id}/{span.span_id}, not {expected.span_ref}"
    for name, want in expected.attributes.items():
        have = span.attributes.get(name)
        is_time = isinstance(have, int | float) and not isinstance(have, bool) and have >= 0
        is_right = {ANY: have is not None, TIME: is_time}.get(want) if isinstance(want, str) else None
        if not (_plain(have) == _plain(want) if is_right is None else is_right):
            yield f"{path}: {name} is {have!r}, not {want!r}"
    left = list(below.get((span.trace_id, span.span_id), ()))
    for child in expected.children:
        fits = [other for other in left if _place(other.name, other.attributes) == _place(child.name, child.attributes)]
        if not fits:
            yield f"{path} > {child.name}: missing"
            continue
        left.remove(fits[0])
        if not span.start_ns <= fits[0].start_ns <= fits[0].end_ns <= span.end_ns:
            yield f"{path} > {child.name}: not within its parent's time"
        yield from _span(child, fits[0], below, f"{path} > {child.name}")
    yield from (f"{path} > {other.name}: extra" for other in left)


def _place(name: str, attributes: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells a span from its siblings."""
    return name, attributes.get("interactions.step.index"), attributes.get("gen_ai.tool.call.id")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else (type(value), value)
