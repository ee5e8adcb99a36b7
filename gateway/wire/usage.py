"""Token usage as the API states it: read, counted by type and modality, added, compared.

Not here: which usage of an exchange counts (interaction.py), prices, metrics.
Source: interactions-api.md 5, accounting.md 2. Missing is not zero, and nothing is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

MODALITIES = frozenset({"text", "image", "audio", "video", "document"})
UNKNOWN = "unknown"
UNATTRIBUTED = "unattributed"
TYPES = ("input", "output", "thought", "tool_use")  # disjoint; with `unattributed` they add up to total_tokens

MAX_MODALITIES = 16  # of one list: the wire has five, a hostile one must not grow a record
MAX_ENTRIES = 128  # read of one list; what is beyond is a bad field each
_MAX_NAME = 64
_MAX_COUNT = (1 << 63) - 1  # what a record and OTLP can carry; sums stay there too


@dataclass(slots=True)
class Usage:
    """One usage object of the wire. Token counts are integers >= 0; None is "not stated".

    by_modality: list name without `_tokens_by_modality` (input, output, cached, tool_use) to modality to tokens,
    modality as on the wire. grounding: tool type to calls.
    """

    total: int | None = None
    input: int | None = None
    output: int | None = None
    thought: int | None = None
    tool_use: int | None = None
    cached: int | None = None
    initial_input: int | None = None
    by_modality: dict[str, dict[str, int]] = field(default_factory=dict)
    grounding: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it states no token count at all."""
        if self.total is not None or self.input is not None or self.output is not None:
            return False
        return self.thought is None and self.tool_use is None and self.cached is None


@dataclass(slots=True)
class Reading:
    """What reading one usage object gave: the usage, and the oddities met on the way.

    bad_fields: counts that were not integers >= 0. unknown_modalities: occurrences outside the known five.
    """

    usage: Usage
    bad_fields: int = 0
    unknown_modalities: int = 0


class TokenCount(NamedTuple):
    """Tokens of one type and one modality of the known five, or `unknown`."""

    type: str
    modality: str
    tokens: int


@dataclass(slots=True)
class Counted:
    """A usage as disjoint counts. Only positive counts are listed.

    folded: how many listed modalities were outside the known five and became `unknown`.
    """

    tokens: list[TokenCount] = field(default_factory=list)
    cached: list[TokenCount] = field(default_factory=list)
    usage_exceeds_total: bool = False
    modality_exceeds_total: int = 0
    folded: int = 0


_TOTALS = (
    ("total", "total_tokens"),
    ("input", "total_input_tokens"),
    ("output", "total_output_tokens"),
    ("thought", "total_thought_tokens"),
    ("tool_use", "total_tool_use_tokens"),
    ("cached", "total_cached_tokens"),
    ("initial_input", "initial_input_tokens"),
)
_LISTS = (
    ("input", "input_tokens_by_modality"),
    ("output", "output_tokens_by_modality"),
    ("cached", "cached_tokens_by_modality"),
    ("tool_use", "tool_use_tokens_by_modality"),
)


def read_usage(wire: object) -> Reading | None:
    """Read a usage object of the wire. None where there is none; never raises."""
    if wire is None:
        return None
    reading = Reading(Usage())
    if not isinstance(wire, dict):
        reading.bad_fields = 1
        return reading
    usage = reading.usage
    for name, key in _TOTALS:
        if key in wire:
            count = _count(wire[key])
            if count is None:
                reading.bad_fields += 1
            else:
                setattr(usage, name, count)
    for name, key in _LISTS:
        if key in wire:
            _read_list(wire[key], name, reading)
    if "grounding_tool_count" in wire:
        _read_grounding(wire["grounding_tool_count"], reading)
    return reading


def count(usage: Usage) -> Counted:
    """Split a usage into disjoint counts by type and modality (accounting.md 2)."""
    counted = Counted()
    listed = 0
    for name in TYPES:
        total: int | None = getattr(usage, name)
        if total is not None:
            listed += total
            counted.tokens += _by_modality(name, total, usage.by_modality.get(name), counted)
    if usage.total is not None:
        if usage.total > listed:
            counted.tokens.append(TokenCount(UNATTRIBUTED, UNKNOWN, usage.total - listed))
        elif usage.total < listed:
            counted.usage_exceeds_total = True
    if usage.cached is not None:
        counted.cached = _by_modality("cached", usage.cached, usage.by_modality.get("cached"), counted)
    return counted


def growth(earlier: Usage, later: Usage) -> Usage:
    """What `later` states beyond `earlier`: positive differences, type by type (accounting.md 2).

    Modalities are kept only for types where both had a list; elsewhere the difference is of unknown modality.
    """
    grown = Usage()
    for name in (*TYPES, "cached", "total"):
        new: int | None = getattr(later, name)
        if new is None:
            continue
        setattr(grown, name, max(0, new - (getattr(earlier, name) or 0)))
        old_list, new_list = earlier.by_modality.get(name), later.by_modality.get(name)
        if old_list is not None and new_list is not None:
            more = {
                modality: tokens - old_list.get(modality, 0)
                for modality, tokens in new_list.items()
                if tokens > old_list.get(modality, 0)
            }
            # a list may name what was unlisted before: then it grew by more than there is new
            if sum(more.values()) <= new - (getattr(earlier, name) or 0):
                grown.by_modality[name] = more
    grown.grounding = {
        tool: calls - earlier.grounding.get(tool, 0)
        for tool, calls in later.grounding.items()
        if calls > earlier.grounding.get(tool, 0)
    }
    if grown.total is not None:
        # `unattributed` is a type of its own: its growth is never taken from what the listed types grew by.
        grown.total = _listed(grown) + max(0, _unattributed(later) - _unattributed(earlier))
    return grown


def add(one: Usage, other: Usage) -> Usage:
    """The sum of two usages of different interactions: stated counts add, unstated stay unstated.

    Where only one states a total, the other's is what it lists: else its tokens would hide unattributed ones.
    """
    total = Usage()
    for name, _ in _TOTALS:
        a, b = getattr(one, name), getattr(other, name)
        if name == "total" and (a is None) != (b is None):
            a, b = (_listed(one) if a is None else a), (_listed(other) if b is None else b)
        setattr(total, name, b if a is None else a if b is None else min(a + b, _MAX_COUNT))
    for lists, source in ((total.by_modality, one), (total.by_modality, other)):
        for name, modalities in source.by_modality.items():
            _merge(lists.setdefault(name, {}), modalities)
    for source in (one, other):
        _merge(total.grounding, source.grounding)
    return total


def _unattributed(usage: Usage) -> int:
    if usage.total is None:
        return 0
    return max(0, usage.total - _listed(usage))


def _listed(usage: Usage) -> int:
    return sum(getattr(usage, name) or 0 for name in TYPES)


def _count(value: object) -> int | None:
    # bool is an int to Python, not to the wire
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return value
    return None


def _read_list(entries: object, name: str, reading: Reading) -> None:
    if not isinstance(entries, list):
        reading.bad_fields += 1
        return
    modalities: dict[str, int] = {}
    reading.bad_fields += max(0, len(entries) - MAX_ENTRIES)
    for entry in entries[:MAX_ENTRIES]:
        modality = entry.get("modality") if isinstance(entry, dict) else None
        tokens = _count(entry.get("tokens")) if isinstance(entry, dict) else None
        if not isinstance(modality, str) or tokens is None:
            reading.bad_fields += 1
            continue
        if modality not in MODALITIES:
            reading.unknown_modalities += 1
        _add_named(modalities, modality, tokens)
    reading.usage.by_modality[name] = modalities


def _read_grounding(entries: object, reading: Reading) -> None:
    if not isinstance(entries, list):
        reading.bad_fields += 1
        return
    reading.bad_fields += max(0, len(entries) - MAX_ENTRIES)
    for entry in entries[:MAX_ENTRIES]:
        tool = entry.get("type") if isinstance(entry, dict) else None
        calls = _count(entry.get("count")) if isinstance(entry, dict) else None
        if not isinstance(tool, str) or calls is None:
            reading.bad_fields += 1
        else:
            _add_named(reading.usage.grounding, tool, calls)


def _add_named(into: dict[str, int], name: str, value: int) -> None:
    """Add under a name of the wire, cut and fit for UTF-8."""
    name = name[:_MAX_NAME]
    if not name.isascii():
        name = name.encode("utf-8", "replace").decode()
    _merge(into, {name: value})


def _by_modality(type_: str, total: int, listed: dict[str, int] | None, counted: Counted) -> list[TokenCount]:
    counts: list[TokenCount] = []
    rest = total
    if listed and sum(listed.values()) > total:
        counted.modality_exceeds_total += 1
    elif listed:
        for modality, tokens in listed.items():
            if modality not in MODALITIES:
                counted.folded += 1
            elif tokens > 0:
                counts.append(TokenCount(type_, modality, tokens))
                rest -= tokens
    if rest > 0:
        counts.append(TokenCount(type_, UNKNOWN, rest))
    return counts


def _merge(into: dict[str, int], more: dict[str, int]) -> None:
    for key, value in more.items():
        if key in into or len(into) < MAX_MODALITIES:
            into[key] = min(into.get(key, 0) + value, _MAX_COUNT)
