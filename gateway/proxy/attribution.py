"""Whom a request is for: team, app, user, conversation and client, read where the settings say.

Not here: what becomes of them (telemetry/), the headers' way on.
Promise: of a key only its fingerprint leaves here; each value is printable and bounded; nothing raises into the
forwarding, and where nothing is configured nothing is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog

from gateway.keys import KEY_HEADERS, fingerprint, key_of
from gateway.records import TAGS
from gateway.wire.baggage import members

if TYPE_CHECKING:
    from gateway.config import AttributionSettings

TAG_MAX_CHARS = 256
_BAGGAGE = b"baggage"

Found = dict[bytes, list[bytes]]

_log = structlog.get_logger()


class Attribution:
    """Reads the tags of requests. stripped: names of headers that don't travel on, once they were read."""

    def __init__(self, settings: AttributionSettings) -> None:
        sources = {tag: source for tag in TAGS if (source := getattr(settings, tag)) is not None}
        self._headers = {tag: name.encode() for tag, name in _named(sources, "header:")}
        self._baggage = dict(_named(sources, "baggage:"))
        # Only a team can be told by a key, and the settings have a secret then.
        fingerprinted = "team" in sources and "team" not in self._headers | self._baggage
        self._secret = settings.fingerprint_secret if fingerprinted else None
        wanted = set(self._headers.values())
        if self._baggage:
            wanted.add(_BAGGAGE)
        if self._secret is not None:
            wanted.update(KEY_HEADERS)
        self._wanted = frozenset(wanted)
        self.stripped = frozenset(self._headers.values()) - {b"host"} if settings.strip else frozenset[bytes]()
        self._lengths = frozenset(map(len, wanted))

    def of_lines(self, lines: Iterable[bytes], target: str) -> dict[str, str]:
        """The tags of a request, from the lines of its head. Never raises."""
        found: Found = {}
        for line in lines:
            end = line.find(b":")
            if end in self._lengths and (name := line[:end].lower()) in self._wanted:
                found.setdefault(name, []).append(line[end + 1 :].strip(b" \t"))
        return self._tags(found, target)

    def of_pairs(self, pairs: Iterable[tuple[bytes, bytes]], target: str) -> dict[str, str]:
        """The same, from names and values."""
        found: Found = {}
        for key, value in pairs:
            if len(key) in self._lengths and (name := key.lower()) in self._wanted:
                found.setdefault(name, []).append(value.strip(b" \t"))
        return self._tags(found, target)

    def _tags(self, found: Found, target: str) -> dict[str, str]:
        tags: dict[str, str] = {}
        try:
            for tag, name in self._headers.items():
                if name in found:
                    tags[tag] = _text(found[name][0])
            if self._baggage and _BAGGAGE in found:
                lines = (line.decode("latin-1") for line in found[_BAGGAGE])
                said = members(lines, frozenset(self._baggage.values()))
                tags |= {tag: _printable(said[key]) for tag, key in self._baggage.items() if key in said}
            if self._secret is not None and (key := key_of(found, target)) is not None:
                tags["team"] = fingerprint(self._secret, key)
        except Exception as exc:  # of the kind only: its text may quote what passed
            _log.error("attribution_failed", error=type(exc).__name__)
        return {tag: value for tag, value in tags.items() if value}


def attribution_of(settings: AttributionSettings) -> Attribution | None:
    """Who reads the tags, None where the settings ask for none."""
    return Attribution(settings) if any(getattr(settings, tag) is not None for tag in TAGS) else None


def _named(sources: dict[str, str], kind: str) -> Iterable[tuple[str, str]]:
    return ((tag, source.removeprefix(kind)) for tag, source in sources.items() if source.startswith(kind))


def _text(value: bytes) -> str:
    """A header's value: UTF-8, or Latin-1 where it isn't."""
    try:
        return _printable(value.decode())
    except UnicodeDecodeError:
        return _printable(value.decode("latin-1"))


def _printable(text: str) -> str:
    text = text[:TAG_MAX_CHARS]
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
