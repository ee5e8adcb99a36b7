"""Plays scenes with the Python SDK and says what the caller saw: JSON in on stdin, one JSON line a scene out.

Not here: what the scenes are (scenes.py), what should come of them (test_scenes.py).
Promise: imports nothing of this project, so that it runs with any generation of the SDK in any environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google import genai
from google.oauth2.credentials import Credentials

AT_ONCE = 8
ONE_LINE = threading.Lock()
POLLS_AT_MOST = 6
END_OF_POLLS = ("completed", "failed", "cancelled")


class Seen:
    """What the caller of one scene saw; follow_up fills the next call from it."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.calls: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.heads: list[dict[str, Any]] = []

    def request(self, request: Any) -> None:
        """An event hook of the SDK's HTTP client."""
        body = request.content
        target = request.url.raw_path.decode()
        self.sent.append(
            {"method": request.method, "target": target, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        )

    def response(self, response: Any) -> None:
        """An event hook of the SDK's HTTP client."""
        self.heads.append({"status": response.status_code, "headers": response.headers.multi_items()})

    def line(self) -> str:
        kept = {"key": self.job["key"], "calls": self.calls, "sent": self.sent, "heads": self.heads}
        return json.dumps(kept)

    def answers(self) -> Iterator[dict[str, Any]]:
        """Every event or object of the earlier calls, in order."""
        for call in self.calls:
            yield from (answer["value"] for answer in call["answers"] if isinstance(answer["value"], dict))

    def interaction_id(self) -> str:
        for answer in self.answers():
            found = answer.get("id") or answer.get("interaction", {}).get("id")
            if found:
                return str(found)
        raise LookupError("no interaction was created")

    def last_event_id(self) -> str:
        return [str(answer["event_id"]) for answer in self.answers() if answer.get("event_id")][-1]

    def results(self) -> list[dict[str, Any]]:
        """A function_result for each function_call that was seen."""
        steps = [step for answer in self.answers() for step in [answer.get("step"), *(answer.get("steps") or [])]]
        calls = [step for step in steps if step and step["type"] == "function_call"]
        text = {"type": "text", "text": '{"weather": "Sunny and 22°C"}'}
        return [
            {"type": "function_result", "name": call["name"], "call_id": call["id"], "result": {"content": [text]}}
            for call in calls
        ]

    def filled(self, value: Any) -> Any:
        """The value with its `$` words replaced by what was seen."""
        if isinstance(value, dict):
            return {key: self.filled(each) for key, each in value.items()}
        words = {"$id": self.interaction_id, "$last_event_id": self.last_event_id, "$results": self.results}
        return words[value]() if isinstance(value, str) and value in words else value

    def begin(self, call: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {"op": call["op"], "answers": [], "error": None}
        self.calls.append(told)
        return told


def dumped(answer: Any) -> dict[str, Any]:
    """An answer of the SDK as JSON, with its type: a word that it did not understand stays a plain value."""
    if hasattr(answer, "model_dump"):
        value = answer.model_dump(mode="json", exclude_unset=True)
        raw = getattr(answer, "raw", None)
        return {"type": type(answer).__name__, "value": value, **({"raw": repr(raw)} if raw is not None else {})}
    return {"type": type(answer).__name__, "value": answer}


def told_error(error: BaseException) -> dict[str, Any]:
    """What the caller can tell of an exception."""
    return {
        "type": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "message": str(error),
        "body": repr(getattr(error, "body", None)),
        "cause": type(error.__cause__).__name__,
    }


def options(seen: Seen, call: dict[str, Any], *, is_async: bool) -> Any:
    """The client's http_options for one call."""
    if is_async:

        async def request(each: Any) -> None:
            seen.request(each)

        async def response(each: Any) -> None:
            seen.response(each)

    hooks: dict[str, list[Callable[..., Any]]] = (
        {"request": [request], "response": [response]}
        if is_async
        else {"request": [seen.request], "response": [seen.response]}
    )
    scene = seen.job["scene"]
    made: dict[str, Any] = {
        "base_url": seen.job["base_url"],
        "headers": {f"x-scene-{seen.job['key']}": "1", **scene.get("headers", {}), **call.get("headers", {})},
        "async_client_args" if is_async else "client_args": {"event_hooks": hooks},
    }
    if not scene.get("default_retries"):
        made["retry_options"] = {"attempts": 1}
    if "timeout_ms" in scene:
        made["timeout"] = scene["timeout_ms"]
    if "api_version" in scene:
        made["api_version"] = scene["api_version"]
    return made


def client_for(seen: Seen, call: dict[str, Any], *, is_async: bool) -> Any:
    """A client with a key, or with the static credentials of a cloud project."""
    http_options = options(seen, call, is_async=is_async)
    if not seen.job["scene"].get("vertex"):
        return genai.Client(api_key="dummy", http_options=http_options)
    credentials: Any = Credentials(token="dummy")  # type: ignore[no-untyped-call]
    return genai.Client(
        vertexai=True, project="a-project", location="us-central1", credentials=credentials, http_options=http_options
    )


def bound(interactions: Any, models: Any, seen: Seen, call: dict[str, Any]) -> Callable[[], Any]:
    """The SDK's method with its arguments; the same for both flavours."""
    op, body = call["op"], seen.filled(call.get("body", {}))
    if op == "create":
        return lambda: interactions.create(**body)
    if op in {"generate", "generate_stream"}:
        method = models.generate_content if op == "generate" else models.generate_content_stream
        return lambda: method(**body)
    method = {"get": interactions.get, "poll": interactions.get}.get(op) or getattr(interactions, op)
    return lambda: method(seen.interaction_id(), **body)


def is_done(told: dict[str, Any], call: dict[str, Any]) -> bool:
    """Whether enough was asked: once, or for a poll until the run has ended."""
    answers = told["answers"]
    return call["op"] != "poll" or answers[-1]["value"]["status"] in END_OF_POLLS or len(answers) >= POLLS_AT_MOST


def play(job: dict[str, Any]) -> Seen:
    """One scene with blocking calls."""
    seen = Seen(job)
    for call in job["scene"]["calls"]:
        told = seen.begin(call)
        with client_for(seen, call, is_async=False) as client:
            try:
                ask = bound(client.interactions, client.models, seen, call)
                while True:
                    answer = ask()
                    if hasattr(answer, "__next__"):
                        for number, event in enumerate(answer, 1):
                            told["answers"].append(dumped(event))
                            if number == call.get("take"):
                                answer.close()
                                break
                    else:
                        told["answers"].append(dumped(answer))
                    if is_done(told, call):
                        break
            except Exception as error:
                told["error"] = told_error(error)
    return seen


async def play_async(job: dict[str, Any]) -> Seen:
    """One scene on the event loop."""
    seen = Seen(job)
    for call in job["scene"]["calls"]:
        told = seen.begin(call)
        async with client_for(seen, call, is_async=True).aio as client:
            try:
                ask = bound(client.interactions, client.models, seen, call)
                while True:
                    answer = await ask()
                    if hasattr(answer, "__anext__"):
                        await read(answer, told, call)
                    else:
                        told["answers"].append(dumped(answer))
                    if is_done(told, call):
                        break
            except Exception as error:
                told["error"] = told_error(error)
    return seen


async def read(stream: Any, told: dict[str, Any], call: dict[str, Any]) -> None:
    """All events; a caller that takes only some leaves as a cancelled task does."""
    enough = asyncio.Event()

    async def take() -> None:
        async for event in stream:
            told["answers"].append(dumped(event))
            if len(told["answers"]) == call.get("take"):
                enough.set()

    task = asyncio.ensure_future(take())
    if "take" in call:
        await enough.wait()
        task.cancel()
        await asyncio.wait({task})
        return
    await task


def say(seen: Seen) -> None:
    with ONE_LINE:
        print(seen.line(), flush=True)


async def play_all_async(jobs: list[dict[str, Any]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(job: dict[str, Any]) -> None:
        async with gate:
            say(await play_async(job))

    await asyncio.gather(*map(one, jobs))


def share_tls() -> None:
    """One TLS context for all clients: three are made for each, though all is plain HTTP here, and that is slow."""
    shared = ssl.create_default_context()
    ssl.create_default_context = lambda *_, **__: shared


def main() -> None:
    share_tls()
    jobs = json.load(sys.stdin)
    blocking = [job for job in jobs if not job["is_async"]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(lambda each: say(play(each)), job) for job in blocking]
        asyncio.run(play_all_async([job for job in jobs if job["is_async"]]))
        for each in waiting:
            each.result()


if __name__ == "__main__":
    main()
