"""The words of a scenario file: which figures it may state, and with which names.

Not here: reading a file (scenario.py), what the figures of a scenario are.
Source: accounting.md 1-5 for every closed set; interactions-api.md 5 for types and modalities.
Promise: a check says yes only to values of the right type whose words all belong to the closed sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

KINDS: Final = frozenset({"stream", "json", "http_error", "background"})
DELTA_KINDS: Final = frozenset({"text", "thought", "media", "tool", "other"})
FIRST_DELTA_KINDS: Final = frozenset({"text", "thought", "media", "tool", "output", "any"})
BASES: Final = frozenset({"final", "running", "none"})
TOKEN_TYPES: Final = frozenset({"input", "output", "thought", "tool_use", "unattributed"})
MODALITIES: Final = frozenset({"text", "image", "audio", "video", "document", "unknown"})
UNKNOWN_WHATS: Final = frozenset(
    {"event_type", "step_type", "delta_type", "status", "tier", "modality", "legacy_event", "sse_field"}
)
INVALID_REASONS: Final = frozenset({"json", "utf8", "shape", "size"})
ANOMALIES: Final = frozenset(
    {
        "untyped_delta",
        "unterminated_block",
        "bare_error",
        "second_completed",
        "second_interaction",
        "completed_not_terminal",
        "step_reopened",
        "step_without_start",
        "bad_usage",
        "usage_exceeds_total",
        "modality_exceeds_total",
        "bad_arguments",
    }
)
OUTCOMES: Final = frozenset(
    {
        "completed",
        "requires_action",
        "requires_continuation",
        "incomplete",
        "budget_exceeded",
        "failed",
        "cancelled",
        "in_progress",
        "unknown_status",
        "stream_error",
        "truncated",
        "http_error",
        "forwarded",
    }
)
ERROR_SOURCES: Final = frozenset({"upstream_http", "upstream_event", "transport"})


def _word(words: frozenset[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in words


def _words(words: frozenset[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(item, str) and item in words for item in value)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _counts(words: frozenset[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and all(key in words and _count(n) for key, n in value.items())


def _tokens(value: object) -> bool:
    """Tokens are keyed "type/modality"; thoughts and the unattributed rest have no modality on the wire."""
    if not isinstance(value, dict):
        return False
    for key, count in value.items():
        kind, _, modality = str(key).partition("/")
        bare = kind in {"thought", "unattributed"}
        if kind not in TOKEN_TYPES or modality not in MODALITIES or (bare and modality != "unknown"):
            return False
        if not _count(count) or count == 0:
            return False
    return True


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _pair(second: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and len(value) == 2 and _count(value[0]) and second(value[1])


def _steps(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(step, dict)
        and set(step) == {"index", "type", "state"}
        and _count(step["index"])
        and _text(step["type"])
        and step["state"] in {"closed", "open_at_end"}
        for step in value
    )


def _errors(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(error, list) and len(error) == 2 and error[0] in ERROR_SOURCES and _text(error[1]) for error in value
    )


FACTS: Final[Mapping[str, Callable[[object], bool]]] = {
    "start": _pair(_text),
    "delta": _pair(_word(DELTA_KINDS)),
    "output": lambda value: value is True,
    "stop": _count,
    "running": _tokens,
    "running_cached": _counts(MODALITIES),
    "final": _tokens,
    "final_cached": _counts(MODALITIES),
    "terminal": _text,
    "status": _text,
    "error": _text,
    "unknown": _words(UNKNOWN_WHATS),
    "invalid": _words(INVALID_REASONS),
    "anomalies": _words(ANOMALIES),
}
EXPECTED: Final[Mapping[str, Callable[[object], bool]]] = {
    "outcome": _word(OUTCOMES),
    "status": lambda value: isinstance(value, str),
    "tokens": _tokens,
    "basis": _word(BASES),
    "cached": _counts(MODALITIES),
    "steps": _steps,
    "deltas": _count,
    "first_delta_kinds": _words(FIRST_DELTA_KINDS),
    "unknown": _counts(UNKNOWN_WHATS),
    "invalid": _counts(INVALID_REASONS),
    "anomalies": _counts(ANOMALIES),
    "errors": _errors,
}
