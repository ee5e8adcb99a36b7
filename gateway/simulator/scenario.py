"""One scenario: the bytes that go out, and what a truthful observer must say of them.

Not here: where scenarios are kept (catalogue.py), which one is played (selection.py), sockets and faults.
Source: interactions-api.md 3-7 for the wire; the words of its figures are in vocabulary.py.
Promise: a scenario that loads has only known keys and known words; its figures are what the file says, never
computed from its bytes, so that a mistake in a reader of the wire cannot repeat itself here.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.simulator.vocabulary import EXPECTED, FACTS, KINDS

Facts = Mapping[str, object]

_BASE64_FILLER = re.compile(rb"\{\{base64:(\d+):(\w+)\}\}")


class ScenarioError(ValueError):
    """A scenario file that cannot be played; says the file's name, the place in it and what is wrong there."""

    def __init__(self, name: str, place: str, problem: str) -> None:
        super().__init__(name, place, problem)
        self.name, self.place, self.problem = name, place, problem

    def __str__(self) -> str:
        return f"scenario {self.name}: {self.place}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Event:
    """One block of a body as it goes out, usually one server-sent event with its blank line.

    wire: literal bytes with the file's placeholder ids and times still in them.
    facts: what this block adds to the figures; keys as in FACTS.
    pause_ms: wait before it at pace 1; None lets the player choose.
    """

    wire: bytes
    facts: Facts
    pause_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: status, headers (content type included), blocks, and the figures of the whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    expected: Facts

    @property
    def content_type(self) -> str:
        """The Content-Type of the answer, or an empty text where it has none."""
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named answer with what may follow it.

    model, agent: as written in the bytes, replaced by the requested one when played by shape or header.
    unary: the scenario played instead when a body without stream asks for this one by its shape or model.
    follow_up: the scenario played instead when the request brings a continuation token or a function result.
    polls: the answers of successive GETs of a background run; the last one repeats.
    cancelled: the answer to a cancel.
    resumes: figures of a stream resumed after an event id, where the file states them.
    """

    name: str
    summary: str
    kind: str
    answer: Answer
    model: str = ""
    agent: str = ""
    unary: str = ""
    follow_up: str = ""
    polls: tuple[Answer, ...] = ()
    cancelled: Answer | None = None
    resumes: Mapping[str, Facts] = field(default_factory=dict)


_TOP_KEYS: Final = frozenset(
    {"summary", "kind", "status", "headers", "model", "agent", "unary", "follow_up"}
    | {"event", "expected", "poll", "cancelled", "resume"}
)


class ScenarioReader:
    """Turns one parsed TOML document into a Scenario, or says where it is wrong."""

    def __init__(self, name: str, document: Mapping[str, object]) -> None:
        self._name, self._document = name, document

    def read(self) -> Scenario:
        """The scenario; raises ScenarioError at the first key, word or type that does not belong."""
        document = self._document
        self._keys("top", document, _TOP_KEYS)
        kind = self._string(document, "kind", "top")
        if kind not in KINDS:
            raise self._wrong("kind", f"{kind!r} is none of {sorted(KINDS)}")
        polls = self._tables(document.get("poll", []), "poll")
        resumes = self._tables(document.get("resume", []), "resume")
        cancelled = document.get("cancelled")
        return Scenario(
            name=self._name,
            summary=self._string(document, "summary", "top"),
            kind=kind,
            answer=self._answer("top", document, kind),
            model=self._string(document, "model", "top", ""),
            agent=self._string(document, "agent", "top", ""),
            unary=self._string(document, "unary", "top", ""),
            follow_up=self._string(document, "follow_up", "top", ""),
            polls=tuple(self._answer(f"poll {n}", poll, kind) for n, poll in enumerate(polls)),
            cancelled=self._answer("cancelled", self._table(cancelled, "cancelled"), kind) if cancelled else None,
            resumes={
                self._string(resume, "after", "resume"): self._expected("resume", resume.get("expected"))
                for resume in resumes
            },
        )

    def _answer(self, place: str, table: Mapping[str, object], kind: str) -> Answer:
        blocks = self._tables(table.get("event", []), f"{place} event")
        status = table.get("status", 200)
        if not isinstance(status, int):
            raise self._wrong(f"{place} status", "not a number")
        headers = {str(key).lower(): str(value) for key, value in self._table(table.get("headers", {}), place).items()}
        default = "text/event-stream" if kind == "stream" else "application/json; charset=utf-8"
        headers.setdefault("content-type", default)
        return Answer(
            status=status,
            headers=tuple((key, value) for key, value in headers.items() if value),
            events=tuple(self._event(f"{place} event {n}", block) for n, block in enumerate(blocks)),
            expected=self._expected(place, table.get("expected")),
        )

    def _event(self, place: str, block: Mapping[str, object]) -> Event:
        self._keys(place, block, frozenset(FACTS) | {"wire", "wire_base64", "pause_ms"})
        if ("wire" in block) == ("wire_base64" in block):
            raise self._wrong(place, "needs exactly one of wire and wire_base64")
        if "wire" in block:
            wire = self._string(block, "wire", place).encode()
        else:
            wire = base64.b64decode(self._string(block, "wire_base64", place), validate=True)
        facts = {key: value for key, value in block.items() if key in FACTS}
        for key, value in facts.items():
            if not FACTS[key](value):
                raise self._wrong(place, f"{key} = {value!r} is not allowed")
        pause = block.get("pause_ms")
        if pause is not None and not isinstance(pause, int):
            raise self._wrong(place, "pause_ms is not a whole number")
        return Event(wire=_BASE64_FILLER.sub(_filler, wire), facts=facts, pause_ms=pause)

    def _expected(self, place: str, value: object) -> Facts:
        table = self._table(value, f"{place} expected")
        self._keys(f"{place} expected", table, frozenset(EXPECTED))
        for key, check in EXPECTED.items():
            if key not in table:
                raise self._wrong(f"{place} expected", f"{key} is missing")
            if not check(table[key]):
                raise self._wrong(f"{place} expected", f"{key} = {table[key]!r} is not allowed")
        return table

    def _keys(self, place: str, table: Mapping[str, object], known: frozenset[str]) -> None:
        if strangers := sorted(set(table) - known):
            raise self._wrong(place, f"unknown keys {strangers}")

    def _table(self, value: object, place: str) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self._wrong(place, "a table is missing")
        return value

    def _tables(self, value: object, place: str) -> list[Mapping[str, object]]:
        if not isinstance(value, list):
            raise self._wrong(place, "not a list of tables")
        return [self._table(item, place) for item in value]

    def _string(self, table: Mapping[str, object], key: str, place: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self._wrong(place, f"{key} is missing or not a text")
        return value

    def _wrong(self, place: str, problem: str) -> ScenarioError:
        return ScenarioError(self._name, place, problem)


def _filler(match: re.Match[bytes]) -> bytes:
    # media of a megabyte does not belong into a text file; the extendable hash gives the same bytes everywhere
    chars, seed = int(match[1]), match[2]
    return base64.b64encode(hashlib.shake_128(seed).digest(chars // 4 * 3))
