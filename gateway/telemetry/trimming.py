"""Messages cut to a size: the longest texts first, all to the same length, each with what is missing said at its end.

Not here: what messages there are (messages.py), secrets (redaction.py; searched before anything is cut here).
Promise: the JSON of all sections together is never larger than asked, and always whole JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from gateway.wire.room import whole_characters, whole_escapes

MARGIN_CHARS = 256  # before a cut that was made unsearched: the beginning of a secret may stand there
SHORT_BYTES = 48  # of JSON; a text up to this is never cut: to say so would take as much

Json: TypeAlias = dict[str, Any]
Search: TypeAlias = Callable[[str], str]


@dataclass(slots=True)
class Leaf:
    """A text of any length, or a JSON value that may become one. missing: bytes that were left out on the way here."""

    text: str = ""
    missing: int = 0
    value: Any = None
    encoded: bytes = b""  # as JSON, once it is clean

    def clean(self, search: Search) -> None:
        """Search it for secrets. What then stands before a cut may be half of one: it goes too."""
        if self.value is not None:
            self.value = _cleaned(self.value, search)
            self.encoded = orjson.dumps(self.value)
            return
        self.text = search(self.text)
        if self.missing:
            kept = self.text[:-MARGIN_CHARS]
            self.missing += len(self.text.encode()) - len(kept.encode())
            self.text = kept
        self.encoded = orjson.dumps(self.text + (_mark(self.missing) if self.missing else ""))

    def at(self, level_bytes: int) -> Any:
        """What is told of it in so many bytes of JSON, or SHORT_BYTES where that is more."""
        if len(self.encoded) <= max(level_bytes, SHORT_BYTES):
            return self.value if self.value is not None else self.text + (_mark(self.missing) if self.missing else "")
        text = self.text if self.value is None else self.encoded.decode()
        total = len(text.encode())
        mark = _mark(self.missing + total)
        room = max(level_bytes, SHORT_BYTES) - len(mark.encode()) - 2
        kept = orjson.dumps(text)[1 : 1 + room]
        shown: str = orjson.loads(b'"' + whole_escapes(whole_characters(kept)) + b'"')
        return shown + _mark(self.missing + total - len(shown.encode()))


def _mark(missing: int) -> str:
    return f"…[{missing} bytes cut]"


def _cleaned(value: Any, search: Search) -> Any:
    if isinstance(value, str):
        return search(value)
    if isinstance(value, Leaf):
        value.clean(search)
        return orjson.loads(value.encoded)
    if isinstance(value, dict):
        return {search(name): _cleaned(item, search) for name, item in value.items()}
    return [_cleaned(item, search) for item in value] if isinstance(value, list) else value


def clean(part: Json, search: Search) -> None:
    """Search all texts of a part, its names and ids too."""
    for name, item in part.items():
        if isinstance(item, Leaf):
            item.clean(search)
        elif isinstance(item, dict):
            clean(item, search)
        elif isinstance(item, str) and name not in ("type", "modality"):
            part[name] = search(item)


def shown(item: Any, level_bytes: int) -> Any:
    """A clean part, or a piece of one, with its leaves in so many bytes of JSON each."""
    if isinstance(item, Leaf):
        return item.at(level_bytes)
    return {name: shown(one, level_bytes) for name, one in item.items()} if isinstance(item, dict) else item


class Section:
    """Clean parts that are told in one list: of messages, each part with its role, or of parts alone (role None)."""

    def __init__(self, items: list[tuple[str | None, Json]], *, oldest_go_first: bool = False) -> None:
        """oldest_go_first: where not all fit, it is the first that go, else the last."""
        self.items = items
        self._oldest_go_first = oldest_go_first
        self._left_out = 0
        self._left_out_bytes = 0
        self._role = items[0][0] if items else None

    def told(self, level_bytes: int) -> list[Json]:
        """The list; what was left out is said where it was."""
        told = [(role, shown(part, level_bytes)) for role, part in self.items]
        if self._left_out:
            note = (self._role, {"type": "left_out", "parts": self._left_out, "bytes": self._left_out_bytes})
            told.insert(0 if self._oldest_go_first else len(told), note)
        messages: list[Json] = []
        for role, part in told:
            if role is None:
                messages.append(part)
            elif messages and messages[-1]["role"] == role:
                messages[-1]["parts"].append(part)
            else:
                messages.append({"role": role, "parts": [part]})
        return messages

    def leaves(self) -> Iterator[Leaf]:
        """Of all its parts."""
        for _, part in self.items:
            yield from _leaves(part)

    def shorten(self) -> None:
        """Leave half of the parts out."""
        half = (len(self.items) + 1) // 2
        rest = len(self.items) - half
        gone, self.items = (
            (self.items[:half], self.items[half:]) if self._oldest_go_first else (self.items[rest:], self.items[:rest])
        )
        self._left_out += half
        self._left_out_bytes += sum(len(leaf.encoded) for _, part in gone for leaf in _leaves(part))


def trim(sections: list[Section], max_bytes: int) -> int:
    """The level at which all sections fit into so many bytes of JSON; parts are left out where there is none."""
    while True:
        level = max_bytes
        total = _total(sections, level)
        if total <= max_bytes:
            return level
        leaves = [leaf for section in sections for leaf in section.leaves()]
        around = total - sum(len(orjson.dumps(leaf.at(level))) for leaf in leaves)
        level = _level(sorted(len(leaf.encoded) for leaf in leaves), max_bytes - around)
        if level >= SHORT_BYTES and _total(sections, level) <= max_bytes:
            return level
        max(sections, key=lambda section: len(orjson.dumps(section.told(SHORT_BYTES)))).shorten()


def _total(sections: list[Section], level: int) -> int:
    return sum(len(orjson.dumps(section.told(level))) for section in sections)


def _level(sizes: list[int], room: int) -> int:
    """The largest level at which texts of these sizes, ascending, take no more than the room together."""
    for number, size in enumerate(sizes):
        share = room // (len(sizes) - number)
        if size > share:
            return share
        room -= size
    return sizes[-1] if sizes else 0


def _leaves(item: Any) -> Iterator[Leaf]:
    if isinstance(item, Leaf):
        yield item
    elif isinstance(item, dict):
        for one in item.values():
            yield from _leaves(one)
