"""What a setting's value may be: types with their checks, and the words that say what they allow.

Not here: which settings there are (config.py), how mistakes are told (config_sources.py).
Promise: text of the environment is read into what a file would have said; a refused value raises ValueError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from gateway import addresses, capture
from gateway.patterns import compiled

UPSTREAM_ALLOWED = "http:// or https://, host, optional port and path prefix; no user, query or fragment"
PATTERN_MAX_CHARS = 64
LABEL_TEXT = "a text of 1-64 printable characters"
BAGGAGE_KEYS = "a list of keys as baggage has them, none of a namespace that the gateway writes itself"
SECONDS = "a number of seconds above 0"
NAME_PATTERNS = "a list of exact names, or prefixes that end in `*`"
COUNT = "a whole number of at least 1"
SOURCE = 'header:<name> or baggage:<key> of what, by its name, holds no key and travels on, or "none"'
FINGERPRINT = "key-fingerprint"
SECRET_MIN_CHARS = 16

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Their values are keys, which no metric or span may show.
_KEY_NAMES = re.compile(
    r"(api|auth|access|subscription)[-_]?key|authorization|authenticate|token|secret|passw|cookie|credential|assertion|jwt",
    re.IGNORECASE,
)
# They end at this hop, and don't say who asks.
_NO_TAGS = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        "content-length",
    }
)
OWN_NAMESPACES = (
    *("interactions.", "gen_ai.", "http.", "url.", "server.", "client.", "network.", "error.", "user_agent."),
)


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")  # an int to Python, hardly what was meant
    return value


def _none_word(value: Any) -> Any:
    # TOML has no null, the environment has only text.
    return None if isinstance(value, str) and value.strip().lower() in ("", "none") else value


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _address(value: str) -> str:
    addresses.split_address(value)
    return value


def _upstream(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or "\\" in value:
        raise ValueError(UPSTREAM_ALLOWED)
    if parts.query or parts.fragment or value.endswith(("?", "#")) or not (value.isascii() and value.isprintable()):
        raise ValueError(UPSTREAM_ALLOWED)
    if " " in value or parts.port == 0:  # a port that is no number raises ValueError by itself
        raise ValueError(UPSTREAM_ALLOWED)
    return value.rstrip("/")


def _pattern(value: str) -> str:
    if not 0 < len(value) <= PATTERN_MAX_CHARS or "*" in value[:-1] or not value.isprintable():
        raise ValueError("an exact name, or a prefix and one `*` at its end")
    return value


def _name(value: str) -> str:
    if not 0 < len(value) <= PATTERN_MAX_CHARS or not value.isprintable():
        raise ValueError("words of 1-64 characters")
    return value


def _code(value: str) -> str:
    return _name(value).lower()


def _named(value: Any) -> Any:
    """A table as pairs, which are frozen; the environment says `value=name,value=name`."""
    if isinstance(value, Mapping):
        return tuple(value.items())
    listed = _listed(value)
    if isinstance(value, str):
        return tuple(tuple(part.strip() for part in pair.split("=", 1)) for pair in listed)
    return listed


def _source(value: str) -> str:
    kind, _, name = value.partition(":")
    if kind not in ("header", "baggage") or not _TOKEN.fullmatch(name) or _KEY_NAMES.search(name):
        raise ValueError(SOURCE)
    if kind == "baggage":
        return value  # its keys are case-sensitive
    if name.lower() in _NO_TAGS:
        raise ValueError(SOURCE)
    return f"header:{name.lower()}"


def _team_source(value: str) -> str:
    return value if value == FINGERPRINT else _source(value)


def _secret(value: str | None, info: ValidationInfo) -> str | None:
    if value is None and info.data.get("team") == FINGERPRINT:
        raise ValueError("missing")
    if value is not None and len(value) < SECRET_MIN_CHARS:
        raise ValueError("too short")
    return value


def _label_text(value: str | None) -> str | None:
    if value is not None and (not 0 < len(value) <= PATTERN_MAX_CHARS or not value.isprintable()):
        raise ValueError(LABEL_TEXT)
    return value


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) and value.strip().lower() != capture.AUTO else value


def _lines(value: Any) -> Any:
    if isinstance(value, str):  # of the environment: a comma is a part of many patterns
        return tuple(line.strip() for line in value.splitlines() if line.strip())
    return value


def _expression(value: str) -> str:
    compiled(value)
    return value


def _with_genai(value: tuple[str, ...]) -> tuple[str, ...]:
    if "genai" not in value:
        raise ValueError("a list with genai in it: the others only add to it")
    return value


def _baggage_key(value: str) -> str:
    if not _TOKEN.fullmatch(value) or len(value) > PATTERN_MAX_CHARS or value.startswith(OWN_NAMESPACES):
        raise ValueError(BAGGAGE_KEYS)
    return value


def _path_text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value  # for who embeds us


def _readable(value: str | None) -> str | None:
    if value is not None and not Path(value).is_file():
        raise ValueError("a readable file")
    return value


def _json_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.strip() else ()  # its error is a ValueError


Address = Annotated[str, AfterValidator(_address)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool)]
Count = Annotated[Whole, Field(ge=1)]
Seconds = Annotated[Number, Field(gt=0, allow_inf_nan=False)]
OptionalSeconds = Annotated[Seconds | None, BeforeValidator(_none_word)]
OptionalCount = Annotated[Count | None, BeforeValidator(_none_word)]
Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_listed)]
Codes = Annotated[tuple[Annotated[str, AfterValidator(_code)], ...], BeforeValidator(_listed)]
Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
NameByValue = Annotated[tuple[tuple[Annotated[str, Field(min_length=1)], Name], ...], BeforeValidator(_named)]
Source = Annotated[Annotated[str, AfterValidator(_source)] | None, BeforeValidator(_none_word)]
TeamSource = Annotated[Annotated[str, AfterValidator(_team_source)] | None, BeforeValidator(_none_word)]
BaggageKeys = Annotated[tuple[Annotated[str, AfterValidator(_baggage_key)], ...], BeforeValidator(_listed)]
Dollars = Annotated[Number, Field(gt=0, allow_inf_nan=False)]
OptionalDollars = Annotated[Dollars | None, BeforeValidator(_none_word)]
Upstream = Annotated[str, AfterValidator(_upstream)]
OptionalFile = Annotated[
    str | None, BeforeValidator(_none_word), BeforeValidator(_path_text), AfterValidator(_readable)
]
OptionalSecret = Annotated[str | None, BeforeValidator(_none_word), AfterValidator(_secret)]
LabelText = Annotated[str, AfterValidator(_label_text)]
OptionalLabelText = Annotated[str | None, AfterValidator(_label_text)]
OptionalChainRoot = Annotated[Literal["chain_root"] | None, BeforeValidator(_none_word)]
Dialects = Annotated[
    tuple[Literal["genai", "openinference", "langfuse"], ...], BeforeValidator(_listed), AfterValidator(_with_genai)
]
CaptureWord = Annotated[
    Literal["auto", "NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"], BeforeValidator(_upper)
]
Expressions = Annotated[
    tuple[Annotated[str, AfterValidator(_expression)], ...], BeforeValidator(_lines), Field(max_length=64)
]
FromJson = BeforeValidator(_json_list)
