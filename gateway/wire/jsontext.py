"""JSON texts as the API's clients read them: one function from bytes to a value, or to why there is none.

Not here: what a value means. Promise: nothing raises.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from gateway.wire.facts import Invalid


def load_json(data: bytes) -> Any:
    """The JSON value of a text, or an `Invalid` (which no JSON value is)."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        # what orjson refuses and both SDKs take: lone surrogates in escapes
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        return Invalid.UTF8
    except (ValueError, RecursionError):
        return Invalid.JSON
