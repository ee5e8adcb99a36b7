"""Attributes of interaction, tool and step spans, and what counts as an error there.

Not here: HTTP attributes (http_attributes.py), the tree (tree.py).
Source: telemetry-conventions.md 2.2, 2.3, 2.6; accounting.md 7.
Promise: what was not stated is absent, and no content is in any attribute.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.catalogue import NS_PER_S
from gateway.telemetry.cost import Cost
from gateway.telemetry.http_attributes import Attributes, Value, upstream_attributes
from gateway.telemetry.labels import CodeLabels
from gateway.wire.facts import Basis, Step
from gateway.wire.outcome import Body, Outcome, Route
from gateway.wire.usage import MODALITIES, TYPES, Usage

MAX_CODES = 8
MAX_CODE_CHARS = 64

_FINISH = {
    Outcome.COMPLETED: "stop",
    Outcome.REQUIRES_ACTION: "tool_calls",
    Outcome.INCOMPLETE: "length",
    Outcome.BUDGET_EXCEEDED: "length",
    **dict.fromkeys(
        (
            Outcome.FAILED,
            Outcome.CANCELLED,
            Outcome.STREAM_ERROR,
            Outcome.UPSTREAM_ABORT,
            Outcome.TRUNCATED,
            Outcome.CLIENT_ABORT,
            Outcome.GATEWAY_ERROR,
        ),
        "error",
    ),
}
ERRORS = frozenset(
    {
        Outcome.FAILED,
        Outcome.STREAM_ERROR,
        Outcome.HTTP_ERROR,
        Outcome.UPSTREAM_ABORT,
        Outcome.TRUNCATED,
        Outcome.GATEWAY_ERROR,
    }
)


def error_type(record: ExchangeClosed, codes: CodeLabels) -> str | None:
    """`error.type` of an exchange that is an error on its interaction span; None for one that is not."""
    outcome = record.outcome
    if outcome not in ERRORS:
        return None
    if outcome is Outcome.HTTP_ERROR:
        return str(record.http_status)
    if outcome is Outcome.GATEWAY_ERROR:
        return record.code or "_OTHER"
    if outcome in (Outcome.FAILED, Outcome.STREAM_ERROR):
        known = next((code for code in map(codes.known, record.stream.error_codes) if code is not None), None)
        return known or ("failed" if outcome is Outcome.FAILED and not record.stream.errors else "_OTHER")
    return outcome.value


def is_error(record: ExchangeClosed) -> bool:
    """Whether an exchange is an error on its interaction's or its upstream request's span."""
    return record.outcome in ERRORS


def is_server_error(record: ExchangeClosed) -> bool:
    """Whether the SERVER span is an error too: all are, but a 4xx is the caller's affair."""
    return record.outcome in ERRORS and not (
        record.outcome is Outcome.HTTP_ERROR and record.http_status is not None and record.http_status < 500
    )


def operation(record: ExchangeClosed) -> str | None:
    """The operation of the interaction span, None where the exchange has none."""
    return None if record.outcome is Outcome.REJECTED else asked_operation(record)


def asked_operation(record: ExchangeClosed) -> str | None:
    """The operation that the request asked for, whatever became of it."""
    if record.route is Route.GET:
        return names.FETCH
    if record.route is not Route.CREATE:
        return None
    return names.INVOKE_AGENT if _agent(record) else names.GENERATE


def interaction_name(record: ExchangeClosed, doing: str) -> str:
    """`{operation} {model or agent}`; no id is ever in a name."""
    subject = {names.INVOKE_AGENT: _agent(record), names.GENERATE: _model(record)}.get(doing)
    return f"{doing} {subject}" if subject else doing


def interaction_attributes(record: ExchangeClosed, doing: str, steps: int) -> Attributes:
    """Of the interaction span. steps: how many the response held."""
    request, stream = record.request, record.stream
    fetches = doing == names.FETCH
    found: dict[str, Value | None] = {
        names.OPERATION: doing,
        names.PROVIDER: provider(record.upstream_host),
        names.RESPONSE_ID: stream.interaction.id or request.interaction_id,
        names.RESPONSE_STATUS: _status(stream.interaction.status),
        names.OUTCOME: record.outcome.value,
        names.API_REVISION: request.api_revision,
        names.SERVICE_TIER: stream.interaction.service_tier,
        names.ATTEMPTS: None if record.times.upstream_start_ns is None else 1,
        names.STEP_COUNT: steps,
        names.DELTA_COUNT: stream.deltas,
        names.BYTES: record.bytes_down,
        names.UNKNOWN_COUNT: sum(stream.unknown.values()),
        names.UNKNOWN_NAMES: list(stream.unknown_names) or None,
        names.ANOMALY_NAMES: sorted(stream.anomalies) or None,
        names.STALLED: True if stream.stalled else None,
        names.MAX_GAP: stream.gaps.max_ns / NS_PER_S if any(stream.gaps.counts) else None,
        names.CLIENT_BLOCKED: record.times.client_blocked_ns / NS_PER_S if record.times.client_blocked_ns else None,
        names.TERMINAL_TIME: _s(stream.terminal_ns),
        names.ERROR_COUNT: stream.errors or None,
        names.ERROR_CODES: error_codes(record) or None,
    }
    if fetches:
        found[names.REQUEST_CURSOR] = request.last_event_id
    else:
        found |= _request(record) | _delivery(record) | usage_attributes(stream.usage, stream.basis)
    return upstream_attributes(record) | _present(found)


def usage_attributes(usage: Usage | None, basis: Basis | None) -> Attributes:
    """Stated tokens. Output includes thoughts and input tool use here, as the conventions want it."""
    if usage is None or usage.is_empty:
        return {}
    unattributed = (usage.total or 0) - sum(getattr(usage, kind) or 0 for kind in TYPES)
    tokens_in, tokens_out = usage_sums(usage)
    found: dict[str, Value | None] = {
        names.USAGE_INPUT: tokens_in,
        names.USAGE_OUTPUT: tokens_out,
        names.USAGE_REASONING: usage.thought,
        names.USAGE_CACHED: usage.cached,
        names.USAGE_UNATTRIBUTED: unattributed if unattributed > 0 else None,
        names.USAGE_BASIS: basis.value if basis is not None else None,
    }
    for lists, direction in (
        (("input", "tool_use"), names.END_INPUT),
        (("output",), names.END_OUTPUT),
        (("cached",), names.END_CACHED),
    ):
        for modality, tokens in _by_modality(usage, lists).items():
            found[names.USAGE_NAMES[modality, direction]] = tokens
    for tool, calls in usage.grounding.items():
        name = names.USAGE_GROUNDING + (tool if tool in names.GROUNDING_TOOLS else names.OTHER)
        before = found.get(name)
        found[name] = calls + (before if isinstance(before, int) else 0)
    return _present(found)


def usage_sums(usage: Usage) -> tuple[int | None, int | None]:
    """Input with tool use, and output with thoughts; None for what is not stated."""
    return _sum(usage.input, usage.tool_use), _sum(usage.output, usage.thought)


def cost_attributes(cost: Cost | None, *, wasted: bool) -> Attributes:
    """What the counted usage comes to; of the interaction's span only, since back ends add spans up."""
    usd = cost.usd if cost is not None else None
    return _present(
        {
            names.COST_USD: float(usd) if usd is not None else None,
            names.COST_UNPRICED_TOKENS: (sum(cost.unpriced.values()) or None) if cost is not None else None,
            names.WASTED: True if wasted else None,
        }
    )


def step_attributes(step: Step, *, timed: bool) -> Attributes:
    """Of a step's span."""
    found: Attributes = {names.STEP_INDEX: step.index, names.STEP_TYPE: step.type}
    if step.type == names.OTHER and step.wire_type is not None:
        found[names.STEP_WIRE_TYPE] = step.wire_type
    found[names.STEP_DELTAS] = step.deltas
    found[names.STEP_BYTES] = step.bytes
    if step.first_delta_ns is not None and step.start_ns is not None:
        found[names.STEP_FIRST_DELTA] = (step.first_delta_ns - step.start_ns) / NS_PER_S
    if step.deltas > 1:
        found[names.STEP_MAX_GAP] = step.max_gap_ns / NS_PER_S
    if not step.closed:
        found[names.STEP_OPEN] = True
    if not timed:
        found[names.STEP_TIMED] = False
    if step.type == "function_call":
        found |= _present({names.TOOL_NAME: step.name, names.TOOL_CALL_ID: step.id, names.TOOL_TYPE: "function"})
    own = step.step_usage
    if own is not None:
        kinds = ("total", "input", "output", "thought", "tool_use", "cached")
        found |= _present({f"{names.STEP_USAGE}{kind}_tokens": getattr(own, kind) for kind in kinds})
    return found


def tool_attributes(tool: str, call: Step | None, result: Step | None) -> Attributes:
    """Of a server tool's span."""
    named = call or result
    return _present(
        {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: tool,
            names.TOOL_TYPE: "datastore" if tool in names.TOOL_TYPE_DATASTORE else "extension",
            names.TOOL_CALL_ID: call.id if call is not None else result.call_id if result is not None else None,
            names.MCP_TOOL_NAME: named.name if named is not None and tool == "mcp_server_tool" else None,
            names.TOOL_UNMATCHED: True if call is None or result is None else None,
        }
    )


def phase_attributes(phases: Mapping[str, int]) -> Attributes:
    """Where the time went, of the SERVER span: they add up to its duration. phases: ns; what took none is absent."""
    return {f"{names.PHASE_TIME}{phase}": spent_ns / NS_PER_S for phase, spent_ns in phases.items() if spent_ns}


def error_codes(record: ExchangeClosed) -> list[str]:
    """The wire's own codes, as they stand there: a sample for span and log, never a label."""
    codes = [record.http_error_code, *record.stream.error_codes]
    return [code[:MAX_CODE_CHARS] for code in codes if code][:MAX_CODES]


def provider(host: str) -> str:
    """The conventions' name of who runs the models behind a host."""
    if host == "generativelanguage.googleapis.com":
        return "gcp.gemini"
    return "gcp.vertex_ai" if host.endswith("aiplatform.googleapis.com") else "gcp.gen_ai"


def _request(record: ExchangeClosed) -> dict[str, Value | None]:
    request = record.request
    return {
        names.REQUEST_MODEL: None if _agent(record) else _model(record),
        names.AGENT_NAME: _agent(record),
        names.RESPONSE_MODEL: record.stream.interaction.model,
        names.REQUEST_STREAM: True if request.stream else None,
        names.REQUEST_PREVIOUS: request.previous_interaction_id,
        names.REQUEST_TEMPERATURE: request.temperature,
        names.REQUEST_TOP_P: request.top_p,
        names.REQUEST_MAX_TOKENS: request.max_output_tokens,
        names.REQUEST_SEED: request.seed,
        names.REQUEST_STOP: request.stop_sequences or None,
        names.REQUEST_REASONING: request.thinking_level,
        names.OUTPUT_TYPE: request.output_type,
        names.BACKGROUND: True if request.background else None,
    }


def first_chunk_ns(record: ExchangeClosed) -> int | None:
    """From the upstream request to the first event of a stream; None where there was none."""
    first_ns, start_ns = record.stream.first_event_ns, record.times.upstream_start_ns
    if record.body is not Body.STREAM or first_ns is None or start_ns is None:
        return None
    return first_ns - start_ns


def main_start_ns(record: ExchangeClosed) -> int:
    """When the interaction's span begins, ns since the exchange's start: with the upstream request, if any."""
    return min(record.times.upstream_start_ns or 0, record.times.end_ns)


def main_duration_ns(record: ExchangeClosed) -> int:
    """How long the interaction's span is."""
    return record.times.end_ns - main_start_ns(record)


def _delivery(record: ExchangeClosed) -> dict[str, Value | None]:
    stream = record.stream
    finish = _FINISH.get(record.outcome)
    return {
        names.RESPONSE_FINISH: [finish] if finish is not None else None,
        names.RESPONSE_FIRST_CHUNK: _s(first_chunk_ns(record)),
        names.FIRST_DELTA_TIME: _s(stream.first_delta_ns.get("any")),
        names.FIRST_TEXT_TIME: _s(stream.first_delta_ns.get("text")),
    }


def _agent(record: ExchangeClosed) -> str | None:
    if record.request.agent is not None or record.request.understood:
        return record.request.agent
    return record.stream.interaction.agent


def _model(record: ExchangeClosed) -> str | None:
    if record.request.model is not None or record.request.understood:
        return record.request.model
    return record.stream.interaction.model


def _status(status: str | None) -> str | None:
    return "incomplete" if status == "budget_exceeded" else status


def _by_modality(usage: Usage, lists: tuple[str, ...]) -> dict[str, int]:
    total: dict[str, int] = {}
    for name in lists:
        stated: int | None = getattr(usage, name)
        listed = usage.by_modality.get(name, {})
        if stated is None or sum(listed.values()) > stated:
            continue  # a detail is a part of its total; of such a list nothing is known (accounting.md 2)
        for modality, tokens in listed.items():
            known = modality if modality in MODALITIES else "unknown"  # an attribute's name must not be the wire's
            total[known] = total.get(known, 0) + tokens
    return total


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _s(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / NS_PER_S


def _present(found: dict[str, Value | None]) -> Attributes:
    return {name: value for name, value in found.items() if value is not None}
