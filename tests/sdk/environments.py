"""Where the SDKs live: the JavaScript one of the lock, and other generations of both on demand.

Not here: which generations are tested (generations.py).
Promise: what is there already is used as it is, by any number of test processes; nothing is installed outside the
project's own folder; a generation with a lock is installed from it.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.sdk.playing import JS_DIR, PYTHON_DRIVER, Sdk

CACHE: Final = Path(__file__).parents[2] / ".cache" / "sdk"
LOCKS: Final = PYTHON_DRIVER.parent
DRIVER: Final = "driver.mjs"
PYTHON_PACKAGE: Final = "google-genai"
JS_PACKAGE: Final = "@google/genai"
INSTALL_TIMEOUT_S: Final = 110.0


def locked_js() -> Path:
    """The folder whose node_modules holds the JavaScript SDK of the lock; installs it where it is missing."""
    if _js_version(JS_DIR) != _locked_js_version():
        _run("npm", "ci", "--prefix", str(JS_DIR))
    return JS_DIR


def python_sdk(version: str, *, is_async: bool = False) -> Sdk:
    """That generation: the one of these tests, or one in an environment of its own."""
    python = Path(sys.executable)
    if importlib.metadata.version(PYTHON_PACKAGE) != version:
        home = CACHE / f"python-{version}"
        python = home / "bin" / "python"
        with _alone(home):
            if not (home / "complete").exists():
                _make_python(home, python, version)
    flavour = " async" if is_async else ""
    return Sdk(f"python {version}{flavour}", (str(python), str(PYTHON_DRIVER)), is_async=is_async)


def js_sdk(version: str) -> Sdk:
    """That generation: the one of the lock, or one in a folder of its own with a copy of the driver beside it."""
    if version == _locked_js_version():
        driver = locked_js() / DRIVER
    else:
        home = CACHE / f"js-{version}"
        driver = home / DRIVER
        with _alone(home):
            if _js_version(home) != version:
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir(parents=True)
                _run("npm", "install", "--no-fund", "--no-audit", "--prefix", str(home), f"{JS_PACKAGE}@{version}")
            shutil.copyfile(JS_DIR / DRIVER, driver)
    return Sdk(f"javascript {version}", ("node", str(driver)), is_js=True)


def _make_python(home: Path, python: Path, version: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    # without a pip of its own, which takes as long as all the rest and which not every Debian can make
    _run(sys.executable, "-m", "venv", "--without-pip", str(home))
    lock = LOCKS / f"{PYTHON_PACKAGE}-{version}.lock"
    what = ("--require-hashes", "--no-deps", "-r", str(lock)) if lock.exists() else (f"{PYTHON_PACKAGE}=={version}",)
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", *what)
    (home / "complete").touch()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _locked_js_version() -> str:
    lock = json.loads((JS_DIR / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{JS_PACKAGE}"]["version"])


def _js_version(home: Path) -> str | None:
    try:
        found = json.loads((home / "node_modules" / JS_PACKAGE / "package.json").read_text(encoding="utf-8"))
    except OSError:
        return None
    return str(found["version"])


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
