"""values.schema.json: what Helm lets through, made of the types in values.yaml and of the gateway's own settings.

Not here: what doesn't go together (templates/_checks.tpl), the lines of values.yaml (values.py).
Promise: a key that nobody knows is refused at every level that the chart or the gateway reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gateway.config import Settings
from gateway.config_values import SOURCE, UPSTREAM_ALLOWED
from helm.values import Value

Schema = dict[str, Any]

LABEL_KEY = r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_KNOWN: dict[str, Schema] = {
    "text": {"type": "string"},
    "text, not empty": {"type": "string", "minLength": 1},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "object": {"type": "object"},
    "list of objects": {"type": "array", "items": {"type": "object"}},
    "list of texts": {"type": "array", "items": {"type": "string", "minLength": 1}},
    "map of texts": _TEXTS,
    "annotations": {**_TEXTS, "propertyNames": {"pattern": LABEL_KEY}},
    "labels": {
        "type": "object",
        "propertyNames": {"pattern": LABEL_KEY},
        "additionalProperties": {"type": "string", "pattern": LABEL_VALUE},
    },
    "name": {"type": "string", "pattern": "^([a-z]([a-z0-9-]*[a-z0-9])?)?$", "maxLength": 253},
    "object name": {"type": "string", "pattern": "^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$", "maxLength": 253},
    "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "url": {"type": "string", "pattern": r"^(https?://\S+)?$"},
    "duration": {"type": "string", "pattern": "^[1-9][0-9]*(s|m|h)$"},
    "percentage": {"type": "string", "pattern": "^([0-9]|[1-9][0-9]|100)%$"},
    "true": {"const": True},
    "false": {"const": False},
}
_INTEGER = re.compile(r"integer (\d+)\.\.(\d*)")
_WORD = re.compile(r"[A-Za-z][\w/-]*")
# Words of the gateway for what is allowed, where a pattern can say it.
_PATTERNS = {
    UPSTREAM_ALLOWED: r"^https?://[^\s/?#@\\]+(/[^\s?#\\]*)?$",
    SOURCE: "^(none|header:.+|baggage:.+)$",
}


def schema(values: Iterable[Value], alert_settings: Schema) -> Schema:
    """The whole schema. alert_settings: that of the thresholds of alerts."""
    special = {"settings": settings_schema(), "alert settings": alert_settings}
    root: Schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of interactions-gateway",
        "type": "object",
        "additionalProperties": False,
        "properties": {"global": {"type": "object", "description": "Of a parent chart; nothing here reads it."}},
    }
    for value in values:
        section = root
        for key in value.path[:-1]:
            empty: Schema = {"type": "object", "additionalProperties": False, "properties": {}}
            section = section["properties"].setdefault(key, empty)
        meaning = special[value.type] if value.type in special else type_schema(value.type)
        section["properties"][value.path[-1]] = {"description": value.doc, **meaning}
    return root


def type_schema(text: str) -> Schema:
    """What a type of values.yaml means. Raises ValueError for one that isn't known."""
    parts = [part.strip() for part in re.split(r" \| | or ", text)]
    if len(parts) == 1:
        return _single(text)
    if all(part in ("true", "false") or (part not in _KNOWN and _WORD.fullmatch(part)) for part in parts):
        return {"enum": [{"true": True, "false": False}.get(part, part) for part in parts]}
    return {"anyOf": [_single(part) for part in parts]}


def _single(text: str) -> Schema:
    if text in _KNOWN:
        return dict(_KNOWN[text])
    integer = _INTEGER.fullmatch(text)
    if integer is None:
        raise ValueError(f"no type of a value: {text}")
    bounds: Schema = {"type": "integer", "minimum": int(integer[1])}
    return {**bounds, "maximum": int(integer[2])} if integer[2] else bounds


def settings_schema() -> Schema:
    """The gateway's settings as its file may say them: no key that it doesn't know, bounds included."""
    made = Settings.model_json_schema()
    definitions = made.pop("$defs")
    converted = _converted(made, definitions)
    # A table in the file, pairs to pydantic.
    converted["properties"]["attribution"]["properties"]["team_names"] |= {
        "type": "object",
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 64},
    }
    converted["properties"]["attribution"]["properties"]["team_names"].pop("items")
    return converted


_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum"}
_DROPPED = {"title", "default", "allowed", "description"}


def _converted(node: Schema, definitions: dict[str, Schema]) -> Schema:
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]]}
    allowed = node.get("allowed", "")
    made: Schema = {_BOUNDS.get(key, key): value for key, value in node.items() if key not in _DROPPED}
    if "properties" in made:
        made["properties"] = {key: _converted(one, definitions) for key, one in made["properties"].items()}
    elif node.get("description"):
        made["description"] = f"{node['description']} ({allowed})" if allowed else node["description"]
    if isinstance(made.get("items"), dict):
        made["items"] = _converted(made["items"], definitions)
        if "maxLength" in made:
            made["maxItems"] = made.pop("maxLength")
    if "anyOf" in made:
        # What has no value is said by a word in the file, since TOML has no null.
        options = [_converted(one, definitions) for one in made["anyOf"]]
        made["anyOf"] = [{"const": "none"} if one == {"type": "null"} else one for one in options]
        if {"type": "string"} in made["anyOf"]:
            del made["anyOf"]
            made["type"] = "string"
    if allowed in _PATTERNS:
        made["pattern"] = _PATTERNS[allowed]
    return made
