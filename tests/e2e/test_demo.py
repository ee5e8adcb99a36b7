"""The two commands of the README: the demonstration, and the simulated API alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.wire.outcome import Outcome
from tests.e2e.raw import DEADLINE_S
from tests.gateway_process import COMMAND, Lines, wait_until

DEMO = (COMMAND, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
OUTCOMES = {outcome.value for outcome in Outcome}
END_S = 2.0
_LIVE = re.compile(r"^\S.*\b(?P<outcome>" + "|".join(sorted(OUTCOMES, key=len, reverse=True)) + r")\b")


@contextmanager
def running(*command: object) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
    """The command in a terminal's place; killed with all its children if the test leaves it running."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("INTERACTIONS_", "OTEL_"))}
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**clean, "PYTHONUNBUFFERED": "1"},
        process_group=0,
    )
    lines = Lines(process)
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE_S)
        lines.join()


def live_outcomes(lines: list[str]) -> list[str]:
    """The outcomes of the live lines, which follow the heading."""
    start = next((at + 1 for at, line in enumerate(lines) if line.startswith("Finished interactions")), len(lines))
    return [found["outcome"] for line in lines[start:] if (found := _LIVE.match(line))]


def test_the_demo_shows_itself_and_ends_by_itself() -> None:
    """Addresses, a line to paste for each tool, then lines of at least five different ends; exit code 0."""
    began_s = time.monotonic()
    with running(*DEMO, "--for", "8s") as (process, lines):
        code = process.wait(30)
        lasted_s = time.monotonic() - began_s
        lines.join()
        printed = lines.all()

    text = "\n".join(printed)
    proxy = re.search(r"^proxy +(http://127\.0\.0\.1:\d+)", text, re.MULTILINE)
    assert code == 0
    assert 8.0 <= lasted_s < 8.0 + END_S + 1.0
    assert proxy is not None
    assert re.search(r"^metrics +http://127\.0\.0\.1:\d+/metrics$", text, re.MULTILINE)
    for paste in (f"curl -N {proxy[1]}/v1beta/interactions", "from google import genai", "from '@google/genai'"):
        assert any(paste in line and proxy[1] in line for line in printed), paste
    assert len(set(live_outcomes(printed))) >= 5
    assert "Traceback" not in text


def test_ctrl_c_ends_the_demo_at_once() -> None:
    """In under two seconds, with exit code 0, and nothing stays behind."""
    with running(*DEMO) as (process, lines):
        wait_until(lambda: live_outcomes(lines.all()), 30.0, "a live line")
        proxy = re.search(r"^proxy +(http://127\.0\.0\.1:\d+)", "\n".join(lines.all()), re.MULTILINE)
        assert proxy is not None
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(DEADLINE_S)
        ended_s = time.monotonic() - began_s
        lines.join()

    assert code == 0
    assert ended_s < END_S
    assert "Traceback" not in "\n".join(lines.all())
    assert not _answers(proxy[1])


def test_ctrl_c_ends_the_simulated_api_at_once() -> None:
    """Also while it plays: exit code 0, in under two seconds."""
    with running(COMMAND, "simulate", "--listen", "127.0.0.1:0") as (process, lines):

        def url() -> str | None:
            found = re.search(r"simulator listening on (http://127\.0\.0\.1:\d+)", "\n".join(lines.all()))
            return found[1] if found else None

        base = wait_until(url, 15.0, "the address")
        request = urllib.request.Request(
            f"{base}/v1beta/interactions",
            data=b'{"model":"gemini-3-flash-preview","input":"hi","stream":true}',
            headers={"x-simulator-fault": "hold-after=2"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.readline().startswith(b"event: interaction.created")
            began_s = time.monotonic()
            process.send_signal(signal.SIGINT)
            code = process.wait(DEADLINE_S)
            ended_s = time.monotonic() - began_s
        lines.join()

    assert code == 0
    assert ended_s < END_S
    assert "Traceback" not in "\n".join(lines.all())


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
