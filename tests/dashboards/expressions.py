"""What a PromQL expression names: series with their matchers, labels that it groups by, labels that it makes.

A reader for tests, not a parser: Prometheus itself says whether an expression is one (test_queries.py asks promtool).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>\d[\w.]*|\$__\w+)|(?P<word>[a-zA-Z_:][\w:]*)|(?P<mark>=~|!~|!=|[^\s\w])'
)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_OTHER_WORDS = {"or", "and", "unless", "offset", "bool", "inf", "nan"}
_FUNCTIONS = {"sum", "max", "min", "count", "avg", "topk"} | {
    *("rate", "increase", "histogram_quantile", "min_over_time", "last_over_time", "label_replace", "vector", "time"),
    *("days_in_month", "changes"),
    "clamp_max",
    "clamp_min",
}


@dataclass(frozen=True)
class Selector:
    """A series selector: the name as it stands, and its matchers: label, operator, value."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


@dataclass
class Expression:
    """What is named in an expression."""

    selectors: list[Selector] = field(default_factory=list)
    grouped_by: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)


def read(text: str) -> Expression:
    """Read an expression. Raises ValueError at a word that is neither a series, nor a function that we use."""
    tokens = [(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(text)]
    found = Expression()
    at = 0
    while at < len(tokens):
        kind, word = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if kind != "word" or word in _OTHER_WORDS:
            continue
        if word in _GROUPING:
            end = _closing(tokens, at)
            found.grouped_by |= {name for sort, name in tokens[at:end] if sort == "word"}
            at = end + 1
        elif following == "(" or (word in _FUNCTIONS and following in _GROUPING):
            if word not in _FUNCTIONS:
                raise ValueError(f"unknown function {word}")
            if word == "label_replace":
                found.made.add(_target(tokens, at))
        elif following == "{":
            end = next(place for place in range(at, len(tokens)) if tokens[place][1] == "}")
            found.selectors.append(Selector(word, _matchers(tokens[at + 1 : end])))
            at = end + 1
        else:
            raise ValueError(f"{word} is a series without matchers, or nothing")
    return found


def _closing(tokens: list[tuple[str, str]], opening: int) -> int:
    depth = 0
    for place in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place][1], 0)
        if depth == 0:
            return place
    raise ValueError("a parenthesis is open")


def _target(tokens: list[tuple[str, str]], opening: int) -> str:
    """The label that a label_replace makes: its first text, outside of its vector."""
    depth = 0
    for kind, word in tokens[opening : _closing(tokens, opening)]:
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(word, 0)
        if kind == "text" and depth == 1:
            return word.strip('"')
    raise ValueError("a label_replace without a label")


def _matchers(tokens: list[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    words = [word for _, word in tokens if word != ","]
    if len(words) % 3:
        raise ValueError(f"odd matchers: {words}")
    return tuple(
        (label, operator, value.strip('"'))
        for label, operator, value in zip(words[::3], words[1::3], words[2::3], strict=True)
    )
