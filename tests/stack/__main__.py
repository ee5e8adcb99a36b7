"""`make stack`: the demo with a real Prometheus and a real Alertmanager beside it, until Ctrl-C.

    python -m tests.stack [--listen H:P] [--admin H:P] [--prometheus H:P] [--alertmanager H:P] [--interval 1s]

Not here: Grafana, the collector and the trace store: they come in containers only (config/stack/compose.yml).
Promise: however it ends short of being killed, all that it has started has ended before.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.forwarding import command
from tests.gateway_process import Lines, wait_until
from tests.prometheus_process import alertmanager, prometheus
from tests.stack.configuration import ALERTMANAGER_FILE, prometheus_config

START_S: Final = 20.0
END_S: Final = 10.0
POLL_S: Final = 0.2
_METRICS = re.compile(r"^metrics +http://(\S+)/metrics$")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="interactions-gateway-stack-") as folder:
            return _run(options, Path(folder))
    except KeyboardInterrupt:
        return 0
    except (RuntimeError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, folder: Path) -> int:
    with (
        _demo(options) as (demo, lines),
        alertmanager(
            ALERTMANAGER_FILE.read_text(encoding="utf-8"), folder / "a", address=_fixed(options.alertmanager)
        ) as told,
    ):
        admin = wait_until(lambda: _admin(demo, lines), START_S, "the demo")
        config = prometheus_config(admin, told.address, options.interval)
        with prometheus(config, folder / "p", address=_fixed(options.prometheus)) as scraping:
            print(f"prometheus {scraping.url}/classic/alerts  (and its rules, targets and queries)")
            print(f"told       {told.url}/api/v2/alerts  (what Alertmanager has been told)", flush=True)
            shown = 0
            while demo.poll() is None:
                for line in lines.all()[shown:]:
                    print(line, flush=True)
                    shown += 1
                time.sleep(POLL_S)
            return demo.returncode or 1


@contextmanager
def _demo(options: argparse.Namespace) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
    """`interactions-gateway demo`."""
    process = subprocess.Popen(
        [str(command()), "demo", "--listen", options.listen, "--admin", options.admin],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,  # Ctrl-C is ours, and ends it when nobody scrapes it any more
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    lines = Lines(process)
    try:
        yield process, lines
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        finally:
            process.kill()
            process.wait(END_S)
            lines.join()


def _admin(demo: subprocess.Popen[str], lines: Lines) -> str:
    """Host and port of the gateway's metrics, once the demo says them. Raises RuntimeError where it ended instead."""
    ended = demo.poll() is not None
    printed = lines.all()
    found = next((match[1] for line in printed if (match := _METRICS.match(line))), "")
    if ended and not found:
        raise RuntimeError("\n".join(["the demo has ended:", *printed]))
    return found


def _fixed(address: str) -> str:
    return "" if address.endswith(":0") else address


def _interrupt(*_: object) -> None:
    # once: a second Ctrl-C must not cut short the end of what the first one ends
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stack", description="The stack that needs no containers.")
    for name, address, what in (
        ("listen", "127.0.0.1:8080", "the gateway"),
        ("admin", "127.0.0.1:9464", "its metrics"),
        ("prometheus", "127.0.0.1:9090", "Prometheus"),
        ("alertmanager", "127.0.0.1:9093", "Alertmanager"),
    ):
        parser.add_argument(
            f"--{name}", default=address, help=f"where {what} listens (default {address}; port 0: a free one)"
        )
    parser.add_argument("--interval", default="", help="between scrapes and evaluations, instead of the file's: 1s")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
