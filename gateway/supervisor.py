"""The supervisor: binds the sockets, starts forwarders and observer, restarts what dies, orders the shutdown.

Not here: how a child is started and spoken to (children.py), the order of a rolling restart (rolling.py), when memory
gets short (memory.py), sockets (sockets.py), what settings mean (config.py).
Source: design.md 5 and 7.
Promise: standard library and five small modules of ours only, so that nothing heavy can bring it down. Everything it
waits for is in one `select`: signals, lifelines, the next deadline.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import sockets
from gateway.addresses import split_address
from gateway.children import Child
from gateway.memory import MemoryGuard
from gateway.rolling import RollingRestart

EXIT_MISTAKE = 2
START_ATTEMPTS = 3  # a child that dies that often before it was ever ready will not get better
FORWARDER_SLACK_S = 3.0  # over the grace period: for cutting what is left and handing over the last records
OBSERVER_FLUSH_S = 6.0  # its exporters have 5 s of their own
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(settings: dict[str, Any], stop_fd: int | None = None, sources: dict[str, Any] | None = None) -> int:
    """Serve until told to stop. Returns the exit code.

    settings: as JSON, already checked. stop_fd: a pipe whose end of file means the same as SIGTERM.
    sources: what the settings were read from, for who reads them again.
    """
    try:
        supervisor = Supervisor(settings, stop_fd, sources)
    except OSError:
        return EXIT_MISTAKE
    try:
        return supervisor.run()
    finally:
        supervisor.close()


def forwarder_count(workers: int | str) -> int:
    """`auto` is one for each CPU that this process may use: by its affinity, and by its container's limit."""
    if isinstance(workers, int):
        return workers
    affinity = getattr(os, "sched_getaffinity", None)
    usable = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = CPU_LIMIT.read_text(encoding="ascii").split()
        usable = min(usable, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no such file outside Linux, `max` where there is no limit
    return usable


class Supervisor:
    """The process tree of one gateway."""

    def __init__(
        self, settings: dict[str, Any], stop_fd: int | None = None, sources: dict[str, Any] | None = None
    ) -> None:
        """Binds everything. Raises OSError after having said which address is not to be had."""
        self._settings = settings
        self._sources = sources
        self._stop_fd = stop_fd
        self._grace_s = float(settings["grace_period_s"])
        count = forwarder_count(settings["workers"])
        self._proxy = self._bind("listen", lambda host, port: sockets.bind_proxy(host, port, count))
        try:
            (self._admin,) = self._bind("admin", lambda host, port: [sockets.bind(host, port)])
        except OSError:
            self._close_proxy()
            raise
        self._records, self._records_address, self._folder = sockets.bind_records()
        self._forwarders = [self._forwarder(worker) for worker in range(count)]
        self._rolling = RollingRestart(
            self._forwarders, self._forwarder, self._log, stay_s=self._grace_s + FORWARDER_SLACK_S
        )
        self._memory = MemoryGuard(settings["memory_limit_bytes"], self._log)
        self._observer = Child("observer", None, "gateway.observer", {"records": self._records, "admin": self._admin})
        self._has_terminal = os.isatty(0)
        self._restarts = {"observer": 0, "forwarder": 0}  # by role: a child that took another's place begins at 0
        self._started_unix_s = time.time()
        self._announced = False
        self._stopping = False
        self._observer_told = False
        self._deadline_s: float | None = None
        self._exit_code: int | None = None
        self._wake_read, self._wake_write = socket.socketpair()

    def run(self) -> int:
        """The loop, until nothing is left to wait for."""
        self._catch_signals()
        while self._exit_code is None:
            self._reap()
            self._rolling.step()
            self._start_due()
            self._mind_memory()
            self._step_shutdown()
            if self._exit_code is None:
                self._wait()
        return self._exit_code

    def close(self) -> None:
        """Let go of sockets and of the private folder."""
        for child in self._children:
            child.kill()
        self._close_proxy()
        for held in (self._admin, self._records, self._wake_read, self._wake_write):
            held.close()
        if self._folder is not None:
            for path in (self._folder / "records", self._folder):
                path.unlink() if path.is_socket() else path.rmdir()

    @property
    def _children(self) -> list[Child]:
        return [self._observer, *self._all_forwarders]

    @property
    def _all_forwarders(self) -> list[Child]:
        return [*self._forwarders, *self._rolling.children]

    # Start.

    def _forwarder(self, worker: int) -> Child:
        return Child("forwarder", worker, "gateway.forwarder", {"listen": self._proxy[worker]})

    def _bind(self, key: str, bind: Any) -> list[socket.socket]:
        address = self._settings[key]
        try:
            bound: list[socket.socket] = bind(*split_address(address))
        except OSError as error:
            print(  # noqa: T201  the one line of a mistake
                f"interactions-gateway: {key} = {address!r}: can't listen there: {error.strerror or error}",
                file=sys.stderr,
            )
            raise
        return bound

    def _catch_signals(self) -> None:
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        for number in (*_SIGNALS, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, _ignore)  # a handler, so that the number reaches the wake-up socket
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_SIGNALS, signal.SIGHUP})  # cli.py holds them back until now

    def _start_due(self) -> None:
        now_s = time.monotonic()
        for child in self._children:
            if child.start_at_s is None or child.start_at_s > now_s or not self._wanted(child):
                continue
            try:
                child.start(
                    {
                        "settings": self._settings,
                        "sources": self._sources,
                        "worker": child.worker,
                        "forwarders": len(self._forwarders),
                        "records": self._records_address,
                        "draining": self._stopping,
                        "restarts": self._restarts,
                        "started_unix_s": self._started_unix_s,
                    }
                )
            except OSError as error:
                self._log("error", "child_not_started", child=child.name, error=error.strerror)

    def _wanted(self, child: Child) -> bool:
        if not self._stopping:
            return True
        # The last records of draining forwarders want an observer, even a new one.
        return child is self._observer and not self._observer_told and self._forwarders_run()

    def _mind_memory(self) -> None:
        if not self._stopping:  # the observer goes last, and soon
            self._memory.step(self._observer, [os.getpid(), *(child.pid for child in self._all_forwarders)])

    def _forwarders_run(self) -> bool:
        return any(forwarder.pid is not None for forwarder in self._all_forwarders)

    # The loop's waits.

    def _wait(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ, None)
            for child in self._children:
                if child.lifeline is not None:
                    selector.register(child.lifeline, selectors.EVENT_READ, child)
            if self._stop_fd is not None and not self._stopping:
                selector.register(self._stop_fd, selectors.EVENT_READ, "stop")
            for key, _ in selector.select(self._timeout_s()):
                if key.data is None:
                    self._signalled(self._wake_read.recv(256))
                elif key.data == "stop":
                    self._stop("the one who started it is gone")
                else:
                    self._listen_to(key.data)

    def _timeout_s(self) -> float | None:
        moments = [child.start_at_s for child in self._children if child.start_at_s is not None and self._wanted(child)]
        memory_s = None if self._stopping else self._memory.next_s()
        others = (self._deadline_s, self._rolling.next_s(), memory_s)
        moments += [moment_s for moment_s in others if moment_s is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _listen_to(self, child: Child) -> None:
        for message in child.heard():
            if message.get("ready"):
                child.ready = child.was_ready = True
            if "settings" in message:
                self._reloaded(message["settings"])
        if not self._announced and not self._stopping and all(one.ready for one in self._children):
            self._announced = True
            self._log(
                "info",
                "listening",
                proxy=f"http://{sockets.address_of(self._proxy[0])}",
                admin=f"http://{sockets.address_of(self._admin)}",
                upstream=self._settings["upstream"],
                supervisor=os.getpid(),
                observer=self._observer.pid,
                forwarders=[forwarder.pid for forwarder in self._forwarders],
            )

    def _reloaded(self, settings: dict[str, Any]) -> None:
        """The observer has read them again, well: they are what is in force, also for children to come."""
        self._settings = settings
        for forwarder in self._all_forwarders:
            forwarder.say({"log": settings["log"]})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)  # -1: as process 1 of a container, orphans are ours too
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.pid == pid:
                    self._died(child, os.waitstatus_to_exitcode(status))

    def _died(self, child: Child, exit_code: int) -> None:
        child.died(exit_code)
        if self._rolling.died(child, exit_code):
            return
        if self._stopping and not self._wanted(child):
            return
        child.restarts += 1
        self._restarts[child.role] += 1
        self._log("warning", "child_died", child=child.name, exit_code=exit_code, restarts=child.restarts)
        if not child.was_ready and child.failures_in_a_row >= START_ATTEMPTS:
            self._log("error", "child_never_ready", child=child.name, attempts=child.failures_in_a_row)
            self._exit_code = 1
        self._observer.say({"restarts": self._restarts})

    # Shutdown.

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGHUP and not self._stopping:
                self._hung_up()
            if number not in _SIGNALS:
                continue
            if self._stopping:  # the second: whoever asks twice doesn't want to wait
                for child in self._children:
                    child.kill()
                self._exit_code = 128 + number
                return
            self._stop(signal.Signals(number).name)

    def _hung_up(self) -> None:
        if self._has_terminal and not os.isatty(0):
            self._stop("its terminal is gone")  # what the signal means of old, and nobody would be left to stop us
        else:
            self._observer.say({"reload": True})
            self._rolling.begin()

    def _stop(self, why: str) -> None:
        self._stopping = True
        self._rolling.end()
        self._log("info", "draining", why=why, grace_period_s=self._grace_s)
        self._observer.say({"draining": True})
        for forwarder in self._all_forwarders:
            forwarder.say({"drain": True})
        self._close_proxy()  # our copies too: else the kernel goes on accepting for nobody
        self._deadline_s = time.monotonic() + self._grace_s + FORWARDER_SLACK_S

    def _step_shutdown(self) -> None:
        if not self._stopping or self._exit_code is not None:
            return
        late = self._deadline_s is not None and time.monotonic() >= self._deadline_s
        if self._forwarders_run():
            if late:
                self._kill_late(self._all_forwarders)
        elif not self._observer_told:
            self._observer_told = True
            self._observer.say({"drain": True})
            self._deadline_s = time.monotonic() + OBSERVER_FLUSH_S
        elif self._observer.pid is not None and late:
            self._kill_late([self._observer])
        if self._observer_told and self._observer.pid is None:
            self._log("info", "stopped")
            self._exit_code = 0

    def _kill_late(self, children: list[Child]) -> None:
        for child in children:
            if child.pid is not None:
                self._log("warning", "child_killed", child=child.name, why="did not end in time")
                child.kill()
        self._deadline_s = None

    def _close_proxy(self) -> None:
        for listening in self._proxy:
            listening.close()

    def _log(self, level: str, event: str, **fields: Any) -> None:
        if self._settings["log"]["format"] == "json":
            stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            line = json.dumps({"event": event, "level": level, "timestamp": stamp, **fields})
        else:
            line = "  ".join([event, *(f"{name}={value}" for name, value in fields.items())])
        try:
            os.write(1, line.encode() + b"\n")
        except OSError:
            pass  # nobody reads the log any more: no reason to stop serving


def _ignore(number: int, frame: object) -> None:
    """The wake-up socket says it."""


def main() -> None:
    """Entry point of the process that cli.py turns into: `--settings-fd N [--stop-fd N]`."""
    options = dict(zip(sys.argv[1::2], map(int, sys.argv[2::2]), strict=True))
    with open(options["--settings-fd"], "rb") as file:  # noqa: PTH123  a number, no path
        handed = json.load(file)
    sys.exit(run(handed["settings"], options.get("--stop-fd"), handed["sources"]))


if __name__ == "__main__":
    main()
