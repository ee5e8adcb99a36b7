"""The committed rules as values, and what their expressions name.

Not here: PromQL; only metrics, labels and recorded names are found in it, by their shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LABELS = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")
_METRIC = re.compile(r"(?<![\w:])(up|interactions_gateway_\w+|\w+:interactions_gateway_\w+:\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert, or a recorded series; the other name is empty."""

    file: str
    alert: str
    record: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Selected:
    """A metric in an expression, with its matchers: label to value."""

    metric: str
    matchers: Mapping[str, str]


def all_rules(folder: Path) -> Iterator[Rule]:
    """Those of all files."""
    for path in sorted(folder.glob("*.yml")):
        groups: Any = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for group in groups:
            for rule in group["rules"]:
                alert, record = rule.get("alert", ""), rule.get("record", "")
                yield Rule(path.name, alert, record, rule["expr"], rule.get("labels", {}), rule.get("annotations", {}))


def alerts(folder: Path) -> list[Rule]:
    """Those that may fire."""
    return [rule for rule in all_rules(folder) if rule.alert]


def selected(expr: str) -> list[Selected]:
    """The metrics of an expression, recorded ones too."""
    return [Selected(found[1], dict(_MATCHER.findall(found[2] or ""))) for found in _METRIC.finditer(expr)]


def grouped(expr: str) -> set[str]:
    """Labels that an expression groups or matches by."""
    bare = _STRING.sub('""', expr)
    return {label for found in _LABELS.findall(bare) for label in re.findall(r"\w+", found)}


def words(expr: str) -> set[str]:
    """Names of an expression that could be metrics, and weren't found by selected()."""
    bare = _MATCHER.sub("", _LABELS.sub("", expr))
    bare = _METRIC.sub("", re.sub(r"\[[^\]]*\]|offset \w+", "", _STRING.sub('""', bare)))
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare))
