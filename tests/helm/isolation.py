"""The file system and the user of a container, for a process here: read-only root, volumes at their paths, no rights.

Not here: what is started (containers.py). Source: util-linux' unshare and setpriv; mount namespaces(7).
Promise: where the machine forbids mount namespaces, `confined()` is None, and containers run with paths translated
instead, on a root that may be written, and as the present user where another can't reach the interpreter: everything
else is the same.
"""

from __future__ import annotations

import functools
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TRY_S: Final = 20.0
# What an image would hold. It may be below a home folder that is closed to others, or below /tmp.
IMAGE_FOLDERS: Final = (Path(__file__).parents[2], Path(sys.prefix), Path(sys.base_prefix).resolve())


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of this machine at a path of the container."""

    source: Path
    target: str
    writable: bool = False


def user_command(uid: int, gid: int) -> list[str]:
    """What runs a command as that user, without any capability and any way to gain one."""
    if os.geteuid() == 0:
        return [
            *("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"),
            *("--inh-caps=-all", "--bounding-set=-all", "--"),
        ]
    return ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", "setpriv", "--no-new-privs", "--"]


@functools.cache
def other_user(uid: int, gid: int) -> tuple[str, ...]:
    """The same where that user can run our interpreter on the machine's own root; else nothing, so nobody else does."""
    command = user_command(uid, gid)
    # By way of a shell: what setpriv starts itself may still be found with root's rights.
    steps = [*command, "sh", "-c", 'exec "$0" -c ""', sys.executable]
    trial = subprocess.run(steps, capture_output=True, timeout=TRY_S)
    return tuple(command) if trial.returncode == 0 else ()


def confined(root: Path, mounts: Sequence[Mount], uid: int, gid: int, *, read_only: bool) -> list[str] | None:
    """What runs a command on a root of its own; None where this machine doesn't let us.

    root: an empty folder to build it at, seen by that process only.
    """
    if not namespaces_work():
        return None
    script = "\n".join([*_building(root, mounts, read_only=read_only), _entering(root, uid, gid)])
    return [*_unshare(), "sh", "-euc", script, "container"]


@functools.cache
def namespaces_work() -> bool:
    """Whether this machine lets us have a root of our own."""
    trial = [*_unshare(), "sh", "-euc", "mount -t tmpfs tmpfs /mnt; mount -o remount,bind,ro /mnt"]
    return subprocess.run(trial, capture_output=True, timeout=TRY_S).returncode == 0


def _unshare() -> list[str]:
    more = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *more, "--mount", "--propagation", "private"]


def _building(root: Path, mounts: Sequence[Mount], *, read_only: bool) -> list[str]:
    """Lines of a shell script: a tmpfs with this machine's folders, homes and /tmp apart, then the volumes."""
    at = shlex.quote(str(root))
    lines = [
        f"R={at}",
        'mount -t tmpfs -o mode=755 tmpfs "$R"',
        'mkdir "$R/.upper" "$R/.work"',
        "for one in /*; do",
        '  if [ -L "$one" ]; then cp -P "$one" "$R$one"; continue; fi',
        '  [ -d "$one" ] || continue',
        '  mkdir "$R$one"',
        "  case $one in",
        "    /home|/root|/tmp) ;;",
        '    /etc) mount -t overlay -o "lowerdir=/etc,upperdir=$R/.upper,workdir=$R/.work" overlay "$R/etc" ;;',
        '    *) mount --rbind "$one" "$R$one"; mount -o remount,bind,ro "$R$one" ;;',
        "  esac",
        "done",
    ]
    for folder in map(str, IMAGE_FOLDERS):
        lines += [f'H={shlex.quote(folder)}; [ -e "$R$H" ] || {{ mkdir -p "$R$H"; mount --rbind "$H" "$R$H"; }}']
    for mount in mounts:
        source, target = shlex.quote(str(mount.source)), shlex.quote(mount.target)
        lines += [f'T="$R"{target}; mkdir -p "$T"; mount --bind {source} "$T"']
        lines += [] if mount.writable else ['mount -o remount,bind,ro "$T"']
    if read_only:
        lines += ['mount -o remount,ro "$R/etc"', 'mount -o remount,ro "$R"']
    return lines


def _entering(root: Path, uid: int, gid: int) -> str:
    return f'exec chroot {shlex.quote(str(root))} {shlex.join(user_command(uid, gid))} "$@"'
