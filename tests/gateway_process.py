"""The gateway and the simulator as tests meet them: the installed command, real processes, real sockets.

Not here: what is asserted. Promise: leaving the context leaves no process behind, whatever the test did to them.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.forwarding import COMMANDS, chosen_path, command

START_TIMEOUT_S = 20.0
END_TIMEOUT_S = 15.0
PREFIX = "interactions_gateway_"
COMMAND = COMMANDS["python"]

# A host of their own for metrics: a Prometheus goes on scraping the port of a gateway that is gone, which a server of
# another test on 127.0.0.1 may have been given meanwhile.
ADMIN = "127.0.0.2:0"

Sample = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Pids:
    """Of the process tree, as the `listening` line states them."""

    supervisor: int
    observer: int
    forwarders: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """One reading of /metrics: values by name (without the prefix) and labels."""

    samples: Mapping[Sample, float]

    def value(self, name: str, **labels: str) -> float:
        """The one sample with exactly these labels; 0.0 where there is none."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples that have these labels among theirs."""
        wanted = frozenset(labels.items())
        return sum(value for (one, has), value in self.samples.items() if one == name and wanted <= has)

    def labelled(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """All samples of a name, by sorted labels."""
        return {tuple(sorted(has)): value for (one, has), value in self.samples.items() if one == name}


def wait_until(condition: Callable[[], Any], timeout_s: float = 10.0, what: str = "the condition") -> Any:
    """The first true value of the condition. Raises TimeoutError."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what} did not come true within {timeout_s} s (last: {value!r})")
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process of that number is there and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def children_of(parent: int) -> list[int]:
    """Its children, zombies among them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


class Lines:
    """The lines of a child's output, read as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._stdout = process.stdout
        self._new: queue.Queue[str] = queue.Queue()
        self._all: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stdout:
            self._new.put(line.rstrip("\n"))

    def all(self) -> list[str]:
        """Every line so far."""
        while True:
            try:
                self._all.append(self._new.get_nowait())
            except queue.Empty:
                return list(self._all)

    def join(self) -> None:
        """Wait for the end of the output, and let go of it."""
        self._thread.join(END_TIMEOUT_S)
        self._stdout.close()


class GatewayProcess:
    """`interactions-gateway serve` on free ports, ready when the context is entered.

    env: over the present environment (which loses its own INTERACTIONS_GATEWAY_* and OTEL_* variables).
    config: settings by dotted key, as INTERACTIONS_GATEWAY_* variables: {"log.level": "debug"}.
    """

    def __init__(
        self,
        upstream_url: str,
        workers: int = 1,
        env: Mapping[str, str] | None = None,
        config: Mapping[str, object] | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self._flags = ["--upstream", upstream_url, "--workers", str(workers), *flags]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("INTERACTIONS_", "OTEL_"))}
        settings = {
            "INTERACTIONS_GATEWAY_" + key.replace(".", "__").upper(): str(value)
            for key, value in {"proxy.path": chosen_path(), **(config or {})}.items()
        }
        self._env = {**clean, **settings, **(env or {})}
        self._process: subprocess.Popen[str] | None = None
        self._lines: Lines | None = None
        self.url = ""
        self.admin_url = ""
        self.exit_code: int | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._env,
            process_group=0,
        )
        self._lines = Lines(self._process)
        try:
            listening = wait_until(self._listening, START_TIMEOUT_S, "the line `listening`")
            self.url, self.admin_url = listening["proxy"], listening["admin"]
            wait_until(lambda: self.ready()[0] == 200, START_TIMEOUT_S, "/readyz")
        except BaseException:
            print("\n".join(self.log_lines()))
            self._kill_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            self.exit_code = self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._kill_all()
            if kind is None:
                raise
        finally:
            if kind is not None:
                print("\n".join(self.log_lines()[-50:]))
            self._kill_all()

    def _command(self) -> list[str]:
        return [str(command()), "serve", "--listen", "127.0.0.1:0", "--admin", ADMIN, *self._flags]

    @property
    def pids(self) -> Pids:
        """The processes as they were when the gateway began to listen."""
        listening = self._listening()
        assert listening is not None
        return Pids(listening["supervisor"], listening["observer"], tuple(listening["forwarders"]))

    def children(self) -> list[int]:
        """The supervisor's running children now."""
        return [pid for pid in children_of(self.pids.supervisor) if runs(pid)]

    def log_lines(self) -> list[str]:
        """Everything it has written."""
        return [] if self._lines is None else self._lines.all()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's events of that name."""
        return [line for line in _json_lines(self.log_lines()) if line.get("event") == name]

    @property
    def port(self) -> int:
        """Where clients connect. Nobody listens there any more once all forwarders drain."""
        return int(self.url.rpartition(":")[2])

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Status and answer of /readyz; (0, {}) where nobody answers."""
        try:
            with urllib.request.urlopen(self.admin_url + "/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, {}

    def metrics_text(self, accept: str = "text/plain") -> str:
        """/metrics as it is served."""
        request = urllib.request.Request(self.admin_url + "/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def scrape(self) -> Scrape:
        """/metrics as values."""
        samples = {
            (sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())): float(sample.value)
            for family in text_string_to_metric_families(self.metrics_text())
            for sample in family.samples
        }
        return Scrape(samples)

    def settled(self, closed: int, timeout_s: float = 10.0) -> Scrape:
        """The scrape once that many exchanges are accounted for as ended, and none is open."""

        def when_done() -> Scrape | None:
            scrape = self.scrape()
            done = scrape.total("exchanges_closed_total") == closed and scrape.total("active_streams") == 0
            return scrape if done else None

        try:
            scrape: Scrape = wait_until(when_done, timeout_s, f"{closed} closed exchanges")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {self.scrape().labelled('exchanges_closed_total')}") from error
        return scrape

    def signal(self, number: int) -> None:
        """Send the supervisor a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float = END_TIMEOUT_S) -> int:
        """The supervisor's exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def _listening(self) -> dict[str, Any] | None:
        assert self._process is not None
        found = self.events("listening")
        if not found and self._process.poll() is not None:
            raise RuntimeError(f"the gateway ended with {self._process.returncode}: {self.log_lines()}")
        return found[0] if found else None

    def _kill_all(self) -> None:
        assert self._process is not None
        assert self._lines is not None
        known = _json_lines(self.log_lines())
        pids = {pid for line in known if line.get("event") == "listening" for pid in line["forwarders"]}
        pids |= {line["observer"] for line in known if line.get("event") == "listening"}
        if self._process.poll() is None:
            pids |= set(self.children()) if any(line.get("event") == "listening" for line in known) else set()
            self._process.kill()
            self._process.wait(END_TIMEOUT_S)
        for pid in pids:
            if _is_ours(pid):
                os.kill(pid, signal.SIGKILL)
        self._lines.join()


class SimulatorProcess:
    """`python -m gateway.simulator` on a free port."""

    def __init__(self, pace: float = 0.0) -> None:
        self._pace = pace
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        read, write = os.pipe()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "gateway.simulator", "--listen", "127.0.0.1:0"),
                *("--pace", str(self._pace), "--ready-fd", str(write)),
            ],
            stdout=subprocess.DEVNULL,
            pass_fds=(write,),
            process_group=0,
        )
        os.close(write)
        with os.fdopen(read) as ready:
            port = ready.readline().strip()
        assert port, "the simulator did not start"
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_TIMEOUT_S)

    def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        """The truth, from the entry after that one."""
        with urllib.request.urlopen(f"{self.url}/__simulator__/ledger?after={after}", timeout=10) as answer:
            entries: list[dict[str, Any]] = json.load(answer)
        return entries


@contextmanager
def gateway_before_simulator(
    workers: int = 1, pace: float = 0.0, config: Mapping[str, object] | None = None
) -> Iterator[tuple[GatewayProcess, SimulatorProcess]]:
    """Both, connected."""
    with SimulatorProcess(pace) as simulator, GatewayProcess(simulator.url, workers, config=config) as gateway:
        yield gateway, simulator


def _json_lines(lines: list[str]) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _is_ours(pid: int) -> bool:
    try:
        return b"gateway." in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
