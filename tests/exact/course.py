"""Tools, requests to the upstream and sizes of the run: what each exchange adds, once more and from the page alone.

Not here: where its time went (clocks.py), tokens and steps (books.py).
Source: telemetry-conventions.md 2.1 and 3.3.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.exact import usage as arithmetic
from tests.exact.facts import Reading, Step
from tests.exact.usage import Usage
from tests.exact.words import ERRORS, SERVER_TOOLS

if TYPE_CHECKING:
    from tests.exact.books import Account

Added: TypeAlias = tuple[str, int, dict[str, str]]  # name, how much, labels

GROUNDED: Final = frozenset({"google_search", "google_maps", "retrieval"})
DIED: Final = "forwarder_died"


class Course:
    """Takes accounts in the order in which their exchanges ended. sizes: the sums of interaction_tokens."""

    def __init__(self) -> None:
        self._alone: dict[str, set[tuple[str, str]]] = defaultdict(set)  # calls that counted without result
        self._waiting: set[tuple[str, str]] = set()  # function calls: interaction and call
        self._grounded: dict[str, Counter[str]] = {}
        self.sizes: Counter[tuple[str, str]] = Counter()

    def take(self, account: Account) -> Iterator[Added]:
        """All samples that move, but times."""
        reading, model = account.reading, account.model
        if _is_asked(reading):
            yield "upstream_attempts_total", 1, {"kind": _kind(reading), "result": _result(reading)}
            if reading.http_status is not None:
                yield "upstream_headers_seconds_count", 1, {"model": model}
        if reading.deltas > 1:
            yield "stream_max_gap_seconds_count", 1, {"model": model}
        yield from self._results(account)
        yield from self._calls(account)
        yield from self._usage(account)

    def _results(self, account: Account) -> Iterator[Added]:
        """Function results that the request brings, for calls of the interaction that it names."""
        previous = account.reading.asked.get("previous_interaction_id")
        given = account.reading.asked.get("input")
        for item in given if isinstance(given, list) else []:
            waiting = (previous or "", item.get("call_id", ""))
            if item.get("type") == "function_result" and waiting in self._waiting:
                self._waiting.remove(waiting)
                result = "error" if item.get("is_error") is True else "ok"
                yield "tool_calls_total", 1, {"tool": "function", "side": "client", "result": result}
                yield "function_result_wait_seconds_count", 1, {"model": account.model}

    def _calls(self, account: Account) -> Iterator[Added]:
        interaction_id = _interaction_id(account.reading)
        alone, pairs = self._alone[interaction_id], _pairs(account.counted)
        results = {id(result) for _, result in pairs.values()}
        for step in account.counted:
            tool, _, half = step.type.rpartition("_")
            if step.type == "function_call":
                self._waiting |= {(interaction_id, step.id)} if step.id is not None else set()
                yield "tool_calls_total", 1, {"tool": "function", "side": "client", "result": "pending"}
            elif tool not in SERVER_TOOLS or id(step) in results:
                continue
            elif id(step) in pairs:
                call, result = pairs[id(step)]
                how = "error" if result.is_error else "ok"
                yield "tool_calls_total", 1, {"tool": tool, "side": "server", "result": how}
                if call.started and result.closed and not result.whole:
                    yield "tool_duration_seconds_count", 1, {"tool": tool}
            elif half == "result" and (tool, step.call_id) in alone:
                alone.remove((tool, step.call_id or ""))
            else:
                alone |= {(tool, step.id)} if half == "call" and step.id is not None else set()
                yield "tool_calls_total", 1, {"tool": tool, "side": "server", "result": "unmatched"}

    def _usage(self, account: Account) -> Iterator[Added]:
        usage = account.reading.usage
        if not account.via or usage is None:
            return
        interaction_id, grounded = _interaction_id(account.reading), _grounding(usage)
        before = self._grounded.get(interaction_id, Counter()) if account.via == "poll" else Counter()
        self._grounded[interaction_id] = grounded
        for tool, queries in (grounded - before).items():
            yield "grounding_queries_total", queries, {"tool": tool if tool in GROUNDED else "other"}
            if tool not in GROUNDED:
                yield "label_overflow_total", 1, {"label": "tool"}
        if account.reading.basis != "final":
            return
        for kind in ("input", "output"):
            tokens = arithmetic.stated(usage, kind)
            if tokens is not None:
                self.sizes[account.tokens_model, kind] += tokens
                yield "interaction_tokens_count", 1, {"model": account.tokens_model, "type": kind}


def _is_asked(reading: Reading) -> bool:
    """Whether a request to the upstream was begun, as far as the gateway knows it."""
    return reading.outcome != "rejected" and reading.code != DIED


def _kind(reading: Reading) -> str:
    if reading.route == "create" and reading.asked.get("continuation_token"):
        return "continuation"
    resumes = reading.body_kind == "stream" or "stream=true" in reading.did.path
    return "resume" if reading.route == "get" and resumes else "first"


def _result(reading: Reading) -> str:
    if reading.outcome == "client_abort":
        return "cancelled"
    return "error" if reading.outcome in ERRORS else "ok"


def _interaction_id(reading: Reading) -> str:
    asked_id = reading.did.path.partition("?")[0].split("/")[3:4] if reading.route in {"get", "cancel"} else []
    return reading.interaction_id or "".join(asked_id)


def _pairs(steps: Sequence[Step]) -> dict[int, tuple[Step, Step]]:
    """Call and result, by the identity of the call; the first result of a call is its own."""
    pairs: dict[int, tuple[Step, Step]] = {}
    taken: set[int] = set()
    for call in steps:
        tool, _, half = call.type.rpartition("_")
        if half != "call" or tool not in SERVER_TOOLS or call.id is None:
            continue
        for result in steps:
            if result.type == f"{tool}_result" and result.call_id == call.id and id(result) not in taken:
                pairs[id(call)] = call, result
                taken.add(id(result))
                break
    return pairs


def _grounding(usage: Usage) -> Counter[str]:
    entries = usage.get("grounding_tool_count")
    found: Counter[str] = Counter()
    for entry in entries if isinstance(entries, list) else []:
        found[entry["type"]] += entry["count"]
    return found
