"""The HID POS adapter against raw reports through a socket: it reads, comes back, and takes nothing else for one."""

from __future__ import annotations

import errno
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.devices.ports import OnScan
from kiosk.devices.scanner import hid_pos, reader
from kiosk.devices.scanner.hid_pos import HIDIOCGRDESC, HIDIOCGRDESCSIZE, HidPosDevice, LinuxHid, SocketHid, hid_system
from kiosk.devices.scanner.ports import HidSystem
from kiosk.devices.scanner.reader import ScannerReader
from kiosk.devices.scanner.report import ScanReporter
from kiosk.protocols.barcodes.refusal import ScanRefusal
from kiosk.simulators.scanner.hid_pos import DESCRIPTOR, HidPosScannerSimulator, reports
from tests.station.hardware import Heard

PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "RETRY_S", 0.02)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[HidPosScannerSimulator]:
    with HidPosScannerSimulator(tmp_path / "scanner") as simulator:
        yield simulator


class Told:
    """Everything an adapter tells, on a clock that stands still."""

    def __init__(self, on_scan: OnScan | None = None) -> None:
        self.scans, self.states, self.refused = Heard(), Heard(), Heard()
        self.report = ScanReporter(on_scan or self.scans, self.states, lambda: 0.0, on_refused=self.refused)

    def connected(self) -> None:
        self.states.wait(lambda told: told[-1:] == ["ok"])


@contextmanager
def listening(path: Path, told: Told, system: HidSystem | None = None) -> Iterator[None]:
    scanner = ScannerReader(HidPosDevice(str(path), told.report, system), told.report, lambda: 0.0)
    scanner.start()
    try:
        yield
    finally:
        scanner.stop(PATIENCE_S)
    assert not [thread for thread in threading.enumerate() if thread.name == "scanner"]


def test_codes_come_through_in_order(simulator: HidPosScannerSimulator, tmp_path: Path) -> None:
    told, long = Told(), "]Q1" + "x" * 250
    with listening(tmp_path / "scanner", told):
        told.connected()
        simulator.command("scan Y1P04412J")
        simulator.command("burst A B")
        simulator.scan("]C1010690123456789210ABC\x1d21x")
        simulator.scan(long)
        told.scans.wait(lambda heard: len(heard) == 5)
    assert told.scans.told == ["Y1P04412J", "A", "B", "]C1010690123456789210ABC\x1d21x", long]
    assert (told.states.told, told.refused.told) == (["ok"], [])


def test_hostile_codes_are_refused_and_named_and_the_next_one_works(
    simulator: HidPosScannerSimulator, tmp_path: Path
) -> None:
    told = Told()
    with listening(tmp_path / "scanner", told):
        told.connected()
        for hostile in ("a\x0fb", "x" * 300, "\u202e789", "٣٤٥"):
            simulator.scan(hostile)
        first, _ = reports(b"x" * 60)
        simulator.send(first[:40])
        simulator.scan("REST")  # may be the end of the code that was cut off
        simulator.scan("NEXT")
        told.scans.wait(lambda heard: heard == ["NEXT"])
    half = ScanRefusal.HALF
    named = [ScanRefusal.CONTROL, ScanRefusal.TOO_LONG, ScanRefusal.NOT_ASCII, ScanRefusal.NOT_ASCII, half, half]
    assert told.refused.told == named


def test_a_cable_pulled_in_the_middle_of_a_code_and_put_back(simulator: HidPosScannerSimulator, tmp_path: Path) -> None:
    told = Told()
    first, second = reports(b"H" * 60)
    with listening(tmp_path / "scanner", told):
        for number in range(3):
            told.connected()
            simulator.scan(f"CODE{number}")
            told.scans.wait(lambda heard, number=number: heard[-1:] == [f"CODE{number}"])
            simulator.send(first)
            simulator.unplug()
            told.states.wait(lambda words: words[-1:] == ["scanner_missing"])
            simulator.send(second)
            simulator.plug()
        told.connected()
        simulator.scan("WHOLE")
        told.scans.wait(lambda heard: heard[-1:] == ["WHOLE"])
    assert told.scans.told == ["CODE0", "CODE1", "CODE2", "WHOLE"]


def test_what_is_on_its_way_while_it_is_opened_is_thrown_away(tmp_path: Path) -> None:
    first, second = reports(b"H" * 60)
    told = Told()

    class LateOpen(SocketHid):
        def open(self, path: Path) -> int:
            descriptor = super().open(path)
            simulator.send(second)  # the kernel's reader begins between two reports
            return descriptor

    with HidPosScannerSimulator(tmp_path / "scanner") as simulator:
        simulator.send(first)
        with listening(tmp_path / "scanner", told, LateOpen()):
            told.connected()
            simulator.scan("NEXT")
            told.scans.wait(lambda heard: heard == ["NEXT"])


def test_reports_that_pile_up_make_no_code_of_two(simulator: HidPosScannerSimulator, tmp_path: Path) -> None:
    """While a listener is busy the kernel keeps 64 reports and drops what comes then."""
    busy, go = threading.Event(), threading.Event()
    heard = Heard()

    def on_scan(text: str) -> None:
        heard(text)
        busy.set()
        assert go.wait(PATIENCE_S)

    told = Told(on_scan)
    with listening(tmp_path / "scanner", told):
        told.connected()
        simulator.scan("FIRST")
        assert busy.wait(PATIENCE_S)
        head, tail = next(reports(b"A" * 60)), list(reports(b"B" * 60))[1]
        simulator.send(head, *[tail] * 63)
        go.set()
        told.refused.wait(lambda words: words[:1] == [ScanRefusal.HALF])
        simulator.send(tail)
        simulator.scan("NEXT")
        heard.wait(lambda codes: codes[-1:] == ["NEXT"])
    assert heard.told == ["FIRST", "NEXT"]


# --- what is no scanner ----------------------------------------------------------------------------------------------


def test_a_device_that_is_a_keyboard_as_well_is_never_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    keyboard = bytes.fromhex("05010906a101c0")
    with (
        HidPosScannerSimulator(tmp_path / "scanner", DESCRIPTOR + keyboard) as simulator,
        listening(tmp_path / "scanner", told),
    ):
        told.states.wait(lambda words: words == ["scanner_missing"])
        simulator.scan("NOBODY")
    assert told.scans.told == []
    assert "it is a keyboard" in caplog.text


def test_a_node_replaced_by_something_else_is_a_scanner_that_is_not_there(subtests: pytest.Subtests) -> None:
    """Neither the kernel's way nor the bench's waits for it, or reads from it."""
    for kind in ["file", "folder", "pipe", "terminal", "nothing", "stream socket's file"]:
        with subtests.test(kind=kind):
            folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"kiosk-hid-{os.getpid()}"
            folder.mkdir()
            path, ends = folder / "node", pty.openpty() if kind == "terminal" else ()
            try:
                match kind:
                    case "file":
                        path.write_bytes(DESCRIPTOR)
                    case "folder":
                        path.mkdir()
                    case "pipe":
                        os.mkfifo(path)
                    case "terminal":
                        path.symlink_to(os.ttyname(ends[1]))
                    case "stream socket's file":
                        path.with_name("node.descriptor").write_bytes(DESCRIPTOR)
                for system in (LinuxHid(), SocketHid()):
                    with pytest.raises(OSError, match=r"."):
                        opened = system.open(path)
                        try:
                            system.descriptor(path, opened)
                        finally:
                            os.close(opened)
            finally:
                for end in ends:
                    os.close(end)
                for left in folder.iterdir():
                    left.rmdir() if left.is_dir() and not left.is_symlink() else left.unlink()
                folder.rmdir()


def test_a_device_is_read_by_one_program_and_a_device_of_another_kind_by_none() -> None:
    system, path = LinuxHid(), Path("/dev/null")
    opened = system.open(path)
    try:
        with pytest.raises(BlockingIOError):
            system.open(path)
        with pytest.raises(OSError, match=os.strerror(errno.ENOTTY)):
            system.descriptor(path, opened)
    finally:
        os.close(opened)


def test_the_requests_are_the_kernels_numbers() -> None:
    """_IOR('H', 1, int) and _IOR('H', 2, struct of 4 + 4096 bytes) (asm-generic/ioctl.h, linux/hidraw.h)."""
    assert (2 << 30) | (4 << 16) | (ord("H") << 8) | 1 == HIDIOCGRDESCSIZE
    assert (2 << 30) | (4100 << 16) | (ord("H") << 8) | 2 == HIDIOCGRDESC


def test_the_kernels_description_is_bounded_by_what_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (len(DESCRIPTOR), 2**32 - 1):

        def ioctl(descriptor: int, request: int, argument: bytearray, mutate: bool, size: int = size) -> int:
            if request == HIDIOCGRDESCSIZE:
                argument[:] = size.to_bytes(4, "little")
            else:
                argument[4 : 4 + len(DESCRIPTOR)] = DESCRIPTOR
            return 0

        monkeypatch.setattr(hid_pos, "ioctl", ioctl)
        answer = LinuxHid().descriptor(Path("x"), -1)
        assert answer[: len(DESCRIPTOR)] == DESCRIPTOR
        assert len(answer) == min(size, 4096)


def test_no_device_below_dev_is_taken_for_a_simulated_one() -> None:
    assert isinstance(hid_system("/dev/kiosk/scanner"), LinuxHid)
    assert isinstance(hid_system("/run/bench/scanner"), SocketHid)
    assert isinstance(hid_system("/dev/shm/bench/scanner"), SocketHid)


def test_a_reader_that_is_never_served_keeps_nobody_waiting(simulator: HidPosScannerSimulator, tmp_path: Path) -> None:
    """A stalled station: what it does not read is lost, as in the kernel, and the simulator goes on."""
    opened = SocketHid().open(tmp_path / "scanner")
    try:
        for number in range(2000):
            simulator.scan(f"{number:04d}")
        assert os.read(opened, 64)[5:9] == b"0000"
        with pytest.raises(BlockingIOError) as blocked:
            while os.read(opened, 64):
                pass
        assert blocked.value.errno == errno.EAGAIN
    finally:
        os.close(opened)
