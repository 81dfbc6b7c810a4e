"""What people do before a virtual board starts and while it runs: a card of its own, settings, sticks with FAT."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import boot
from tests.appliance.virtual_board import BROKER, Board, Plan, card, from_boot
from tests.systemd import box
from tests.systemd.box import ROOT, STATION

OUT = ROOT / "build/image"
SETTINGS = box.SETTINGS.replace("127.0.0.1:1883", "{}:{}".format(*BROKER)) + "\n[web]\nport = PORT\n"
CATALOG = "/usr/lib/station-kiosk/code/kiosk/catalogs/yarkant.toml"
STICK = "/run/kiosk-media/KIOSK-USB-sda1"
_FIRST_SECTOR, _STICK_MIB = 2048, 64


@contextmanager
def planned(image: Path, folder: Path) -> Iterator[Plan]:
    """A card of its own."""
    kernel, initramfs = (from_boot(image, name, folder / "start") for name in (boot.KERNEL, boot.INITRAMFS))
    words = from_boot(image, "cmdline.txt", folder / "start").read_text("ascii").strip()
    with card(image, folder) as path:
        yield Plan(path, kernel, initramfs, words)


def settings_come(board: Board, port: int = 8080) -> None:
    """As a technician copies them during the first start. ``port``: of the pages."""
    board.write("/run/station.toml", SETTINGS.replace("PORT", str(port)))
    board.done("install -o kiosk -g kiosk -m 0600 /run/station.toml /etc/kiosk/station.toml")
    ready = f"systemctl show --value --property=StatusText {STATION}"
    board.until(ready, lambda text: text == "all parts are alive")
    board.done(f"runuser -u kiosk -- kiosk catalog import --config /etc/kiosk/station.toml {CATALOG}")


class FatStick:
    """One partition with FAT, as sticks are sold. What is on it is looked at while no board has it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with file.open("wb") as image:
            image.truncate(_STICK_MIB << 20)
        table = f"label: dos\nstart={_FIRST_SECTOR}, type=c\n"
        subprocess.run(["sfdisk", "--quiet", str(file)], input=table, text=True, check=True)
        make = ["mkfs.vfat", "--offset", str(_FIRST_SECTOR), "-n", "KIOSK-USB", str(file)]
        subprocess.run([*make, str((_STICK_MIB << 10) - _FIRST_SECTOR // 2)], check=True, capture_output=True)
        self._volume = f"{file}@@{_FIRST_SECTOR * 512}"

    def take(self, *sources: Path) -> None:
        """Files, and folders as a whole."""
        subprocess.run(["mcopy", "-s", "-i", self._volume, *map(str, sources), "::/"], check=True)

    def names(self, folder: str) -> Sequence[str]:
        """In a folder of its top."""
        listed = ["mdir", "-b", "-i", self._volume, f"::/{folder}"]
        told = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        return sorted(row.rstrip("/").rpartition("/")[2] for row in told.splitlines() if row)

    def plug_into(self, board: Board) -> None:
        """Until the board has mounted it, by itself."""
        board.plug_in(self.file, "stick")
        board.until(f"findmnt -rno FSTYPE,OPTIONS {STICK}", lambda told: told.startswith("vfat ro,"))


class RootPartition:
    """The sealed root on a card, while nothing runs from it."""

    def __init__(self, card: Path) -> None:
        table = ["sfdisk", "--quiet", "--list", "--output", "Start", str(card)]
        starts = subprocess.run(table, capture_output=True, text=True, check=True).stdout.split()[1:]
        self._at = f"{card}?offset={int(starts[1]) * 512}"

    def put(self, source: Path, folder: str) -> None:
        """A file that is not there, for all to read, under the name it has here."""
        self._done(["-w"], f"cd {folder}\nwrite {source} {source.name}\n")

    def remove(self, *places: str) -> None:
        """Files."""
        self._done(["-w"], "".join(f"rm {place}\n" for place in places))

    def take(self, place: str, folder: Path) -> None:
        """A copy of a file or a folder, into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        self._done([], f"rdump {place} {folder}\n")

    def _done(self, options: Sequence[str], requests: str) -> None:
        """debugfs has one status for all: what it has to say, but for its own name, is a fault."""
        command = ["debugfs", *options, "-f", "/dev/stdin", self._at]
        done = subprocess.run(command, input=requests, capture_output=True, text=True, check=True)
        faults = [row for row in done.stderr.splitlines() if not row.startswith("debugfs 1.")]
        assert not faults, faults
