"""A folder whose content is gone with the power is known as such, however it was mounted there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.base import systemd
from kiosk.store.database import persistence
from kiosk.store.database.persistence import (
    NotPersistent,
    is_box,
    memory_file_system,
    require_persistent,
    root_is_writable,
)
from tests.systemd.box import AS_ROOT

MOUNTED = """
import json, subprocess, sys
from pathlib import Path
from kiosk.store.database.persistence import memory_file_system, root_is_writable
from tests.systemd.own_root import take_own_root
take_own_root()  # also where the root is no mount point
here = Path(sys.argv[1])
def mount(*words):
    subprocess.run(["mount", *words], check=True)
names = ("tmpfs", "ramfs", "low", "up", "overlay", "bound", "lasting", "over")
for name in names:
    (here / name).mkdir()
mount("-t", "tmpfs", "none", str(here / "tmpfs"))
mount("-t", "ramfs", "none", str(here / "ramfs"))
memory = here / "tmpfs"
(memory / "up").mkdir(); (memory / "work").mkdir(); (memory / "inner").mkdir()
layers = f"lowerdir={here / 'low'},upperdir={memory / 'up'},workdir={memory / 'work'}"
mount("-t", "overlay", "overlay", "-o", layers, str(here / "overlay"))
mount("--bind", str(memory / "inner"), str(here / "bound"))
mount("-t", "tmpfs", "none", str(here / "over"))
mount("--bind", str(here / "lasting"), str(here / "over"))
(here / "link").symlink_to(here / "bound")
(here / "link-back").symlink_to(here / "over")
mount("--bind", "-o", "ro", str(here / "bound"), str(here / "bound"))
print(json.dumps({name: memory_file_system(here / name) for name in (*names, "link", "link/not/yet", "link-back")}))
"""


def test_every_way_to_memory_is_seen(tmp_path: Path) -> None:
    """tmpfs, ramfs, an overlay; through bind mounts and links; and a disk that is mounted over memory is none."""
    command = [*AS_ROOT, sys.executable, "-c", MOUNTED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    disk = memory_file_system(tmp_path)
    assert found == {
        "tmpfs": "tmpfs",
        "ramfs": "ramfs",
        "low": disk,
        "up": disk,
        "overlay": "overlay",
        "bound": "tmpfs",
        "lasting": disk,
        "over": disk,
        "link": "tmpfs",
        "link/not/yet": "tmpfs",
        "link-back": disk,
    }


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory on every machine."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def test_only_a_box_refuses_it(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "is_booted", lambda: False)
    require_persistent(memory, {})
    require_persistent(memory, {"KIOSK_BOX": ""})
    with pytest.raises(NotPersistent, match="The data partition is missing") as refusal:
        require_persistent(memory / "new", {"KIOSK_BOX": "1"})
    assert str(memory / "new") in str(refusal.value)
    monkeypatch.setattr(systemd, "is_booted", lambda: True)
    monkeypatch.setattr(persistence, "unit_properties", lambda names, unit: {names: "LG_WD=/run/kiosk KIOSK_BOX=1"})
    with pytest.raises(NotPersistent):
        require_persistent(memory, {})
    assert is_box({})


def test_what_the_station_s_unit_says_is_asked_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path)
    assert not is_box({}), "no systemctl"
    for script, box in (
        ("echo Environment=LG_WD=/run/kiosk KIOSK_BOX=1", True),
        ("echo Environment=KIOSK_BOX=10", False),
        ("exit 1", False),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        program.chmod(0o755)
        assert is_box({}) is box, script
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    assert not is_box({})


def test_a_root_that_can_be_written(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    row = "{} 1 8:2 / {} {} shared:1 - {}"
    ext4, inside = (
        row.format(22, "/", "rw,noatime", "ext4 /dev/mmcblk0p2 rw"),
        row.format(23, "/data", "rw", "ext4 x rw"),
    )
    cases = {
        ext4: True,
        ext4.replace("rw,noatime", "ro,noatime"): True,  # read-only for one unit is not read-only
        f"{ext4}\n{inside}": True,
        row.format(22, "/", "rw", "ext4 /dev/mmcblk0p2 ro,errors=remount-ro"): False,
        row.format(22, "/", "rw", "overlay overlayroot rw,lowerdir=/media/root-ro"): False,
        row.format(22, "/", "rw", "squashfs /dev/mmcblk0p2 ro"): False,
        f"{ext4}\n{row.format(30, '/', 'rw', 'overlay overlayroot rw')}": False,
        inside: False,  # nothing is known
        "garbage": False,
    }
    for text, opened in cases.items():
        mounts.write_text(text + "\n", encoding="ascii")
        assert root_is_writable(mounts) is opened, text
