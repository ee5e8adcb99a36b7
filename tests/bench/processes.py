"""Child processes of the bench: started on free ports of loopback, ended with their context, and with their parent.

Promise: when the context is left the process and its process group are gone; when the bench itself is killed, Linux
ends them.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_S: Final = 60.0
END_TIMEOUT_S: Final = 20.0
ERROR_CHARS: Final = 400
_PR_SET_PDEATHSIG: Final = 1


def allow_many_files() -> None:
    """As many open files as the machine allows; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def keep_large_blocks() -> None:
    """Have the allocator keep blocks of up to 16 MiB: else each large read is mapped anew, page by page."""
    block = bytearray(16 << 20)
    del block


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    errors: Path | None = None,
    reads: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """A process. env: beside the present environment. errors: a file for its stderr. reads: its output is ours."""
    with (errors or Path(os.devnull)).open("a", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.processes", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if reads else subprocess.DEVNULL,
            stderr=stderr if errors else None,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            process_group=0,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_TIMEOUT_S)
    try:
        os.killpg(process.pid, signal.SIGKILL)  # what it left behind
    except ProcessLookupError:
        pass
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                pass


@contextmanager
def module(name: str, *arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A module of the bench as a process, and the line of JSON with which it says where it listens."""
    with running([sys.executable, "-m", f"tests.bench.{name}", *arguments], reads=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"tests.bench.{name} did not start")
        yield process, json.loads(line)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], errors: Path, what: str) -> None:
    """Wait for it while the process lives. Raises RuntimeError with what the process wrote to `errors`."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline_s:
            text = " ".join(errors.read_text(encoding="utf-8", errors="replace").split()) if errors.exists() else ""
            raise RuntimeError(f"{what} did not come up (exit code {process.poll()}): {text[-ERROR_CHARS:]}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":  # become another program, which ends when the bench does, however that comes about
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(sys.argv[1], sys.argv[1:])
