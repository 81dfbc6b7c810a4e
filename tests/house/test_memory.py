"""A run writes in a folder of its own in memory, and nothing of an earlier run stays there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.memory import DISK, MEMORY, RunFolder, has_room, other_disk

ROOT = Path(__file__).resolve().parents[2]
KILLED = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.memory import RunFolder
print(RunFolder(Path(sys.argv[1])).path, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """They go where they went before, when the test is over."""
    monkeypatch.setenv("TMPDIR", tempfile.gettempdir())
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_what_a_killed_or_a_red_run_left_goes_with_the_next_and_what_a_running_one_has_stays(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=False)
    red = RunFolder(tmp_path)
    red.close(keep=True)
    assert "TMPDIR" not in os.environ
    assert red.path.is_dir()
    running = RunFolder(tmp_path)
    assert not Path(killed.stdout.strip()).exists()
    assert not red.path.exists()
    one_more = RunFolder(tmp_path)
    assert set(tmp_path.iterdir()) == {running.path, one_more.path}
    running.close(keep=False)
    one_more.close(keep=False)
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_of_this_process_and_of_others_go_there(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    ask = "import tempfile; print(tempfile.gettempdir())"
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert (tempfile.gettempdir(), said.strip()) == (str(folder.path), str(folder.path))
    folder.close(keep=False)


def test_who_says_where_temporary_files_go_is_obeyed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not has_room(MEMORY)
    monkeypatch.delenv("TMPDIR")
    assert not has_room(tmp_path / "missing")


def test_the_other_disk_is_another(subtests: pytest.Subtests) -> None:
    for own in [MEMORY, DISK]:
        with subtests.test(own=own):
            assert other_disk(own).stat().st_dev != own.stat().st_dev
