"""The guides as a reader types them: the shell blocks of a page in their order, in one shell, and what each printed.

Not here: what is asserted. A block marked `sh` is run; one marked `sh elsewhere` wants a machine that this one isn't (a
cluster, an engine). A block marked `output` says what the block before it printed: its lines in their order, with `…`
for what differs from run to run. A file's block says its name in its first line: `# settings.toml`.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.gateway_process import COMMAND

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
PAGES = sorted(GUIDES.glob("*.md"))
FENCE = re.compile(r"^```(?P<mark>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (?P<name>[\w.-]+\.toml)\n")
PORTS = ("8080", "9464", "8090")  # of the proxy, of admin, of the simulated API: each is free only by luck
PAGE_TIMEOUT_S = 60.0
_END_OF_BLOCK = "--- end of block ---"
_AT_THE_END = "trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT\n"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: what the fence says of it, and its text."""

    mark: str
    text: str


def blocks(page: Path) -> list[Block]:
    """All of a page."""
    return [Block(match["mark"], match["text"]) for match in FENCE.finditer(page.read_text(encoding="utf-8"))]


def printed(page: Path, folder: Path) -> Iterator[tuple[Block, str, str]]:
    """Each block that is run, what it printed, and what the page says that it prints (empty: nothing is said).

    Files that the page shows are in the folder from the start. What was started in the background ends with the page.
    """
    ports = _free_ports()
    for block in blocks(page):
        if named := NAMED.match(block.text):
            (folder / named["name"]).write_text(block.text, encoding="utf-8")
    run = [block for block in blocks(page) if block.mark == "sh"]
    script = "".join(f"{_replaced(block.text, ports)}\necho '{_END_OF_BLOCK}'\n" for block in run)
    pieces = _shell(script, folder).split(f"{_END_OF_BLOCK}\n")
    assert len(pieces) == len(run) + 1, f"block {len(pieces)} of {page.name} failed:\n{pieces[-1]}"
    said = dict(_said(blocks(page)))
    back = {number: port for port, number in ports.items()}
    for block, piece in zip(run, pieces, strict=False):
        yield block, _replaced(piece, back), said.get(block, "")


def tells(wanted: str, text: str) -> bool:
    """Whether the lines are there, in their order."""
    lines = iter(text.splitlines())
    patterns = [".*".join(map(re.escape, line.split("…"))) for line in wanted.splitlines()]
    return all(any(re.fullmatch(pattern, line.rstrip()) for line in lines) for pattern in patterns)


def _said(all_blocks: list[Block]) -> Iterator[tuple[Block, str]]:
    for before, block in itertools.pairwise(all_blocks):
        if block.mark == "output":
            assert before.mark == "sh", "output belongs to a block that is run"
            yield before, block.text


def _shell(script: str, folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("INTERACTIONS_", "OTEL_"))}
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", _AT_THE_END + script],
        env={**clean, "PATH": path, "GEMINI_API_KEY": "dummy"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            output, _ = shell.communicate(timeout=PAGE_TIMEOUT_S)
        finally:
            _end_session(shell.pid)
    return output


def _end_session(leader: int) -> None:
    """What the page left running; a gateway's children end with their supervisor."""
    try:
        os.killpg(leader, signal.SIGTERM)
    except ProcessLookupError:
        pass


def _free_ports() -> Mapping[str, str]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    found = {port: str(probe.getsockname()[1]) for port, probe in zip(PORTS, probes, strict=True)}
    for probe in probes:
        probe.close()
    return found


def _replaced(text: str, by: Mapping[str, str]) -> str:
    """Ports only where an address has them, so that no figure of a metric is taken for one."""
    return re.sub("(?<=:)(" + "|".join(by) + r")\b", lambda match: by[match[0]], text)
