"""The keyboard scanner's adapter against key events in a pipe: it reads, comes back, and fails closed."""

from __future__ import annotations

import errno
import logging
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from kiosk.app.shared.adapters import make_scanner
from kiosk.devices.scanner import evdev, reader
from kiosk.devices.scanner.evdev import EVIOCGRAB, EvdevDevice, LinuxInput, PipeInput, input_system
from kiosk.devices.scanner.hid_pos import HidPosDevice
from kiosk.devices.scanner.keyboards import InputDevice
from kiosk.devices.scanner.keys import NATIVE
from kiosk.devices.scanner.ports import InputSystem
from kiosk.devices.scanner.reader import ScannerReader
from kiosk.devices.scanner.report import ScanReporter
from kiosk.devices.scanner.serial import SerialDevice
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.simulators.scanner.typing import TypingScannerSimulator, typed
from tests.station.hardware import Heard

PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "RETRY_MAX_S", 0.02)
    monkeypatch.setattr(reader, "POLL_INTERVAL_S", 0.02)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[TypingScannerSimulator]:
    with TypingScannerSimulator(tmp_path / "scanner", keyboard_s=60) as simulator:
        yield simulator


def wedge(path: Path, report: ScanReporter) -> ScannerReader:
    return ScannerReader(EvdevDevice(str(path), report), report)


@contextmanager
def listening(
    path: Path, heard: Heard, states: Heard | None = None, system: InputSystem | None = None, repeat_s: float = 0.2
) -> Iterator[ScannerReader]:
    # On a clock that stands still: a rest of this machine between two keys is no hand on a keyboard.
    report = ScanReporter(heard, states or Heard(), lambda: 0.0, repeat_s)
    scanner = ScannerReader(EvdevDevice(str(path), report, system), report, lambda: 0.0)
    scanner.start()
    try:
        yield scanner
    finally:
        scanner.stop(PATIENCE_S)
    assert not [thread for thread in threading.enumerate() if thread.name == "scanner"]


class Log(logging.Handler):
    """What is logged, to be waited for."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = Heard()

    def emit(self, record: logging.LogRecord) -> None:
        self.heard(record.getMessage())


@pytest.fixture
def log() -> Iterator[Heard]:
    handler = Log()
    logger = logging.getLogger("kiosk.devices.scanner.report")
    logger.addHandler(handler)
    yield handler.heard
    logger.removeHandler(handler)


def connected(states: Heard) -> None:
    states.wait(lambda told: told[-1:] == ["ok"])


def test_codes_come_through_in_order(simulator: TypingScannerSimulator, tmp_path: Path) -> None:
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states):
        connected(states)
        simulator.command("scan Y1P04412J")
        simulator.command("burst A B")
        simulator.scan("]C1010690123456789210ABC\x1d21x")
        simulator.scan("x" * 256)
        heard.wait(lambda told: len(told) == 5)
    assert heard.told == ["Y1P04412J", "A", "B", "]C1010690123456789210ABC\x1d21x", "x" * 256]
    assert states.told == ["ok"]


def test_an_event_in_pieces_is_one_event(simulator: TypingScannerSimulator, tmp_path: Path) -> None:
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states):
        connected(states)
        pipe = os.open(tmp_path / "scanner", os.O_WRONLY)
        for byte in typed("AB"):
            os.write(pipe, bytes([byte]))
        os.close(pipe)
        heard.wait(lambda told: told == ["AB"])


@pytest.mark.parametrize("hostile", ["a\x0fb", "\x0a", "a\x16", "x" * 257])
def test_a_label_that_presses_keys_is_refused_and_the_next_one_works(
    simulator: TypingScannerSimulator, tmp_path: Path, hostile: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard, states = Heard(), Heard()
    with caplog.at_level(logging.WARNING), listening(tmp_path / "scanner", heard, states):
        connected(states)
        simulator.send(typed(hostile))
        simulator.scan("NEXT")
        heard.wait(lambda told: told[-1:] == ["NEXT"])
    assert heard.told == ["NEXT"]
    assert "was refused" in caplog.text


def test_the_same_code_again_is_one_scan_and_later_two(simulator: TypingScannerSimulator, tmp_path: Path) -> None:
    heard, states, now = Heard(), Heard(), [100.0]
    scanner = wedge(tmp_path / "scanner", ScanReporter(heard, states, lambda: now[0]))
    scanner.start()
    connected(states)
    simulator.command("burst A A")
    simulator.scan("B")
    heard.wait(lambda told: told[-1:] == ["B"])
    now[0] += 1
    simulator.scan("B")
    heard.wait(lambda told: len(told) == 3)
    scanner.stop(PATIENCE_S)
    assert heard.told == ["A", "B", "B"]


def test_a_cable_pulled_and_put_back(simulator: TypingScannerSimulator, tmp_path: Path) -> None:
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states):
        for number in range(3):
            connected(states)
            simulator.scan(f"CODE{number}")
            heard.wait(lambda told, number=number: told[-1:] == [f"CODE{number}"])
            simulator.send(typed("HALF")[: 12 * NATIVE.size])
            simulator.unplug()
            states.wait(lambda told: told[-1:] == ["scanner_missing"])
            simulator.scan("NOBODY")
            simulator.plug()
        connected(states)
        simulator.scan("WHOLE")
        heard.wait(lambda told: told[-1:] == ["WHOLE"])
    assert heard.told == ["CODE0", "CODE1", "CODE2", "WHOLE"]


def test_what_was_typed_before_nobody_reads(simulator: TypingScannerSimulator, tmp_path: Path) -> None:
    for number in range(2000):
        simulator.scan(f"EARLY{number}")
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states):
        connected(states)
        simulator.scan("NOW")
        heard.wait(lambda told: told == ["NOW"])


# --- a second keyboard ------------------------------------------------------------------------------------------------


def test_scans_are_refused_while_another_keyboard_is_there(
    simulator: TypingScannerSimulator, tmp_path: Path, log: Heard
) -> None:
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states):
        connected(states)
        simulator.command("keyboard format c:")
        states.wait(lambda told: told[-1:] == ["scanner_second_keyboard"])
        simulator.scan("REFUSED")
        log.wait(lambda told: told == ["a scan was refused: another keyboard is plugged in"])
        simulator.take_keyboard()
        states.wait(lambda told: told[-1:] == ["ok"])
        simulator.scan("HEARD")
        heard.wait(lambda told: told == ["HEARD"])
    assert states.told == ["ok", "scanner_second_keyboard", "ok"]


def test_a_keyboard_is_found_by_the_scan_itself(
    simulator: TypingScannerSimulator, tmp_path: Path, log: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However seldom somebody looks: no scan is believed without a look."""
    monkeypatch.setattr(reader, "POLL_INTERVAL_S", 3600)
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states):
        connected(states)
        simulator.type_elsewhere("x")
        simulator.scan("REFUSED")
        log.wait(lambda told: len(told) == 1)
        simulator.take_keyboard()
        simulator.scan("HEARD")
        heard.wait(lambda told: told == ["HEARD"])
    assert states.told == ["ok", "scanner_second_keyboard", "ok"]


def test_a_list_that_cannot_be_read_is_a_scanner_that_is_not_there(
    simulator: TypingScannerSimulator, tmp_path: Path
) -> None:
    class Blind(PipeInput):
        blind = True

        def devices(self, path: Path) -> tuple[InputDevice, ...]:
            tries(self.blind)
            if self.blind:
                raise PermissionError("/sys is hidden")
            return super().devices(path)

    heard, states, tries, system = Heard(), Heard(), Heard(), Blind()
    with listening(tmp_path / "scanner", heard, states, system):
        states.wait(lambda told: told == ["scanner_missing"])
        simulator.scan("REFUSED")
        tried = len(tries.told)
        tries.wait(lambda told: len(told) > tried + 1)  # opened, and closed again, once more since then
        system.blind = False
        connected(states)
        simulator.scan("HEARD")
        heard.wait(lambda told: told == ["HEARD"])


# --- the grab ---------------------------------------------------------------------------------------------------------


def test_the_grab_is_the_kernels_number() -> None:
    """_IOW('E', 0x90, int): direction write, size 4, type and number (asm-generic/ioctl.h)."""
    assert (1 << 30) | (4 << 16) | (ord("E") << 8) | 0x90 == EVIOCGRAB


@pytest.mark.parametrize("number", [errno.ENOTTY, errno.EBUSY, errno.ENODEV])
def test_without_a_grab_nothing_is_read(
    simulator: TypingScannerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A pipe refuses the call by itself (ENOTTY); a node another program holds answers EBUSY."""
    asked: list[tuple[int, int]] = []

    def refuse(descriptor: int, request: int, argument: int) -> int:
        asked.append((request, argument))
        raise OSError(number, os.strerror(number))

    if number != errno.ENOTTY:
        monkeypatch.setattr(evdev, "ioctl", refuse)
    monkeypatch.setattr(LinuxInput, "devices", PipeInput.devices)
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states, LinuxInput()):
        states.wait(lambda told: told == ["scanner_missing"])
        simulator.scan("REFUSED")
    assert heard.told == []
    assert states.told == ["scanner_missing"]
    assert set(asked) <= {(EVIOCGRAB, 1)}


def test_with_a_grab_it_is_read(
    simulator: TypingScannerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(evdev, "ioctl", lambda descriptor, *rest: asked.append(rest))
    monkeypatch.setattr(LinuxInput, "devices", PipeInput.devices)
    heard, states = Heard(), Heard()
    with listening(tmp_path / "scanner", heard, states, LinuxInput()):
        connected(states)
        simulator.scan("HEARD")
        heard.wait(lambda told: told == ["HEARD"])
    assert asked == [(EVIOCGRAB, 1)]


def test_no_device_below_dev_is_read_without_a_grab() -> None:
    assert isinstance(input_system("/dev/input/by-id/usb-x-event-kbd"), LinuxInput)
    assert isinstance(input_system("/run/bench/scanner"), PipeInput)
    assert isinstance(input_system("/dev/shm/bench/scanner"), PipeInput)


@pytest.mark.parametrize("kind", ["file", "folder", "terminal"])
def test_the_bench_reads_pipes_and_nothing_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "scanner"
    ends = pty.openpty() if kind == "terminal" else ()
    if kind == "terminal":
        path.symlink_to(os.ttyname(ends[1]))
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(typed("A"))
    with pytest.raises(OSError, match="is no pipe"):
        PipeInput().open(path)
    for end in ends:
        os.close(end)


# --- life -------------------------------------------------------------------------------------------------------------


def test_a_scanner_that_is_not_there_is_complained_of_once_and_found_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard, states = Heard(), Heard()
    tries = threading.Semaphore(0)

    class Counted(EvdevDevice):
        def open(self) -> int:
            tries.release()
            return super().open()

    report = ScanReporter(heard, states)
    scanner = ScannerReader(Counted(str(tmp_path / "scanner"), report), report)
    with caplog.at_level(logging.WARNING):
        scanner.start()
        for _ in range(5):
            assert tries.acquire(timeout=PATIENCE_S)
    assert len([record for record in caplog.records if "is not there" in record.message]) == 1
    assert states.told == ["scanner_missing"]
    with TypingScannerSimulator(tmp_path / "scanner") as simulator:
        connected(states)
        simulator.scan("FOUND")
        heard.wait(lambda told: told == ["FOUND"])
    scanner.stop(PATIENCE_S)


def test_listeners_that_raise_lose_no_later_scan(simulator: TypingScannerSimulator, tmp_path: Path) -> None:
    heard, states = Heard(), Heard()

    def on_scan(text: str) -> None:
        heard(text)
        raise RuntimeError("the desk is gone")

    def on_state(word: str) -> None:
        states(word)
        raise RuntimeError("nobody listens")

    scanner = wedge(tmp_path / "scanner", ScanReporter(on_scan, on_state))
    scanner.start()
    connected(states)
    simulator.command("burst A B")
    heard.wait(lambda told: told == ["A", "B"])
    scanner.stop(PATIENCE_S)


def test_stop_is_quick_at_any_moment_and_gives_the_device_back(
    simulator: TypingScannerSimulator, tmp_path: Path
) -> None:
    for path in (tmp_path / "scanner", tmp_path / "none"):
        for _ in range(10):
            scanner = wedge(path, ScanReporter(Heard()))
            scanner.start()
            began = monotonic()
            scanner.stop(PATIENCE_S)
            scanner.stop(PATIENCE_S)
            assert monotonic() - began < PATIENCE_S
    wedge(tmp_path, ScanReporter(Heard())).stop()


def test_the_settings_choose_the_adapter(tmp_path: Path) -> None:
    port = str(tmp_path / "scanner")
    for kind, device in (("serial", SerialDevice), ("evdev", EvdevDevice), ("hid_pos", HidPosDevice)):
        scanner = make_scanner(ScannerSettings(port, kind), Heard(), Heard())
        assert isinstance(scanner, ScannerReader)
        assert isinstance(scanner._device, device)
