"""What the settings of `spans` change about a trace that is built: fewer token counts, more names for back ends.

Not here: the tree (tree.py), the names (dialect_names.py).
Source: telemetry-conventions.md 5. The conventions' names are always there: the back ends translate them. A half-filled
second set would hide the better one, so the sets here are whole, and small.
Promise: with the settings as they are by default nothing is touched; no time, name, id or link changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.attributes import usage_sums
from gateway.telemetry.catalogue import NS_PER_S
from gateway.telemetry.http_attributes import Attributes, Value
from gateway.telemetry.nodes import Node

if TYPE_CHECKING:
    from gateway.config import SpanSettings

OPENINFERENCE, LANGFUSE = "openinference", "langfuse"

_COUNTS = (names.USAGE, names.OWN_USAGE, names.STEP_USAGE, names.COST_UNPRICED_TOKENS)
_KINDS = {names.GENERATE: "LLM", names.INVOKE_AGENT: "AGENT", names.EXECUTE_TOOL: "TOOL"}
_CHAIN = "CHAIN"
_CALLS = frozenset({names.GENERATE, names.INVOKE_AGENT})


class Dialects:
    """The settings, ready to be applied."""

    def __init__(self, settings: SpanSettings) -> None:
        self._openinference = OPENINFERENCE in settings.dialect
        self._langfuse = LANGFUSE in settings.dialect
        self._counts = settings.usage == "full"
        self._by_modality = settings.usage_by_modality
        self._idle = self._counts and self._by_modality and not (self._openinference or self._langfuse)

    def apply(self, root: Node, record: ExchangeClosed | None) -> Node:
        """Change a tree in place, and give it back. record: None for a tree of steps alone."""
        if self._idle:
            return root
        for node in _nodes(root):
            doing = node.attributes.get(names.OPERATION)
            if self._openinference:
                node.attributes[names.OI_KIND] = _KINDS.get(str(doing), _CHAIN)
                node.attributes |= _openinference(node.attributes)
            if doing in _CALLS and record is not None:
                node.attributes |= self._of_call(node.attributes, record)
            if not (self._counts and self._by_modality):
                node.attributes = {name: node.attributes[name] for name in node.attributes if self._stays(name)}
        return root

    def _of_call(self, have: Attributes, record: ExchangeClosed) -> Attributes:
        found: dict[str, Value | None] = {}
        if self._openinference:
            found |= {names.OI_MODEL: have.get(names.REQUEST_MODEL), names.OI_COST: have.get(names.COST_USD)}
            found |= _openinference_counts(record) if self._counts else {}
        if self._langfuse:
            first_ns = record.stream.first_delta_ns.get("any")
            found[names.LANGFUSE_START] = None if first_ns is None else _iso(record.started_unix_ns + first_ns)
            if self._counts:
                found |= {names.LANGFUSE_USAGE: _langfuse_usage(record), names.LANGFUSE_COST: have.get(names.COST_USD)}
        return {name: value for name, value in found.items() if value is not None}

    def _stays(self, name: str) -> bool:
        if not self._counts and name.startswith(_COUNTS):
            return False
        return self._by_modality or name not in names.USAGE_BY_MODALITY


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _openinference(have: Attributes) -> Attributes:
    """What any span may have under both names."""
    pairs = {names.OI_SESSION: have.get(names.CONVERSATION_ID)}
    if have.get(names.OPERATION) == names.EXECUTE_TOOL:
        pairs[names.OI_TOOL] = have.get(names.TOOL_NAME)
    return {name: value for name, value in pairs.items() if value is not None}


def _openinference_counts(record: ExchangeClosed) -> dict[str, Value | None]:
    usage = record.stream.usage
    if usage is None or usage.is_empty:
        return {}
    tokens_in, tokens_out = usage_sums(usage)
    return {
        names.OI_PROMPT: tokens_in,
        names.OI_COMPLETION: tokens_out,
        names.OI_TOTAL: usage.total,
        names.OI_REASONING: usage.thought,
        names.OI_CACHED: usage.cached,
    }


def _langfuse_usage(record: ExchangeClosed) -> str | None:
    """It adds up what isn't told as a total, so the parts must not overlap; and this one attribute wins over all."""
    usage = record.stream.usage
    if usage is None or usage.is_empty:
        return None
    tokens_in, tokens_out = usage_sums(usage)
    parts = {
        "input": None if tokens_in is None else max(0, tokens_in - (usage.cached or 0)),
        "input_cached_tokens": usage.cached,
        "output": None if tokens_out is None else tokens_out - (usage.thought or 0),
        "output_reasoning_tokens": usage.thought,
        "total": usage.total,
    }
    return orjson.dumps({name: tokens for name, tokens in parts.items() if tokens is not None}).decode()


def _iso(unix_ns: int) -> str:
    moment = datetime.fromtimestamp(unix_ns // NS_PER_S, UTC).replace(microsecond=unix_ns % NS_PER_S // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
