"""A child that grows, says so on the socket that it was handed, and never listens to its supervisor."""

from __future__ import annotations

import argparse
import signal
import socket
import sys

GROWTH_BYTES = 8 * 1024 * 1024

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lifeline-fd", type=int)
    parser.add_argument("--held-fd", type=int)
    held = socket.socket(fileno=parser.parse_args(sys.argv[1:]).held_fd)
    held.recv(1)  # the guard has seen it fresh
    grown = bytearray(b"x") * GROWTH_BYTES
    held.sendall(b".")
    signal.pause()
