"""A container of the built image, by the kernel's own means: its root read-only, any user, no capability, process 1.

Not here: what is asserted, the build (buildah.py). The network is the machine's, so that the simulator is in reach.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.first_process import UNSHARE, FirstProcess

# Inside of the image, by its own programs; Kubernetes's `restricted` takes the same away, and OpenShift picks the user.
CONFINED = ("--regid=0", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
MOUNTS = """
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"
exec chroot "$@"
"""


class Container(FirstProcess):
    """The image's own entry point, command and environment; env goes over the last. uid: whoever the cluster picks."""

    def __init__(self, root: Path, config: Mapping[str, Any], uid: int, env: Mapping[str, str]) -> None:
        """config: the image's, as engines read it."""
        super().__init__("unused")
        self._root = root
        self._config = config
        self._uid = uid
        self._variables = {**dict(one.split("=", 1) for one in config["Env"]), **env}

    def _command(self) -> list[str]:
        inside = self._inside(*self._config["Entrypoint"], *self._config["Cmd"])
        return [*UNSHARE, "--mount", "sh", "-euc", MOUNTS, "sh", str(self._root), *inside]

    def _inside(self, *command: str) -> list[str]:
        variables = [f"{name}={value}" for name, value in self._variables.items()]
        return ["setpriv", f"--reuid={self._uid}", *CONFINED, "env", "-i", *variables, *command]

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another command in it, as engines run a health check."""
        there = ["nsenter", "--target", str(self.first), "--mount", "--pid", "--root", "--wd"]
        return subprocess.run([*there, *self._inside(*command)], capture_output=True, text=True, timeout=30)


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def root_options(pid: int) -> set[str]:
    """How a process's root is mounted."""
    mounts = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines()
    (options,) = [line.split()[5] for line in mounts if line.split()[4] == "/"]
    return set(options.split(","))


def free_port() -> int:
    """One that is free on every address, now."""
    with socket.create_server(("", 0)) as probe:
        return int(probe.getsockname()[1])


def bytes_of(folder: Path) -> int:
    """As an image's layer travels: its files in an archive, compressed."""
    archive = subprocess.run(
        ["tar", "--create", "--gzip", "--directory", str(folder), "."], capture_output=True, timeout=300, check=True
    )
    return len(archive.stdout)


def size_bytes(folder: Path) -> int:
    """Of its files."""
    return sum(os.lstat(Path(where) / name).st_size for where, _, names in os.walk(folder) for name in names)
