"""behind.py ENVIRONMENT: let that environment find this one's packages behind its own."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path


def main(environment: Path) -> None:
    """Write a .pth file there."""
    own = Path(sysconfig.get_path("purelib"))
    there = environment / own.relative_to(sys.prefix)
    (there / "behind.pth").write_text(f"{own}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
