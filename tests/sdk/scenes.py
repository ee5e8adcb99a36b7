"""The scenes: what a caller does with an SDK, as data that the drivers of both languages play.

Not here: playing them (python/driver.py, js/driver.mjs), comparing what was seen (test_scenes.py).
Source: interactions-api.md 6 and 8 for what each SDK makes of an answer: requests, status, exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

FLASH: Final = "gemini-3-flash-preview"
AGENT: Final = "deep-research-preview-04-2026"
WEATHER: Final = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a place",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
PAST_THE_LAST_BLOCK: Final = 99

Call = dict[str, Any]


@dataclass(frozen=True, slots=True)
class End:
    """How a scene ends for one SDK: requests in all, and the last call's exception, status or plain type.

    waits_s: the least that lies between one request and the next, for as many gaps as are stated.
    """

    requests: int
    last: str
    waits_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One story. headers, timeout_ms: of the client; default_retries: leave the SDK's retries as they come.

    leaves: the caller goes while the upstream still holds the answer open.
    path: what stands behind the base URL, before the API's own path; api_version: instead of the SDK's own.
    vertex: with the project, location and static credentials of a cloud client instead of a key.
    seen_as: the scene that a caller behind the gateway takes it for; itself if empty.
    """

    name: str
    calls: tuple[Call, ...]
    python: End
    js: End
    headers: dict[str, str] = field(default_factory=dict)
    default_retries: bool = False
    timeout_ms: int | None = None
    leaves: bool = False
    path: str = ""
    api_version: str = ""
    vertex: bool = False
    seen_as: str = ""

    @property
    def is_classic(self) -> bool:
        """Whether it calls the older API, for which the asynchronous Python SDK has another HTTP client."""
        return any(call["op"].startswith("generate") for call in self.calls)

    def job(self) -> dict[str, Any]:
        """The scene as the drivers take it."""
        told: dict[str, Any] = {"calls": self.calls, "headers": self.headers, "default_retries": self.default_retries}
        optional = {"timeout_ms": self.timeout_ms, "api_version": self.api_version, "vertex": self.vertex}
        return {**told, **{name: value for name, value in optional.items() if value}}


def ask(stream: bool = True, **body: Any) -> Call:
    """A create call; without a model or an agent it asks the usual model."""
    named = body if body.keys() & {"model", "agent"} else {"model": FLASH, **body}
    full: dict[str, Any] = {"input": "Say something, café ☕.", **named}
    return {"op": "create", "body": {**full, "stream": True} if stream else full}


RESULTS: Final = ask(previous_interaction_id="$id", input="$results")
UNARY_RESULTS: Final = ask(False, previous_interaction_id="$id", input="$results")
RUN: Final = ask(False, agent=AGENT, background=True)
RUN_STREAMED: Final = ask(agent=AGENT, background=True, agent_config={"type": "deep-research"})
CUT_AFTER_4: Final = {"x-simulator-fault": "cut-after=4"}


def same(
    name: str,
    last: str,
    *calls: Call,
    requests: int | None = None,
    **more: Any,
) -> Scene:
    """A scene that ends alike for both SDKs, by default with a request for each call."""
    end = End(len(calls) if requests is None else requests, last)
    return Scene(name, calls, end, end, **more)


def played(name: str, last: str, *, js: str | None = None, requests: int = 1, **more: Any) -> Scene:
    """One streamed answer of the simulator's scenario of that name."""
    headers = {"x-simulator-scenario": name, **more.pop("headers", {})}
    call = (ask(),)
    return Scene(name, call, End(requests, last), End(requests, js or last), headers=headers, **more)


def refused(status: int, python: str, js: str, js_requests: int) -> Scene:
    """An HTTP error; only the Python SDK's retries can be switched off."""
    headers = {"x-simulator-scenario": f"http_{status}"}
    ends = End(1, f"{python} {status}"), End(js_requests, f"{js} {status}")
    return Scene(f"http_{status}", (ask(),), *ends, headers=headers)


def faulty(name: str, fault: str, python: End, js: End, **more: Any) -> Scene:
    """The text scenario with a fault."""
    headers = {"x-simulator-scenario": "text", "x-simulator-fault": fault}
    return Scene(name, (ask(),), python, js, headers=headers, **more)


def alike(requests: int, last: str) -> tuple[End, End]:
    """The same end for both SDKs."""
    return End(requests, last), End(requests, last)


SCENES: Final = (
    # the slow ones first: the JavaScript SDK waits between retries, whatever it is told
    refused(429, "RateLimitError", "RateLimitError", 5),
    refused(500, "InternalServerError", "InternalServerError", 5),
    refused(503, "InternalServerError", "InternalServerError", 5),
    faulty("no head", "no-head", End(1, "APIConnectionError"), End(5, "APIConnectionError")),
    faulty(
        "timeout before the head",
        "hang",
        End(1, "APITimeoutError"),
        End(5, "APIConnectionTimeoutError"),
        timeout_ms=1000,
    ),
    played("http_429_ms", "RateLimitError 429", requests=5, default_retries=True),
    refused(400, "BadRequestError", "BadRequestError", 1),
    refused(401, "AuthenticationError", "AuthenticationError", 1),
    refused(403, "PermissionDeniedError", "PermissionDeniedError", 1),
    refused(404, "NotFoundError", "NotFoundError", 1),
    played("http_400_rpc", "BadRequestError 400"),
    played("http_400_array", "BadRequestError 400"),
    same("text", "completed", ask(input="Count from 1 to 25.")),
    same("text behind a path", "completed", ask(input="Count from 1 to 25."), path="/team-a/gemini"),
    same("by the version v1", "completed", ask(), api_version="v1"),
    same("by the version v1beta", "completed", ask(), api_version="v1beta"),
    same("in a cloud project", "completed", ask(), vertex=True),
    same("unary in a cloud project", "completed", ask(False), {"op": "get"}, vertex=True),
    same("function call over two turns", "completed", ask(tools=[WEATHER]), RESULTS),
    same("several tools", "completed", ask(tools=[{"type": "google_search"}, WEATHER]), RESULTS),
    same("google search", "completed", ask(tools=[{"type": "google_search"}])),
    same("code execution", "completed", ask(tools=[{"type": "code_execution"}])),
    same("url context", "completed", ask(tools=[{"type": "url_context"}])),
    same("thinking", "completed", ask(generation_config={"thinking_summaries": "auto"})),
    same("image", "completed", ask(response_format=[{"type": "text"}, {"type": "image"}])),
    same("audio", "completed", ask(response_format=[{"type": "audio"}])),
    same("background with polls", "completed", RUN, {"op": "poll"}, requests=3),
    same(
        "background stream and resume",
        "completed",
        {**RUN_STREAMED, "headers": {"x-simulator-fault": "cut-after=5"}},
        {"op": "get", "body": {"stream": True, "last_event_id": "$last_event_id"}},
    ),
    same("cancel", "cancelled", RUN, {"op": "cancel"}, {"op": "get"}),
    same("cancel too late", "BadRequestError 400", RUN, {"op": "poll"}, {"op": "cancel"}, requests=4),
    same("delete", "NotFoundError 404", ask(False), {"op": "delete"}, {"op": "get"}),
    same("unary", "completed", ask(False)),
    same("unary tools", "completed", ask(False, tools=[WEATHER]), UNARY_RESULTS),
    same("unary continuation", "completed", ask(False, model="sim-requires_continuation_hop1"), requests=2),
    same("continuation hops", "completed", ask(model="sim-requires_continuation_hop1"), requests=2),
    same("generate content", "GenerateContentResponse", {"op": "generate", "body": {"model": "m", "contents": "hi"}}),
    same(
        "generate content stream",
        "GenerateContentResponse",
        {"op": "generate_stream", "body": {"model": "m", "contents": "hi"}},
    ),
    played("unknown_events", "completed"),
    played("unknown_status", "ascended"),
    played("untyped_delta", "completed"),
    played("framing_torture", "completed"),
    played("legacy", "completed"),
    played("checkpoint_then_end", "completed", requests=2),
    played("error_midstream", "error event"),
    played("error_midstream_no_done", "error event"),
    played("failed", "failed"),
    played("incomplete", "incomplete"),
    played("missing_done", "completed"),
    played("no_trailing_blank_line", "completed", js="in_progress"),
    played("truncated_mid_event", "str", js="in_progress"),
    played("malformed_json", "completed"),
    played("invalid_utf8", "UnicodeDecodeError", js="completed"),
    played("bytes_after_done", "completed"),
    played("empty_stream", "nothing"),
    played("html_200", "APIError 200"),
    faulty("cut in the stream", "cut-after=4", *alike(1, "APIConnectionError")),
    # a reset would take bytes from a slow reader that are on their way; the gateway ends the connection as for a cut
    faulty("reset in the stream", "rst-after=4", *alike(1, "APIConnectionError"), seen_as="cut in the stream"),
    faulty("cut inside an event", "cut-bytes=700", *alike(1, "APIConnectionError")),
    faulty("early clean end", "end-after=4", *alike(1, "in_progress")),
    faulty("held open after done", f"hold-after={PAST_THE_LAST_BLOCK}", *alike(1, "completed")),
    faulty("closed by its connection", "close-delimited", *alike(1, "completed")),
    faulty("gzip", "gzip", *alike(1, "completed")),
    faulty("deflate", "deflate", *alike(1, "completed")),
    same(
        "caller leaves early",
        "in_progress",
        {**ask(), "take": 3},
        headers={"x-simulator-scenario": "text", "x-simulator-fault": "hold-after=3"},
        leaves=True,
    ),
    same("byte by byte", "completed", ask(), headers={"x-simulator-split": "byte"}),
    same("in random pieces", "requires_action", ask(tools=[WEATHER]), headers={"x-simulator-split": "random:7"}),
)
