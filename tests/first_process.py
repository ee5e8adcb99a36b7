"""The gateway as process 1 of a PID namespace, as it is in a container: what is orphaned there, its supervisor reaps.

Not here: what is asserted; images (tests/image). Where namespaces are not to be had, these tests fail: nothing else
shows what process 1 does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.gateway_process import END_TIMEOUT_S, GatewayProcess, children_of, wait_until

# Killed with its parent, and all of its namespace with it: nothing is left behind.
UNSHARE = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--pid", "--fork", "--kill-child")
# The inner shell ends at once; the outer one becomes the gateway, which so has a child that it never started.
WITH_ORPHAN = ("sh", "-c", 'sh -c "sleep 600 >/dev/null 2>&1 &" && exec "$@"', "sh")


class FirstProcess(GatewayProcess):
    """`interactions-gateway serve` as process 1. orphan: a foreign child is there before the gateway is."""

    def __init__(
        self,
        upstream_url: str,
        workers: int = 1,
        config: Mapping[str, object] | None = None,
        flags: Sequence[str] = (),
        *,
        orphan: bool = False,
    ) -> None:
        super().__init__(upstream_url, workers, config=config, flags=flags)
        self._orphan = orphan

    def _command(self) -> list[str]:
        return [*UNSHARE, "--mount-proc", *(WITH_ORPHAN if self._orphan else ()), *super()._command()]

    @property
    def first(self) -> int:
        """Its number outside of its namespace."""
        assert self._process is not None
        outside = self._process.pid
        (pid,) = wait_until(lambda: children_of(outside), what="process 1")
        return int(pid)

    def own(self, module: str) -> list[int]:
        """Its children that run that module of ours, by their numbers outside."""
        return [pid for pid in children_of(self.first) if module.encode() in _arguments(pid)]

    def orphans(self) -> list[int]:
        """Its children that it never started, reaped or not."""
        return [pid for pid in children_of(self.first) if not any(b"gateway" in word for word in _arguments(pid))]

    def signal(self, number: int) -> None:
        """To the gateway, not to who made its namespace."""
        os.kill(self.first, number)

    def _kill_all(self) -> None:
        assert self._process is not None
        assert self._lines is not None
        self._process.kill()
        self._process.wait(END_TIMEOUT_S)
        self._lines.join()


def _arguments(pid: int) -> list[bytes]:
    """Empty for a zombie, and for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
