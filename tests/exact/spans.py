"""The whole expected span set, from the accounts of all exchanges.

Not here: what an exchange was (reading.py), what counts (books.py), what arrived (traces.py).
Source: accounting.md 7; telemetry-conventions.md 1.5 and 2. What both leave open (names of our own attributes, which
span a cancel's link is on) is written down here as it is, so that it cannot change unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tests.exact import attribution
from tests.exact import usage as arithmetic
from tests.exact.books import Account
from tests.exact.client import QUERY_KEY
from tests.exact.facts import Reading, SpanId, Step
from tests.exact.rules import error_type
from tests.exact.words import FINISH_REASONS, SERVER_TOOLS
from tests.otlp_receiver import Value

Attributes: TypeAlias = dict[str, Value]

TIME: Final = "(a time)"
ANY: Final = "(any)"
FORWARDER_DIED: Final = "forwarder_died"
OWN_STATUS: Final = {"max_streams": 503, "draining": 503, "body_too_large": 413, "connect_error": 502}
USAGE_ANOMALIES: Final = frozenset({"usage_exceeds_total", "modality_exceeds_total"})  # of the counting, not the stream
REQUESTED: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "seed": "seed",
    "stop_sequences": "stop_sequences",
    "thinking_level": "reasoning.level",
}


@dataclass(slots=True)
class Linked:
    """An expected link. creator: the exchange whose interaction span it names exactly; empty for a derived one.

    span: the one it names, where that is known before.
    """

    relation: str
    to: str
    creator: str
    span: SpanId | None = None


@dataclass(slots=True)
class Expected:
    """An expected span and those below it. span_ref: trace id and span id in hex, where they follow from something."""

    name: str
    kind: str
    attributes: Attributes
    error: str | None = None
    span_ref: tuple[str, str] | None = None
    links: list[Linked] = field(default_factory=list)
    children: list[Expected] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.error is not None:
            self.attributes["error.type"] = self.error

    def count(self) -> int:
        """How many spans the tree has."""
        return 1 + sum(child.count() for child in self.children)


def derived(interaction_id: str) -> tuple[str, str]:
    """Trace id and span id that follow from an interaction's id, in hex."""
    digest = hashlib.sha256(interaction_id.encode()).hexdigest()
    return digest[:32], digest[32:48]


def tree(account: Account, upstream_port: int) -> Expected:
    """The spans of an exchange, the SERVER span at the root."""
    reading = account.reading
    error = error_type(reading)
    is_4xx = reading.outcome == "http_error" and (reading.http_status or 0) < 500
    root = Expected(_server_name(reading), "SERVER", _server(reading), None if is_4xx else error)
    if reading.linked is not None:
        root.links.append(Linked("client", "", "", reading.linked))
    if reading.outcome == "rejected":
        return root
    upstream = Expected(reading.did.method, "CLIENT", _upstream(reading, upstream_port), error)
    if reading.upstream_span:
        upstream.span_ref = reading.trace_id, reading.upstream_span
    if reading.route in {"create", "get"}:
        found = _chain(account) | _main(reading, upstream_port) | account.priced
        main = Expected(_main_name(reading), "CLIENT", found, error)
        if _derives(reading):
            main.span_ref = derived(reading.interaction_id or "")
        # the upstream request's times died with the forwarder, and a span without any would be a guess
        main.children = [*([] if reading.code == FORWARDER_DIED else [upstream]), *_steps(account.shown)]
        main.links = _links(account)
        root.children = [main]
    else:
        root.links += _links(account)
        root.children = [upstream]
    return root


def trace_id(reading: Reading) -> str:
    """The trace of an exchange, in hex; empty for a random one."""
    if reading.parent is not None:
        return reading.parent[0]
    return reading.trace_id or (derived(reading.interaction_id or "")[0] if _derives(reading) else "")


def _derives(reading: Reading) -> bool:
    is_settled = reading.parent is not None or bool(reading.trace_id)
    return reading.route == "create" and bool(reading.interaction_id) and not is_settled


def _path(reading: Reading) -> tuple[str, str]:
    path, _, query = reading.did.path.partition("?")
    return path, query.replace(QUERY_KEY, "REDACTED")


def http_route(reading: Reading) -> str:
    """The path with what differs left out."""
    path, _ = _path(reading)
    parts = path.replace("/p1/", "/{project}/").replace("/l1/", "/{location}/").split("/")
    place = parts.index("interactions")
    if len(parts) > place + 1:
        parts[place + 1] = "{id}"
    return "/".join(parts)


def _server_name(reading: Reading) -> str:
    return reading.did.method if reading.route == "passthrough" else f"{reading.did.method} {http_route(reading)}"


def _server(reading: Reading) -> Attributes:
    path, query = _path(reading)
    status = OWN_STATUS.get(reading.code, reading.http_status)
    return _present(
        {
            "http.request.method": reading.did.method,
            "http.route": None if reading.route == "passthrough" else http_route(reading),
            "http.response.status_code": status,
            "url.scheme": "http",
            "url.path": path,
            "url.query": query or None,
            "client.address": "127.0.0.1",
            "user_agent.original": reading.key,
            "network.protocol.version": "1.1",
            "interactions.exchange.id": ANY,
            "interactions.outcome": reading.outcome,
            **attribution.on_server(reading.tags),
            "interactions.kept_by": "ratio",  # of the sites where nothing is left out; else see sampling.py
        }
    )


def _upstream(reading: Reading, port: int) -> Attributes:
    path, query = _path(reading)
    return _present(
        {
            "http.request.method": reading.did.method,
            "http.response.status_code": reading.http_status,
            "server.address": "127.0.0.1",
            "server.port": port,
            "network.peer.address": None if reading.outcome == "gateway_error" else "127.0.0.1",
            "url.full": f"http://127.0.0.1:{port}{path}" + (f"?{query}" if query else ""),
        }
    )


def _main_name(reading: Reading) -> str:
    if reading.route == "get":
        return "fetch_response"
    operation = "invoke_agent" if reading.asked.get("agent") else "generate_content"
    return f"{operation} {reading.subject}" if reading.subject else operation


def _main(reading: Reading, port: int) -> Attributes:
    entry, died = reading.entry, reading.code == FORWARDER_DIED
    status = {"budget_exceeded": "incomplete"}.get(reading.status or "", reading.status)
    asked_id = reading.did.path.partition("?")[0].rpartition("/")[2] if reading.route == "get" else None
    found: dict[str, Value] = {
        "gen_ai.operation.name": _main_name(reading).partition(" ")[0],
        "gen_ai.provider.name": "gcp.gen_ai",
        "server.address": None if died else "127.0.0.1",
        "server.port": None if died else port,
        "gen_ai.response.id": reading.interaction_id or asked_id,
        "gen_ai.response.status": status,
        "interactions.outcome": reading.outcome,
        "interactions.service_tier": reading.tier,
        "interactions.attempts": None if died else 1,
        "interactions.steps": len(reading.steps),
        "interactions.deltas": reading.deltas,
        "interactions.bytes": entry["body_bytes"] if entry is not None and not died else 0,
        "interactions.unknown_events": sum(reading.unknown.values()),
        "interactions.max_gap": TIME if reading.deltas > 1 else None,
        "interactions.time_to_terminal": TIME if reading.is_terminal_timed else None,
        "interactions.errors": reading.error_events or None,
        "interactions.error_codes": tuple(reading.wire_codes) or None,
        "interactions.unknown_names": ANY if reading.unknown else None,
        "interactions.anomalies": tuple(sorted(reading.anomalies.keys() - USAGE_ANOMALIES)) or None,
        "interactions.api_revision": reading.did.revision or None,
        **attribution.on_interaction(reading.tags),
    }
    if reading.route == "get":
        found["gen_ai.request.stream_cursor"] = reading.did.path.partition("last_event_id=")[2] or None
    else:
        found |= _generation(reading)
    return _present(found)


def _chain(account: Account) -> Attributes:
    """The first interaction of its chain, where the gateway saw that; a conversation that the client names wins."""
    return {"interactions.chain.id": account.chain, "gen_ai.conversation.id": account.chain} if account.chain else {}


def _generation(reading: Reading) -> dict[str, Value]:
    asked = reading.asked
    reason = FINISH_REASONS.get(reading.outcome)
    found: dict[str, Value] = {
        "gen_ai.request.model": None if asked.get("agent") else asked.get("model"),
        "gen_ai.agent.name": asked.get("agent"),
        "gen_ai.request.stream": True if asked.get("stream") else None,
        "gen_ai.request.previous_response.id": asked.get("previous_interaction_id"),
        "gen_ai.response.model": reading.model,
        "gen_ai.response.finish_reasons": (reason,) if reason else None,
        "gen_ai.response.time_to_first_chunk": TIME if reading.body_kind == "stream" and reading.events else None,
        "interactions.background": True if asked.get("background") else None,
        "interactions.time_to_first_delta": TIME if reading.deltas else None,
        "interactions.time_to_first_text": TIME if "text" in reading.kinds else None,
    }
    for name, word in REQUESTED.items():
        value = asked.get("generation_config", {}).get(name)
        found[f"gen_ai.request.{word}"] = tuple(value) if isinstance(value, list) else value
    if reading.usage is not None and arithmetic.is_stated(reading.usage):
        for name, count in arithmetic.attributes(reading.usage, reading.basis).items():
            assert isinstance(count, int | str)
            found[name] = count
    return found


def _links(account: Account) -> list[Linked]:
    reading = account.reading
    if reading.route == "create":
        earlier = reading.asked.get("previous_interaction_id")
        relation = "continuation" if reading.asked.get("continuation_token") else "previous_interaction"
    elif reading.route in {"get", "cancel"}:
        earlier = reading.did.path.partition("?")[0].split("/")[3]
        relation = "cancel" if reading.route == "cancel" else "resume" if "stream=true" in reading.did.path else "poll"
    else:
        return []
    return [Linked(relation, earlier, account.earlier)] if earlier else []


def _steps(steps: list[Step]) -> list[Expected]:
    spans: list[Expected] = []
    taken: set[int] = set()
    for step in steps:
        if id(step) in taken:
            continue
        tool = _tool_of(step, "call")
        result = next(
            (
                other
                for other in steps
                if tool and step.id is not None and other.call_id == step.id and other.type == f"{tool}_result"
            ),
            None,
        )
        if tool:
            taken |= {id(result)} if result is not None else set()
            spans.append(_tool(tool, step, result))
        elif tool := _tool_of(step, "result"):
            spans.append(_tool(tool, None, step))
        else:
            spans.append(_step(step))
    return spans


def _tool_of(step: Step, half: str) -> str:
    tool = step.type.removesuffix(f"_{half}")
    return tool if tool != step.type and tool in SERVER_TOOLS else ""


def _tool(tool: str, call: Step | None, result: Step | None) -> Expected:
    both = [step for step in (call, result) if step is not None]
    attributes = _present(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.type": "datastore" if tool in {"file_search", "retrieval"} else "extension",
            "gen_ai.tool.call.id": call.id if call is not None else both[0].call_id,
            "interactions.tool.mcp_name": both[0].name if tool == "mcp_server_tool" else None,
            "interactions.tool.unmatched": True if len(both) == 1 else None,
        }
    )
    error = "tool_error" if result is not None and result.is_error else None
    return Expected(f"execute_tool {tool}", "INTERNAL", attributes, error, children=[_step(step) for step in both])


def _step(step: Step) -> Expected:
    found: dict[str, Value] = {
        "interactions.step.index": step.index,
        "interactions.step.type": step.type,
        "interactions.step.wire_type": step.wire_type,
        "interactions.step.deltas": step.deltas,
        "interactions.step.bytes": step.bytes,
        "interactions.step.first_delta": TIME if step.deltas and step.started else None,
        "interactions.step.max_gap": TIME if step.deltas > 1 else None,
        "interactions.step.open_at_end": None if step.closed else True,
        "interactions.step.timed": None if step.started else False,
    }
    if step.type == "function_call":
        found |= {"gen_ai.tool.name": step.name, "gen_ai.tool.call.id": step.id, "gen_ai.tool.type": "function"}
    for kind in ("total", "input", "output", "thought", "tool_use", "cached"):
        found[f"interactions.step.usage.{kind}_tokens"] = arithmetic.stated(step.own_usage or {}, kind)
    error = "tool_error" if step.type == "function_result" and step.is_error else None
    return Expected(f"step {step.type}", "INTERNAL", _present(found), error)


def _present(found: Mapping[str, Value]) -> Attributes:
    return {name: value for name, value in found.items() if value is not None}
