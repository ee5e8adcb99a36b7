"""A container of a rendered pod as a process here: its command, environment, volumes, user, probes and end as rendered.

Not here: resolving references (references.py), the root and the user (isolation.py).
Source: Kubernetes' pod lifecycle: probes, preStop within the grace period, SIGTERM, SIGKILL when it is over.
Promise: leaving the context leaves no process behind. The network is this machine's: a pod's address is loopback.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.gateway_process import Lines, runs, wait_until
from tests.helm.isolation import Mount, confined, namespaces_work, other_user
from tests.helm.references import Pod, environment, expanded, volumes, write_volume
from tests.helm.render import Object

BIN: Final = Path(sys.executable).parent
END_S: Final = 15.0
EXEC_EXTRA_S: Final = 5.0  # for this machine to build the namespaces of an exec probe


@dataclass(frozen=True, slots=True)
class Image:
    """What an image says of its containers."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: Mapping[str, str]
    uid: int
    gid: int


# As the Dockerfile says; test_running.py compares.
GATEWAY: Final = Image(
    ("interactions-gateway",),
    ("serve",),
    {
        "PYTHONDONTWRITEBYTECODE": "1",
        "INTERACTIONS_GATEWAY_LISTEN": ":8080",
        "INTERACTIONS_GATEWAY_ADMIN": ":9464",
    },
    65532,
    65532,
)
APPLICATION: Final = Image((), (), {"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}, 65532, 65532)


@dataclass(slots=True)
class Container:
    """One container of a pod. folder: an empty one that its user may read."""

    pod: Pod
    name: str
    image: Image
    folder: Path
    is_confined: bool = False
    runs_as_present_user: bool = False
    _spec: Object = field(default_factory=dict)
    _mounts: list[Mount] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None
    _lines: Lines | None = None
    _generation: int = 0

    def __enter__(self) -> Self:
        self._spec = self.pod.container(self.name)
        places = {mount["name"]: mount for mount in self._spec.get("volumeMounts", [])}
        for name, files in volumes(self.pod).items():
            if name in places:
                writable = files is None and not places[name].get("readOnly", False)
                self._mounts.append(Mount(self._volume(name), places[name]["mountPath"], writable))
        self.write_volumes(self.pod)
        (self.folder / "root").mkdir(exist_ok=True)
        environment_ = self._environment()
        own = [expanded(one, environment_) for one in self._command()]
        self._process = self._start(own, environment_, subprocess.STDOUT)
        self._lines = Lines(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._lines is not None
        if kind is not None:
            print("\n".join(self.log_lines()[-50:]))
        pids = self.pids()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(END_S)
        for pid in pids:
            if runs(pid):
                os.kill(pid, signal.SIGKILL)
        self._lines.join()

    def write_volumes(self, pod: Pod) -> None:
        """Write the pod's volumes: at first, or anew where the objects have changed, as the kubelet does."""
        for name, files in volumes(pod).items():
            if files is None:
                self._volume(name).mkdir(parents=True, exist_ok=True)
                self._volume(name).chmod(0o777)
            else:
                is_own = namespaces_work()
                data = {file: text if is_own else self._translated(text) for file, text in files.items()}
                write_volume(self._volume(name), data, self._generation)
        self._generation += 1

    # Probes.

    def starts(self) -> float:
        """Wait for the startup probe as it says; seconds that it took. Raises AssertionError where it gives up."""
        probe = self._spec["startupProbe"]
        began_s = time.monotonic()
        for _ in range(probe["failureThreshold"]):
            if self.passes("startupProbe"):
                return time.monotonic() - began_s
            assert self.is_running, self.log_lines()
            time.sleep(probe.get("periodSeconds", 10))
        raise AssertionError(f"the startup probe gave up: {self.log_lines()}")

    def passes(self, name: str) -> bool:
        """One look of a probe: an exec in the container, or a GET from outside."""
        probe = self._spec[name]
        timeout_s = float(probe.get("timeoutSeconds", 1))
        if "exec" in probe:
            return self.execute(probe["exec"]["command"], timeout_s + EXEC_EXTRA_S).returncode == 0
        get = probe["httpGet"]
        url = f"{get.get('scheme', 'HTTP').lower()}://{get.get('host', self.pod.ip)}:{self.port(get['port'])}"
        try:
            with urllib.request.urlopen(url + get.get("path", "/"), timeout=timeout_s) as answer:
                return bool(200 <= answer.status < 400)
        except OSError as error:
            return isinstance(error, urllib.error.HTTPError) and 200 <= error.code < 400

    def port(self, name: str | int) -> int:
        """A port by its name, or itself."""
        if isinstance(name, int):
            return name
        (found,) = (one["containerPort"] for one in self._spec["ports"] if one["name"] == name)
        return int(found)

    def execute(self, command: list[str], timeout_s: float = END_S) -> subprocess.CompletedProcess[str]:
        """Run a command with the container's environment, user and files, as `kubectl exec` does."""
        process = self._start(command, self._environment(), subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    # What it does.

    @property
    def is_running(self) -> bool:
        """Whether its first process runs."""
        return self._process is not None and self._process.poll() is None

    def log_lines(self) -> list[str]:
        """Everything it has written."""
        return [] if self._lines is None else self._lines.all()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's events of that name."""
        found = [json.loads(line) for line in self.log_lines() if line.startswith("{")]
        return [line for line in found if line.get("event") == name]

    def pids(self) -> list[int]:
        """Its processes: the first, and those that the gateway told of."""
        assert self._process is not None
        told = self.events("listening")
        children = [pid for line in told for pid in (line["observer"], *line["forwarders"])]
        return [self._process.pid, *children]

    # Its end.

    def pre_stop(self) -> float:
        """Do what preStop says; seconds that it took."""
        hook = self._spec.get("lifecycle", {}).get("preStop", {})
        assert hook.keys() <= {"sleep"}, "only sleep is known here"
        seconds = float(hook.get("sleep", {}).get("seconds", 0))
        time.sleep(seconds)
        return seconds

    def terminate(self) -> None:
        """SIGTERM to the first process, as the runtime sends it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int:
        """Its exit code. Raises TimeoutExpired where the kubelet would kill it."""
        assert self._process is not None
        code = self._process.wait(timeout_s)
        wait_until(lambda: not any(runs(pid) for pid in self.pids()), what="the end of all its processes")
        return code

    def _command(self) -> list[str]:
        # A command goes over the image's entrypoint and its arguments, args over its arguments alone.
        command, args = self._spec.get("command"), self._spec.get("args")
        if command:
            return [*command, *(args or [])]
        return [*self.image.entrypoint, *(args if args is not None else self.image.command)]

    def _environment(self) -> dict[str, str]:
        path = f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        return {"PATH": path, "HOSTNAME": self.pod.name, **self.image.env, **environment(self.pod, self._spec)}

    def _start(self, command: list[str], env: dict[str, str], stderr: int) -> subprocess.Popen[str]:
        context = {**self.pod.spec.get("securityContext", {}), **self._spec.get("securityContext", {})}
        uid, gid = context.get("runAsUser", self.image.uid), context.get("runAsGroup", self.image.gid)
        read_only = context.get("readOnlyRootFilesystem", False)
        prefix = confined(self.folder / "root", self._mounts, uid, gid, read_only=read_only)
        self.is_confined = prefix is not None
        if prefix is None:
            prefix = list(other_user(uid, gid))
            self.runs_as_present_user = not prefix
            command = [self._translated(one) for one in command]
            env = {name: value if name == "PATH" else self._translated(value) for name, value in env.items()}
        return subprocess.Popen(
            [*prefix, *command], env=env, text=True, process_group=0, stdout=subprocess.PIPE, stderr=stderr
        )

    def _translated(self, text: str) -> str:
        for mount in self._mounts:
            text = text.replace(mount.target, str(mount.source))
        return text

    def _volume(self, name: str) -> Path:
        return self.folder / "volumes" / name
