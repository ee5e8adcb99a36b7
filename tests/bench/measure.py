"""What processes cost and hold, read from /proc: CPU by role, memory by role.

Not here: when it is read (load.py reads it at the edges of the measured window).
CPU is user + system time. It is the sum over threads of the scheduler's count (ns); where threads have ended it is the
process's own count, which is exact to 10 ms. Memory is PSS: pages that processes share are divided among them.
Promise: a process that has gone counts as what was last read of it, nothing raises.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

Pids = Mapping[str, Sequence[int]]

_TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def cpu_ns(pid: int) -> int:
    """User and system time of a process so far. Raises OSError when it is not there."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    whole = (int(fields[11]) + int(fields[12])) * _TICK_NS
    threads = 0
    for folder in Path(f"/proc/{pid}/task").iterdir():
        try:
            threads += int((folder / "schedstat").read_text(encoding="ascii").split()[0])
        except OSError:  # a thread that has just ended, or a kernel without it
            continue
    return max(whole, threads)


def pss_bytes(pid: int) -> int:
    """Proportional memory of a process. Raises OSError when it is not there, or is another user's."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no Pss of {pid}")


def tree(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


class CpuByRole:
    """CPU of the processes of each role."""

    def __init__(self, pids: Pids) -> None:
        self._pids = pids
        self._last: dict[int, int] = {}

    def read(self) -> dict[str, int]:
        """CPU so far, ns, by role."""
        return {role: sum(self._one(pid) for pid in pids) for role, pids in self._pids.items()}

    def _one(self, pid: int) -> int:
        try:
            self._last[pid] = cpu_ns(pid)
        except OSError:
            pass
        return self._last.get(pid, 0)


def memory_by_role(pids: Pids) -> dict[str, int]:
    """PSS now, bytes, by role; a process that has gone holds nothing."""
    return {role: sum(map(_pss_or_nothing, of_role)) for role, of_role in pids.items()}


def _pss_or_nothing(pid: int) -> int:
    try:
        return pss_bytes(pid)
    except OSError:
        return 0
