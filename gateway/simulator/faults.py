"""What a request asks the simulator to do to an answer: faults, split and pace.

Not here: doing it (playback.py), what the answer is (scenario.py).
Source: the request headers x-simulator-fault, x-simulator-split and x-simulator-pace.
Promise: every directive can be combined with any scenario; a word that is not understood raises, it is never ignored.

The mini-language of x-simulator-fault, several directives separated by ";", N counts blocks of the scenario:
cut-after=N (close without the end of the body), rst-after=N (reset the connection), end-after=N (a clean end),
hold-after=N (then nothing until the client goes), stall-after=N:SECONDS, cut-bytes=N (close after N body bytes),
no-head (close without an answer), hang (never answer), head-delay=SECONDS, gzip, deflate, close-delimited,
fails=N (all this for the first N of the same request; then the answer to its body, as if nothing were asked).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

FAULT_HEADER: Final = "x-simulator-fault"
SPLIT_HEADER: Final = "x-simulator-split"
PACE_HEADER: Final = "x-simulator-pace"
RANDOM_PIECE_MAX_BYTES: Final = 97  # shorter than most events, longer than a line end: cuts fall everywhere

_STOPS: Final = {"cut-after": "cut", "rst-after": "rst", "end-after": "end", "hold-after": "hold"}


class DirectiveError(ValueError):
    """A header of the simulator that is not understood; the text says which word."""


@dataclass(frozen=True, slots=True)
class Split:
    """How body bytes are cut into writes: "whole", "event", "byte", or "random" with a seed."""

    how: str = "event"
    seed: int = 0

    def sizes(self) -> Iterator[int] | None:
        """Endless sizes in bytes of successive pieces, or None where the cuts do not depend on bytes."""
        if self.how == "byte":
            return iter(lambda: 1, 0)
        if self.how == "random":
            return _random_sizes(self.seed)
        return None


@dataclass(frozen=True, slots=True)
class Directives:
    """The faults, split and pace of one request.

    stop: what ends the body early: "cut", "rst", "end" or "hold"; empty for nothing.
    stop_after_events, stop_after_bytes: where, the one that is set.
    stalls: pairs of (events sent before it, seconds).
    coding: "gzip", "deflate" or "identity".
    fails: how many of the same request (repeats.py) get the scenario and the faults; None for all of them.
    pace: factor on the scenario's own pauses; None leaves it to the server.
    """

    stop: str = ""
    stop_after_events: int | None = None
    stop_after_bytes: int | None = None
    stalls: tuple[tuple[int, float], ...] = ()
    head_delay_s: float = 0.0
    no_head: bool = False
    hang: bool = False
    coding: str = "identity"
    close_delimited: bool = False
    fails: int | None = None
    split: Split = Split()
    pace: float | None = None


def read_directives(headers: Mapping[str, str]) -> Directives:
    """The directives in a request's headers (lower-case names); raises DirectiveError."""
    directives = Directives(split=_split(headers.get(SPLIT_HEADER, "event").strip()))
    if PACE_HEADER in headers:
        directives = replace(directives, pace=_seconds(PACE_HEADER, headers[PACE_HEADER]))
    for text in headers.get(FAULT_HEADER, "").split(";"):
        if word := text.strip():
            directives = _with_fault(directives, word)
    return directives


def _with_fault(directives: Directives, word: str) -> Directives:
    name, _, value = word.partition("=")
    if name in _STOPS:
        return replace(directives, stop=_STOPS[name], stop_after_events=_number(word, value))
    if name == "cut-bytes":
        return replace(directives, stop="cut", stop_after_bytes=_number(word, value))
    if name == "stall-after":
        after, _, seconds = value.partition(":")
        stall = (_number(word, after), _seconds(word, seconds))
        return replace(directives, stalls=(*directives.stalls, stall))
    if name == "head-delay":
        return replace(directives, head_delay_s=_seconds(word, value))
    if name == "fails":
        return replace(directives, fails=_number(word, value))
    if word in {"gzip", "deflate"}:
        return replace(directives, coding=word)
    if word == "no-head":
        return replace(directives, no_head=True)
    if word == "hang":
        return replace(directives, hang=True)
    if word == "close-delimited":
        return replace(directives, close_delimited=True)
    raise DirectiveError(f"unknown fault {word!r}")


def _split(text: str) -> Split:
    how, _, seed = text.partition(":")
    if how == "random" and seed:
        return Split("random", _number(text, seed))
    if text in {"whole", "event", "byte"}:
        return Split(text)
    raise DirectiveError(f"unknown split {text!r}")


def _random_sizes(seed: int) -> Iterator[int]:
    source = random.Random(seed)  # noqa: S311  a repeatable cut is the point, nothing is secret
    while True:
        yield source.randint(1, RANDOM_PIECE_MAX_BYTES)


def _number(word: str, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise DirectiveError(f"{word!r} needs a whole number")
    return int(value)


def _seconds(word: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 86_400:
        raise DirectiveError(f"{word!r} needs a number from 0 to 86400")
    return seconds
