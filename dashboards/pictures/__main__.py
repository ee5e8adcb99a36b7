"""`python -m dashboards.pictures --prometheus URL`: each dashboard as a PNG, from what a Prometheus has.

Not here: drawing (sheet.py). Ends with 0 when every panel was drawn, also one without data; with 1 where a query
failed, and with 2, and one sentence, where nothing could be drawn at all.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dashboards.pictures.asking import AskError, Prometheus
from dashboards.pictures.reading import FOLDER, Dashboard, dashboards, seconds
from dashboards.pictures.sheet import Drawn, Shown, draw, with_values

OUT: Final = Path("docs") / "dashboards"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        shown = _shown(options)
        failed = 0
        for dashboard in _chosen(options.dashboard):
            drawn = draw(
                dashboard, Prometheus(options.prometheus), with_values(shown, dashboard), _file(options, dashboard)
            )
            failed += _told(dashboard, drawn, _file(options, dashboard))
    except (AskError, ValueError, OSError) as error:
        print(f"dashboards.pictures: {error}", file=sys.stderr)
        return 2
    return 1 if failed else 0


def _file(options: argparse.Namespace, dashboard: Dashboard) -> Path:
    return Path(options.out) / f"{dashboard.uid}.png"


def _chosen(uid: str) -> list[Dashboard]:
    known = dashboards(FOLDER)
    chosen = [one for one in known if uid in {"", one.uid}]
    if not chosen:
        raise ValueError(f"no dashboard {uid!r}; there are {', '.join(one.uid for one in known)}")
    return chosen


def _shown(options: argparse.Namespace) -> Shown:
    """The time and the values that were asked for; asks Prometheus how often it scrapes, and so whether it is there."""
    found_s = Prometheus(options.prometheus).scrape_interval_s()
    scrape_s = seconds(options.scrape_interval) if options.scrape_interval else found_s
    end_s = _moment(options.to) if options.to else time.time()
    start_s = _moment(options.start) if options.start else end_s - seconds(options.range)
    if start_s >= end_s:
        raise ValueError("the time that is shown must begin before it ends")
    values = dict(_pair(text) for text in options.var)
    return Shown(start_s, end_s, values, scrape_s)


def _moment(text: str) -> float:
    """Unix seconds, or ISO 8601 in UTC unless it says otherwise."""
    try:
        return float(text)
    except ValueError:
        pass
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"--var {text}: must be name=value")
    return name, value


def _told(dashboard: Dashboard, drawn: Sequence[Drawn], file: Path) -> int:
    """Say what became of a dashboard; gives how many of its panels failed."""
    empty = [one.panel.title for one in drawn if not one.series and not one.error]
    print(f"{file}  {len(drawn)} panels, {sum(one.series for one in drawn)} series, {file.stat().st_size // 1024} KiB")
    if empty:
        print(f"  without data: {', '.join(empty)}")
    failed = [one for one in drawn if one.error]
    for one in failed:
        print(f"  failed: {one.panel.title}: {one.error}")
    return len(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboards.pictures", description="Dashboards as pictures.")
    parser.add_argument("--prometheus", required=True, metavar="URL", help="such as http://127.0.0.1:9090")
    parser.add_argument("--dashboard", default="", metavar="UID", help="one of them (default: all)")
    parser.add_argument("--out", default=str(OUT), metavar="DIR", help=f"where the files go (default: {OUT})")
    parser.add_argument("--range", default="1h", help="how much time is shown (default: 1h)")
    parser.add_argument("--from", dest="start", default="", help="its beginning: ISO 8601 or Unix seconds, not --range")
    parser.add_argument("--to", default="", help="its end (default: now)")
    parser.add_argument("--scrape-interval", default="", help="a rate's window is four of it (default: as configured)")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="of a variable, as a regex")
    return parser


if __name__ == "__main__":
    sys.exit(main())
