"""The simulator on the command line: python -m gateway.simulator --listen HOST:PORT --pace FACTOR.

Not here: serving (server.py).
Promise: the first line of standard output is the address; with --ready-fd the port is written there and it is closed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from gateway.simulator.server import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments (default: the process's own) and serve until a signal; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.simulator", description="A simulated Interactions API.")
    parser.add_argument("--listen", default="127.0.0.1:8090", help="HOST:PORT, port 0 for any free one")
    parser.add_argument("--pace", type=float, default=1.0, help="factor on the pauses of the scenarios, 0 for none")
    parser.add_argument("--ready-fd", type=int, help="write the port to this descriptor when connections are accepted")
    options = parser.parse_args(arguments)
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit() or options.pace < 0:
        parser.error("--listen needs HOST:PORT, --pace a number from 0 on")

    def ready(actual: int) -> None:
        if options.ready_fd is not None:
            os.write(options.ready_fd, f"{actual}\n".encode())
            os.close(options.ready_fd)

    return run(host.strip("[]"), int(port), pace=options.pace, ready=ready)


if __name__ == "__main__":
    sys.exit(main())
