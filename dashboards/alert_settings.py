"""Settings of the rules, read and checked: thresholds, windows and targets of config/alerts.toml.

Not here: the rules that they go into (rules.py). A setting's kind is told by the end of its name, so a new one needs
no entry here.
Promise: every mistake is told at once, each in a line: where it is, what stands there, what is allowed.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.telemetry import names

ROOT = Path(__file__).parents[1]
DEFAULTS = ROOT / "config" / "alerts.toml"

Value = str | int | float
Values = Mapping[str, Value]

_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_S = (365 * 86400, 7 * 86400, 86400, 3600, 60, 1, 0.001)
# It stands in quotes, in YAML and in PromQL, and what is between `@` is a name.
_TEXT = re.compile(r"[^\s\"'\\@`{}]+")


class AlertSettingsError(ValueError):
    """mistakes: a line each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting may be. allowed: in words. schema: the same as JSON schema, as far as that can say it."""

    allowed: str
    takes: Callable[[object], bool]
    schema: Mapping[str, Any]


def seconds(duration: str) -> float | None:
    """A duration of Prometheus in seconds; None where it is none."""
    found = _DURATION.fullmatch(duration)
    if not duration or found is None:
        return None
    return sum(int(part) * unit_s for part, unit_s in zip(found.groups(), _UNITS_S, strict=True) if part)


def text(value: Value) -> str:
    """A value as it stands in the rules: a whole number has no point, as in Helm."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _number(*, most: float = math.inf, least: float = math.inf) -> Callable[[object], bool]:
    """Over 0, up to `most`, and less than `least`."""

    def takes(value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= most and value < least

    return takes


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _duration(value: object) -> bool:
    return isinstance(value, str) and seconds(value) is not None


def _plain_text(value: object) -> bool:
    return isinstance(value, str) and _TEXT.fullmatch(value) is not None


def _pattern(value: object) -> bool:
    try:
        return _plain_text(value) and bool(re.compile(str(value)))
    except re.error:
        return False


_DURATION_SCHEMA = {"type": "string", "pattern": r"^([0-9]+(ms|[ywdhms]))+$"}
_TEXT_SCHEMA = {"type": "string", "pattern": f"^{_TEXT.pattern}$"}
_NUMBER_SCHEMA = {"type": "number", "exclusiveMinimum": 0}
_WHOLE_SCHEMA = {"type": "integer", "minimum": 1}
_BOUNDS_S = names.FIRST_DELTA.bounds
KINDS: Mapping[str, Kind] = {
    "_window": Kind(
        'a duration over 0, such as "5m"',
        lambda value: _duration(value) and bool(seconds(str(value))),
        _DURATION_SCHEMA,
    ),
    "_for": Kind('a duration, such as "5m"; "0s" for at once', _duration, _DURATION_SCHEMA),
    "_ratio": Kind("a number over 0, up to 1", _number(most=1), {**_NUMBER_SCHEMA, "maximum": 1}),
    "_target": Kind(
        "a number between 0 and 1, such as 0.99", _number(least=1), {**_NUMBER_SCHEMA, "exclusiveMaximum": 1}
    ),
    "_factor": Kind("a number over 0", _number(), _NUMBER_SCHEMA),
    "_s": Kind("a number of seconds over 0", _number(), _NUMBER_SCHEMA),
    "_bytes": Kind("a whole number of bytes over 0", _whole, _WHOLE_SCHEMA),
    "_min": Kind("a whole number over 0", _whole, _WHOLE_SCHEMA),
    "_pattern": Kind("a regular expression without spaces, quotes, braces and backslashes", _pattern, _TEXT_SCHEMA),
    "_base": Kind("a path or an address without spaces, quotes and braces", _plain_text, _TEXT_SCHEMA),
    "_kind": Kind(
        f"one of {', '.join(names.DELTA_KINDS)}",
        lambda value: value in names.DELTA_KINDS,
        {"enum": [*names.DELTA_KINDS]},
    ),
    "_threshold_s": Kind(
        f"a bound of the buckets, in seconds: {', '.join(map(text, _BOUNDS_S))}",
        lambda value: _number()(value) and value in _BOUNDS_S,
        {"enum": [*_BOUNDS_S]},
    ),
}


def kind(name: str) -> Kind:
    """By the end of a name, the longest that fits. Raises KeyError for a name whose end says nothing."""
    return KINDS[max((end for end in KINDS if name.endswith(end)), key=len, default="")]


def load(path: Path = DEFAULTS, wanted: Collection[str] | None = None) -> Values:
    """All settings: those of the file, and of config/alerts.toml what it leaves out.

    wanted: names that the rules use; None: not compared. Raises AlertSettingsError with every mistake.
    """
    defaults = _read(DEFAULTS)
    own = defaults if path == DEFAULTS else _read(path)
    mistakes = []
    for name, value in own.items():
        if name not in defaults:
            mistakes.append(f"{_at(path, name)}: unknown setting {name}: {_meant(name, defaults)}")
        elif not kind(name).takes(value):
            mistakes.append(f"{_at(path, name)}: {name} = {_shown(value)} must be {kind(name).allowed}")
    values = {**defaults, **{name: value for name, value in own.items() if name in defaults}}
    if not mistakes:  # else there may be no numbers to compare
        mistakes = [f"{_at(path, name)}: {name} = {_shown(values[name])} {why}" for name, why in _together(values)]
    if wanted is not None:
        mistakes += [
            f"{_at(DEFAULTS, name)}: {name} is missing, and a rule uses it: add it below a comment"
            for name in sorted({*wanted} - {*defaults})
        ]
        mistakes += [
            f"{_at(DEFAULTS, name)}: no rule uses {name}: take it out" for name in defaults if name not in wanted
        ]
    if mistakes:
        raise AlertSettingsError(mistakes)
    return values


def comments(path: Path = DEFAULTS) -> Mapping[str, str]:
    """What the comment line above each setting says of it."""
    found: dict[str, str] = {}
    before = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            found[line.partition("=")[0].strip()] = before.removeprefix("#").strip()
        before = line
    return found


def schema() -> dict[str, Any]:
    """What operators may set over the defaults, as JSON schema; each with its comment as the description."""
    said = comments()
    properties = {
        name: {"description": said[name], "default": value, **kind(name).schema}
        for name, value in _read(DEFAULTS).items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AlertSettingsError([f"{path}: {error.strerror}: name a file that can be read"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AlertSettingsError([f"{path}: no TOML: {error}"]) from error


def _together(values: Values) -> Iterator[tuple[str, str]]:
    """What is wrong with settings that are right each for itself: the name to change, and why."""
    for name, value in values.items():
        long = name.replace("_short_", "_long_")
        if long != name and (seconds(str(value)) or 0) > (seconds(str(values[long])) or 0):
            yield name, f"must not be longer than {long} = {_shown(values[long])}"
        if name.startswith("slo_") and name.endswith("_factor"):
            for target in ("success_target", "first_delta_target"):
                most = 1 / (1 - float(values[target]))
                if float(value) >= most:
                    yield name, f"can't be reached with {target} = {values[target]}: it must be less than {most:.4g}"


def _meant(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{close[0]} is one" if close else f"{DEFAULTS.name} has all that there are"


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _at(path: Path, name: str) -> str:
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return str(shown)
    for number, line in enumerate(lines, 1):
        if re.match(rf"{re.escape(name)}\s*=", line):
            return f"{shown}:{number}"
    return str(shown)
