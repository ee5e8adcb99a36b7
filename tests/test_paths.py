"""Both forwarding paths are held to the same: what is collected for one is collected for the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.forwarding import PATHS

ROOT = Path(__file__).parent.parent
HELD_TO = ("tests/conformance", "tests/e2e", "tests/exact")


def collected(path: str) -> list[str]:
    """The ids of the tests that hold for a forwarding path."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--path", path, *HELD_TO],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_the_same_tests_hold_for_both_paths() -> None:
    fast, plain = map(collected, PATHS)

    assert len(fast) > 1300
    assert fast == plain


def test_make_runs_them_for_each() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert f"FORWARDING_TESTS := {' '.join(HELD_TO)}\n" in makefile
    assert makefile.count("--path plain $(FORWARDING_TESTS)") == 2
