"""Where settings come from: TOML file, then environment over it, then flags over both; and how mistakes are told.

Not here: what settings there are and what they allow (config.py).
Promise: every mistake is found in one go and told in one line (key, value, origin, what is allowed), and no line
holds a secret: values of keys that are unknown or sound secret are not shown, keys and passwords in others are cut out.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config import CONFIG_VARIABLE, ENV_NESTED, ENV_PREFIX, Settings

Key = tuple[str, ...]

VALUE_MAX_CHARS = 80
# Kubernetes sets these for a Service whose name begins with interactions-gateway; nobody meant them as settings.
_SERVICE_LINKS = re.compile(r"SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")
_SERVICE_HOST = "SERVICE_HOST"
_SECRET_NAMES = re.compile(r"secret|token|password|passwd|api_?key|credential|auth", re.IGNORECASE)
_SECRETS = re.compile(
    r"(?<=://)[^/@\s]+(?=@)"  # user and password of a URL
    r"|(?<=[?&])[^=&#\s]+=[^&#\s]+"  # a query: keys travel in it
    r"|AIza[\w-]{8,}|ya29\.[\w.-]+|sk-[\w-]{8,}|AQ\.[\w-]{8,}|(?<=Bearer )\S+|eyJ[\w-]{8,}(\.[\w-]+)*"
)
REDACTED = "(redacted)"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: key or place, the value in it (None: not to be shown), where it came from."""

    where: str
    problem: str
    value: str | None = None
    origin: str | None = None

    def __str__(self) -> str:
        value = f" = {self.value}" if self.value is not None else ""
        origin = f" ({self.origin})" if self.origin else ""
        return f"{self.where}{value}{origin}: {self.problem}"


class SettingsError(ValueError):
    """The settings can't be used; says every mistake."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(mistakes)
        self.mistakes = mistakes

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


def leaves(model: type[BaseModel] = Settings, prefix: Key = ()) -> Iterator[tuple[Key, str, str]]:
    """Every setting: its key, what it is for, what is allowed."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, (*prefix, name))
        else:
            extra = info.json_schema_extra
            allowed = extra.get("allowed", "") if isinstance(extra, dict) else ""
            yield (*prefix, name), info.description or "", str(allowed)


ALLOWED: dict[Key, str] = {key: allowed for key, _, allowed in leaves()}
SECTIONS = frozenset(key[:-1] for key in ALLOWED if len(key) > 1)


@dataclass(slots=True)
class _Gathered:
    """Values over one another, and where each came from."""

    values: dict[Key, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, key: Key, value: Any, origin: str) -> None:
        self.values[key] = value
        self.origins[key] = origin

    def nested(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, value in self.values.items():
            table = tree
            for name in key[:-1]:
                table = table.setdefault(name, {})
            table[key[-1]] = value
        return tree


def load(
    config_file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The effective settings. Raises SettingsError with every mistake of every source.

    config_file: over the variable INTERACTIONS_GATEWAY_CONFIG; neither: no file.
    flags: top-level settings by name; None values were not given.
    """
    environ = os.environ if environ is None else environ
    gathered = _Gathered()
    named = environ.get(CONFIG_VARIABLE, "")
    if config_file is not None:
        _read_file(gathered, config_file, "--config")
    elif named:
        _read_file(gathered, Path(named), CONFIG_VARIABLE)
    _read_environment(gathered, environ)
    for name, value in (flags or {}).items():
        if value is not None:
            gathered.add((name,), value, "--" + name.replace("_", "-"))
    try:
        settings = Settings(**gathered.nested())
    except ValidationError as error:
        gathered.mistakes.extend(_explained(error, gathered))
    else:
        gathered.mistakes.extend(_at_odds(settings, gathered))
        if not gathered.mistakes:
            return settings
    raise SettingsError(gathered.mistakes)


def _read_file(gathered: _Gathered, path: Path, origin: str) -> None:
    shown = _shown(str(path), str)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        gathered.mistakes.append(Mistake("config file", f"can't be read: {error.strerror}", shown, origin))
    except UnicodeDecodeError:
        gathered.mistakes.append(Mistake("config file", "is no UTF-8 text, as TOML must be", shown, origin))
    except tomllib.TOMLDecodeError as error:
        gathered.mistakes.append(Mistake("config file", f"is no valid TOML: {error}", shown, origin))
    else:
        _read_table(gathered, table, (), f"file {path.name}")


def _read_table(gathered: _Gathered, table: Mapping[str, Any], prefix: Key, origin: str) -> None:
    for name, value in table.items():
        key = (*prefix, name)
        if key in ALLOWED:
            gathered.add(key, value, origin)
        elif key not in SECTIONS:
            gathered.mistakes.append(_unknown(".".join(key), origin, [".".join(known) for known in ALLOWED]))
        elif isinstance(value, Mapping):
            _read_table(gathered, value, key, origin)
        else:
            gathered.mistakes.append(Mistake(".".join(key), f"must be a table: [{'.'.join(key)}]", None, origin))


def variable(key: Key) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + ENV_NESTED.join(key).upper()


def _read_environment(gathered: _Gathered, environ: Mapping[str, str]) -> None:
    known = {variable(key): key for key in ALLOWED}
    services = [name.removesuffix(_SERVICE_HOST) for name in environ if name.endswith(f"_{_SERVICE_HOST}")]
    for name in sorted(environ):
        if not name.upper().startswith(ENV_PREFIX) or name == CONFIG_VARIABLE or name in known:
            continue
        links = [name.removeprefix(service) for service in services if name.startswith(service)]
        if not any(_SERVICE_LINKS.fullmatch(link) for link in links):
            gathered.mistakes.append(_unknown(name, "environment", [*known, CONFIG_VARIABLE]))
    for name, value in environ.items():
        if name in known:
            gathered.add(known[name], value, f"environment {name}")


def _unknown(name: str, origin: str, known: list[str]) -> Mistake:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(known)}"
    return Mistake(name, f"is no setting; {hint}", None, origin)


def _explained(error: ValidationError, gathered: _Gathered) -> Iterator[Mistake]:
    seen: set[Key] = set()
    for fault in error.errors(include_url=False, include_context=False):
        location = fault["loc"]
        key = next((known for known in ALLOWED if location[: len(known)] == known), None)
        if key is None or key in seen:  # one line a key, however many of a union's members complained
            continue
        inside = location[len(key) :]
        if len(inside) > 1 and isinstance(inside[0], int) and isinstance(inside[1], str):
            yield _explained_item(key, inside[0], inside[1], fault, gathered.origins.get(key))
            continue
        seen.add(key)
        yield Mistake(
            ".".join(key),
            f"must be {ALLOWED[key]}",
            None if _SECRET_NAMES.search(key[-1]) else _shown(gathered.values.get(key, fault["input"])),
            gathered.origins.get(key),
        )


def _at_odds(settings: Settings, gathered: _Gathered) -> Iterator[Mistake]:
    """What each setting allows, and another one makes senseless."""
    for number, budget in enumerate(settings.budgets, 1):
        if budget.team is not None and settings.attribution.team is None:
            where, origin = f"budgets {number}.team", gathered.origins.get(("budgets",))
            yield Mistake(where, "wants attribution.team: without it no cost is a team's", _shown(budget.team), origin)


def _explained_item(key: Key, number: int, name: str, fault: Any, origin: str | None) -> Mistake:
    """A mistake inside of one table of a list of them."""
    annotation: Any = Settings
    for part in key:
        annotation = annotation.model_fields[part].annotation
    fields = typing.get_args(annotation)[0].model_fields
    where = f"{'.'.join(key)} {number + 1}.{name}"
    if name not in fields:
        return Mistake(where, f"is no key; allowed are {', '.join(fields)}", None, origin)
    extra = fields[name].json_schema_extra
    allowed = extra.get("allowed", "") if isinstance(extra, dict) else ""
    value = None if fault["type"] == "missing" else _shown(fault["input"])
    return Mistake(where, f"must be {allowed}", value, origin)


def _shown(value: Any, to_text: Callable[[Any], str] = repr) -> str:
    text = to_text(_cleaned(value))
    return text if len(text) <= VALUE_MAX_CHARS else text[: VALUE_MAX_CHARS - 1] + "…"


def _cleaned(value: Any) -> Any:
    # Before repr(): a quote in the text would end a secret too early after it.
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {"…": "…"}
    return [_cleaned(item) for item in value] if isinstance(value, list | tuple) else value


def redacted(text: str) -> str:
    """The text without what looks like a password or a key."""
    return _SECRETS.sub(REDACTED, text)


def described(settings: Settings) -> str:
    """The effective settings as TOML, secrets cut out, each with what it is for. What is unset is a comment."""
    lines: list[str] = []
    table: Key = ()
    for key, doc, _ in leaves():
        if key[:-1] != table:
            table = key[:-1]
            lines.append(f"\n[{'.'.join(table)}]")
        value: Any = settings
        for name in key:
            value = getattr(value, name)
        lines.append(f"{_setting(key[-1], value)}  # {doc}")
    return "\n".join(lines)


def _setting(name: str, value: Any) -> str:
    if value is None:
        return f"# {name} is not set"
    is_secret = isinstance(value, str) and _SECRET_NAMES.search(name)
    return f"# {name} is set" if is_secret else f"{name} = {as_toml(_cleaned(value))}"


def as_toml(value: Any) -> str:
    """A setting's value as a file would have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(item) for item in value) + "]"
    if isinstance(value, BaseModel):
        pairs = [f"{name} = {as_toml(_cleaned(item))}" for name, item in value if item is not None]
        return "{ " + ", ".join(pairs) + " }"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
