"""Which route, mode, outcome and errors an exchange has: the rows of the page, once more.

Not here: what the response said (reading.py). Source: accounting.md 1 and 5; telemetry-conventions.md 2.6.
"""

from __future__ import annotations

import re

from tests.exact.client import Did
from tests.exact.facts import Reading
from tests.exact.words import ERRORS, RUNNING, TERMINAL


def route(did: Did) -> str:
    """Told by method and the path's shape."""
    path = did.path.partition("?")[0]
    if did.method == "POST" and path.endswith("/interactions"):
        return "create"
    if did.method == "POST" and re.search(r"/interactions/[^/]+/cancel$", path):
        return "cancel"
    if did.method in {"GET", "DELETE"} and re.search(r"/interactions/[^/]+$", path):
        return did.method.lower()
    return "passthrough"


def body_kind(content_type: str) -> str:
    """What a Content-Type says that a body is: stream, json or other."""
    essence = content_type.partition(";")[0].strip().lower()
    return {"text/event-stream": "stream", "application/json": "json"}.get(essence, "other")


def mode(reading: Reading) -> str:
    """Told by the response where there is one."""
    if reading.background:
        return "background"
    if reading.http_status is None:
        return asked_mode(reading)
    return "stream" if reading.body_kind == "stream" else "unary"


def asked_mode(reading: Reading) -> str:
    """The mode that was asked for: all that is known where no answer came."""
    asked = reading.did.asked.get("stream") is True or "stream=true" in reading.did.path
    return "stream" if asked else "unary"


def outcome(reading: Reading, final: str | None, *, speaks: bool, done: bool) -> str:
    """Rules 3 to 12; 1 and 2 are told by who asks.

    final: what `interaction.completed` or a body said, `?` for nothing readable. speaks: the answer is one about an
    interaction. done: `[DONE]` was seen.
    """
    broken = {"cut": "upstream_abort", "left": "client_abort"}.get(reading.end)
    if reading.end == "no_head" or reading.http_status is None:
        return "client_abort" if reading.end == "left" else "upstream_abort"
    if reading.http_status >= 400:
        return "http_error"
    if not speaks:
        return broken or "forwarded"
    if final is not None:
        return final if final in TERMINAL else "in_progress" if final in RUNNING else "unknown_status"
    if reading.error_events:
        return "stream_error"
    if reading.status in TERMINAL and (reading.end == "clean" or done):
        return str(reading.status)
    if broken and not done:
        return broken
    runs_on = reading.background or reading.route == "get"
    return "in_progress" if runs_on and (reading.status is None or reading.status in RUNNING) else "truncated"


def errors(reading: Reading) -> list[tuple[str, str]]:
    """Source and code of what is counted beside the `error` events themselves."""
    if reading.outcome == "http_error":
        return [("upstream_http", str(reading.http_status))]
    if reading.outcome in {"upstream_abort", "truncated"}:
        return [("transport", reading.outcome)]
    if reading.outcome == "client_abort":
        return [("client", reading.outcome)]
    if reading.outcome == "failed" and reading.route == "create" and not reading.error_events:
        return [("upstream_event", "failed")]
    return []


def error_type(reading: Reading) -> str | None:
    """`error.type` of an exchange that is an error."""
    if reading.outcome not in ERRORS:
        return None
    if reading.outcome == "http_error":
        return str(reading.http_status)
    if reading.outcome == "gateway_error":
        return reading.code
    if reading.outcome in {"failed", "stream_error"}:
        return reading.wire_error or ("failed" if not reading.error_events else "_OTHER")
    return reading.outcome
