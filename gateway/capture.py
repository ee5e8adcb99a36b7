"""Whether prompts and answers are captured, and where they go: our setting, and the standard variable behind it.

Not here: the capture itself (wire/capture.py), what is sent (telemetry/content.py).
Promise: in doubt nothing is captured: a word that isn't known means NO_CONTENT, and is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
AUTO = "auto"  # as the variable says
MODES = ("NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT")
ALLOWED = ", ".join(MODES)

# Before there were four words there were two, and content went to log events then.
_OLDER = {"true": "EVENT_ONLY", "false": "NO_CONTENT"}


@dataclass(frozen=True, slots=True)
class Capture:
    """Where content goes. refused: the variable's value, where it is none of MODES; taken_as: what it means then."""

    spans: bool = False
    events: bool = False
    refused: str | None = None
    taken_as: str = MODES[0]

    @property
    def on(self) -> bool:
        return self.spans or self.events


def wanted(setting: str, environment: Mapping[str, str]) -> Capture:
    """What setting (one of MODES, or AUTO) and environment ask for. The setting wins: it was meant for this program."""
    if setting != AUTO:
        return _capture(setting, None)
    value = environment.get(VARIABLE, "").strip()
    word = value.upper() or MODES[0]
    if word in MODES:
        return _capture(word, None)
    return _capture(_OLDER.get(value.lower(), MODES[0]), value)


def _capture(mode: str, refused: str | None) -> Capture:
    return Capture(mode.startswith("SPAN"), mode.endswith("EVENT") or mode == "EVENT_ONLY", refused, mode)
