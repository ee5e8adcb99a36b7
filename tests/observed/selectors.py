"""Vector selectors of PromQL expressions, and what each of them names: a metric, and values of labels.

Not here: whether there are such series (test_selectors.py).
Source: the grammar of Prometheus' documentation. An expression is cut into words; a word that can be a metric, and is
no function, keyword or label in parentheses, begins a selector.
Promise: what can't be read raises ValueError; nothing is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)
      | (?P<number>0x[0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
      | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],@:])""",
    re.VERBOSE,
)
_LABEL_LISTS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_KEYWORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end", "atan2"})


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on a label: sign is one of = != =~ !~."""

    label: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.sign}{json.dumps(self.value, ensure_ascii=False)}"

    def words(self) -> list[Matcher]:
        """A condition for each value that it names, as if it asked for that one: `a!~"b|c"` names a="b" and a="c"."""
        if self.sign in {"=", "!="}:
            return [Matcher(self.label, "=", self.value)] if self.value else []
        if self.value in {"", ".*", ".+"}:
            return []
        return [Matcher(self.label, "=~", word) for word in alternatives(self.value) if word]


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant or range vector's selector, without its range. metric: empty where only labels choose."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        inner = ",".join(map(str, self.matchers))
        return f"{self.metric}{{{inner}}}" if inner or not self.metric else self.metric

    def named(self) -> Iterator[Selector]:
        """A selector for each value of a label that is named, beside the other conditions that don't exclude.

        With `outcome!~"failed|cancelled"` this asks whether there is such a thing as outcome="cancelled": a name that
        is spelled wrongly excludes nothing, which no other look would find.
        """
        for matcher in self.matchers:
            others = tuple(one for one in self.matchers if one is not matcher and one.sign in {"=", "=~"})
            for word in matcher.words():
                yield Selector(self.metric, (*others, word))


def selectors(expression: str) -> list[Selector]:
    """All of an expression, in order. Raises ValueError."""
    return list(_read(_words(expression)))


def label_lists(expression: str) -> set[str]:
    """Labels that an expression groups or joins by, without those that it makes itself."""
    words = _words(expression)
    found: set[str] = set()
    made: set[str] = set()
    for at, (kind, word) in enumerate(words):
        if _at(words, at + 1) != "(":
            continue
        inside = words[at + 2 : _closing(words, at + 1)]
        if kind == "name" and word in _LABEL_LISTS:
            found |= {name for kind, name in inside if kind == "name"}
        if word in {"label_replace", "label_join"}:
            made.add(_made(inside))
    return found - made


def _made(arguments: list[tuple[str, str]]) -> str:
    """The label that a call makes: the first string that isn't inside of another call."""
    depth = 0
    for kind, word in arguments:
        depth += (word in "([{") - (word in ")]}") if kind == "sign" else 0
        if kind == "string" and depth == 0:
            return _unquoted(word)
    raise ValueError(f"makes no label: {arguments}")


def _read(words: list[tuple[str, str]]) -> Iterator[Selector]:
    at = 0
    while at < len(words):
        kind, word = words[at]
        following = _at(words, at + 1)
        if kind == "name" and word in _LABEL_LISTS:
            at = _closing(words, at + 1) + 1 if following == "(" else at + 1
        elif kind == "name" and (word.lower() in _KEYWORDS or following == "(" or following in _LABEL_LISTS):
            at += 1
        elif kind == "name" or word == "{":
            begin = at + (kind == "name")
            end = _closing(words, begin) if _at(words, begin) == "{" else begin - 1
            yield Selector(word if kind == "name" else "", tuple(_matchers(words[begin + 1 : end])))
            at = end + 1
        elif word == "[":
            at = _closing(words, at) + 1
        else:
            at += 1


def _matchers(words: list[tuple[str, str]]) -> Iterator[Matcher]:
    rest = list(words)
    while rest:
        if len(rest) < 3 or rest[0][0] != "name" or rest[2][0] != "string":
            raise ValueError(f"no matcher: {' '.join(word for _, word in rest)}")
        (_, label), (_, sign), (_, value) = rest[:3]
        yield Matcher(label, sign, _unquoted(value))
        rest = rest[4:] if len(rest) > 3 and rest[3][1] == "," else rest[3:]


def alternatives(pattern: str) -> list[str]:
    """The parts of a regular expression between the `|` that stand outside of groups and classes."""
    parts, depth, part, at = [], 0, "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            part, at = part + pattern[at : at + 2], at + 2
            continue
        depth += (char in "([") - (char in ")]")
        if char == "|" and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
        at += 1
    return [*parts, part]


def _words(expression: str) -> list[tuple[str, str]]:
    words, at = [], 0
    while at < len(expression):
        match = _WORD.match(expression, at)
        if match is None:
            raise ValueError(f"can't be read from {expression[at : at + 30]!r} on: {expression}")
        if match.lastgroup != "space":
            words.append((str(match.lastgroup), match[0]))
        at = match.end()
    return words


def _at(words: list[tuple[str, str]], at: int) -> str:
    return words[at][1] if at < len(words) else ""


def _closing(words: list[tuple[str, str]], at: int) -> int:
    pairs = {"(": ")", "{": "}", "[": "]"}
    opening = _at(words, at)
    depth = 0
    for place in range(at, len(words)):
        depth += (words[place][1] == opening) - (words[place][1] == pairs.get(opening))
        if depth == 0:
            return place
    raise ValueError(f"nothing closes {opening!r}: {' '.join(word for _, word in words)}")


def _unquoted(text: str) -> str:
    body = text[1:-1]
    if text[0] == "'":
        body = body.replace("\\'", "'").replace('"', '\\"')
    return str(json.loads(f'"{body}"'))
