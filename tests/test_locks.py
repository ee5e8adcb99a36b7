"""Locks pin versions and hashes; where they come from is the machine's business."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = [ROOT / "requirements.lock", *ROOT.glob("tests/**/package-lock.json")]


@pytest.mark.parametrize(
    "lock", [lock for lock in LOCKS if "node_modules" not in lock.parts], ids=lambda lock: lock.name
)
def test_no_lock_names_a_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert not re.findall(r"https?://\S+", text)
    assert "index-url" not in text


def test_everything_locked_for_python_has_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert requirements
    assert [line for line in requirements if "--hash=sha256:" not in line] == []
