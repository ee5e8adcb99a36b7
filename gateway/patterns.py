"""Regular expressions for secrets: those of our own, and the checks that an operator's must pass.

Not here: their use (telemetry/redaction.py).
Promise: an expression that passes is Python's, matches no empty text, and has none of the usual shapes whose time grows
with a power of the text's length to the text's length. It may still be slow: who uses it bounds text and time.
"""

from __future__ import annotations

import re

MAX_CHARS = 512

# A word that a text must hold for the expression to match at all, and the expression. Looking for the word is cheap.
SECRETS: tuple[tuple[str, str], ...] = (
    ("AIza", r"AIza[\w-]{8,}"),  # Google API keys
    ("AQ.", r"\bAQ\.[\w-]{8,}"),
    ("ya29.", r"\bya29\.[\w.-]{8,}"),  # Google OAuth
    ("earer", r"\b[Bb]earer\s+[\w.~+/=-]{8,}"),
    ("EARER", r"\bBEARER\s+[\w.~+/=-]{8,}"),
    ("eyJ", r"\beyJ[\w-]{8,}(?:\.[\w-]+){1,2}"),  # JSON web tokens
    ("sk-", r"\bsk-[\w-]{16,}"),
    ("key=", r"(?<=[?&]key=)[^&#\s\"'<>]{8,}"),
    ("PRIVATE KEY", r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?"),
)

_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")


def compiled(expression: str) -> re.Pattern[str]:
    """Raises ValueError for one that can't be taken."""
    if not 0 < len(expression) <= MAX_CHARS:
        raise ValueError(f"from 1 to {MAX_CHARS} characters")
    try:
        pattern = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as exc:
        raise ValueError(f"no regular expression: {exc}") from exc
    if pattern.search("") is not None or pattern.match("x", 1) is not None:
        raise ValueError("it matches an empty text")
    if repeats_a_choice(expression):
        raise ValueError("it repeats a group that holds a repeat or a `|`")
    return pattern


def repeats_a_choice(expression: str) -> bool:
    """Whether a group with a repeat without end, or with a `|`, is itself repeated without end."""
    holds = [False]
    at = 0
    while at < len(expression):
        char = expression[at]
        if char == "\\":
            at += 2
            continue
        if char == "[":
            at = _behind_class(expression, at)
            continue
        if char == "(":
            holds.append(False)
        elif char == ")" and len(holds) > 1:
            inner = holds.pop()
            repeated = _UNBOUNDED.match(expression, at + 1) is not None
            if inner and repeated:
                return True
            holds[-1] = holds[-1] or inner or repeated
        elif char == "|" or _UNBOUNDED.match(expression, at):
            holds[-1] = True
        at += 1
    return False


def _behind_class(expression: str, at: int) -> int:
    at += 1
    if expression[at : at + 1] == "^":
        at += 1
    if expression[at : at + 1] == "]":
        at += 1
    while at < len(expression) and expression[at] != "]":
        at += 2 if expression[at] == "\\" else 1
    return at + 1
