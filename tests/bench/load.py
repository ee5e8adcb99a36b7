"""The load of the bench, as a process of its own: `python -m tests.bench.load` with a Task as JSON on standard input.

It warms the target, then runs the groups and reads /proc at both edges of the window: before the first request, and
when the last answer is whole and the target's other processes have settled. It prints one line of JSON, a Report.
Not here: who starts the target (run.py).
Promise: it ends by itself. Everything that it opened is loopback's.
"""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

import uvloop

from tests.bench.client import GroupRun
from tests.bench.groups import Group, Seen
from tests.bench.measure import CpuByRole, memory_by_role
from tests.bench.processes import keep_large_blocks

SETTLE_STEP_S: Final = 0.25
SETTLE_STEPS: Final = 5  # of quiet; an exporter sends at most once a second
SETTLE_MAX_S: Final = 30.0
QUIET_NS: Final = 5_000_000  # of CPU in a step


@dataclass(slots=True)
class Task:
    """What to do. pids: of the target, by role. settle: roles that work on after the last answer.

    memory_at_s: when, after the groups' start, memory is read; None: it is not.
    """

    groups: list[Group]
    warm: list[Group] = field(default_factory=list)
    pids: dict[str, list[int]] = field(default_factory=dict)
    settle: list[str] = field(default_factory=list)
    memory_at_s: float | None = None
    certificate: str | None = None

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """As `to_json` gave it."""
        value = json.loads(line)
        for name in ("groups", "warm"):
            value[name] = [Group.from_json(group) for group in value[name]]
        return cls(**value)


@dataclass(slots=True)
class Report:
    """What was seen. cpu_ns, rest_bytes, loaded_bytes: by role; rest: before the warming. window_s: of the groups."""

    seen: dict[str, Seen]
    cpu_ns: dict[str, int]
    rest_bytes: dict[str, int]
    idle_bytes: dict[str, int]
    loaded_bytes: dict[str, int]
    window_s: float
    load_cpu_ns: int

    def to_json(self) -> str:
        """One line."""
        value: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        value["seen"] = {name: seen.to_json() for name, seen in self.seen.items()}
        return json.dumps(value)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """As `to_json` gave it."""
        value = json.loads(line)
        value["seen"] = {name: Seen.from_json(seen) for name, seen in value["seen"].items()}
        return cls(**value)


async def work(task: Task) -> Report:
    """Do it."""
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context(cafile=task.certificate) if task.certificate else None
    rest = memory_by_role(task.pids)
    await _run(task.warm, tls)
    cpu = CpuByRole(task.pids)
    await _settle(cpu, task.settle)
    idle = memory_by_role(task.pids)
    loaded: dict[str, int] = {}

    async def read_memory() -> None:
        assert task.memory_at_s is not None
        await asyncio.sleep(task.memory_at_s)
        loaded.update(await loop.run_in_executor(None, memory_by_role, task.pids))

    gc.collect()
    gc.freeze()
    gc.disable()  # a collection of ours would be taken for a stall of the target's
    began, own_began_ns, began_s = cpu.read(), time.process_time_ns(), time.monotonic()
    memory = loop.create_task(read_memory()) if task.memory_at_s is not None else None
    runs = await _run(task.groups, tls)
    window_s, own_ns = time.monotonic() - began_s, time.process_time_ns() - own_began_ns
    await _settle(cpu, task.settle)
    ended = cpu.read()
    if memory is not None:
        await memory
    for run in runs:
        run.account()
    return Report(
        seen={run.group.name: run.seen for run in runs},
        cpu_ns={role: ended[role] - began[role] for role in began},
        rest_bytes=rest,
        idle_bytes=idle,
        loaded_bytes=loaded,
        window_s=window_s,
        load_cpu_ns=own_ns,
    )


async def _run(groups: list[Group], tls: ssl.SSLContext | None) -> list[GroupRun]:
    runs = [GroupRun(group, tls) for group in groups]
    await asyncio.gather(*(run.run() for run in runs))
    return runs


async def _settle(cpu: CpuByRole, roles: list[str]) -> None:
    if not roles:
        return
    quiet, before = 0, cpu.read()
    until_s = time.monotonic() + SETTLE_MAX_S
    while quiet < SETTLE_STEPS and time.monotonic() < until_s:
        await asyncio.sleep(SETTLE_STEP_S)
        now = cpu.read()
        quiet = quiet + 1 if all(now[role] - before[role] < QUIET_NS for role in roles) else 0
        before = now


if __name__ == "__main__":
    keep_large_blocks()
    print(uvloop.run(work(Task.from_json(sys.stdin.readline()))).to_json(), flush=True)
