"""What was freed is given back to the system, as Linux counts the memory of a process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from kiosk.base import memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

small = [bytes(1000) for _ in range(50_000)]
last = bytes(1000)
full = resident()
del small
kept = resident()
memory.release_free_memory()
print(full - kept, kept - resident())
"""


def test_small_blocks_that_were_freed_below_one_that_was_not_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    at_once, given_back = map(int, done.stdout.split())
    assert given_back > 30_000_000 > at_once
