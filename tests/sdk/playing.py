"""Playing scenes with an SDK, directly and through a gateway, and putting what came of it side by side.

Not here: the scenes (scenes.py), the SDKs' own side (python/driver.py, js/driver.mjs), assertions.
Promise: only what is fresh in each play is made equal: interaction ids, times, the simulator's numbers, the base URL.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol

from tests.gateway_process import wait_until
from tests.sdk.scenes import End, Scene
from tests.sdk.wiretap import TappedSimulator

HERE: Final = Path(__file__).parent
PYTHON_DRIVER: Final = HERE / "python" / "driver.py"
JS_DIR: Final = HERE / "js"
DIRECT: Final = "direct"
THROUGH: Final = "gateway"
SCENE_HEADER: Final = "x-scene-"
SEQ_HEADER: Final = "x-simulator-seq"
HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})
DRIVER_TIMEOUT_S: Final = 100.0

_FRESH_ID = re.compile(r"v1_Sim[0-9a-f]{15}")
_SCENE_KEY = re.compile(rb"\r\n" + SCENE_HEADER.encode() + rb"(\d+):")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")

Json = dict[str, Any]


class PlayedUpstream(Protocol):
    """What the scenes are played against: an address, and the entries of its ledger after a number."""

    @property
    def url(self) -> str: ...

    def ledger(self, after: int = 0) -> list[Json]: ...


@dataclass(frozen=True, slots=True)
class Sdk:
    """A way to play: the command of its driver, and which of a scene's ends is its own."""

    name: str
    command: tuple[str, ...]
    is_js: bool = False
    is_async: bool = False

    def end_of(self, scene: Scene) -> End:
        return scene.js if self.is_js else scene.python


PYTHON: Final = Sdk("python", (sys.executable, str(PYTHON_DRIVER)))
PYTHON_ASYNC: Final = Sdk("python async", PYTHON.command, is_async=True)
JAVASCRIPT: Final = Sdk("javascript", ("node", str(JS_DIR / "driver.mjs")), is_js=True)


@dataclass(slots=True)
class Played:
    """One scene by one SDK to one address.

    calls: what the caller saw; sent, heads: requests and response heads as the SDK's HTTP client had them;
    entries: the ledger's, in order; wire: the heads that reached the upstream, as lines, where it was tapped.
    """

    base_url: str
    calls: list[Json]
    sent: list[Json]
    heads: list[Json]
    entries: list[Json] = field(default_factory=list)
    wire: list[list[str]] = field(default_factory=list)

    def comparable(self) -> Json:
        """All that must be equal directly and through the gateway, with fresh values made equal."""
        settle = _Settler(self.base_url)
        return {
            "calls": settle(self.calls),
            "requests": [settle(_request_facts(entry)) for entry in self.entries],
            "heads": [settle(_head_facts(head)) for head in self.heads],
            "wire": settle([_end_to_end(lines) for lines in self.wire]),
        }

    def waits_s(self) -> list[float]:
        """What lay between one request and the next, by the simulator's clock."""
        times = [entry["received_ns"] for entry in self.entries]
        return [(later - earlier) / 1e9 for earlier, later in pairwise(times)]

    def last(self) -> str:
        """How the last call ended, in the words of scenes.End."""
        call = self.calls[-1]
        if error := call["error"]:
            return f"{error['type']} {error['status'] or ''}".strip()
        for answer in reversed(call["answers"]):
            value = answer["value"]
            if not isinstance(value, dict):
                return str(answer["type"])
            if value.get("event_type") == "error":
                return "error event"
            if status := value.get("interaction", value).get("status"):
                return str(status)
        return str(call["answers"][-1]["type"]) if call["answers"] else "nothing"


def differences(direct: Played, through: Played, seen_as: Played | None = None) -> list[str]:
    """Which of the comparable parts differ; seen_as: what the caller's side is held against instead of direct."""
    expected, found = direct.comparable(), through.comparable()
    if seen_as is not None:
        expected["calls"] = seen_as.comparable()["calls"]
    return [part for part in expected if expected[part] != found[part]]


Plays = dict[tuple[str, str, str], Played]  # by SDK, address and scene


class _Settler:
    """Replaces fresh values by settled ones: the first id seen becomes id-1, and so on."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._ids: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        match value:
            case dict():
                return {key: "SEQ" if key == SEQ_HEADER else self(each) for key, each in value.items()}
            case [name, _] if name == SEQ_HEADER:
                return [name, "SEQ"]
            case list():
                return [self(each) for each in value]
            case str():
                text = _FRESH_ID.sub(self._settled_id, value).replace(self._base_url, "BASE")
                return _HTTP_DATE.sub("TIME", _TIME.sub("TIME", text))
        return value

    def _settled_id(self, match: re.Match[str]) -> str:
        return self._ids.setdefault(match[0], f"id-{len(self._ids) + 1}")


def _request_facts(entry: Json) -> Json:
    # the body's hash would hold the fresh id of an earlier turn; it is compared with what the SDK sent instead
    request = {key: value for key, value in entry["request"].items() if key != "body_sha256"}
    request["header_names"] = [
        name for name in request["header_names"] if name not in HOP_BY_HOP and not name.startswith(SCENE_HEADER)
    ]
    return {"method": entry["method"], "target": entry["target"], **request}


def _head_facts(head: Json) -> Json:
    return {**head, "headers": [pair for pair in head["headers"] if pair[0] not in HOP_BY_HOP]}


def _end_to_end(lines: list[str]) -> list[str]:
    names = (*(f"{name}:" for name in HOP_BY_HOP), SCENE_HEADER)
    return [line for line in lines if not line.lower().startswith(names)]


def play_all(
    simulator: PlayedUpstream,
    gateway_url: str,
    sdks: Sequence[Sdk],
    scenes: Sequence[Scene],
    cwd: Path = HERE,
) -> Plays:
    """Every scene by every SDK, directly and through the gateway; one process for each driver, all at once."""
    keys: dict[str, tuple[str, str, str]] = {}
    urls: dict[str, str] = {}
    jobs: dict[tuple[str, ...], list[Json]] = {sdk.command: [] for sdk in sdks}
    for scene in scenes:
        for sdk in sdks:
            for target, url in ((DIRECT, simulator.url), (THROUGH, gateway_url)):
                key = f"{len(keys)}"
                keys[key], urls[key] = (sdk.name, target, scene.name), url
                job = {"key": key, "base_url": url + scene.path, "is_async": sdk.is_async, "scene": scene.job()}
                jobs[sdk.command].append(job)
    before = max((entry["seq"] for entry in simulator.ledger()), default=0)
    plays: Plays = {}
    for line in _drive(jobs, cwd):
        key = line.pop("key")
        plays[keys[key]] = Played(urls[key], **line)
    for entry in _ended_entries(simulator, before):
        names = [name for name in entry["request"]["header_names"] if name.startswith(SCENE_HEADER)]
        if names:
            plays[keys[names[0].removeprefix(SCENE_HEADER)]].entries.append(entry)
    for head in simulator.take_heads() if isinstance(simulator, TappedSimulator) else ():
        if told := _SCENE_KEY.search(head):
            plays[keys[told[1].decode()]].wire.append(head.decode("latin-1").split("\r\n"))
    return plays


def _drive(jobs: dict[tuple[str, ...], list[Json]], cwd: Path) -> Iterable[Json]:
    drivers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd)
        for command in jobs
    ]
    try:
        for driver, its_jobs in zip(drivers, jobs.values(), strict=True):
            assert driver.stdin is not None
            driver.stdin.write(json.dumps(its_jobs).encode())
            driver.stdin.close()
            driver.stdin = None  # communicate() would flush it again
        for driver, its_jobs in zip(drivers, jobs.values(), strict=True):
            out, err = driver.communicate(timeout=DRIVER_TIMEOUT_S)
            lines = out.splitlines()
            assert driver.returncode == 0, err.decode()
            assert len(lines) == len(its_jobs), err.decode()
            yield from map(json.loads, lines)
    finally:
        for driver in drivers:
            if driver.poll() is None:
                driver.kill()
                driver.communicate()


def _ended_entries(simulator: PlayedUpstream, after: int) -> list[Json]:
    def all_ended() -> tuple[list[Json]] | None:
        entries = simulator.ledger(after)
        return None if any(entry["ended"] == "open" for entry in entries) else (entries,)

    (entries,) = wait_until(all_ended, what="the end of every answer")
    return list(entries)
