"""`make stack` without make: all of it comes up and looks at the demo, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import yaml

from tests.gateway_process import Lines, runs, wait_until
from tests.prometheus_process import Alertmanager, Prometheus
from tests.stack.configuration import RULES

STACK = (sys.executable, "-m", "tests.stack", "--interval", "1s")
FREE = (
    "--listen",
    "127.0.0.1:0",
    "--admin",
    "127.0.0.1:0",
    "--prometheus",
    "127.0.0.1:0",
    "--alertmanager",
    "127.0.0.1:0",
)
START_S = 30.0
END_S = 5.0


def descendants(pid: int) -> set[int]:
    """Of a process, from /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {pid}


def test_it_comes_up_looks_at_the_demo_and_leaves_nothing_behind() -> None:
    """All rules of config/rules are loaded and healthy, the target is up, Alertmanager is known; SIGINT ends all."""
    stack = subprocess.Popen(
        [*STACK, *FREE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    )
    lines = Lines(stack)
    try:

        def url(name: str) -> str | None:
            found = re.search(rf"^{name} +(http://[^/\s]+)", "\n".join(lines.all()), re.MULTILINE)
            return found[1] if found else None

        metrics = wait_until(lambda: url("metrics"), START_S, "the demo's lines")
        prometheus, told = url("prometheus"), url("told")
        assert prometheus is not None
        assert told is not None
        api = Prometheus(prometheus)
        wait_until(lambda: api.query("sum(interactions_gateway_requests_total) > 0"), START_S, "the demo's figures")
        rules = wait_until(lambda: _evaluated(api), START_S, "an evaluation of all rules")
        targets = [(target["scrapeUrl"], target["health"]) for target in api.targets()]
        known = wait_until(api.alertmanagers, START_S, "the Alertmanager")
        alerts = api.alerts()
        answered = Alertmanager(told).alerts()
        children = descendants(stack.pid)
        stack.send_signal(signal.SIGINT)
        code = stack.wait(END_S)
        lines.join()
    finally:
        if stack.poll() is None:
            os.killpg(stack.pid, signal.SIGKILL)
            stack.wait(END_S)

    assert code == 0
    assert targets == [(f"{metrics}/metrics", "up")]
    assert known == [f"{told}/api/v2/alerts"]
    assert rules == {
        (rule.get("record") or rule["alert"], "ok")
        for path in RULES.glob("*.yml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    }
    assert isinstance(alerts, list)
    assert isinstance(answered, list)
    assert len(children) >= 5  # demo, gateway, its children, both servers
    assert {pid for pid in children if runs(pid)} == set()
    assert "Traceback" not in "\n".join(lines.all())


def _evaluated(api: Prometheus) -> set[tuple[str, str]] | None:
    rules = {(rule["name"], rule["health"]) for rule in api.rules()}
    return rules if all(health != "unknown" for _, health in rules) else None


def test_an_address_that_is_taken_is_told() -> None:
    """In the server's own words, with exit code 1, and without what was started before it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [*STACK, *FREE, "--prometheus", address], capture_output=True, text=True, timeout=START_S, check=False
        )

    assert done.returncode == 1
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr
