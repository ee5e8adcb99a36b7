"""Regular expressions of ours hold on every Python that is supported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parent.parent / "gateway"
# CPython before 3.11.5 (Debian 12 has 3.11.2) lets a possessive group match what it must not (gh-106052).
_POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")


@pytest.mark.parametrize("source", sorted(GATEWAY.rglob("*.py")), ids=lambda path: str(path.relative_to(GATEWAY)))
def test_no_group_is_possessive(source: Path) -> None:
    lines = [line for line in source.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]

    assert [line for line in lines if _POSSESSIVE_GROUP.search(line)] == []
