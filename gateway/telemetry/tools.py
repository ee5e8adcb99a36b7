"""Tool calls: which result belongs to which call, what came of each, and which ones wait for the client.

Not here: when an exchange's steps count (books.py), spans (tree.py), metrics.
Source: telemetry-conventions.md 2.1 and 3.3; interactions-api.md 4.1 and 6.1.
Promise: a call counts once on each side of its life; what another replica saw, or was forgotten, is not guessed.

A server tool's call counts when its exchange closes: `ok` or `error` by its result's `is_error`, `unmatched` where
its result is not in the same answer. A result alone counts as `unmatched` too, unless its call did so here before.
A function call counts as `pending`; its result, which the client brings, as `ok` or `error` beside it. So the calls of
functions are the pending ones, and those whose result never came are pending less ok and error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from gateway.wire.facts import Step
from gateway.wire.phases import TOOL_OF_CALL, TOOL_OF_RESULT

FUNCTION = "function"
SERVER, CLIENT = "server", "client"
OK, ERROR, UNMATCHED, PENDING = "ok", "error", "unmatched", "pending"

MAX_UNMATCHED = 256  # remembered of one interaction

SERVER_TOOL_STEPS = TOOL_OF_CALL.keys() | TOOL_OF_RESULT.keys()

Unmatched: TypeAlias = frozenset[tuple[str, str]]  # tool and id of calls


class ToolCall(NamedTuple):
    """What counts of one call. duration_ns: of a server tool, from the call's start to its result's stop."""

    tool: str
    side: str
    result: str
    duration_ns: int | None = None


def pair(steps: Iterable[Step]) -> tuple[dict[int, Step], set[int]]:
    """Results by the identity of their call's step, and the identities of those results. Each pairs once."""
    calls: dict[tuple[str, str], Step] = {}
    for step in steps:
        tool = TOOL_OF_CALL.get(step.type)
        if tool is not None and step.id is not None:
            calls.setdefault((tool, step.id), step)
    if not calls:
        return {}, set()
    result_of: dict[int, Step] = {}
    for step in steps:
        tool = TOOL_OF_RESULT.get(step.type)
        call = calls.pop((tool, step.call_id), None) if tool is not None and step.call_id is not None else None
        if call is not None:
            result_of[id(call)] = step
    return result_of, {id(result) for result in result_of.values()}


def tool_calls(steps: list[Step], unmatched: Unmatched) -> tuple[list[ToolCall], Unmatched]:
    """The calls of an answer, from those of its steps that count; and what is unmatched after it.

    unmatched: the server tools' calls of this interaction that counted without their result so far.
    """
    found = [_PENDING_CALL for step in steps if step.type == "function_call"]
    tools = [step for step in steps if step.type in SERVER_TOOL_STEPS]
    if not tools:
        return found, unmatched
    result_of, paired = pair(tools)
    alone = set(unmatched)
    for step in tools:
        if (tool := TOOL_OF_CALL.get(step.type)) is not None:
            result = result_of.get(id(step))
            if result is not None:
                found.append(ToolCall(tool, SERVER, ERROR if result.is_error else OK, _duration_ns(step, result)))
                continue
            found.append(ToolCall(tool, SERVER, UNMATCHED))
            if step.id is not None and len(alone) < MAX_UNMATCHED:
                alone.add((tool, step.id))
        elif id(step) not in paired:
            key = (TOOL_OF_RESULT[step.type], step.call_id or "")
            if key in alone:
                alone.remove(key)
            else:
                found.append(ToolCall(key[0], SERVER, UNMATCHED))
    return found, frozenset(alone)


_PENDING_CALL = ToolCall(FUNCTION, CLIENT, PENDING)


def _duration_ns(call: Step, result: Step) -> int | None:
    if call.start_ns is None or result.stop_ns is None or result.stop_ns < call.start_ns:
        return None
    return result.stop_ns - call.start_ns


class PendingCalls:
    """Function calls whose result the client has not brought: when each ended, Unix ns. Oldest out.

    A request that names its previous interaction brings results for that one's calls. One that carries its whole
    history instead brings them by their ids alone: of several calls with one id the latest is meant.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._ended_ns: OrderedDict[tuple[str, str], int] = OrderedDict()  # by interaction id and call id
        self._latest: dict[str, str] = {}  # call id to interaction id

    def __len__(self) -> int:
        return len(self._ended_ns)

    def put(self, interaction_id: str | None, call_id: str, ended_unix_ns: int) -> None:
        """A call has ended and waits."""
        key = (interaction_id or "", call_id)
        self._ended_ns.pop(key, None)
        self._ended_ns[key] = ended_unix_ns
        self._latest[call_id] = key[0]
        if len(self._ended_ns) > self._capacity:
            self._forget(self._ended_ns.popitem(last=False)[0])

    def take(self, previous_interaction_id: str | None, call_id: str) -> int | None:
        """When a call ended whose result is here; None for one never seen, forgotten, or answered before."""
        interaction_id = self._latest.get(call_id) if previous_interaction_id is None else previous_interaction_id
        key = (interaction_id or "", call_id)
        ended_unix_ns = self._ended_ns.pop(key, None)
        if ended_unix_ns is not None:
            self._forget(key)
        return ended_unix_ns

    def _forget(self, key: tuple[str, str]) -> None:
        interaction_id, call_id = key
        if self._latest.get(call_id) == interaction_id:
            del self._latest[call_id]
