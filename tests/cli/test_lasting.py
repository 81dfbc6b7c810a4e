"""On a box whose data would lie in memory nothing is begun or kept; elsewhere memory is as good as a disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.kiosk import main
from kiosk.cli.run import EXIT_NOT_PERSISTENT

ROOT = Path(__file__).parents[2]
PIN = "271836\n"


@pytest.fixture
def memory() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def kiosk(*words: str, box: str = "1", **more: str) -> tuple[int, str]:
    """The status and what was said on standard error. What would run on and on has a process of its own."""
    if words[0] not in ("run", "relay"):
        done = CliRunner().invoke(main, words, input=PIN * 2, env={"KIOSK_BOX": box, **more})
        return done.exit_code, done.stderr
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIOSK_", "STATE_"))}
    environ |= {"PYTHONPATH": str(ROOT), "KIOSK_BOX": box, **more}
    program = subprocess.run(
        [sys.executable, "-m", "kiosk.cli.kiosk", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environ,
        timeout=120,
    )
    return program.returncode, program.stderr


def settings(folder: Path, data: Path) -> Path:
    path = folder / "station.toml"
    path.write_text(
        f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{data}"\n'
        '[relay]\nbroker_url = "mqtt://127.0.0.1:1"\n'
    )
    return path


def test_a_box_without_its_data_begins_nothing(memory: Path, tmp_path: Path) -> None:
    data = memory / "data"
    config = str(settings(tmp_path, data))
    new = tmp_path / "new" / "station.toml"
    new.parent.mkdir()
    refused = {
        "station": (("run", "--config", config), EXIT_NOT_PERSISTENT),
        "relay": (("relay", "--config", config), EXIT_NOT_PERSISTENT),
        "a clerk": (("clerk", "add", "Tursun", "--config", config), 3),
        "restore": (("restore", str(tmp_path / "none.db"), "--config", config), 1),
        "first start, its settings": (("run", "--config", str(memory / "station.toml")), EXIT_NOT_PERSISTENT),
    }
    for name, (words, status) in refused.items():
        ended, said = kiosk(*words)
        assert (ended, len(said.splitlines())) == (status, 1), (name, said)
        assert said.startswith("The data partition is missing: "), name
        assert str(memory) in said, name
    ended, said = kiosk("run", "--config", str(new), STATE_DIRECTORY=str(data))
    assert (ended, "The data partition is missing" in said) == (EXIT_NOT_PERSISTENT, True), "first start, data"
    assert list(memory.iterdir()) == list(new.parent.iterdir()) == []


def test_a_box_makes_no_backup_of_memory_and_none_into_it(memory: Path, tmp_path: Path) -> None:
    for data, medium in ((memory / "data", tmp_path), (tmp_path / "data", memory)):
        config = str(settings(tmp_path, data))
        made, said = kiosk("clerk", "list", "--config", config, box="")
        assert made == 0, said
        words = ("backup", "--to", str(medium), "--same-disk", "--config", config)
        ended, said = kiosk(*words)
        assert (ended, said.count("The data partition is missing")) == (1, 1), said
        assert not list(medium.glob("*.db"))
        assert kiosk(*words, box="")[0] == 0, "a trial in memory is nobody's loss"
