"""`python -m tests.conformance.report`: all rows through nothing, nginx (where installed) and the gateway's two paths.

Not here: accepted differences are shown as differences (`≠`). `·`: the row says nothing about that way.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter

from tests.conformance.accepted import ACCEPTED
from tests.conformance.proxies import Way, gateway_way_of, has_nginx, way_of
from tests.conformance.rows import Row
from tests.conformance.table import GROUPS
from tests.forwarding import PATHS

_HOLDS, _DIFFERS, _UNSAID = "✓", "≠", "·"


def report(*, verbose: bool) -> None:
    """Print the table and its totals; verbose: with what differs."""
    names = ["direct", *(["nginx"] if has_nginx() else []), *PATHS]
    totals: dict[str, Counter[str]] = {name: Counter() for name in names}
    with contextlib.ExitStack() as stack:
        ways: dict[tuple[str, str], Way] = {}
        for group, rows in GROUPS.items():
            print(f"\n{group} ({len(rows)})\n{' '.join(f'{name:>8}' for name in names)}")
            for row in rows:
                marks, notes = [], []
                for name in names:
                    found = _play(stack, ways, name, row)
                    mark = _UNSAID if found is None else _DIFFERS if found else _HOLDS
                    totals[name][mark] += 1
                    marks.append(mark)
                    notes += [f"{' ' * 30}{name}: {text}" for text in found or ()]
                where = [path for path in PATHS if row.id in ACCEPTED[path]]
                accepted = f"  (accepted: {', '.join(where)})" if where else ""
                print(" ".join(f"{mark:>8}" for mark in marks), f" {row.id}{accepted}")
                if verbose and notes:
                    print("\n".join(notes))
    print("\ntotals")
    for name, counts in totals.items():
        held = counts[_HOLDS] + counts[_DIFFERS]
        print(f"{name:>8}: {counts[_HOLDS]} of {held} rows hold, {counts[_DIFFERS]} differ")


def _play(stack: contextlib.ExitStack, ways: dict[tuple[str, str], Way], name: str, row: Row) -> list[str] | None:
    if ("gateway" if name in PATHS else name) not in row.via:
        return None
    if (name, row.setup) not in ways:
        way = gateway_way_of(row.setup, {"proxy.path": name}) if name in PATHS else way_of(name, row.setup)
        ways[name, row.setup] = stack.enter_context(way)
    try:
        return ways[name, row.setup].play(row)
    except OSError as exc:
        return [f"could not be played: {exc}"]


if __name__ == "__main__":
    report(verbose="--verbose" in sys.argv)
