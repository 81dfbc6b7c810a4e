"""What people do before a virtual board starts and while it runs: its card, settings, sticks with FAT, forms."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import boot
from kiosk.simulators.station_client import StepFailed, VisitedPage
from tests.appliance.virtual_board import BROKER, LOOK_S, PATIENCE_S, Board, Plan, card, from_boot
from tests.systemd import box
from tests.systemd.box import ROOT, STATION

OUT = ROOT / "build/image"
SETTINGS = box.SETTINGS.replace("127.0.0.1:1883", "{}:{}".format(*BROKER)) + "\n[web]\nport = PORT\n"
CATALOG = "/usr/lib/station-kiosk/code/kiosk/catalogs/yarkant.toml"
STICKS = "/run/kiosk-media/KIOSK-USB"
STICK = f"{STICKS}-sda1"
PORT = 8080
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


class Screen:
    """Somebody at the screen of a board; keeps a cookie, as a browser does."""

    def __init__(self, board: Board) -> None:
        self._board, self._cookie = board, ""

    def ask(self, path: str, **form: str) -> tuple[int, str]:
        """A page, or the answer to a form."""
        here = f"127.0.0.1:{PORT}"
        with closing(HTTPConnection("127.0.0.1", self._board.ports[PORT], timeout=PATIENCE_S)) as way:
            headers = {"Host": here, "Origin": f"http://{here}", "Content-Type": "application/x-www-form-urlencoded"}
            headers["Cookie"] = self._cookie
            way.request("POST" if form else "GET", path, urlencode(form) or None, headers)
            answer = way.getresponse()
            set_now = "; ".join(row.partition(";")[0] for row in answer.headers.get_all("Set-Cookie") or ())
            self._cookie = set_now or self._cookie
            return answer.status, answer.read().decode("utf-8")

    def sent(self, path: str, **form: str) -> None:
        """A form that is taken; raises AssertionError."""
        status, page = self.ask(path, **form)
        assert status == 303, f"{path}: {status} {page}\n{self._board.journal()}"

    def answer(self, question: str, value: str, **more: str) -> None:
        """Of the first start."""
        assert f'data-question="{question}"' in self.ask("/setup")[1], question
        self.sent(f"/setup/{question}", value=value, **more)

    def shows(self, path: str, text: str) -> None:
        """Ask again and again; raises AssertionError with the last page."""
        end = time.monotonic() + PATIENCE_S
        while text not in (page := self.ask(path)[1]):
            assert time.monotonic() < end, f"{page}\n{self._board.journal()}"
            time.sleep(LOOK_S)

    def press(self, path: str, action: str, **choice: str) -> None:
        """A button, again and again until it is there and what it asks for is done: a board with much to do says no."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                status, said = self.ask(path)
                form = VisitedPage(status, path, said).form(action, **choice)
                status, said = self.ask(action, **form.fields)
            except StepFailed as error:
                status, said = 0, str(error)
            if status == 303:
                return
            assert time.monotonic() < end, f"{said}\n{self._board.journal()}"
            time.sleep(LOOK_S)


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

    def plug_into(self, board: Board, name: str = "sda1") -> None:
        """Until the board has mounted it, by itself. ``name``: of its partition."""
        board.plug_in(self.file, name)
        board.until(f"findmnt -rno FSTYPE,OPTIONS {STICKS}-{name}", lambda told: told.startswith("vfat ro,"))


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
