"""Two disks with the same labels and UUIDs: which root is mounted, and whose boot and data partition are taken."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.firmware.test_udev import NOBODY, Plugged, seen

IMAGE = Path(__file__).resolve().parents[2] / "firmware_config/image"
RULE = IMAGE / "etc/udev/rules.d/74-kiosk-own-disk.rules"
OWN_DISK = IMAGE / "usr/lib/station-kiosk-image/own-disk"
CHOICE = IMAGE.with_name("initramfs") / "kiosk"
SLOT, SECOND_SLOT = "platform/soc/3f202000.mmc/mmc_host/mmc0", "platform/soc/3f300000.mmc/mmc_host/mmc1"
READER, SECOND_READER = "platform/soc/3f980000.usb/usb1/1-1", "platform/soc/3f980000.usb/usb1/1-2"
PLACES = {"mmcblk0p": SLOT, "mmcblk1p": SECOND_SLOT, "sda": READER, "sdb": SECOND_READER}


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    """As the kernel shows a card in each of two slots and two readers, with three partitions each."""
    folder = tmp_path / "sys"
    for names in ("class/block", "dev/block"):
        (folder / names).mkdir(parents=True)
    for major, (prefix, place) in enumerate(PLACES.items(), 1):
        disk = folder / "devices" / place / prefix.removesuffix("p")
        rows = [(disk, disk.name, 0), *((disk / f"{prefix}{n}", f"{prefix}{n}", n) for n in (1, 2, 3))]
        for path, name, minor in rows:
            path.mkdir(parents=True)
            (folder / "class/block" / name).symlink_to(path)
            (folder / "dev/block" / f"{major}:{minor}").symlink_to(path)
            if minor:
                (path / "partition").write_text(f"{minor}\n")
    return folder


SEALED = "21 1 0:24 / / rw - overlay overlayroot rw\n22 21 {} / /media/root-ro ro,relatime - ext4 /dev/x ro\n"
OPEN = "21 1 {} / / rw - ext4 /dev/x rw\n22 21 0:5 / /dev rw - devtmpfs udev rw\n"
PULLED = "21 1 0:24 / / rw - overlay overlayroot rw\n"


def is_own(sys: Path, mounts: str, name: str, *words: str) -> bool:
    (sys.parent / "mounts").write_text(mounts)
    environ = {"KIOSK_SYS": str(sys), "KIOSK_RUN": str(sys.parent), "KIOSK_MOUNTS": str(sys.parent / "mounts")}
    done = subprocess.run(
        [str(OWN_DISK), name, *words], env={**os.environ, **environ}, capture_output=True, check=False
    )
    assert (done.returncode in (0, 1), done.stderr) == (True, b"")
    return done.returncode == 0


def test_a_partition_is_this_machines_when_it_lies_on_the_disk_of_the_root(sys: Path) -> None:
    every = [f"{prefix}{n}" for prefix in PLACES for n in (1, 2, 3)]
    for major, own in enumerate(PLACES, 1):
        for mounts in (SEALED, OPEN):
            found = [name for name in every if is_own(sys, mounts.format(f"{major}:2"), name, "certain")]
            assert found == [f"{own}{n}" for n in (1, 2, 3)]
    for mounts in (SEALED.format("9:2"), OPEN.format("1:0"), PULLED, ""):
        assert [name for name in (*every, "sda", "sdz9") if is_own(sys, mounts, name)] == [], mounts
    assert not is_own(sys, SEALED.format("3:2"), "sda")


def test_nothing_is_taken_when_nobody_knows_which_root_is_this_machines(sys: Path) -> None:
    (sys.parent / "kiosk-disk").mkdir()
    (sys.parent / "kiosk-disk/uncertain").touch()
    assert is_own(sys, SEALED.format("1:2"), "mmcblk0p2")
    assert not is_own(sys, SEALED.format("1:2"), "mmcblk0p3", "certain")


STAND_INS = """\
wait_for_udev() { :; }
sleep() { echo slept >>"$kiosk_run/slept"; }
blkid() {
    [ "$1 $2 $3 $5 $6" = "-c /dev/null -t -o device" ] || exit 9
    count=$(wc -l <"$kiosk_run/slept")
    case $4 in
    LABEL=kiosk-root) for at in $ROOTS; do [ "$count" -lt "${at#*@}" ] || echo "/dev/${at%@*}"; done ;;
    LABEL=kiosk-boot) for name in $BOOTS; do echo "/dev/$name"; done ;;
    *) exit 9 ;;
    esac
}
local_mount_root() { echo "$ROOT"; }
"""
"""Of initramfs-tools, and of the machine: a root is found so many seconds after the first look."""


def chosen(sys: Path, **told: str) -> tuple[str, bool, int]:
    """The root that is mounted, whether it is certain, and for how many seconds it was waited for."""
    run = sys.parent / "run"
    run.mkdir(exist_ok=True)
    (run / "kiosk-disk/uncertain").unlink(missing_ok=True)
    (run / "slept").write_text("")
    environ: Mapping[str, str] = {"kiosk_sys": str(sys), "kiosk_run": str(run), "ROOT": "LABEL=kiosk-root", **told}
    script = f"{STAND_INS}. {CHOICE}\nmountroot\n"
    command = ["dash", "-euc", script]
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    slept = len((run / "slept").read_text().splitlines())
    return done.stdout.strip(), not (run / "kiosk-disk/uncertain").exists(), slept


def test_the_card_in_the_slot_comes_before_any_on_usb(subtests: pytest.Subtests, sys: Path) -> None:
    for roots, boots, root, certain, slept in [
        ("mmcblk0p2@0", "mmcblk0p1", "/dev/mmcblk0p2", True, 0),
        ("sda2@0 mmcblk0p2@0", "mmcblk0p1 sda1", "/dev/mmcblk0p2", True, 0),
        ("sda2@0 mmcblk0p2@7", "mmcblk0p1 sda1", "/dev/mmcblk0p2", True, 7),  # the reader was faster
        ("sda2@0", "sda1", "/dev/sda2", True, 10),  # nothing in the slot: started from USB
        ("sda2@3", "sda1 sdb1", "/dev/sda2", True, 10),
        ("sda2@0 sdb2@4", "sda1 sdb1", "/dev/sda2", False, 10),
        ("sda2@0", "mmcblk0p1 sda1", "/dev/sda2", False, 10),  # the card in the slot has lost its root
        ("mmcblk0p2@0 mmcblk1p2@0", "mmcblk0p1", "/dev/mmcblk0p2", False, 0),
        ("", "", "LABEL=kiosk-root", False, 60),
    ]:
        with subtests.test(roots=roots, boots=boots, root=root, certain=certain, slept=slept):
            assert chosen(sys, ROOTS=roots, BOOTS=boots) == (root, certain, slept)


def test_a_root_that_somebody_names_is_taken(sys: Path) -> None:
    assert chosen(sys, ROOT="PARTUUID=4e639091-02", ROOTS="sda2@0", BOOTS="") == ("PARTUUID=4e639091-02", True, 0)


def test_udev_finds_no_fault_in_the_rule() -> None:
    done = subprocess.run(["udevadm", "verify", str(RULE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_a_partition_at_its_place_has_its_name(subtests: pytest.Subtests) -> None:
    """``udevadm test`` runs no program, and goes on as if it had said yes."""
    for number, label, name in [
        ("1", "kiosk-boot", "boot"),
        ("2", "kiosk-root", "root"),
        ("3", "kiosk-data", "data"),
        ("4", "kiosk-data", ""),  # a second one on the same card
        ("3", "kiosk-backup", ""),
        ("1", "bootfs", ""),
    ]:
        with subtests.test(number=number, label=label, name=name):
            found = f'SUBSYSTEM=="block", ENV{{ID_FS_LABEL}}="{label}"\n'
            text = RULE.read_text(encoding="utf-8")
            report = seen(Plugged("partition", NOBODY, rules={"61-found.rules": found, RULE.name: text}, number=number))
            links = {word for word in report.split() if word.startswith("/dev/disk/kiosk/")}
            assert links == ({f"/dev/disk/kiosk/{name}"} if name else set()), report


def test_no_name_is_given_without_asking_whose_disk_it_is() -> None:
    naming = [row for row in RULE.read_text(encoding="utf-8").splitlines() if "SYMLINK" in row]
    place = f"/{OWN_DISK.relative_to(IMAGE)}"
    assert [(f'PROGRAM=="{place} %k' in row, " certain" in row) for row in naming] == [(True, n != 1) for n in range(3)]
