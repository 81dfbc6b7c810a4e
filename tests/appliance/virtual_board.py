"""QEMU's virtual board with the image in it: started, watched over sockets, asked through its serial line.

The shell is systemd's own (``systemd.debug_shell=``), by a word on the kernel's command line: the image has none. The
board reaches no network but the ports of this machine's loopback that it is given.
"""

from __future__ import annotations

import json
import select
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from kiosk.simulators.shared.processes import HeldPort

PATIENCE_S: Final = 600.0
"""For whatever one waits for: an emulated machine beside others has much to do."""
SHELL: Final = "systemd.debug_shell=ttyAMA0"
UNHURRIED: Final = "systemd.watchdog_sec=600"
"""An emulated board beside others may stand still for longer than the watchdog of a real one waits."""
SCREENLESS: Final = "systemd.mask=kiosk-browser-watch.timer"
"""It looks after a screen that is not there, and takes half of what an emulated processor can do."""
BROKER: Final = ("10.0.2.100", 1883)
"""Where the board finds the broker of this machine."""
OUTSIDE: Final = {8080: 18080, 8079: 18079}
"""Ports of the board's loopback, and where it lets this machine in to them."""
VISIT: Final = 18081
TO_PORT: Final = Path(__file__).with_name("to_port.py")
LOOK_S: Final = 1.0
"""Each look is a program that an emulated machine has to run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is plugged in. ``more``: options of QEMU. ``broker`` is a port of this machine, 0 for none.

    ``log`` gets every write to the card, in their order (``write_log``). Without ``kept`` the card stays as it is.
    """

    card: Path
    kernel: Path
    initramfs: Path
    words: str
    broker: int = 0
    more: Sequence[str] = ()
    ways: Mapping[int, int] = field(default_factory=lambda: OUTSIDE)
    log: Path | None = None
    kept: bool = True

    @property
    def drive(self) -> Sequence[str]:
        """Options of QEMU that give it the drive ``card``. This machine need not flush: it is QEMU that is killed."""
        if self.log is None:
            kept = "off" if self.kept else "on"
            return ["-drive", f"if=none,id=card,file={self.card},format=raw,cache=unsafe,snapshot={kept}"]
        self.log.write_bytes(b"")
        return [
            *("-blockdev", f"driver=file,node-name=written,filename={self.card},cache.no-flush=on"),
            *("-blockdev", f"driver=file,node-name=log,filename={self.log},cache.no-flush=on"),
            *("-blockdev", "driver=blklogwrites,node-name=card,file=written,log=log,log-super-update-interval=1"),
        ]


class Board:
    """Runs from ``with`` on until its end."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._held = {inside: HeldPort() for inside in plan.ways}
        self.ports = {inside: held.number for inside, held in self._held.items()}
        """Where each port of the board's loopback is reached from here."""
        self.started = 0.0
        self._visit = HeldPort()
        self.visit = self.ports[self._visit.number] = self._visit.number
        """A port that is the same on the board and here, as the station's pages want it; see ``open_visit``."""
        self._heard = ""
        self._calls = 0
        self.shell_s = 0.0

    def __enter__(self) -> Self:
        plan, folder = self._plan, self._folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("qmp", "serial"):
            (folder / name).unlink(missing_ok=True)
        net = "user,id=net,restrict=on"
        for inside, outside in plan.ways.items():
            net += f",hostfwd=tcp:127.0.0.1:{self.ports[inside]}-:{outside}"
        net += f",hostfwd=tcp:127.0.0.1:{self.visit}-:{VISIT}"
        if plan.broker:
            net += f",guestfwd=tcp:{BROKER[0]}:{BROKER[1]}-cmd:{sys.executable} {TO_PORT} {plan.broker}"
        command = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024"]
        command += ["-display", "none", "-no-user-config", "-nodefaults"]
        command += ["-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"]
        command += [
            "-chardev",
            f"socket,id=line,path={folder / 'serial'},server=on,wait=off,logfile={folder / 'console'}",
        ]
        command += ["-serial", "chardev:line", "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile="]
        command += [*plan.drive, "-device", "virtio-blk-pci,drive=card", "-device", "qemu-xhci,id=usb"]
        command += [
            "-device",
            "i6300esb",
            "-action",
            "watchdog=reset",
            "-object",
            "rng-random,id=rng,filename=/dev/urandom",
        ]
        command += ["-device", "virtio-rng-pci,rng=rng"]
        command += ["-kernel", str(plan.kernel), "-initrd", str(plan.initramfs)]
        command += ["-append", f"{plan.words} {SHELL} {UNHURRIED} {SCREENLESS}", *plan.more]
        self.started = time.monotonic()
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            self._qmp = self._connected(folder / "qmp")
            self._messages: list[dict[str, Any]] = []
            self._rest = b""
            self._next_message()
            self.qmp("qmp_capabilities")
            self._serial = self._connected(folder / "serial")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        for name in ("_qmp", "_serial"):
            with suppress(AttributeError, OSError):
                getattr(self, name).close()
        self._process.kill()
        self._process.wait()
        for held in (*self._held.values(), self._visit):
            held.release()

    def _connected(self, path: Path) -> socket.socket:
        end = time.monotonic() + PATIENCE_S
        while True:
            assert self._process.poll() is None, "QEMU has ended"
            way = socket.socket(socket.AF_UNIX)
            try:
                way.connect(str(path))
                return way
            except OSError:
                way.close()
                assert time.monotonic() < end, f"QEMU does not open {path}"
                time.sleep(0.05)

    def qmp(self, command: str, **arguments: object) -> Any:
        """One command of QEMU's monitor; raises AssertionError when it is refused."""
        self._qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._next_message()
            if "event" in message:
                self._messages.append(message)
                continue
            assert "return" in message, message
            return message["return"]

    def _next_message(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            ready = select.select([self._qmp], [], [], PATIENCE_S)[0]
            assert ready, "QEMU's monitor says nothing"
            data = self._qmp.recv(65536)
            assert data, "QEMU has ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))

    def event(self, name: str, **holds: object) -> dict[str, Any]:
        """The next event of this name from QEMU whose data hold these; waits for it."""
        while True:
            for at, message in enumerate(self._messages):
                data = message.get("data", {})
                if message["event"] == name and all(data.get(key) == value for key, value in holds.items()):
                    return self._messages.pop(at)
            self._messages.append(self._next_message())

    def plug_in(self, disk: Path, name: str) -> None:
        """A stick or a disk at a USB socket."""
        node = {"node-name": name, "file": {"driver": "file", "filename": str(disk)}}
        self.qmp("blockdev-add", driver="raw", **node)
        self.qmp("device_add", driver="usb-storage", id=name, drive=name, bus="usb.0")

    def until_shell(self) -> None:
        """The serial line has its shell, which says no more than what is asked of it. The ways in are open."""
        self._hear("# ")
        # What is sent before is lost; and what edits a line says more than it is asked.
        self._serial.sendall(b"exec sh\nstty -echo; PS1=\n")
        self._answer("echo shell", PATIENCE_S)
        self.shell_s = time.monotonic() - self.started
        for inside, outside in self._plan.ways.items():
            self._open(inside, outside)

    def open_visit(self) -> None:
        """Let this machine in to ``visit`` of the board's loopback."""
        self._open(self.visit, VISIT)

    def _open(self, inside: int, outside: int) -> None:
        proxy = f"/usr/lib/systemd/systemd-socket-proxyd 127.0.0.1:{inside}"
        early = "--quiet --no-block --property=DefaultDependencies=no"
        self.done(f"systemd-run {early} --unit=way-{inside} systemd-socket-activate -l 0.0.0.0:{outside} {proxy}")

    def call(self, command: str, patience_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """One line for the board's shell: what it printed, both streams in one."""
        status, text = self._answer(command, patience_s)
        return subprocess.CompletedProcess(command, status, text, "")

    def done(self, command: str) -> str:
        """What it printed; raises AssertionError when it failed."""
        result = self.call(command)
        assert result.returncode == 0, f"{command}\n{result.stdout}"
        return result.stdout

    def _answer(self, command: str, patience_s: float) -> tuple[int, str]:
        self._calls += 1
        mark = f"{self._calls}-{id(self)}"
        line = f"printf '\\n<%s>\\n' {mark}; ( {command} ) </dev/null 2>&1; printf '\\n<%s|%d>\\n' {mark} $?\n"
        assert len(line) < 4000, "a terminal takes no longer line"
        self._serial.sendall(line.encode())
        heard = self._hear(f"\n<{mark}|", patience_s) + self._hear(">\n", patience_s)
        _, _, heard = heard.partition(f"\n<{mark}>\n")
        text, _, status = heard.rpartition(f"\n<{mark}|")
        return int(status.removesuffix(">\n")), text

    def _hear(self, wanted: str, patience_s: float = PATIENCE_S) -> str:
        """What the serial line says, up to what is wanted."""
        last = time.monotonic() + patience_s
        while wanted not in self._heard:
            ready = select.select([self._serial], [], [], max(0.0, last - time.monotonic()))[0]
            assert ready, f"the board does not say {wanted!r}:\n{self._heard[-3000:]}"
            data = self._serial.recv(65536)
            assert data, "QEMU has ended"
            self._heard = (self._heard + data.decode("utf-8", "replace")).replace("\r\n", "\n")
        text, found, self._heard = self._heard.partition(wanted)
        return text + found

    def write(self, path: str, content: str) -> None:
        """A small text file on the board."""
        for at, line in enumerate(content.splitlines()):
            self.done(f"printf '%s\\n' {shlex.quote(line)} {'>>' if at else '>'}{path}")

    def until(self, command: str, met: Callable[[str], bool], patience_s: float = PATIENCE_S) -> str:
        """Ask again and again; raises AssertionError with the last answer."""
        end = time.monotonic() + patience_s
        while True:
            told = self.call(command).stdout.strip()
            if met(told):
                return told
            assert time.monotonic() < end, f"{command}: {told}\n{self.journal()}"
            time.sleep(LOOK_S)

    def page(self, path: str = "/", port: int = 8080, patience_s: float = PATIENCE_S) -> str:
        """A page of the board, as soon as it answers 200."""
        end = time.monotonic() + patience_s
        while True:
            status, text = self.asked(path, port)
            if status == 200:
                return text
            assert time.monotonic() < end, f"{path}: {status}\n{self.journal()}"
            time.sleep(LOOK_S)

    def asked(self, path: str, port: int = 8080) -> tuple[int, str]:
        """Status and text, 0 where nobody answers."""
        request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        data = b""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[port]), 2) as way:
            way.settimeout(10)
            way.sendall(request)
            while more := way.recv(65536):
                data += more
        head, _, body = data.partition(b"\r\n\r\n")
        words = head.split(b" ", 2)
        return (int(words[1]) if len(words) > 2 else 0), body.decode("utf-8", "replace")

    def doctor(self) -> dict[str, str]:
        """Every row of the doctor and its word."""
        told = self.call("kiosk doctor --json").stdout
        return {row["device"]: row["word"] for row in json.loads(told[told.index("{") :])["rows"]}

    def journal(self) -> str:
        """The end of what its units said."""
        return self.call("journalctl --boot --no-pager --lines=60 --output=cat").stdout


@contextmanager
def card(image: Path, folder: Path, size_mib: int = 4096) -> Iterator[Path]:
    """A copy of the image on a card that is larger."""
    path = folder / "card.img"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(path)], check=True)
    with path.open("r+b") as file:
        file.truncate(size_mib * 1024 * 1024)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def from_boot(image: Path, name: str, folder: Path) -> Path:
    """A file of the image's boot partition."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    at = f"{image}@@{4 * 1024 * 1024}"
    subprocess.run(["mcopy", "-n", "-o", "-i", at, f"::{name}", str(target)], check=True)
    return target


def missing() -> str:
    """The program that a virtual board lacks here."""
    return next((name for name in ("qemu-system-aarch64", "mcopy", "sfdisk") if shutil.which(name) is None), "")
