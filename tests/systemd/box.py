"""A booted box: what a test can see of it and do to it from outside."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tree import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
DISK = "/opt/disk"
"""Where the container finds its data partition."""
BOOT = Path(__file__).with_name("boot_box.py")
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
BOOT_S, STOP_S = 60.0, 40.0
PATIENCE_S = 180.0
"""A whole boot beside other tests: a machine that has much to do is no fault of the station."""
LOOK_S = 0.3
"""Each look into the box is a program that starts: what boots there is not to wait for those who look."""

STATION, RELAY, BROWSER = "kiosk-station.service", "kiosk-relay.service", "kiosk-browser.service"
SHORT_WATCHDOG = "[Service]\nWatchdogSec=10\n"
"""The station feeds it every two and a half seconds: a machine that stands still for a few is no station that hangs."""

SETTINGS = """\
[station]
station = "S0147"
region = "yarkant"
data = "/var/lib/kiosk"
village = "Test"

[scale]
port = "/dev/kiosk/scale"
protocol = "st_gs_csv"
e_g = 5
max_g = 60000

[relay]
broker_url = "mqtt://127.0.0.1:1883"
"""

SCREENLESS = 'systemctl --root="$ROOT" --quiet disable kiosk-browser.service\n'
"""For boots that are not about the browser: it would try for ten seconds to find a screen."""

SETUP = """\
systemd-sysusers --root="$ROOT" kiosk.conf kiosk-box.conf sorting-center.conf
before=$(find "$ROOT/etc/systemd/system" -type l | sort)
ours=$(sed -n 's/^enable //p' "$ROOT"/usr/lib/systemd/system-preset/80-station-kiosk*.preset)
systemctl --root="$ROOT" --quiet preset $ours
strangers=$(find "$ROOT/etc/systemd/system" -type l ! -name 'kiosk-*' | sort)
if [ "$strangers" != "$before" ]; then echo "the preset enabled somebody else: $strangers" >&2; exit 1; fi
"""

READ_PAGE = """\
import socket, sys, time
port, path, patience = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
end = time.monotonic() + patience
while time.monotonic() < end:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as way:
            way.settimeout(5)
            way.sendall(f"GET {path} HTTP/1.0\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n".encode())
            page = b"".join(iter(lambda: way.recv(65536), b""))
        if page.split(b" ", 2)[1:2] == [b"200"]:
            sys.stdout.buffer.write(page)
            sys.exit(0)
    except OSError:
        pass
    time.sleep(0.1)
sys.exit(1)
"""


FSTAB = ROOT / "firmware_config/layout/fstab"
ON_DATA = {"etc/kiosk": "settings", "var/lib/kiosk": "kiosk", "var/lib/kiosk-keys": "keys"}
"""Of what a box keeps, the folders of the data partition."""


def data_mounts() -> str:
    """The real lines that lead from the data partition to where the station looks."""
    rows = FSTAB.read_text(encoding="utf-8").splitlines()
    return "\n".join(row for row in rows if row.startswith("/data/")) + "\n"


def wait_for(seen: Callable[[], object], why: Callable[[], str], patience_s: float = PATIENCE_S) -> None:
    """Until something is seen; raises AssertionError with what ``why`` says."""
    end = time.monotonic() + patience_s
    while not seen():
        assert time.monotonic() < end, why()
        time.sleep(LOOK_S)


class Booted:
    """A system that ``command`` boots in a container. What it prints is kept in ``work``."""

    def __init__(self, command: Sequence[str], work: Path) -> None:
        self._command, self._work = command, work
        self._process: subprocess.Popen[bytes] | None = None
        self.leader = 0
        self.started = 0.0

    def __enter__(self) -> Self:
        address = str(self._work / "notify")
        Path(address).unlink(missing_ok=True)
        self.leader = 0
        # Closed as soon as the leader is known: a full socket would hold systemd up, a closed one does not.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, (self._work / "console").open("wb") as log:
            manager.bind(address)
            self.started = time.monotonic()
            self._process = subprocess.Popen(
                [*AS_ROOT, "env", f"NOTIFY_SOCKET={address}", *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                self._wait_until_led(manager)
            except BaseException:
                self._end()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _wait_until_led(self, manager: socket.socket) -> None:
        manager.settimeout(0.5)
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end and self._process is not None and self._process.poll() is None:
            try:
                words = dict(row.partition("=")[::2] for row in manager.recv(4096).decode().splitlines())
            except TimeoutError:
                continue
            self.leader = int(words.get("X_NSPAWN_LEADER_PID", self.leader))
            if self.leader:
                return
        raise AssertionError(f"the container did not start:\n{self.console()}")

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            if self.leader:
                subprocess.run([*AS_ROOT, "sh", "-c", f"kill -KILL {self.leader}"], check=False)
            process.wait(STOP_S)
        self._process = None

    def cut(self) -> None:
        """The plug is pulled: nothing in there hears of it, and what was not forced to the disk may be lost."""
        subprocess.run([*AS_ROOT, "sh", "-c", f"kill -KILL {self.leader}"], check=True)
        if self._process is not None:
            self._process.wait(STOP_S)

    def wait(self, timeout_s: float) -> None:
        """Until it has ended by itself."""
        if self._process is not None:
            self._process.wait(timeout_s)
            self._process = None

    def console(self) -> str:
        """What the container printed."""
        return (self._work / "console").read_text(encoding="utf-8", errors="replace")

    def call(self, *command: str, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run a program inside, as root."""
        enter = [*AS_ROOT, "nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid"]
        return subprocess.run(
            [*enter, "--root", "--wd=/", "--", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def page(self, path: str = "/", port: int = 8080, patience_s: float = PATIENCE_S) -> str:
        """A page, as soon as it answers 200; the empty text when it does not in time."""
        program = ["/usr/bin/python3", "-ISc", READ_PAGE, str(port), path, str(patience_s)]
        return self.call(*program, timeout_s=patience_s + 30).stdout

    def property(self, unit: str, name: str) -> str:
        """One property of a unit, as ``systemctl show`` has it."""
        return self.call("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def until(self, unit: str, name: str, met: Callable[[str], bool], patience_s: float = PATIENCE_S) -> str:
        """Wait until a property is as wanted; raises AssertionError with the journal of the unit."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            value = self.property(unit, name)
            if met(value):
                return value
            time.sleep(LOOK_S)
        raise AssertionError(f"{unit}: {name} stayed {value!r}\n{self.journal(unit)}")

    def journal(self, unit: str) -> str:
        """What a unit and the manager said about it."""
        self.call("journalctl", "--sync")  # what was said a moment ago may still be on its way
        return self.call("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout


class Box(Booted):
    """One boot of the tree ``program`` in ``work``; ``files`` are laid over it, ``setup`` is run in it before.

    It has a data partition, made and mounted as on a card, but for the device: a container has none. ``files`` may
    bring another fstab. What is in ``work/disk`` lies on the partition, and so does what ``files`` have for the folders
    that are mounted from there. Without ``data`` nothing is mounted and everything lies in memory. Without ``settings``
    it is a new box, which has no settings file.
    """

    def __init__(
        self,
        program: Path,
        work: Path,
        files: dict[str, str] | None = None,
        setup: str = "",
        options: Sequence[str] = (),
        *,
        settings: bool = True,
        data: bool = True,
    ) -> None:
        more = [*(f"--bind-ro={program / place}:/{place}" for place in PROGRAMS.values()), *options]
        if data:
            (work / "disk").mkdir(exist_ok=True)
            more.append(f"--bind={work / 'data'}:{DISK}")
            (work / "tree" / DISK.lstrip("/")).mkdir(parents=True)
        programs = {program / place for place in PROGRAMS.values()}
        shutil.copytree(
            program,
            work / "tree",
            symlinks=True,
            ignore=lambda folder, names: [name for name in names if Path(folder, name) in programs],
            dirs_exist_ok=True,
        )
        (work / "tree").chmod(0o755)
        for place in PROGRAMS.values():
            (work / "tree" / place).mkdir(parents=True)
        laid = {"etc/kiosk/station.toml": SETTINGS} if settings else {}
        fstab = {"etc/fstab": f"{DISK} /data none bind,nofail 0 0\n{data_mounts()}"} if data else {}
        for name, text in {**laid, **fstab, **(files or {})}.items():
            folder = ON_DATA.get(str(Path(name).parent)) if data else None
            path = work / "disk" / folder / Path(name).name if folder else work / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (work / "setup").write_text(SETUP + setup, encoding="utf-8")
        super().__init__([sys.executable, "-P", str(BOOT), str(work), *more], work)
