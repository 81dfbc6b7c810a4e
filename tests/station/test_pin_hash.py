"""PINs are slow to guess, and the memory that makes them so is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kiosk.station.pin_hash import hash_pin, pin_matches


def test_a_pin_matches_its_own_hash_alone() -> None:
    stored = hash_pin("482913")
    assert stored.startswith("$argon2id$v=19$m=12288,t=3,p=1$")
    assert pin_matches("482913", stored)
    assert not pin_matches("482914", stored)
    assert not pin_matches("nobody has this one", None)
    assert hash_pin("482913") != stored, "each has a salt of its own"


@pytest.mark.parametrize("stored", ["x", "$argon2id$v=19$m=12288,t=3,p=1$", "$argon2id$", "482913"])
def test_what_is_no_hash_matches_nothing(stored: str) -> None:
    assert not pin_matches("482913", stored)


def test_the_memory_is_given_back() -> None:
    """In a process of its own: the heap of a test run has room to hide twelve mebibytes."""
    program = """
import re
from pathlib import Path
from kiosk.station.pin_hash import hash_pin, pin_matches

def held():
    return int(re.search(r"VmRSS:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])

stored = hash_pin("482913")
before = held()
for _ in range(3):
    assert pin_matches("482913", stored)
print(held() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 6_000, "kB"
