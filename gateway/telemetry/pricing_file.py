"""The price file: TOML to a table, checked whole, with every mistake told in one go.

Not here: how prices are looked up (pricing.py), when the file is read again (reload.py).
Source: docs/cost.md, which describes the form for people.
Promise: numbers are taken as the decimals that stand there, never through a float. A file with a mistake gives no
table at all. One mistake is one line: the place, what stands there, what is allowed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from gateway.telemetry.names import GROUNDING_TOOLS
from gateway.telemetry.pricing import TYPES, CallPrice, Entry, Rates, Table, Tier
from gateway.wire.events import SERVER_TOOLS, TIERS
from gateway.wire.usage import MODALITIES, UNKNOWN

NAME = "pricing.toml"
CURRENCY = "USD"
MILLION = Decimal(1_000_000)
MAX_USD = Decimal(1_000_000)  # more is a price a token, or a slip
MAX_DECIMALS = 9
MAX_PATTERN_CHARS = 128
MAX_SHOWN_CHARS = 60

_WORDS = {  # a price that is that of another type
    "thought": ("output",),
    "tool_use": ("input",),
    "cached": ("input",),
    "unattributed": ("input", "output"),
}
_RULES = ("thought", "tool_use", "unattributed", "unlisted", "tool_use_free")
_ENTRY = ("match", "currency", "source", "read", "from", "until", "note", "rules", "calls", *sorted(TIERS))
_PRICE = f"dollars a million tokens, a number from 0 to {MAX_USD} with at most {MAX_DECIMALS} decimals"
_MODALITIES = ", ".join(sorted(MODALITIES))


class PricingError(ValueError):
    """The price file can't be used. mistakes: each as one line."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__(mistakes)
        self.mistakes = mistakes

    def __str__(self) -> str:
        return "\n".join(self.mistakes)


def shipped() -> Path:
    """The file that comes with the gateway: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / NAME
    return inside if inside.is_file() else package.parent / "config" / NAME


def path(file: str | None) -> Path:
    """Where a setting says that the prices are; None: those that come with the gateway."""
    return shipped() if file is None else Path(file)


def read(file: Path) -> Table:
    """The table of a file. Raises PricingError."""
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise PricingError([f"{file.name}: can't be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise PricingError([f"{file.name}: is no UTF-8 text, as TOML must be"]) from error
    except tomllib.TOMLDecodeError as error:
        raise PricingError([f"{file.name}: is no valid TOML: {error}"]) from error
    return parse(document, file.name)


def parse(document: Mapping[str, Any], name: str = NAME) -> Table:
    """The table of a document whose floats were read as Decimal. Raises PricingError."""
    reader = _Reader(name)
    entries = reader.entries(document)
    if reader.mistakes:
        raise PricingError(reader.mistakes)
    return Table(tuple(entries))


@dataclass(frozen=True, slots=True)
class _Rules:
    """How an entry fills what its tiers leave out. words: type to the type whose price it takes."""

    words: Mapping[str, str]
    unlisted: str | None
    free_tools: frozenset[str]


class _Reader:
    """Reads on after a mistake, so that all are found; what it returns then is not used."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.mistakes: list[str] = []

    def entries(self, document: Mapping[str, Any]) -> list[Entry]:
        self._known(document, ("model",), "")
        models = document.get("model")
        if not _is_tables(models) or not models:
            self._wrong("model", models, "one or more tables: [[model]]")
            return []
        entries = [self._entry(table, f"model {number}") for number, table in enumerate(models, 1)]
        self._overlaps(entries)
        return entries

    def _entry(self, table: Mapping[str, Any], place: str) -> Entry:
        patterns = self._patterns(table.get("match"), f"{place}.match")
        if patterns:
            place = f"{place} ({patterns[0]})"
        self._known(table, _ENTRY, place)
        if table.get("currency") != CURRENCY:
            self._wrong(f"{place}.currency", table.get("currency"), f'"{CURRENCY}", which the metrics are named for')
        source = table.get("source")
        if not isinstance(source, str) or not source.startswith(("https://", "http://")):
            self._wrong(f"{place}.source", source, "the address of the price sheet: https://…")
        self._date(table, "read", place, needed=True)
        since, until = self._date(table, "from", place), self._date(table, "until", place)
        if since is not None and until is not None and until < since:
            self._wrong(f"{place}.until", until, f"a day that is not before `from` ({since})")
        if not isinstance(table.get("note", ""), str):
            self._wrong(f"{place}.note", table["note"], "a text")
        rules = self._rules(self._table(table, "rules", place), f"{place}.rules")
        tiers = {tier: self._tier(table[tier], f"{place}.{tier}", rules) for tier in sorted(TIERS) if tier in table}
        if not tiers:
            self._wrong(place, None, f"a table with prices for one service tier at least: {', '.join(sorted(TIERS))}")
        calls = self._table(table, "calls", place)
        self._known(calls, GROUNDING_TOOLS, f"{place}.calls")
        return Entry(
            patterns,
            tiers,
            {tool: self._call(calls[tool], f"{place}.calls.{tool}") for tool in GROUNDING_TOOLS if tool in calls},
            rules.free_tools,
            float("-inf") if since is None else _unix_s(since),
            float("inf") if until is None else _unix_s(until + timedelta(days=1)),
        )

    def _patterns(self, value: Any, place: str) -> tuple[str, ...]:
        found = [value] if isinstance(value, str) else value
        if isinstance(found, list) and found and all(map(_is_pattern, found)):
            return tuple(found)
        self._wrong(place, value, "a model or agent, or a list: exact names, or prefixes with one `*` at the end")
        return ()

    def _rules(self, table: Mapping[str, Any], place: str) -> _Rules:
        self._known(table, _RULES, place)
        words = {"thought": "output"}
        for type_ in ("thought", "tool_use", "unattributed"):
            if type_ in table:
                words[type_] = self._word(type_, table[type_], f"{place}.{type_}")
        unlisted = table.get("unlisted")
        if unlisted is not None and unlisted not in MODALITIES:
            self._wrong(f"{place}.unlisted", unlisted, f"one of {_MODALITIES}")
        free = table.get("tool_use_free", [])
        if not isinstance(free, list) or not all(tool in SERVER_TOOLS for tool in free):
            self._wrong(f"{place}.tool_use_free", free, f"a list of {', '.join(sorted(SERVER_TOOLS))}")
            free = []
        return _Rules(words, unlisted, frozenset(free))

    def _word(self, type_: str, value: Any, place: str) -> str:
        if value not in _WORDS[type_]:
            self._wrong(place, value, " or ".join(f'"{word}"' for word in _WORDS[type_]))
            return _WORDS[type_][0]
        return str(value)

    def _tier(self, table: Any, place: str, rules: _Rules) -> Tier:
        if not isinstance(table, Mapping):
            self._wrong(place, table, "a table of prices")
            return Tier(Rates({}))
        self._known(table, (*TYPES, "above"), place)
        stated = set(table) - {"above"}
        if not stated & {"input", "output"}:
            self._wrong(place, None, "a price for input, output or both")
        steps = table.get("above", [])
        if not _is_tables(steps):
            self._wrong(f"{place}.above", steps, "tables with input_tokens and the prices above it")
            steps = []
        above: list[tuple[int, Rates]] = []
        for number, step in enumerate(steps, 1):
            inside = f"{place}.above {number}"
            self._known(step, (*TYPES, "input_tokens"), inside)
            bound = step.get("input_tokens")
            if type(bound) is not int or bound < 1 or (above and bound <= above[-1][0]):
                self._wrong(f"{inside}.input_tokens", bound, "a number of tokens, larger from step to step")
                bound = 0
            if set(step) - {"input_tokens"} != stated:
                self._wrong(inside, None, f"all that the tier itself prices, and no more: {', '.join(sorted(stated))}")
            above.append((bound, self._rates(step, inside, rules)))
        return Tier(self._rates(table, place, rules), tuple(reversed(above)))

    def _rates(self, table: Mapping[str, Any], place: str, rules: _Rules) -> Rates:
        found: dict[str, dict[str, Decimal]] = {}
        words = dict(rules.words)
        for type_ in TYPES:
            value = table.get(type_)
            if isinstance(value, str) and type_ in _WORDS:
                words[type_] = self._word(type_, value, f"{place}.{type_}")
            elif value is not None:
                words.pop(type_, None)
                found[type_] = self._prices(value, f"{place}.{type_}", rules.unlisted)
        for type_, other in words.items():
            if other in found:
                found[type_] = found[other]
        return Rates(found)

    def _prices(self, value: Any, place: str, unlisted: str | None) -> dict[str, Decimal]:
        if not isinstance(value, Mapping):
            usd = self._usd(value, place, _PRICE, MILLION)
            return dict.fromkeys((*MODALITIES, UNKNOWN), usd)
        self._known(value, tuple(sorted(MODALITIES)), place)
        prices = {m: self._usd(usd, f"{place}.{m}", _PRICE, MILLION) for m, usd in value.items() if m in MODALITIES}
        if not prices:
            self._wrong(place, None, f"a price for one modality at least: {_MODALITIES}")
        elif unlisted is not None and unlisted in prices:
            prices[UNKNOWN] = prices[unlisted]
        elif len(set(prices.values())) == 1:
            prices[UNKNOWN] = next(iter(prices.values()))
        return prices

    def _call(self, table: Any, place: str) -> CallPrice:
        if not isinstance(table, Mapping):
            self._wrong(place, table, 'a table: { usd_per_1000 = 14.00, per = "query" }')
            return CallPrice(Decimal(0), by_prompt=False)
        self._known(table, ("usd_per_1000", "per", "free"), place)
        if table.get("per") not in ("query", "prompt"):
            self._wrong(f"{place}.per", table.get("per"), '"query" or "prompt"')
        if not isinstance(table.get("free", ""), str):
            self._wrong(f"{place}.free", table["free"], "a text for people: a free quota is never subtracted")
        allowed = _PRICE.replace("million tokens", "thousand calls")
        usd = self._usd(table.get("usd_per_1000"), f"{place}.usd_per_1000", allowed, Decimal(1000))
        return CallPrice(usd, table.get("per") == "prompt")

    def _usd(self, value: Any, place: str, allowed: str, units: Decimal) -> Decimal:
        usd = Decimal(value) if type(value) is int else value
        if isinstance(usd, Decimal) and usd.is_finite() and 0 <= usd <= MAX_USD:
            exponent = usd.as_tuple().exponent
            if isinstance(exponent, int) and exponent >= -MAX_DECIMALS:
                return usd / units  # exact: far fewer digits than a Decimal keeps
        self._wrong(place, value, allowed)
        return Decimal(0)

    def _date(self, table: Mapping[str, Any], key: str, place: str, *, needed: bool = False) -> date | None:
        value = table.get(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if value is not None or needed:
            self._wrong(f"{place}.{key}", value, "a day without quotes: 2026-06-09")
        return None

    def _table(self, table: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
        value = table.get(key, {})
        if isinstance(value, Mapping):
            return value
        self._wrong(f"{place}.{key}", value, "a table")
        return {}

    def _known(self, table: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
        for key in table:
            if key not in keys:
                where = f"{place}.{key}" if place else key
                self._wrong(where, None, f"no key of this file; allowed are {', '.join(keys)}", "is")

    def _overlaps(self, entries: list[Entry]) -> None:
        """Two prices for one pattern at one time: neither is more right than the other."""
        by_pattern: dict[str, list[Entry]] = {}
        for entry in entries:
            for pattern in entry.patterns:
                by_pattern.setdefault(pattern, []).append(entry)
        for pattern, found in by_pattern.items():
            found.sort(key=lambda entry: entry.since_s)
            for earlier, later in pairwise(found):
                if later.since_s < earlier.until_s:
                    self._wrong(pattern, None, "in one entry at a time; give them `from` and `until`, or drop one")

    def _wrong(self, place: str, value: Any, allowed: str, verb: str = "must be") -> None:
        shown = "" if value is None else f" = {_shown(value)}"
        self.mistakes.append(f"{self._name}: {place}{shown}: {verb} {allowed}")


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(table, Mapping) for table in value)


def _is_pattern(value: Any) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_PATTERN_CHARS:
        return False
    return "*" not in value[:-1] and value.isprintable()


def _unix_s(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Decimal | date) else repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"
