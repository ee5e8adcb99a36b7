"""Every example of the API's streaming guide works through the gateway, with nothing changed but the base URL.

Not here: the examples, which stand as scripts in python/guide, js/guide and curl.
Source: the guide's examples in Python, JavaScript and curl; the address comes by GOOGLE_GEMINI_BASE_URL.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sdk.conftest import Bench
from tests.sdk.playing import HERE

pytestmark = pytest.mark.xdist_group("sdk")

EXAMPLE_TIMEOUT_S = 60.0
PYTHON = sorted(path for path in (HERE / "python" / "guide").glob("*.py") if path.stem != "__init__")
JS = sorted((HERE / "js" / "guide").glob("*.mjs"))
CURL = sorted((HERE / "curl").glob("*.sh"))
COMMANDS = {".py": (sys.executable,), ".mjs": ("node",), ".sh": ("bash", "-eu")}
SDK_REQUESTS = {"weather": 2}  # two turns; all others ask once
SAID = {  # by example: what each language prints of the answer
    "agent": ("--- Step: thought ---", "Total Tokens: 1117031"),
    "count": ("1, 2, 3", "fin."),
    "image": ("[Image chunk: ", "Part 2"),
    "thinking": ("--- Step: thought ---", "--- Step: model_output ---", "21"),
    "tools": ("Step 0: google_search_call", "Queries: ", "Function: get_weather", "Args chunk: ", "Action required"),
    "weather": ("get_weather", "Paris", "sunny"),
}
STREAMED = {  # by curl command: what stands in the stream
    "agent": ("deep-research-preview-04-2026", '"total_tokens":1117031'),
    "count": ("1, 2, 3", '"total_tokens":346'),
    "image": ('"type":"image"', '"total_tokens":6128'),
    "thinking": ('"type":"thought_summary"', '"status":"completed"'),
    "tools": ('"type":"google_search_result"', '"status":"requires_action"'),
    "weather_turn1": ('"type":"arguments_delta"', '"status":"requires_action"'),
    "weather_turn2": ("Paris: sunny", '"status":"completed"'),
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What an example printed, fresh ids and times made equal, and what the upstream saw: targets and scenarios."""

    out: str
    requests: list[tuple[str, str]]


def run(bench: Bench, script: Path, base_url: str) -> Ran:
    """Run one example against an address. Fails where it fails."""
    last = max((entry["seq"] for entry in bench.simulator.ledger()), default=0)
    keys = ("GOOGLE_API_KEY", "GOOGLE_GENAI_API_VERSION", "GOOGLE_GENAI_USE_VERTEXAI")
    clean = {name: value for name, value in os.environ.items() if name not in keys}
    env = {**clean, "GOOGLE_GEMINI_BASE_URL": base_url, "GEMINI_API_KEY": "dummy", "PYTHONIOENCODING": "utf-8"}
    command = (*COMMANDS[script.suffix], str(script))
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=EXAMPLE_TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    out = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", re.sub(r"v1_Sim[0-9a-f]{15}", "ID", done.stdout))
    entries = bench.simulator.ledger(last)
    return Ran(out, [(entry["target"], entry["scenario"]) for entry in entries])


def example_id(script: Path) -> str:
    return f"{script.suffix[1:]} {script.stem}"


@pytest.mark.parametrize("script", [*PYTHON, *JS], ids=example_id)
def test_an_example_with_an_sdk_works_by_the_base_url_alone(bench: Bench, js_home: Path, script: Path) -> None:
    """It prints the same as directly, and what the answer holds; the upstream sees the same requests."""
    direct = run(bench, script, bench.simulator.url)
    through = run(bench, script, bench.gateway.url)

    assert through == direct
    assert [target for target, _ in through.requests] == ["/v1/interactions"] * SDK_REQUESTS.get(script.stem, 1)
    assert all(word in through.out for word in SAID[script.stem]), through.out


@pytest.mark.parametrize("script", CURL, ids=example_id)
def test_an_example_with_curl_works_by_the_base_url_alone(bench: Bench, script: Path) -> None:
    """The stream's text is the same as directly, to its `[DONE]`."""
    direct = run(bench, script, bench.simulator.url)
    through = run(bench, script, bench.gateway.url)

    assert through == direct
    assert [target for target, _ in through.requests] == ["/v1beta/interactions"]
    assert through.out.endswith("data: [DONE]\n\n")
    assert all(word in through.out for word in STREAMED[script.stem]), through.out


def test_every_example_of_the_guide_is_there() -> None:
    """Six stories in three languages; with curl each turn of the function call is a command of its own."""
    assert [path.stem for path in PYTHON] == sorted(SAID)
    assert [path.stem for path in JS] == sorted(SAID)
    assert [path.stem for path in CURL] == sorted(STREAMED)
