"""Where the SDKs live: the JavaScript one of the lock, and other generations of both on demand.

Not here: which generations are tested (test_generations.py).
Promise: what is there already is used as it is; nothing is installed outside the project's own folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.sdk.playing import JS_DIR, PYTHON_DRIVER, Sdk

CACHE: Final = Path(__file__).parents[2] / ".cache" / "sdk"
JS_PACKAGE: Final = "@google/genai"
INSTALL_TIMEOUT_S: Final = 110.0


def locked_js() -> Path:
    """The folder whose node_modules holds the JavaScript SDK of the lock; installs it where it is missing."""
    lock = json.loads((JS_DIR / "package-lock.json").read_text(encoding="utf-8"))
    if _js_version(JS_DIR) != lock["packages"][f"node_modules/{JS_PACKAGE}"]["version"]:
        _run("npm", "ci", "--prefix", str(JS_DIR))
    return JS_DIR


def python_sdk(version: str, *, is_async: bool = False) -> Sdk:
    """That generation in an environment of its own."""
    home = CACHE / f"python-{version}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", f"google-genai=={version}")
        (home / "complete").touch()
    flavour = " async" if is_async else ""
    return Sdk(f"python {version}{flavour}", (str(python), str(PYTHON_DRIVER)), is_async=is_async)


def js_sdk(version: str) -> Sdk:
    """That generation in a folder of its own, with a copy of the driver beside it."""
    home = CACHE / f"js-{version}"
    if _js_version(home) != version:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        _run("npm", "install", "--prefix", str(home), f"{JS_PACKAGE}@{version}")
    driver = home / "driver.mjs"
    shutil.copyfile(JS_DIR / driver.name, driver)
    return Sdk(f"javascript {version}", ("node", str(driver)), is_js=True)


def _js_version(home: Path) -> str | None:
    try:
        found = json.loads((home / "node_modules" / JS_PACKAGE / "package.json").read_text(encoding="utf-8"))
    except OSError:
        return None
    return str(found["version"])


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
