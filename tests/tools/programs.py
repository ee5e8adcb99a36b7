"""Programs that tests run beside ours: from PATH, or from where `make` put them.

Not here: fetching them (fetch_debs.sh).
"""

from __future__ import annotations

import shutil
from pathlib import Path

FETCHED = Path(__file__).parents[2] / ".cache" / "tools" / "root" / "usr" / "bin"


def program(name: str) -> Path:
    """Where it is. Raises FileNotFoundError: a test that can't run has failed, it isn't skipped."""
    found = shutil.which(name) or shutil.which(name, path=str(FETCHED))
    if found is None:
        raise FileNotFoundError(
            f"{name} is neither on PATH nor in {FETCHED.relative_to(FETCHED.parents[4])}: run make test"
        )
    return Path(found)
