"""Faults of the upstream as callers with the SDKs' own retries meet them: how many requests each one costs.

Not here: playing them (test_faults.py), what an SDK is asked to do otherwise (scenes.py).
Source: interactions-api.md 8.1, 8.3 and 8.4 for the numbers; the simulator's directives and its error scenarios.
Promise: every directive and every error scenario that the simulator has stands here.
"""

from __future__ import annotations

from typing import Any, Final

from tests.sdk.scenes import Call, End, Scene, ask

RETRIED: Final = 5
POSTED: Final = ask(False)
PATIENCE_MS: Final = 1000


def fault(name: str, directives: str, python: End, js: End, *calls: Call, scenario: str = "text", **more: Any) -> Scene:
    """A fault of the only call, a stream, or of the last of several."""
    met = {"x-simulator-fault": directives} if directives else {}
    if not calls:
        headers = {"x-simulator-scenario": scenario, **met}
        return Scene(name, (ask(),), python, js, headers=headers, default_retries=True, **more)
    *before, last = calls
    return Scene(name, (*before, {**last, "headers": met}), python, js, default_retries=True, **more)


def error(status: str, python: str, js: str = "", requests: int = 1) -> Scene:
    """The scenario of that HTTP error, told to both SDKs for ever."""
    number = status[:3]
    ends = End(requests, f"{python} {number}"), End(requests, f"{js or python} {number}")
    return fault(f"http {status}", "", *ends, scenario=f"http_{status}")


def both(requests: int, last: str) -> tuple[End, End]:
    """The same end for both SDKs."""
    return End(requests, last), End(requests, last)


def unheard(python: int, js: int) -> tuple[End, End]:
    """No answer: the Python SDK gives up at once, the JavaScript one asks again."""
    return End(python, "APIConnectionError"), End(js, "APIConnectionError")


def timed_out(js: int = RETRIED) -> tuple[End, End]:
    """The caller's own patience ended before the head."""
    return End(1, "APITimeoutError"), End(js, "APIConnectionTimeoutError")


def impatient() -> tuple[End, End]:
    """The caller's own patience ended in the stream."""
    return End(1, "APITimeoutError"), End(1, "APIConnectionError")


def half_answered(requests: int) -> tuple[End, End]:
    """A body that is no stream and not whole."""
    return End(requests, "APIConnectionError"), End(requests, "TypeError")


def unreadable() -> tuple[End, End]:
    """An error of no type and no body: the Python SDK falls over it while making its exception."""
    return End(RETRIED, "ResponseNotRead"), End(RETRIED, "InternalServerError 500")


def passing(name: str, scenario: str, waits_s: tuple[float, ...], js_waits_s: tuple[float, ...] | None = None) -> Scene:
    """A fault that ends after as many requests as there are waits: then the stream, whole."""
    python, js = (End(1 + len(waits), "completed", waits) for waits in (waits_s, js_waits_s or waits_s))
    return fault(name, f"fails={len(waits_s)}", python, js, scenario=scenario)


GET: Final = {"op": "get"}
DELETE: Final = {"op": "delete"}
CANCEL: Final = {"op": "cancel"}

# An SDK takes up to a quarter off its own waits of half a second and of one; a date has whole seconds, a server's wait
# is obeyed to the millisecond but for how a clock is read.
FIRST_WAIT_S: Final = 0.37
SECOND_WAIT_S: Final = 0.74

FAULTS_AT_ONCE: Final = (
    passing("http 503 with a date, once", "http_503_date", (1.9,)),
    passing("http 429 of two seconds, once", "http_429", (1.99,)),
    passing("http 500, twice", "http_500", (FIRST_WAIT_S, SECOND_WAIT_S)),
    passing("http 408, once", "http_408", (FIRST_WAIT_S,)),
    passing("http 409, once", "http_409", (FIRST_WAIT_S,)),
    passing("http 502 of html, once", "http_502_html", (FIRST_WAIT_S,)),
    passing("http 503 of text, once", "http_503_text", (FIRST_WAIT_S,)),
    passing("http 503 of events, once", "http_503_sse", (FIRST_WAIT_S,)),
    passing("http 429 of 100 ms, once", "http_429_ms", (0.099,)),
    fault("http 429 at the second hop, once", "fails=1", *both(3, "completed"), scenario="requires_continuation_busy"),
    error("400", "BadRequestError"),
    error("400_rpc", "BadRequestError"),
    error("400_array", "BadRequestError"),
    error("401", "AuthenticationError"),
    error("403", "PermissionDeniedError"),
    error("404", "NotFoundError"),
    error("429_ms", "RateLimitError", requests=RETRIED),
    fault("head late", "head-delay=0.4", *both(1, "completed")),
    fault("silence in the stream", "stall-after=3:0.4", *both(1, "completed")),
    fault("cut after the head", "cut-after=0", *both(1, "APIConnectionError")),
    fault("cut in the stream", "cut-after=4", *both(1, "APIConnectionError")),
    fault("cut after a byte", "cut-bytes=1", *both(1, "APIConnectionError")),
    fault("cut inside an event", "cut-bytes=700", *both(1, "APIConnectionError")),
    fault("cut after the last event", "cut-after=7", *both(1, "APIConnectionError")),
    # after a pause: the JavaScript SDK drops what it has not unpacked when the connection breaks, also directly
    fault("cut in compressed bytes", "gzip;stall-after=4:0.4;cut-after=4", *both(1, "APIConnectionError")),
    fault("reset in the stream", "rst-after=4", *both(1, "APIConnectionError"), seen_as="cut in the stream"),
    fault("end after the head", "end-after=0", *both(1, "nothing")),
    fault("end in the stream", "end-after=4", *both(1, "in_progress")),
    fault("end of the connection in the stream", "close-delimited;end-after=4", *both(1, "in_progress")),
    fault("end of the connection", "close-delimited", *both(1, "completed")),
    fault("held after the last event", "hold-after=99", *both(1, "completed")),
    fault("gzip", "gzip", *both(1, "completed")),
    fault("deflate", "deflate", *both(1, "completed")),
    fault("patience ends in the stream", "hold-after=3", *impatient(), timeout_ms=PATIENCE_MS),
    fault("truncated", "", *both(1, "in_progress"), scenario="truncated"),
    fault("truncated after usage", "", *both(1, "in_progress"), scenario="truncated_after_usage"),
    fault("truncated inside an event", "", End(1, "str"), End(1, "in_progress"), scenario="truncated_mid_event"),
    fault("a unary answer cut", "cut-bytes=40", *half_answered(1), POSTED),
    fault("a poll cut", "cut-bytes=40", *half_answered(2), POSTED, GET),
)

FAULTS_WITH_WAITS: Final = (
    passing("http 429 of eleven seconds, once", "http_429_long", (10.99,), (7.99,)),
    error("503_text", "InternalServerError", requests=RETRIED),
    fault("no head, once", "no-head;fails=1", End(1, "APIConnectionError"), End(2, "completed", (FIRST_WAIT_S,))),
    error("408", "APIStatusError", "APIError", requests=RETRIED),
    error("409", "ConflictError", requests=RETRIED),
    error("429", "RateLimitError", requests=RETRIED),
    error("500", "InternalServerError", requests=RETRIED),
    fault("http 500_empty", "", *unreadable(), scenario="http_500_empty"),
    error("502_html", "InternalServerError", requests=RETRIED),
    error("503", "InternalServerError", requests=RETRIED),
    error("503_sse", "InternalServerError", requests=RETRIED),
    fault("no head", "no-head", *unheard(1, RETRIED)),
    fault("no head for a unary call", "no-head", *unheard(1, RETRIED), POSTED),
    fault("no head for a poll", "no-head", *unheard(2, 1 + RETRIED), POSTED, GET),
    fault("no head for a deletion", "no-head", *unheard(2, 1 + RETRIED), POSTED, DELETE),
    fault("no head for a cancel", "no-head", *unheard(2, 1 + RETRIED), POSTED, CANCEL),
    fault("hang", "hang", *timed_out(), timeout_ms=PATIENCE_MS),
    fault("hang of a unary call", "hang", *timed_out(), POSTED, timeout_ms=PATIENCE_MS),
    fault("head later than the patience", "head-delay=30", *timed_out(), timeout_ms=PATIENCE_MS),
    fault("silence longer than the patience", "stall-after=3:30", *impatient(), timeout_ms=PATIENCE_MS),
)

# Played against a port where nobody listens. Directly there is no answer at all; through the gateway there is one, its
# own 502, and both SDKs ask again after a 5xx.
REFUSED: Final = fault("refused", "", *unheard(1, RETRIED))
REFUSED_THROUGH: Final = End(RETRIED, "InternalServerError 502")
