"""LiteLLM and mitmproxy as targets, each in an environment of its own under .cache, made when it is asked for.

Not here: the other targets (targets.py). Versions are those of litellm.txt and mitmproxy.txt.
LiteLLM runs its pass-through of the same path, with one worker; mitmproxy as a reverse proxy that streams all bodies.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.measure import tree
from tests.bench.processes import ROOT, free_port, listens, running, wait_until
from tests.bench.targets import INTERACTIONS, PATH_ROLE, TARGETS, Site, Started, Target

HERE: Final = Path(__file__).parent
CACHE: Final = ROOT / ".cache" / "bench" / "peers"
MAKE_VENV: Final = ROOT / "tests" / "tools" / "make_venv.sh"
PASS_THROUGH: Final = "/bench/interactions"  # the API's own path is a route of its own in LiteLLM, with keys
_LITELLM: Final = """
general_settings:
  pass_through_endpoints:
    - path: {path}
      target: {upstream}{target}
      forward_headers: true
      auth: false
"""
_STREAMING: Final = """
def responseheaders(flow):
    flow.response.stream = True
"""


def install(name: str) -> None:
    """Make its environment, where it is missing or of other versions. Raises RuntimeError."""
    pins, home = HERE / f"{name}.txt", CACHE / name
    complete, digest = home / "complete", hashlib.sha256(pins.read_bytes()).hexdigest()
    if complete.exists() and complete.read_text(encoding="ascii") == digest:
        return
    shutil.rmtree(home, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    python = home / "bin" / "python"
    pip = "-m pip install --quiet --disable-pip-version-check --no-deps --requirement"
    for command in (
        [MAKE_VENV, sys.executable, home],
        [python, *pip.split(), pins],
    ):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command} failed: {done.stderr[-2000:]}")
    complete.write_text(digest, encoding="ascii")


@contextmanager
def litellm(site: Site, tls: bool) -> Iterator[Started]:
    """Its proxy server."""
    port, errors, config = free_port(), site.folder / "litellm.log", site.folder / "litellm.yaml"
    config.write_text(
        _LITELLM.format(path=PASS_THROUGH, target=INTERACTIONS, upstream=_upstream(site, tls)), encoding="utf-8"
    )
    command: list[str | Path] = [
        *(CACHE / "litellm" / "bin" / "litellm", "--config", config, "--telemetry", "False"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    env = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "SSL_CERT_FILE": str(site.certificate)}
    env["LITELLM_MASTER_KEY"] = f"sk-{secrets.token_hex(16)}"  # without one it doesn't start
    with running(command, env=env, errors=errors) as process:
        wait_until(lambda: listens(port), process, errors, "LiteLLM")
        yield Started(port, {PATH_ROLE: tree(process.pid)}, path=PASS_THROUGH)


@contextmanager
def mitmproxy(site: Site, tls: bool) -> Iterator[Started]:
    """mitmdump, which shows nothing."""
    port, errors, script = free_port(), site.folder / "mitmproxy.log", site.folder / "streaming.py"
    script.write_text(_STREAMING, encoding="utf-8")
    command: list[str | Path] = [
        *(CACHE / "mitmproxy" / "bin" / "mitmdump", "--quiet", "--mode", f"reverse:{_upstream(site, tls)}"),
        *("--listen-host", "127.0.0.1", "--listen-port", str(port), "--scripts", script),
        *("--set", f"ssl_verify_upstream_trusted_ca={site.certificate}", "--set", f"confdir={site.folder}"),
    ]
    with running(command, errors=errors) as process:
        wait_until(lambda: listens(port), process, errors, "mitmproxy")
        yield Started(port, {PATH_ROLE: tree(process.pid)})


def _upstream(site: Site, tls: bool) -> str:
    return f"https://127.0.0.1:{site.tls_port}" if tls else f"http://127.0.0.1:{site.plain_port}"


PEERS: Final = {
    "litellm": Target("litellm", "LiteLLM pass-through", litellm),
    "mitmproxy": Target("mitmproxy", "mitmproxy", mitmproxy),
}


def add() -> None:
    """Install them, and let them be asked for like the other targets. Raises RuntimeError."""
    for name, target in PEERS.items():
        install(name)
        TARGETS[name] = target
