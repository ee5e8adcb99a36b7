"""Arithmetic of a usage object as it stands on the wire, a second time and from the page alone.

Not here: which usage counts (books.py). Source: accounting.md 2, telemetry-conventions.md 2.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from tests.exact.words import MODALITIES

Usage: TypeAlias = Mapping[str, Any]
Tokens: TypeAlias = Counter[str]  # "type/modality", zeros left out

TYPES: Final = ("input", "output", "thought", "tool_use")


def stated(usage: Usage, kind: str) -> int | None:
    """A count, None where it is missing or no count."""
    value = usage.get(f"total_{kind}_tokens" if kind != "total" else "total_tokens")
    return value if type(value) is int and value >= 0 else None


def listed(usage: Usage, kind: str) -> dict[str, int] | None:
    """The list of a type by modality; unknown ones under their own names."""
    entries = usage.get(f"{kind}_tokens_by_modality")
    if not isinstance(entries, list):
        return None
    found: Counter[str] = Counter()
    for entry in entries:
        found[entry["modality"]] += entry["tokens"]
    return dict(found)


def exceeds(usage: Usage, kind: str) -> bool:
    """Whether a list is more than its total: then nothing of it holds."""
    return sum((listed(usage, kind) or {}).values()) > (stated(usage, kind) or 0)


def is_stated(usage: Usage | None) -> bool:
    """Whether it holds a single count."""
    return usage is not None and any(stated(usage, kind) is not None for kind in (*TYPES, "cached", "total"))


def split(usage: Usage) -> Tokens:
    """Disjoint counts by type and modality."""
    tokens: Tokens = Counter()
    for kind in TYPES:
        tokens.update({f"{kind}/{modality}": count for modality, count in _parts(usage, kind).items()})
    tokens["unattributed/unknown"] += unattributed(usage)
    return +tokens


def cached(usage: Usage) -> Counter[str]:
    """Cached tokens by modality."""
    return +Counter(_parts(usage, "cached"))


def unattributed(usage: Usage) -> int:
    """What the total has beyond its parts."""
    total = stated(usage, "total")
    return 0 if total is None else max(0, total - _sum(usage))


def exceeds_total(usage: Usage) -> bool:
    """Whether the parts are more than the total."""
    total = stated(usage, "total")
    return total is not None and total < _sum(usage)


def exceeding_lists(usage: Usage) -> int:
    """How many lists are more than their totals."""
    return sum(stated(usage, kind) is not None and exceeds(usage, kind) for kind in (*TYPES, "cached"))


def folded_modalities(usage: Usage) -> int:
    """Modalities outside the known five, where their list holds."""
    return sum(
        sum(modality not in MODALITIES for modality in listed(usage, kind) or {})
        for kind in (*TYPES, "cached")
        if stated(usage, kind) is not None and not exceeds(usage, kind)
    )


def growth(earlier: Usage, later: Usage) -> Tokens:
    """The positive differences, per type; a modality is known only where both had a list."""
    grown: Tokens = Counter()
    for kind in TYPES:
        more = max(0, (stated(later, kind) or 0) - (stated(earlier, kind) or 0))
        old, new = listed(earlier, kind), listed(later, kind)
        if old is not None and new is not None:
            for modality, count in new.items():
                part = min(more, max(0, count - old.get(modality, 0)))
                grown[f"{kind}/{modality if modality in MODALITIES else 'unknown'}"] += part
                more -= part
        grown[f"{kind}/unknown"] += more
    grown["unattributed/unknown"] += max(0, unattributed(later) - unattributed(earlier))
    return +grown


def attributes(usage: Usage, basis: str) -> dict[str, object]:
    """What a generation's span says of it; a missing field is no attribute."""
    found: dict[str, object] = {"interactions.usage.basis": basis}
    for name, kinds in (("input_tokens", ("input", "tool_use")), ("output_tokens", ("output", "thought"))):
        counts = [count for kind in kinds if (count := stated(usage, kind)) is not None]
        if counts:
            found[f"gen_ai.usage.{name}"] = sum(counts)
    for name, kind in (("reasoning.output_tokens", "thought"), ("cache_read.input_tokens", "cached")):
        count = stated(usage, kind)
        if count is not None:
            found[f"gen_ai.usage.{name}"] = count
    if rest := unattributed(usage):
        found["interactions.usage.unattributed_tokens"] = rest
    found |= _modality_attributes(usage)
    for entry in usage.get("grounding_tool_count") or []:
        found[f"interactions.usage.grounding.{entry['type']}"] = entry["count"]
    return found


def _modality_attributes(usage: Usage) -> dict[str, object]:
    """Details are parts of their totals: a list that is more than its total states none."""
    found: dict[str, object] = {}
    directions: dict[str, tuple[str, ...]] = {
        "input_tokens": ("input", "tool_use"),
        "output_tokens": ("output",),
        "cache_read.input_tokens": ("cached",),
    }
    for name, kinds in directions.items():
        parts: Counter[str] = Counter()
        for kind in kinds:
            if stated(usage, kind) is not None and not exceeds(usage, kind):
                for modality, count in (listed(usage, kind) or {}).items():
                    parts[modality if modality in MODALITIES else "unknown"] += count
        for modality, count in parts.items():
            place = "gen_ai" if modality in {"text", "image", "audio"} else "interactions"
            found[f"{place}.usage.{modality}.{name}"] = count
    return found


def total(usages: list[Usage]) -> Usage:
    """The sum of usages of different interactions."""
    kinds = [f"total_{kind}_tokens" for kind in (*TYPES, "cached")] + ["total_tokens"]
    return {
        kind: sum(usage.get(kind, 0) for usage in usages) for kind in kinds if any(kind in usage for usage in usages)
    }


def _sum(usage: Usage) -> int:
    return sum(stated(usage, kind) or 0 for kind in TYPES)


def _parts(usage: Usage, kind: str) -> dict[str, int]:
    whole = stated(usage, kind)
    if whole is None:
        return {}
    parts: Counter[str] = Counter()
    if not exceeds(usage, kind):
        for modality, count in (listed(usage, kind) or {}).items():
            parts[modality if modality in MODALITIES else "unknown"] += count
    parts["unknown"] += whole - parts.total()
    return dict(parts)
