"""The families of an exchange's course: where its time went, its tools, its size, its request to the upstream.

Not here: what counts (books.py, tools.py, phases.py), outcome, tokens, steps and oddities (metrics.py).
Source: telemetry-conventions.md 3.3, 3.5.
Promise: the sums of phase_seconds over all phases are those of request_duration_seconds, to the nanosecond.
"""

from __future__ import annotations

from gateway.telemetry import names
from gateway.telemetry.books import Account, CountedUsage, attempt
from gateway.telemetry.labels import Overflow, closed
from gateway.telemetry.registry import Counter, Exemplar, Histogram, Registry
from gateway.wire.facts import Basis


class ExchangeMetrics:
    """Fed once an exchange, when it closes."""

    def __init__(self, registry: Registry, overflow: Overflow) -> None:
        self._overflow = overflow
        self._phases = Histogram(names.PHASE, registry, [(phase,) for phase in names.PHASES])
        self._headers = Histogram(names.UPSTREAM_HEADERS, registry)
        self._attempts = Counter(names.UPSTREAM_ATTEMPTS, registry, names.ATTEMPT_DOMAIN)
        self._max_gap = Histogram(names.STREAM_MAX_GAP, registry)
        self._stalls = Counter(names.STALLS, registry)
        self._tool_calls = Counter(names.TOOL_CALLS, registry, names.TOOL_CALL_DOMAIN)
        self._tool_duration = Histogram(names.TOOL_DURATION, registry)
        self._result_wait = Histogram(names.FUNCTION_RESULT_WAIT, registry)
        self._grounding = Counter(names.GROUNDING_QUERIES, registry, [(tool,) for tool in names.GROUNDING_TOOLS])
        self._interaction_tokens = Histogram(names.INTERACTION_TOKENS, registry)

    def closed(self, account: Account, exemplar: Exemplar | None) -> None:
        """Count an ended exchange. exemplar: of its trace, None when the trace isn't kept."""
        record, model = account.record, account.model
        for phase, spent_ns in account.phases.items():
            if spent_ns:  # an exchange that had none of it says nothing of how long it takes
                self._phases.observe((phase,), spent_ns)
        kind_and_result = attempt(record)
        if kind_and_result is not None:
            self._attempts.inc(kind_and_result)
        times, stream = record.times, record.stream
        if times.upstream_start_ns is not None and times.head_ns is not None:
            self._headers.observe((model,), times.head_ns - times.upstream_start_ns)
        if any(stream.gaps.counts):
            self._max_gap.observe((model,), stream.gaps.max_ns, exemplar)
        if stream.stalls:
            self._stalls.inc((model,), stream.stalls)
        for call in account.tools:
            self._tool_calls.inc((call.tool, call.side, call.result))
            if call.duration_ns is not None:
                self._tool_duration.observe((call.tool,), call.duration_ns)
        for waited_ns in account.result_waits_ns:
            self._result_wait.observe((model,), waited_ns)
        if account.usage is not None:
            self._count_usage(account, account.usage)

    def _count_usage(self, account: Account, counted: CountedUsage) -> None:
        for tool, queries in counted.usage.grounding.items():
            self._grounding.inc((closed(tool, names.GROUNDING_TOOLS, "tool", self._overflow),), queries)
        # The size of an interaction is known when it is final, and then whole, whatever of it was counted before.
        whole = account.record.stream.usage
        if counted.basis is Basis.FINAL and whole is not None:
            for type_, tokens in (("input", whole.input), ("output", whole.output)):
                if tokens is not None:
                    self._interaction_tokens.observe((counted.model, type_), tokens)
