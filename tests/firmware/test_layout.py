"""The data partition: made in one step, never over data, and every mount of it allowed to fail."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = ROOT / "firmware_config/layout"
ROWS = (LAYOUT / "fstab").read_text(encoding="utf-8").splitlines()
MOUNTS = [row.split() for row in ROWS if row and not row.startswith("#")]


def image(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "data.img"
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024)
    return path


def make(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(LAYOUT / "make-data-partition"), str(path)], capture_output=True, text=True, check=False)


def test_the_partition_has_every_folder_that_fstab_binds(tmp_path: Path) -> None:
    path = image(tmp_path)
    done = make(path)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(["debugfs", "-R", "ls -l /", str(path)], capture_output=True, text=True, check=True).stdout
    modes = {row.split()[-1]: row.split()[1] for row in shown.splitlines() if len(row.split()) > 5}
    bound = {row[0].removeprefix("/data/") for row in MOUNTS if row[0].startswith("/data/")}
    assert bound == {"kiosk", "keys", "settings", "credentials", "releases", "timesync", "timers", "iwd"}
    assert {name: modes[name] for name in sorted(bound)} == {
        "credentials": "40700",
        "iwd": "40700",
        "keys": "40700",
        "kiosk": "40700",
        "releases": "40755",
        "settings": "40750",
        "timers": "40755",
        "timesync": "40755",
    }


def test_fstab_gets_the_uuid_of_the_partition_that_was_made_and_no_label(tmp_path: Path) -> None:
    """Every other box has a partition with this label, and a card of one in a reader must not be taken for its own."""
    paths = [image(tmp_path / name) for name in ("one", "other")]
    for path in paths:
        told = make(path).stdout
        uuid = subprocess.run(["blkid", "-p", "-o", "value", "-s", "UUID", str(path)], capture_output=True, text=True)
        first = next(row.split() for row in told.splitlines() if "/data " in row and not row.startswith("#"))
        assert first[:2] == [f"UUID={uuid.stdout.strip()}", "/data"]
        assert told.replace(first[0], MOUNTS[0][0]).splitlines() == ROWS
    assert make(paths[0]).stdout == "", "nothing to append"
    assert not [row for row in MOUNTS if "LABEL" in row[0]]


def test_a_card_that_holds_data_is_refused(tmp_path: Path) -> None:
    path = image(tmp_path)
    make(path)
    before = path.read_bytes()
    done = make(path)
    assert done.returncode == 1
    assert "already holds a file system" in done.stderr
    assert path.read_bytes() == before


def test_no_mount_can_keep_the_splash_page_away() -> None:
    assert all("nofail" in row[3].split(",") for row in MOUNTS if row[0] != "tmpfs")


def test_a_slow_disk_has_two_minutes_and_nothing_at_boot_waits_for_it() -> None:
    binds = [row[3] for row in MOUNTS if row[0].startswith("/data/")]
    (disk,) = (row[3].split(",") for row in MOUNTS if row[1] == "/data")
    assert "x-systemd.device-timeout=120s" in disk
    assert not any("tmpfiles-setup" in options for options in binds), "everything at boot comes after it"
    assert all("x-systemd.requires-mounts-for=/data" in options for options in binds), "never on the wrong disk"


def test_stamps_of_the_timers_are_there_before_any_timer() -> None:
    (options,) = (row[3].split(",") for row in MOUNTS if row[1] == "/var/lib/systemd/timers")
    assert "x-systemd.before=timers.target" in options


def test_every_mount_point_is_in_the_installed_tree() -> None:
    from tree import CONTENTS

    assert {row[1] for row in MOUNTS} <= {f"/{folder}" for _, folders in CONTENTS.values() for folder in folders} | {
        "/tmp"
    }


def test_overlayroot_and_the_command_line_agree() -> None:
    found = re.search(r'^overlayroot="(.*)"$', (LAYOUT / "overlayroot.conf").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    assert f"overlayroot={found[1]}" in (ROOT / "firmware_config/boot/cmdline.txt").read_text(encoding="ascii").split()
