"""bare_npm_lock.py FROM TO: npm's lock without addresses: versions and hashes only, as in requirements.lock.

npm leaves out where packages come from when told so (.npmrc), but not where their authors ask for money.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

ADDRESSES: Final = ("funding", "resolved")


def bare(lock: dict[str, Any]) -> str:
    """The lock's text. Raises ValueError where an address is left, so that no new kind of it slips in."""
    packages = {
        where: {key: value for key, value in package.items() if key not in ADDRESSES}
        for where, package in lock["packages"].items()
    }
    text = json.dumps({**lock, "packages": packages}, indent=2, ensure_ascii=False) + "\n"
    if "://" in text:
        line = next(line for line in text.splitlines() if "://" in line)
        raise ValueError(f"an address is left in the lock: {line.strip()}")
    return text


def main() -> None:
    """Read, strip, write."""
    source, target = map(Path, sys.argv[1:])
    target.write_text(bare(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
