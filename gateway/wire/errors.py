"""Error bodies and in-stream errors, of every shape the API and its front ends use, brought to one.

Not here: what an error means for the outcome (outcome.py), which codes become metric labels (telemetry).
Source: interactions-api.md 7: string code, google.rpc form with an integer code, arrays of either, HTML, nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.wire.facts import ID_MAX_CHARS, cut


@dataclass(frozen=True, slots=True)
class WireError:
    """code: as on the wire, integers as text; status: the google.rpc name, where there is one. Cut, never content."""

    code: str | None
    status: str | None = None


def read_error(value: object) -> WireError | None:
    """The error in a decoded body: `{"error": …}`, or an array that begins with one. None when there is none."""
    if isinstance(value, list):
        return read_error(value[0]) if value and isinstance(value[0], dict) else None
    if not isinstance(value, dict) or "error" not in value:
        return None
    return error_object(value["error"])


def error_object(error: object) -> WireError:
    """The error that stands in an `error` field, whatever stands there."""
    if not isinstance(error, dict):
        return WireError(None)
    return WireError(_text(error.get("code")), _text(error.get("status")))


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)[:ID_MAX_CHARS]
    return cut(value) or None
