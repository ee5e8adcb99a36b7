"""Requests of the run that stand alone: every scenario, every way to leave or to be cut, other routes.

Not here: chains whose order matters (plan.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from gateway.simulator.catalogue import scenarios
from tests.exact.client import QUERY_KEY, Client

MODELS: Final = ("gemini-3-flash-preview", "gemini-3-pro-preview", "gemini-2.5-flash", "experimental-zebra")
OUTSIDE: Final = MODELS[3]  # no pattern of the label settings fits it
AGENT: Final = "deep-research-preview-04-2026"
DRAFT: Final = "gemini-never-accepted"
MEDIA_MODELS: Final = ("gemini-3.1-flash-image-preview", "gemini-3.1-flash-tts-preview")
ADMITTED: Final = (*MODELS[:3], *MEDIA_MODELS, AGENT)  # the first requests are theirs, so they get labels

LARGE: Final = frozenset({"big_image", "big_images", "oversized_line", "unary_big_image"})
LEFT_EVERYWHERE: Final = ("text", "thinking", "function_call", "google_search", "deep_research")
RARE: Final = (
    *("budget_exceeded", "unary_budget_exceeded", "cancelled", "unary_cancelled", "incomplete", "unary_incomplete"),
    *("failed", "unary_failed", "requires_continuation_hop1", "unary_requires_continuation", "unknown_status"),
    *("unary_unknown_status", "html_200", "redirect_307", "deep_research_detached"),
)

Chain: TypeAlias = Callable[[Client], Awaitable[object]]


def all_of_them() -> Iterator[Chain]:
    """Each as a chain of one request."""
    yield from _every_scenario()
    yield from _departures()
    yield from _cuts()
    yield from _odd_transports()
    yield from _tiers()
    yield from _passthrough()


def subject_of(name: str, turn: int) -> Mapping[str, str]:
    """The model or agent to ask for, so that all models see all kinds of endings."""
    scenario = scenarios()[name]
    if scenario.agent:
        return {"agent": scenario.agent}
    return {"model": scenario.model if scenario.model in MEDIA_MODELS else MODELS[turn % len(MODELS)]}


def _one(name: str, turn: int, **how: Any) -> Chain:
    streams = scenarios()[name].kind == "stream"
    more = {"background": True} if scenarios()[name].agent else {}

    async def play(client: Client) -> None:
        await client.create(name, subject=subject_of(name, turn), stream=streams, more=more, **how)

    return play


def _every_scenario() -> Iterator[Chain]:
    for turn, name in enumerate(scenarios()):
        yield _one(name, turn)
        coding = ("gzip", "deflate", "close-delimited")[turn % 3]
        split = "event" if name in LARGE or coding == "close-delimited" else f"random:{turn}"
        yield _one(name, turn + 1, fault=coding, split=split)
    for turn, name in enumerate(RARE):
        yield _one(name, turn, split="whole", path="/v1/interactions")
        yield _one(name, turn + 2, pace="0.1", path="/v1beta1/projects/p1/locations/l1/interactions")
    for turn, name in enumerate(
        ("text", "thinking", "google_search", "code_execution", "mcp_url_context", "image") * 3
    ):
        yield _one(name, turn, pace="0.5")
    for turn in range(3):
        yield _refused(turn)


def _refused(turn: int) -> Chain:
    async def play(client: Client) -> None:
        await client.create("http_429", subject={"model": f"{DRAFT}-{turn}"})

    return play


def _departures() -> Iterator[Chain]:
    for turn, name in enumerate(LEFT_EVERYWHERE):
        for after in range(len(scenarios()[name].answer.events) + 1):
            yield _one(name, turn + after, fault=f"hold-after={after}", leave_after=after)
    yield _one("text", 0, fault="hold-after=6;gzip", leave_after=6)
    yield _one("error_midstream", 1, fault="hold-after=5", leave_after=5)
    for turn, name in enumerate(("done_without_completed", "cancelled_update_only", "failed_update_only")):
        whole = len(scenarios()[name].answer.events)  # [DONE] is seen, and no completed: leaving is no abort any more
        yield _one(name, turn, fault=f"hold-after={whole}", leave_after=whole)
        yield _one(name, turn, fault=f"cut-after={whole}")
    for turn, name in enumerate(("unary", "html_200", "http_400")):
        yield _one(name, turn, fault="hold-after=0", leave_after=0)
    for turn, name in enumerate(("text", "unary", "deep_research")):
        yield _one(name, turn, fault="hang", leave_unanswered=True)


def _cuts() -> Iterator[Chain]:
    for after in range(len(scenarios()["thinking"].answer.events) + 1):
        yield _one("thinking", after, fault=f"cut-after={after}")
        yield _one("text", after, fault=f"end-after={after}")
    for turn, name in enumerate(("text", "google_search", "unary")):
        yield _one(name, turn, fault="no-head")
    yield _one("text", 1, fault="cut-after=7;gzip")
    yield _one("deep_research", 0, fault="end-after=5")
    yield _one("error_midstream", 0, fault="cut-after=5")
    yield _one("failed_update_only", 0, fault="cut-after=5")
    yield _one("no_trailing_blank_line", 0, fault="cut-after=2")
    for turn, name in enumerate(("unary", "http_500", "html_200", "unary_failed")):
        yield _one(name, turn, fault="cut-bytes=9")
    # reset only when all that was sent has been read: what a reset does to bytes on their way is the kernel's affair
    for turn, name in enumerate(("text", "google_search")):
        yield _one(name, turn, fault="stall-after=6:0.5;rst-after=6")


def _odd_transports() -> Iterator[Chain]:
    yield _one("text", 0, split="byte")
    yield _one("unary", 1, split="byte")
    yield _one("google_search", 2, fault="head-delay=0.2;gzip", split="whole")
    yield _one("text", 3, path=f"/v1beta/interactions?key={QUERY_KEY}")


def _tiers() -> Iterator[Chain]:
    """Service tiers that are asked for, and answers that don't say which was served."""

    def one(name: str, model: str, tier: str) -> Chain:
        async def play(client: Client) -> None:
            streams = scenarios()[name].kind == "stream"
            await client.create(name, subject={"model": model}, stream=streams, more={"service_tier": tier})

        return play

    for name in ("image", "no_trailing_blank_line", "truncated_after_usage", "error_after_usage", "text"):
        for model in MODELS:
            for tier in ("standard", "flex", "priority", "deferred", "galactic"):
                yield one(name, model, tier)


def _passthrough() -> Iterator[Chain]:
    asks = (
        ("POST", "/v1beta/models/gemini-3-flash-preview:generateContent", ""),
        ("POST", f"/v1beta/models/gemini-3-flash-preview:generateContent?key={QUERY_KEY}", ""),
        ("POST", "/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse", ""),
        ("POST", "/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse", "gzip"),
        ("POST", "/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse", "cut-after=1"),
        ("POST", "/v1beta/models/gemini-3-flash-preview:streamGenerateContent", ""),
        ("POST", "/v1beta/models/gemini-3-flash-preview:generateContent", "no-head"),
        ("GET", "/v1beta/models", ""),
        ("POST", "/upload/v1beta/files", ""),
    )

    def one(method: str, path: str, fault: str) -> Chain:
        async def play(client: Client) -> None:
            await client.ask(method, path, {"contents": []} if method == "POST" else None, fault=fault)

        return play

    return (one(*ask) for ask in asks)
