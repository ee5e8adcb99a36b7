"""The memory under the loop: what a process does to it once at its start."""

from __future__ import annotations

import subprocess
import sys

READS = 1000
CODE = f"""
import resource, socket
from gateway.loops import keep_large_blocks
near, far = socket.socketpair()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range({READS}):
        far.send(b"x" * 150)
        near.recv(256 * 1024)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
before = faults()
size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
keep_large_blocks()
print(before, faults(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size)
"""


def test_large_reads_map_no_memory_anew() -> None:
    """Told by page faults: one or more a read before, next to none after; and nothing is held for it."""
    done = subprocess.run([sys.executable, "-P", "-c", CODE], capture_output=True, text=True, timeout=60, check=True)
    before, after, grown_kb = map(int, done.stdout.split())

    assert before >= READS
    assert after < READS / 10
    assert grown_kb < 1024
