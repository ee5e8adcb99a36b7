"""The package keeps to itself, documents its names, and runs as a program."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import gateway.simulator
from gateway.simulator.catalogue import scenarios

FOLDER = Path(gateway.simulator.__file__).parent


def test_it_imports_nothing_else_of_ours() -> None:
    """A mistake of the tap cannot be one of the simulator."""
    foreign = []
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            foreign += [n for n in names if n.split(".")[0] == "gateway" and not n.startswith("gateway.simulator")]

    assert foreign == []


def test_its_docstring_names_every_scenario() -> None:
    """Who reads the package finds the names there, each once."""
    text = (gateway.simulator.__doc__ or "").partition("Scenarios:")[2]
    words = [word.strip(" .\n") for part in text.split(":") for word in part.replace("\n", " ").split(",")]
    listed = [word.split(". ")[0].strip(" .") for word in words]

    assert set(scenarios()) <= set(listed)


def test_it_runs_as_a_program_until_a_signal() -> None:
    """The first line is the address, the ready descriptor gets the port, SIGTERM ends it with 0."""
    read_fd, write_fd = os.pipe()
    command = [sys.executable, "-m", "gateway.simulator", "--listen", "127.0.0.1:0", "--pace", "0"]
    with subprocess.Popen(
        [*command, "--ready-fd", str(write_fd)], stdout=subprocess.PIPE, pass_fds=[write_fd], text=True
    ) as process:
        os.close(write_fd)
        with os.fdopen(read_fd) as ready:
            port = int(ready.read())
        assert process.stdout is not None
        first = process.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/__simulator__/ledger", timeout=10) as response:
            body = response.read()
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)

    assert first == f"simulator listening on http://127.0.0.1:{port}\n"
    assert (body, code) == (b"[]", 0)
