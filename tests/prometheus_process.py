"""A real Prometheus and a real Alertmanager beside a test: on free ports, ready when their context is entered.

Not here: what they are asked (the tests), who gets the notifications (webhook_receiver.py).
Promise: nothing is written but into the folder that is given and .cache; leaving the context leaves no process behind.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.gateway_process import wait_until
from tests.tools.programs import FETCHED, program

READY_S: Final = 30.0
END_S: Final = 15.0
STARTS: Final = 3  # a port that was free can be taken by somebody else before the process has it

# Debian's builds read what they show and say from these folders, and no flag names others.
SHARED: Final = {
    "prometheus": "/usr/share/prometheus/web",
    "prometheus-alertmanager": "/usr/share/prometheus/alertmanager",
}
_HERE: Final = "/proc/self/cwd"

Config = Mapping[str, object] | str
_Kind = TypeVar("_Kind", bound="Served")


@dataclass(frozen=True, slots=True)
class Value:
    """A sample of an instant query."""

    labels: Mapping[str, str]
    value: float


class Served:
    """What both have in common: an address, and being ready at some time."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    def is_ready(self) -> bool:
        """Whether it answers /-/ready."""
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Prometheus(Served):
    """The API of a running Prometheus."""

    def get(self, path: str, **query: str) -> Any:
        """The data of an answer. Raises RuntimeError with the server's words, of a query it can't parse too."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"{path} {query}: {error.read().decode()}") from error
        if document["status"] != "success":
            raise RuntimeError(document)
        return document["data"]

    def query(self, expression: str, **parameters: str) -> list[Value]:
        """The samples of an instant query; a scalar is one without labels. parameters: such as time."""
        data = self.get("/api/v1/query", query=expression, **parameters)
        if data["resultType"] == "scalar":
            return [Value({}, float(data["result"][1]))]
        return [Value(one["metric"], float(one["value"][1])) for one in data["result"]]

    def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing alerts: labels, annotations, state, activeAt, value."""
        found: list[dict[str, Any]] = self.get("/api/v1/alerts")["alerts"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """All rules of all groups: type, name, query, health, lastError; alerting ones have a state too."""
        return [rule for group in self.get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """Active targets: labels, scrapeUrl, health, lastError."""
        found: list[dict[str, Any]] = self.get("/api/v1/targets")["activeTargets"]
        return found

    def alertmanagers(self) -> list[str]:
        """Addresses to which it sends alerts: after the first 5 s, and what fired before comes once resent."""
        return [str(found["url"]) for found in self.get("/api/v1/alertmanagers")["activeAlertmanagers"]]

    def reload(self) -> None:
        """Read the configuration and the rules anew. Raises RuntimeError where they are wrong; its log says how."""
        try:
            urllib.request.urlopen(urllib.request.Request(self.url + "/-/reload", method="POST"), timeout=10).close()
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(error.read().decode()) from error


class Alertmanager(Served):
    """The API of a running Alertmanager."""

    def alerts(self) -> list[dict[str, Any]]:
        """What it has been told and is not over."""
        with urllib.request.urlopen(self.url + "/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


def written(config: Config, path: Path) -> Path:
    """The configuration as a file: text as it is, values as JSON, which is YAML."""
    path.write_text(config if isinstance(config, str) else json.dumps(config, indent=1), encoding="utf-8")
    return path


@contextmanager
def prometheus(config: Config, folder: Path, flags: Sequence[str] = (), address: str = "") -> Iterator[Prometheus]:
    """A Prometheus with exemplar storage; its configuration, data and log are in the folder.

    config: prometheus.yml; relative paths of rule files are relative to the folder.
    address: host and port to listen at; a free port of 127.0.0.1 by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = written(config, folder / "prometheus.yml")
    executable, cwd = _executable("prometheus")

    def command(address: str) -> list[str]:
        return [
            str(executable),
            f"--config.file={file.absolute()}",
            f"--storage.tsdb.path={(folder / 'data').absolute()}",
            f"--web.listen-address={address}",
            "--web.enable-lifecycle",
            "--enable-feature=exemplar-storage",
            *flags,
        ]

    with _running("prometheus", Prometheus, command, folder, cwd, address) as served:
        yield served


@contextmanager
def alertmanager(config: Config, folder: Path, flags: Sequence[str] = (), address: str = "") -> Iterator[Alertmanager]:
    """An Alertmanager without peers; its configuration, data and log are in the folder.

    config: alertmanager.yml. address: as for prometheus().
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = written(config, folder / "alertmanager.yml")
    executable, cwd = _executable("prometheus-alertmanager")

    def command(address: str) -> list[str]:
        return [
            str(executable),
            f"--config.file={file.absolute()}",
            f"--storage.path={(folder / 'data').absolute()}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            *flags,
        ]

    with _running("alertmanager", Alertmanager, command, folder, cwd, address) as served:
        yield served


def _executable(name: str) -> tuple[Path, Path]:
    """An executable that finds its templates, and the folder to start it in.

    Where the package is installed this is the program itself. Where it was only unpacked its templates are not where
    it looks, and to put them there takes root or a user namespace, which containers often forbid. So it is a copy of
    the program with another path in it, which is as long and leads to the folder that it is started in.
    """
    found, shared = program(name), SHARED[name]
    if Path(shared).exists():
        return found, Path.cwd()
    copy = FETCHED.parents[2] / f"{name}-relocated"
    if not copy.exists() or copy.stat().st_mtime < found.stat().st_mtime:
        here = _HERE + "/." * ((len(shared) - len(_HERE)) // 2)
        fresh = copy.with_suffix(f".{os.getpid()}-{threading.get_ident()}")  # several may start at once
        fresh.write_bytes(found.read_bytes().replace(shared.encode(), here.ljust(len(shared), "/").encode()))
        shutil.copymode(found, fresh)
        fresh.replace(copy)
    return copy, FETCHED.parent / Path(shared).relative_to("/usr")


@contextmanager
def _running(
    name: str,
    kind: type[_Kind],
    command: Callable[[str], list[str]],
    folder: Path,
    cwd: Path,
    address: str,
) -> Iterator[_Kind]:
    log = folder / f"{name}.log"
    for left in reversed(range(STARTS)):
        url = f"http://{address or _free_address()}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(url.removeprefix("http://")),
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                cwd=cwd,
                env={**os.environ, "GOMAXPROCS": "1"},
            )
        try:
            served = kind(url)
            wait_until(partial(_is_settled, served, process), READY_S, name)
            if process.poll() is not None:
                if left and not address:
                    continue
                raise RuntimeError(f"{name} ended with {process.returncode}: {log.read_text(encoding='utf-8')}")
            yield served
            return
        finally:
            _end(process)


def _is_settled(served: Served, process: subprocess.Popen[bytes]) -> bool:
    return served.is_ready() or process.poll() is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_S)


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"
