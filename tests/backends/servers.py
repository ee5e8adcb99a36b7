"""Trace back ends as users run them: each in an environment of its own, made on demand, on free ports of loopback.

Not here: what they are asked (phoenix.py, mlflow.py).
Promise: versions are those of the file beside this one; whatever the test did, no process of theirs stays behind.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "backends"
MAKE_VENV: Final = HERE.parent / "tools" / "make_venv.sh"
INSTALL_TIMEOUT_S: Final = 400.0
START_TIMEOUT_S: Final = 150.0  # they take 10 to 40 s, and the machine is shared
TERM_TIMEOUT_S: Final = 10.0  # some end late, or not at all
EXPORT_TIMEOUT_S: Final = "60"  # the first spans make a back end load and create things, beyond the usual 10 s
PAUSE_S: Final = 0.1


def environment(name: str) -> Path:
    """The folder of commands of that back end's environment; installs it where it is missing or of other versions."""
    pins = HERE / f"{name}.txt"
    home = CACHE / name
    complete = home / "complete"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    if not complete.exists() or complete.read_text(encoding="ascii") != digest:
        shutil.rmtree(home, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        _run(str(MAKE_VENV), sys.executable, str(home))
        pip = (str(home / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
        _run(*pip, "install", "--no-deps", "--requirement", str(pins))
        complete.write_text(digest, encoding="ascii")
    return home / "bin"


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on just now, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("", 0))  # free on every address: Phoenix wants one on all of them
        return [int(sock.getsockname()[1]) for sock in sockets]


@contextmanager
def server(
    command: Callable[[Path], list[str]], env: Mapping[str, str], health_url: str, *, own: Path
) -> Iterator[None]:
    """Run it until the context is left. own: the folder of its environment's commands; command: from its data folder.

    Its whole process group ends: by SIGTERM, and what is left after a while by SIGKILL.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PHOENIX_", "MLFLOW_"))}
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryFile("w+") as output:
        given = {name: value.format(data=data) for name, value in env.items()}
        process = subprocess.Popen(
            command(Path(data)),
            cwd=data,
            env={**clean, "PATH": f"{own}{os.pathsep}{clean['PATH']}", **given},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if not _is_ready(process, health_url):
                output.seek(0)
                raise RuntimeError(f"{health_url} did not come up (exit code {process.poll()}):\n{output.read()}")
            yield
        finally:
            _end(process)


def _is_ready(process: subprocess.Popen[bytes], health_url: str) -> bool:
    pause = threading.Event()
    for _ in range(int(START_TIMEOUT_S / PAUSE_S)):
        try:
            with urllib.request.urlopen(health_url, timeout=5):
                return True
        except OSError:
            if process.poll() is not None:
                return False
            pause.wait(PAUSE_S)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            # the group of its own session: the server with its workers, and nobody else
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(TERM_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait(TERM_TIMEOUT_S)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
