"""Secrets out of captured texts: what our own and the operator's expressions match is replaced.

Not here: the expressions (patterns.py), where the texts come from (content.py).
Promise: a text is searched whole, or not told: what can't be searched in TIME_S raises. An expression sees windows of
bounded size, so one whose time grows with the square of the text is late by a window, not for ever.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from gateway.patterns import SECRETS, compiled

REDACTED = "[redacted]"
TIME_S = 0.25  # of the CPU, for all texts of one exchange
WINDOW_CHARS = 4096
OVERLAP_CHARS = 2048  # a match up to this is found wherever it begins
MAX_DEPTH = 100


class TooSlowError(Exception):
    """The texts of an exchange could not be searched in time, so they are not told."""


class Redactor:
    """Searches the texts of one exchange after another."""

    def __init__(self, expressions: Iterable[str]) -> None:
        """Raises ValueError for an expression that `patterns.compiled` refuses."""
        self._patterns = [(word, compiled(expression)) for word, expression in SECRETS]
        self._patterns += [("", compiled(expression)) for expression in expressions]
        self._until_s = 0.0

    def begin(self) -> None:
        """The texts that follow are of another exchange."""
        self._until_s = time.thread_time() + TIME_S

    def text(self, text: str) -> str:
        """The text without secrets. Raises TooSlowError."""
        for word, pattern in self._patterns:
            if not word or word in text:
                text = self._without(pattern, text)
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """The same for every text in a JSON value, keys too."""
        if isinstance(value, str):
            return self.text(value)
        if depth > MAX_DEPTH:
            return REDACTED
        if isinstance(value, dict):
            return {self.text(name): self.value(item, depth + 1) for name, item in value.items()}
        return [self.value(item, depth + 1) for item in value] if isinstance(value, list) else value

    def _without(self, pattern: re.Pattern[str], text: str) -> str:
        found: list[tuple[int, int]] = []
        size = len(text)
        for start in range(0, max(1, size), WINDOW_CHARS - OVERLAP_CHARS):
            stop = min(start + WINDOW_CHARS, size)
            found += [self._whole(pattern, text, match) for match in pattern.finditer(text, start, stop)]
            if time.thread_time() > self._until_s:
                raise TooSlowError
            if stop == size:
                break
        return _replaced(text, found) if found else text

    def _whole(self, pattern: re.Pattern[str], text: str, match: re.Match[str]) -> tuple[int, int]:
        """Where a match is; one that the window's end cut short is looked at once more without it."""
        start, stop = match.span()
        if stop == match.endpos < len(text):
            again = pattern.match(text, start)
            stop = max(stop, again.end()) if again is not None else stop
        return start, stop


def _replaced(text: str, found: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, stop in sorted(found):
        if stop <= at or start == stop:
            continue
        if start > at or not parts:
            parts += (text[at:start], REDACTED)
        at = stop
    parts.append(text[at:])
    return "".join(parts)
