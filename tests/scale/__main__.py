"""`python -m tests.scale`: what so many streams need, and how that was found.

python -m tests.scale plan --streams 10000 [--events-per-s 20 --mean-s 30] [--scrape FILE] [--models 6] [--teams 0]
                           [--keep-ratio 1] [--scrape-s 30] [--workers 1]
python -m tests.scale measure      figures.toml anew (three minutes, on an idle machine)
python -m tests.scale sweep        sweep.toml anew (ten minutes)
python -m tests.scale page         the tables of docs/scale.md anew
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.scale import measure, page, sweep
from tests.scale.cases import Case
from tests.scale.defaults import DEFAULTS
from tests.scale.figures import FIGURES, Figures
from tests.scale.model import Load, Pod
from tests.scale.workload import MIX, events_per_s, from_scrape, mean_s


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the arguments ask for."""
    options = _options(arguments)
    if options.what == "plan":
        print(planned(options))
    elif options.what == "measure":
        FIGURES.write_text(measure.measured(), encoding="utf-8")
    elif options.what == "sweep":
        groups = options.only.split(",") if options.only else []
        rows = sweep.sweep(Figures.read(), groups, sweep.read() if groups else [])
        sweep.SWEEP.write_text(sweep.to_toml(rows), encoding="utf-8")
    else:
        page.write()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description="What so many streams need.")
    parser.add_argument("what", choices=("plan", "measure", "sweep", "page"))
    parser.add_argument("--only", help="groups of the sweep, with commas between")
    parser.add_argument("--streams", type=int, default=10_000, help="open at once, on average")
    parser.add_argument("--events-per-s", type=float, help="of an open stream")
    parser.add_argument("--mean-s", type=float, help="how long a stream lasts")
    parser.add_argument("--scrape", type=Path, help="a gateway's /metrics, as text, to take both from")
    parser.add_argument("--models", type=int, default=6)
    parser.add_argument("--teams", type=int, default=0)
    parser.add_argument("--keep-ratio", type=float, default=1.0, help="of the traces")
    parser.add_argument("--scrape-s", type=int, default=30, help="between two scrapes")
    parser.add_argument("--workers", type=int, default=1, help="forwarders a pod")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> str:
    """The plan as lines of text."""
    kinds = (from_scrape(options.scrape.read_text(encoding="utf-8")),) if options.scrape else MIX
    load = Load(
        options.streams,
        options.events_per_s or events_per_s(kinds),
        options.mean_s or mean_s(kinds),
        models=options.models,
        teams=options.teams,
        keep_ratio=options.keep_ratio,
        scrape_s=options.scrape_s,
    )
    one = Case(load, Pod(DEFAULTS.target_core, DEFAULTS.target_streams, options.workers, DEFAULTS.least))
    figures = Figures.read()
    rows = page.size_rows(one.plan(figures), load)
    lines = [f"{name.replace('*', ''):<42} {value.replace('*', '')}" for name, value in rows.items()]
    lines += ["", "how full one of each is:"]
    lines += [f"{strain.what:<42} {page.number(strain.units):>12}  {strain.after}" for strain in one.strains(figures)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
