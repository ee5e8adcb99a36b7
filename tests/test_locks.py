"""Locks pin versions and hashes; where they come from is the machine's business."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.tools.bare_npm_lock import bare

ROOT = Path(__file__).parent.parent
PYTHON_LOCKS = [ROOT / "requirements.lock", *ROOT.glob("tests/sdk/python/*.lock")]
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


def test_the_tool_for_npms_lock_keeps_all_but_addresses() -> None:
    kept = {"version": "1.0.0", "integrity": "sha512-x", "license": "MIT"}
    lock = {"lockfileVersion": 3, "packages": {"node_modules/a": {**kept, "funding": {"url": "https://a.example"}}}}

    assert json.loads(bare(lock)) == {"lockfileVersion": 3, "packages": {"node_modules/a": kept}}


def test_the_tool_for_npms_lock_refuses_an_address_of_a_new_kind() -> None:
    lock = {"packages": {"node_modules/a": {"version": "1.0.0", "homepage": "https://a.example"}}}

    with pytest.raises(ValueError, match="an address is left"):
        bare(lock)
