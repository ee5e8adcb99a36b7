"""The demonstration: it shows what it promises and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import time
import urllib.request

import pytest

from tests.gateway_process import COMMAND, wait_until


def test_demo_runs_for_a_while_and_ends_with_0() -> None:
    began_s = time.monotonic()
    ended = subprocess.run(
        [COMMAND, "demo", "--for", "6s", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = ended.stdout.splitlines()

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert time.monotonic() - began_s < 9
    assert [line.split()[0] for line in lines[:2]] == ["proxy", "metrics"]
    assert {"curl:", "Python:", "JavaScript:"} <= set(lines)
    assert sum(" completed " in line and " tokens " in line for line in lines) >= 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_ends_cleanly_in_under_two_seconds(number: signal.Signals) -> None:
    demo = subprocess.Popen(
        [COMMAND, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if " completed " in line:
            break
    began_s = time.monotonic()
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=10)

    assert time.monotonic() - began_s < 2.0
    assert (demo.returncode, errors) == (0, "")


def test_a_killed_demo_takes_the_gateway_with_it() -> None:
    demo = subprocess.Popen(
        [COMMAND, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    metrics = next(line.split()[1] for line in demo.stdout if line.startswith("metrics"))
    demo.kill()
    demo.wait(10)

    wait_until(lambda: _unreachable(metrics), what="the gateway's end")
    demo.stdout.close()


def _unreachable(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return False
    except OSError:
        return True
