"""The README's snippets work as they stand: each is run against a live gateway, with only its address replaced.

Not here: the examples of the API's own guide (sdk/test_guide.py).
Promise: a language without a snippet fails, so does a snippet that does not speak to the documented address.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess, SimulatorProcess, gateway_before_simulator
from tests.sdk.environments import locked_js

README = Path(__file__).parents[1] / "README.md"
DOCUMENTED_ADDRESS = "http://localhost:8080"
SNIPPET_TIMEOUT_S = 60.0
FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNERS = {  # by language: words of its fences, file ending, command
    "python": (("python",), ".py", (sys.executable,)),
    "javascript": (("js", "javascript"), ".mjs", ("node",)),
    "curl": (("sh",), ".sh", ("bash", "-eu")),
}


@pytest.fixture(scope="module")
def live() -> Iterator[tuple[GatewayProcess, SimulatorProcess]]:
    with gateway_before_simulator() as pair:
        yield pair


def snippets(language: str) -> list[str]:
    """The README's blocks in that language; of the shell's, those that call curl."""
    words, _, _ = RUNNERS[language]
    blocks = [
        match["code"] for match in FENCE.finditer(README.read_text(encoding="utf-8")) if match["language"] in words
    ]
    return [block for block in blocks if language != "curl" or re.search(r"\bcurl\b", block)]


@pytest.mark.parametrize("language", RUNNERS)
def test_a_snippet_streams_through_the_gateway(
    live: tuple[GatewayProcess, SimulatorProcess], tmp_path: Path, language: str
) -> None:
    """It ends well and prints the answer; the upstream was asked once, and this gateway counted it."""
    gateway, simulator = live
    _, ending, command = RUNNERS[language]
    if language == "javascript":
        (tmp_path / "node_modules").symlink_to(locked_js() / "node_modules")
    found = snippets(language)
    assert found, f"the README has no snippet for {language}"

    for number, snippet in enumerate(found):
        assert DOCUMENTED_ADDRESS in snippet
        script = tmp_path / f"snippet{number}{ending}"
        script.write_text(snippet.replace(DOCUMENTED_ADDRESS, gateway.url), encoding="utf-8")
        before = simulator.ledger()
        env = {**os.environ, "GEMINI_API_KEY": "dummy", "GOOGLE_API_KEY": "dummy", "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            [*command, str(script)], env=env, capture_output=True, text=True, timeout=SNIPPET_TIMEOUT_S
        )
        asked = [(entry["route"], entry["status"]) for entry in simulator.ledger()[len(before) :]]

        assert done.returncode == 0, done.stderr
        assert "1, 2, 3" in done.stdout
        assert asked == [("create", 200)]

    asked_in_all = len(simulator.ledger())  # nobody else speaks to this simulator
    scrape = gateway.settled(asked_in_all)
    assert scrape.total("requests_total", route="create", outcome="completed") == asked_in_all
