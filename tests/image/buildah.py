"""Builds the image without a registry: buildah, on a base that is made of this machine's own Debian packages.

Not here: what is asserted. The base stands in for the image that the Dockerfile names: Debian's own Python of the same
minor version, slim, under that name. What it can't show: that image itself, other architectures, a registry.
Both tools are fetched by `make test-all` and need no installation, but root: without, this raises PermissionError.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "image"
BASE_TAR = CACHE / "base.tar"
BASE_PACKAGES = "python3,python3-venv,python3-dev,ca-certificates"
SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
BASE_TIMEOUT_S = BUILD_TIMEOUT_S = 900.0
TRUST_ALL = json.dumps({"default": [{"type": "insecureAcceptAnything"}]})


def base_tar() -> Path:
    """The stand-in's file system, made once."""
    if not BASE_TAR.exists():
        release = platform.freedesktop_os_release()
        assert release["ID"] == "debian", "the base is made of Debian's packages, by Debian's sources of this machine"
        sources = [str(path) for path in map(Path, SOURCES) if path.exists()]
        made = BASE_TAR.with_suffix(".part.tar")
        command = [_tool("mmdebstrap"), "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}"]
        _run([*command, release["VERSION_CODENAME"], str(made), *sources], BASE_TIMEOUT_S)
        made.rename(BASE_TAR)
    return BASE_TAR


class Buildah:
    """A store of images of its own, in a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises PermissionError for who is not root."""
        if os.geteuid() != 0:
            raise PermissionError("an image is built and run by root: run make test-all as root")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "policy.json").write_text(TRUST_ALL, encoding="utf-8")
        (folder / "registries.conf").write_text("", encoding="utf-8")

    def __call__(self, *arguments: str, timeout_s: float = 120.0) -> str:
        """Run one command of it; what it printed."""
        # vfs: a folder an image, which is there without a mount.
        store = [
            "--storage-driver",
            "vfs",
            "--root",
            str(self._folder / "store"),
            "--runroot",
            str(self._folder / "run"),
        ]
        environment = {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": os.devnull,
            "CONTAINERS_REGISTRIES_CONF": str(self._folder / "registries.conf"),
        }
        command = [*_with_libraries(), _tool("buildah"), *store, *arguments]
        return _run(command, timeout_s, environment)

    def add_base(self, name: str) -> None:
        """The stand-in, under the name that the Dockerfile gives."""
        container = self("from", "scratch").strip()
        self("add", "--quiet", container, str(base_tar()), "/")
        self("commit", *self._policy, "--quiet", container, f"docker.io/library/{name}")
        self("rm", container)

    def build(self, name: str, *arguments: str) -> str:
        """The project's own Dockerfile; the build's output. HEALTHCHECK is Docker's, not in the OCI's format."""
        certificates = "/etc/ssl/certs"  # those of this machine, by which its package index is known
        options = [
            "--format",
            "docker",
            "--pull-never",
            "--network",
            "host",
            "--volume",
            f"{certificates}:{certificates}:ro",
        ]
        return self("build", *self._policy, *options, *arguments, "--tag", name, str(ROOT), timeout_s=BUILD_TIMEOUT_S)

    def inspect(self, name: str) -> dict[str, Any]:
        """What engines read of an image: `Docker` its configuration, `Manifest` its layers."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", name))
        return found

    def mounted(self, name: str) -> Path:
        """The image's file system, as a folder."""
        container = self("from", "--pull-never", *self._policy, name).strip()
        return Path(self("mount", container).strip())

    @property
    def _policy(self) -> tuple[str, str]:
        return "--signature-policy", str(self._folder / "policy.json")


def _tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(CACHE / "root" / "usr" / "bin"))
    if found is None:
        raise FileNotFoundError(f"{name} is neither on PATH nor in {CACHE.relative_to(ROOT)}: run make test-all")
    return found


def _with_libraries() -> list[str]:
    """It starts itself anew without our variables, so its libraries must be where they are looked for."""
    fetched = [str(folder) for folder in (CACHE / "root" / "lib", CACHE / "root" / "usr" / "lib") if folder.is_dir()]
    if not fetched:
        return []
    layers = ":".join([*fetched, "/usr/lib"])
    script = f'mount -t overlay overlay -o "lowerdir={layers}" /usr/lib && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


def _run(command: list[str], timeout_s: float, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout_s)
    if done.returncode != 0:
        raise RuntimeError(
            f"{command[-6:]} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    return done.stdout
