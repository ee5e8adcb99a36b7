"""The gate itself: what doesn't run fails a run in CI, and heavy tests are left out openly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SUITE = """
import pytest

def test_light(): pass

@pytest.mark.heavy
def test_heavy(): pass
"""
SKIPPED = "import pytest\n@pytest.mark.skip(reason='no time')\ndef test_skipped(): pass\n"
XFAILED = "import pytest\n@pytest.mark.xfail\ndef test_xfailed(): assert False\n"


def run(folder: Path, suite: str, *flags: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(suite, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    heavy: too long\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.gate", "-p", "no:cacheprovider", *flags],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("suite", "flags", "ci", "code"),
    [
        pytest.param(SUITE, (), "true", 0, id="heavy tests are no deselected ones"),
        pytest.param(SUITE, ("--heavy",), "true", 0, id="all of them"),
        pytest.param(SKIPPED, (), "true", 1, id="a skipped test fails CI"),
        pytest.param(SKIPPED, (), "", 0, id="a skipped test passes elsewhere"),
        pytest.param(XFAILED, (), "true", 1, id="an xfailed test fails CI"),
        pytest.param(SUITE, ("-k", "light", "--heavy"), "true", 1, id="a deselected test fails CI"),
        pytest.param(SUITE, ("-k", "light", "--heavy"), "", 0, id="a deselected test passes elsewhere"),
    ],
)
def test_the_gate(tmp_path: Path, suite: str, flags: tuple[str, ...], ci: str, code: int) -> None:
    done = run(tmp_path, suite, *flags, ci=ci)

    assert done.returncode == code, done.stdout + done.stderr
    assert ("did not run" in done.stdout) == bool(ci and code)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    assert "1 heavy tests are left to make test-all" in run(tmp_path, SUITE).stdout
    assert "heavy tests are left" not in run(tmp_path, SUITE, "--heavy").stdout
