"""The image itself, made by its recipe and booted: sealed and grown; with data that come late.

What is booted is the image for QEMU, whose root and data are those of the card for a Raspberry Pi.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import boot
from tests.appliance.virtual_board import Board, Plan, card, from_boot
from tests.systemd.box import ROOT, STATION

OUT = ROOT / "build/image"

if os.geteuid() != 0:
    pytest.skip("only root makes an image", allow_module_level=True)


@pytest.fixture(scope="module")
def image() -> Path:
    """The one for QEMU. ``KIOSK_IMAGE`` names one that was made already."""
    if made := os.environ.get("KIOSK_IMAGE"):
        return Path(made)
    subprocess.run([sys.executable, "packaging/image.py", "qemu"], cwd=ROOT, check=True)
    (found,) = OUT.glob("station-kiosk-qemu_*.img")
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk: a card is too large for memory."""
    OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=OUT, prefix=".boards-") as name:
        yield Path(name)


@pytest.fixture
def plan(image: Path, folder: Path) -> Iterator[Plan]:
    with planned(image, folder) as made:
        yield made


@contextmanager
def planned(image: Path, folder: Path) -> Iterator[Plan]:
    """A card of its own."""
    kernel, initramfs = (from_boot(image, name, folder / "start") for name in (boot.KERNEL, boot.INITRAMFS))
    words = from_boot(image, "cmdline.txt", folder / "start").read_text("ascii").strip()
    with card(image, folder) as path:
        yield Plan(path, kernel, initramfs, words)


def test_a_new_card_comes_to_the_first_start_sealed_and_grown(plan: Plan, folder: Path) -> None:
    with Board(plan, folder / "board") as board:
        board.until_shell()
        board.page("/setup")
        print(f"\nfirst page after {time.monotonic() - board.started:.1f} s, shell after {board.shell_s:.1f} s")
        assert board.done("findmnt -no FSTYPE /").strip() == "overlay"
        assert "ro" in board.done("findmnt -rno OPTIONS /media/root-ro").split(",")
        assert int(board.done("findmnt -bno SIZE /data")) > 1_500_000_000, "the card has 4 GiB"
        for place in ("/data", "/var/lib/kiosk", "/var/lib/kiosk-keys", "/etc/kiosk", "/etc/credstore"):
            assert board.done(f"findmnt -no FSTYPE {place}").strip() == "ext4", place
        boot_partition = board.done("findmnt -rno FSTYPE,OPTIONS /boot/firmware").split()
        assert (boot_partition[0], "ro" in boot_partition[1].split(",")) == ("vfat", True)
        board.until("systemctl is-system-running", lambda state: state not in ("starting", "initializing"))
        assert board.call("systemctl --failed --plain --no-legend").stdout.strip() == "", board.journal()


def test_data_that_come_a_minute_late_or_not_at_all_are_told_and_waited_for(plan: Plan, folder: Path) -> None:
    disk = folder / "ssd.img"
    taken_out(plan.card, disk)
    with Board(plan, folder / "board") as board:
        board.until_shell()
        board.until("test -e /run/kiosk-data/missing; echo $?", lambda text: text == "0")
        assert json.loads(board.page("/state", port=8079)) == {"station": None, "missing": "data"}
        assert board.done(f"systemctl show --value --property=ActiveState {STATION}").strip() == "inactive"
        assert board.asked("/")[0] == 0
        assert board.doctor() == {"disk": "disk_missing"}
        board.until("cut -d. -f1 /proc/uptime", lambda text: int(text) >= 60)
        node = {"node-name": "ssd", "file": {"driver": "file", "filename": str(disk)}}
        board.qmp("blockdev-add", driver="raw", **node)
        board.qmp("device_add", driver="usb-storage", id="ssd", drive="ssd", bus="usb.0")
        begun = time.monotonic()
        board.page("/setup")
        print(f"\nthe first start {time.monotonic() - begun:.0f} s after the disk was there")
        assert board.done("findmnt -no FSTYPE /var/lib/kiosk").strip() == "ext4"
        assert "missing" not in json.loads(board.page("/state", port=8079))


def taken_out(path: Path, disk: Path) -> None:
    """The card loses its data partition, and a disk gets what was on it."""
    told = subprocess.run(["sfdisk", "--json", str(path)], capture_output=True, text=True, check=True).stdout
    row = json.loads(told)["partitiontable"]["partitions"][2]
    words = [f"if={path}", f"of={disk}", "bs=512", f"skip={row['start']}", f"count={row['size']}"]
    subprocess.run(["dd", "status=none", "iflag=fullblock", *words], check=True)
    subprocess.run(["sfdisk", "--quiet", "--delete", str(path), "3"], check=True)
