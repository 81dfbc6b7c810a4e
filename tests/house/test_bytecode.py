"""The first run on a machine compiles its tests in one of its processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bytecode import compiled_by_one, is_missing

WRITES = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.bytecode import compiled_by_one
print("here", flush=True)
with compiled_by_one(Path(sys.argv[1])):
    print(sorted(path.name for path in Path(sys.argv[1], "__pycache__").iterdir()))
"""
KEPT = f"test_one.{sys.implementation.cache_tag}-pytest-9.0.0.pyc"


def test_what_is_compiled_is_found_where_pytest_keeps_it(tmp_path: Path) -> None:
    assert not is_missing(Path(__file__).parent), "this very file has been compiled"
    (tmp_path / "test_one.py").touch()
    assert is_missing(tmp_path)


def test_a_second_process_waits_for_the_first_that_compiles_and_no_longer(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").touch()
    (tmp_path / "__pycache__").mkdir()
    command = [sys.executable, "-c", WRITES, str(tmp_path), str(Path(__file__).parents[2])]
    with compiled_by_one(tmp_path):
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert second.stdout.readline() == "here\n"
        (tmp_path / "__pycache__" / KEPT).touch()
    with second:
        assert second.stdout.read() == f"['{KEPT}']\n"
    with compiled_by_one(tmp_path), compiled_by_one(tmp_path):
        assert not is_missing(tmp_path), "nobody waits any more"
