"""A child process as its supervisor sees it: started, spoken to over its lifeline, ended, started again.

Not here: when any of it happens (supervisor.py), the child's end of the lifeline (lifeline.py).
Promise: standard library only. The lifeline is a socket pair; its end of file tells a child that we died.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

RESTART_FIRST_S, RESTART_LAST_S = 0.25, 5.0
HEALTHY_AFTER_S = 30.0  # having run that long, a child's next restart is at once again


class Child:
    """One place in the process tree; process after process may fill it."""

    def __init__(self, role: str, worker: int | None, module: str, sockets: dict[str, socket.socket]) -> None:
        """sockets: what the child inherits, by the option that names its number."""
        self.role = role
        self.worker = worker
        self.restarts = 0
        self.ready = False
        self.was_ready = False
        self.start_at_s: float | None = 0.0  # monotonic; None: runs, or is not to run again
        self.failures_in_a_row = 0
        self._module = module
        self._sockets = sockets
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: socket.socket | None = None
        self._received = b""
        self._started_s = 0.0

    @property
    def name(self) -> str:
        """For people: `observer`, `forwarder 1`."""
        return self.role if self.worker is None else f"{self.role} {self.worker}"

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return None if self._process is None else self._process.pid

    @property
    def lifeline(self) -> socket.socket | None:
        """Our end, for the supervisor to wait on."""
        return self._lifeline

    def start(self, greeting: dict[str, Any]) -> None:
        """Start the process; its first line on the lifeline is the greeting: settings and place."""
        ours, theirs = socket.socketpair()
        options = {"lifeline": theirs, **self._sockets}
        # -P: a folder named `gateway` where the command was typed must not be imported instead of us.
        command = [sys.executable, "-P", "-m", self._module]
        for option, inherited in options.items():
            command += [f"--{option}-fd", str(inherited.fileno())]
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[inherited.fileno() for inherited in options.values()],
                process_group=0,  # so that Ctrl-C reaches the supervisor alone
            )
        except OSError:
            ours.close()
            self.start_at_s = time.monotonic() + RESTART_LAST_S
            raise
        finally:
            theirs.close()
        self._lifeline = ours
        self._received = b""
        self.ready = False
        self._started_s = time.monotonic()
        self.start_at_s = None
        self.say(greeting)
        ours.setblocking(False)

    def say(self, message: dict[str, Any]) -> None:
        """A line down the lifeline; one that can't be written is for a child that is gone or stuck."""
        if self._lifeline is None:
            return
        try:
            self._lifeline.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass

    def heard(self) -> list[dict[str, Any]]:
        """The lines that have come up the lifeline."""
        if self._lifeline is None:
            return []
        try:
            data = self._lifeline.recv(65_536)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:  # it closed its end: its death is about to be seen, or it is already
            self._hang_up()
            return []
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """End it now."""
        if self._process is not None:
            # Popen's own way would look first, and reap a child that has just died: its supervisor would wait for ever.
            os.kill(self._process.pid, signal.SIGKILL)

    def died(self, exit_code: int) -> None:
        """The process was reaped. Plans the next start: at once, then with growing waits while it dies young."""
        if self._process is not None:
            self._process.returncode = exit_code  # reaped by the supervisor, which Popen can't know
            self._process = None
        self._hang_up()
        self.ready = False
        now_s = time.monotonic()
        self.failures_in_a_row = 1 if now_s - self._started_s > HEALTHY_AFTER_S else self.failures_in_a_row + 1
        doublings = self.failures_in_a_row - 2
        delay_s = 0.0 if doublings < 0 else min(RESTART_FIRST_S * 2**doublings, RESTART_LAST_S)
        self.start_at_s = now_s + delay_s

    def _hang_up(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
