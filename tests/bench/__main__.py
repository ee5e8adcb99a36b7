"""`python -m tests.bench`: the benchmark's command line.

    python -m tests.bench [--quick] [--peers] [--targets nginx,gateway] [--scenarios S1,S3] [--rounds 3] [--out FOLDER]
    python -m tests.bench soak [--minutes 30] [--streams 500] [--tls]
    python -m tests.bench burst [--streams 1000] [--seconds 2]

Everything runs on loopback, and stops by itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from tests.bench import burst, peers, plots, report, soak
from tests.bench.processes import ROOT, allow_many_files
from tests.bench.run import measure_all
from tests.bench.scenarios import FULL, QUICK, Scenario, scenarios
from tests.bench.targets import TARGETS, Target, site

T = TypeVar("T")
OUT: Final = ROOT / ".cache" / "bench"
QUICK_TARGETS: Final = ("direct", "nginx", "gateway")
QUICK_SCENARIOS: Final = ("S1", "S2", "S3", "S4", "S5", "S6", "S1t", "S3t", "O1")
PEERS_ONLY: Final = ("P20",)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the arguments ask for."""
    options = _options(arguments)
    allow_many_files()
    if options.what == "soak":
        print(soak.table(soak.soak(options.minutes, options.streams or 500, tls=options.tls)))
    elif options.what == "burst":
        names = tuple(_listed(options.targets)) or ("direct", "nginx", "gateway")
        print(burst.table(burst.burst(options.streams or 1000, options.seconds, names, options.rounds or burst.ROUNDS)))
    else:
        run(options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What the gateway costs.")
    parser.add_argument("what", nargs="?", choices=("run", "soak", "burst"), default="run")
    parser.add_argument("--quick", action="store_true", help="under 3 minutes: one short round, few targets")
    parser.add_argument("--peers", action="store_true", help="LiteLLM and mitmproxy too (installs them)")
    parser.add_argument("--targets", help="names, with commas between: " + ", ".join(TARGETS))
    parser.add_argument("--scenarios", help="names, with commas between: " + ", ".join(scenarios(FULL)))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the soak")
    parser.add_argument("--streams", type=int, help="at a time in the soak (500), or of the burst (1000)")
    parser.add_argument("--seconds", type=float, default=2.0, help="in which the streams of the burst arrive")
    parser.add_argument("--tls", action="store_true", help="TLS to the upstream in the soak")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for report.md, results.json and the plots")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """The table of costs and goals."""
    if options.peers:
        peers.add()
    size = QUICK if options.quick else FULL
    rounds = options.rounds or size.rounds
    chosen = _scenarios(options)
    with tempfile.TemporaryDirectory() as folder, site(Path(folder)) as where:
        results = measure_all(where, _targets(options), chosen, rounds)
    about = report.environment()
    text = report.markdown(results, chosen, about, rounds)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.md").write_text(text, encoding="utf-8")
    (out / "results.json").write_text(json.dumps({**results.to_json(), "environment": about}, indent=1), "utf-8")
    for name, picture in plots.of_board(results).items():
        (out / name).write_text(picture, encoding="utf-8")
    print(text)
    print(f"Written to {out}: report.md, results.json, plots.", file=sys.stderr)


def _targets(options: argparse.Namespace) -> list[Target]:
    names = _listed(options.targets) or (list(QUICK_TARGETS) if options.quick else list(TARGETS))
    return [_named(TARGETS, name) for name in names]


def _scenarios(options: argparse.Namespace) -> list[Scenario]:
    found = scenarios(QUICK if options.quick else FULL)
    every = [name for name in found if options.peers or name not in PEERS_ONLY]
    names = _listed(options.scenarios) or (list(QUICK_SCENARIOS) if options.quick else every)
    return [_named(found, name) for name in names]


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _named(known: Mapping[str, T], name: str) -> T:
    if name not in known:
        sys.exit(f"there is no {name}: {', '.join(known)}")
    return known[name]


if __name__ == "__main__":
    main()
