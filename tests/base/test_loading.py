"""Programs are loaded while the garbage collector rests."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.base.loading import loading

PROGRAM = """
import gc, sys
resting = not gc.isenabled()

def main():
    print(resting, gc.isenabled(), gc.get_freeze_count() > 1000, sys.argv[1:], flush=True)
    return 5
"""


def test_a_program_is_loaded_at_rest_and_lives_with_the_collector_at_work(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "kiosk.base.loading", "program", "an argument"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("True True True ['an argument']\n", "", 5)


def test_what_cannot_be_loaded_leaves_the_collector_at_work() -> None:
    with pytest.raises(ImportError), loading():
        assert not gc.isenabled()
        raise ImportError("no such program")
    assert gc.isenabled()
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled(), "who had it rest does not want it back at work"
    finally:
        gc.enable()
