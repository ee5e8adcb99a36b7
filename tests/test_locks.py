"""Locks pin versions and hashes; where they come from is the machine's business. The image's are parts of the whole."""

from __future__ import annotations

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tools.bare_npm_lock import bare

ROOT = Path(__file__).parent.parent
IMAGE_LOCKS = ROOT / "config" / "locks"
PYTHON_LOCKS = [ROOT / "requirements.lock", *IMAGE_LOCKS.glob("*.lock"), *ROOT.glob("tests/sdk/python/*.lock")]
LOCKS = [*PYTHON_LOCKS, *ROOT.glob("tests/**/package-lock.json")]


@pytest.mark.parametrize(
    "lock", [lock for lock in LOCKS if "node_modules" not in lock.parts], ids=lambda lock: lock.name
)
def test_no_lock_names_a_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert not re.findall(r"https?://\S+", text)
    assert "index-url" not in text


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=lambda lock: lock.name)
def test_everything_locked_for_python_has_a_hash(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert requirements
    assert [line for line in requirements if "--hash=sha256:" not in line] == []


def locked(lock: Path) -> dict[str, str]:
    """By package: its line, with version, condition and hashes."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    return {line.partition("==")[0]: " ".join(line.split()) for line in text.splitlines() if "==" in line}


def installed_here(lock: Path) -> set[str]:
    """The packages of a lock whose condition holds for this Python."""
    found = (Requirement(line.partition(" --hash")[0]) for line in locked(lock).values())
    return {one.name for one in found if one.marker is None or one.marker.evaluate()}


def needed(requirements: Iterable[str]) -> set[str]:
    """These and all that they need, by what is installed."""
    found: set[str] = set()
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.add(canonicalize_name(requirement.name))
    for name in list(found):
        found |= needed(importlib.metadata.requires(name) or ())
    return found


def test_the_image_serves_with_what_the_tests_ran_and_nothing_else() -> None:
    """runtime.lock is the part of requirements.lock that the gateway needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = IMAGE_LOCKS / "runtime.lock"

    assert locked(lock).items() <= locked(ROOT / "requirements.lock").items()
    assert installed_here(lock) == needed(project["project"]["dependencies"])


def test_the_image_is_built_with_what_built_the_tested_wheel_and_nothing_else() -> None:
    """build.lock is the part of requirements.lock that a compiled wheel needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    lock = IMAGE_LOCKS / "build.lock"

    assert locked(lock).items() <= locked(ROOT / "requirements.lock").items()
    assert installed_here(lock) == needed([*project["build-system"]["requires"], *hook["dependencies"]])


def test_the_tool_for_npms_lock_keeps_all_but_addresses() -> None:
    kept = {"version": "1.0.0", "integrity": "sha512-x", "license": "MIT"}
    lock = {"lockfileVersion": 3, "packages": {"node_modules/a": {**kept, "funding": {"url": "https://a.example"}}}}

    assert json.loads(bare(lock)) == {"lockfileVersion": 3, "packages": {"node_modules/a": kept}}


def test_the_tool_for_npms_lock_refuses_an_address_of_a_new_kind() -> None:
    lock = {"packages": {"node_modules/a": {"version": "1.0.0", "homepage": "https://a.example"}}}

    with pytest.raises(ValueError, match="an address is left"):
        bare(lock)
