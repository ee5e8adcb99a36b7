"""values.yaml as its comments tell it: each value with its path, type, default and what it is for.

Not here: what a type means as a schema (schema.py), pages (reference.py).
Promise: a value without its line, or a line without its value, is an error; so is a type that isn't known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "interactions-gateway"
VALUES = CHART / "values.yaml"

_LINE = re.compile(r"^( *)# -- \(([^)]+)\) (\S.*)$")
_KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):( |$)")

Path_ = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """One value: path from the root, type as values.yaml words it, default, what it is for."""

    path: Path_
    type: str
    doc: str
    default: Any

    @property
    def name(self) -> str:
        """As people say it and as --set takes it."""
        return ".".join(self.path)


def read(text: str | None = None) -> list[Value]:
    """Every value, in the file's order. Raises ValueError where lines and values don't fit."""
    text = VALUES.read_text(encoding="utf-8") if text is None else text
    defaults = yaml.safe_load(text) or {}
    values: list[Value] = []
    sections: list[str] = []  # the keys that lead to the line
    pending: tuple[int, str, str] | None = None
    inside: int | None = None  # the indent of a documented value: what is below it is its default
    for line in text.splitlines():
        found = _LINE.match(line)
        if found and pending is not None:
            raise ValueError(f"a line for no value: {pending[2]}")
        if found:
            pending, inside = (len(found[1]), found[2], found[3]), None
            continue
        key = _KEY.match(line)
        if key is None:
            if pending is not None:
                raise ValueError(f"a line for no value: {pending[2]}")
            continue
        indent = len(key[1])
        if inside is not None and indent > inside:
            continue
        inside = None
        sections[indent // 2 :] = [key[2]]
        if pending is None:
            continue
        if pending[0] != indent:
            raise ValueError(f"a line is not above its value: {pending[2]}")
        path = tuple(sections)
        values.append(Value(path, pending[1], pending[2], _at(defaults, path)))
        inside, pending = indent, None
    if pending is not None:
        raise ValueError(f"a line for no value: {pending[2]}")
    missing = {*_leaves(defaults, {value.path for value in values})} - {value.path for value in values}
    if missing:
        raise ValueError(f"values without a line: {sorted('.'.join(path) for path in missing)}")
    return values


def _at(table: Any, path: Path_) -> Any:
    for key in path:
        table = table[key]
    return table


def _leaves(table: dict[str, Any], told: set[Path_], prefix: Path_ = ()) -> list[Path_]:
    found: list[Path_] = []
    for key, value in table.items():
        path = (*prefix, key)
        if path not in told and isinstance(value, dict) and value:
            found += _leaves(value, told, path)
        else:
            found.append(path)
    return found
