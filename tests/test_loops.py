"""What a process does once before its loop runs: to its memory, and to its limit of open files."""

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


FILES = """
import resource
from gateway import loops
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
async def main():
    print(resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, loops.OPEN_FILES), hard))
loops.run(main())
"""


def test_a_process_may_open_as_many_files_as_the_system_allows() -> None:
    """A shell, a unit or a container's runtime starts it with few."""
    done = subprocess.run([sys.executable, "-P", "-c", FILES], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "True\n"
