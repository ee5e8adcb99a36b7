"""What an installed package has: the wheel is built and looked into."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRICES = ROOT / "config" / "pricing.toml"
WHERE = "from gateway.telemetry import pricing_file as p; print(p.shipped(), len(p.read(p.shipped()).entries) > 0)"


def where(folder: Path, package: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", WHERE],
        env={**os.environ, "PYTHONPATH": str(package)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


def test_prices_come_with_the_wheel_and_there_is_one_copy_of_them_in_a_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("gateway/pricing.toml") == PRICES.read_bytes()
        archive.extractall(installed)

    assert where(tmp_path, installed) == [str(installed / "gateway" / "pricing.toml"), "True"]
    assert where(tmp_path, ROOT) == [str(PRICES), "True"]
    assert len(list(ROOT.glob("*/pricing.toml"))) == 1
