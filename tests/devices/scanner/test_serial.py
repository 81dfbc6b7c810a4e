"""The real scanner adapter against a pseudo-terminal: codes come through, nothing else does, and it comes back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from kiosk.devices.scanner import reader
from kiosk.devices.scanner.reader import ScannerReader
from kiosk.devices.scanner.report import ScanReporter
from kiosk.devices.scanner.serial import SerialDevice
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.protocols.barcodes.scan import MAX_NAMED_LENGTH
from kiosk.simulators.scanner.simulator import ScannerSimulator
from tests.station.hardware import Heard

PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "RETRY_S", 0.02)
    monkeypatch.setattr(reader, "RETRY_MAX_S", 0.02)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[ScannerSimulator]:
    with ScannerSimulator(tmp_path / "scanner") as simulator:
        yield simulator


def serial_scanner(path: Path | str, report: ScanReporter, clock: Callable[[], float] = monotonic) -> ScannerReader:
    return ScannerReader(SerialDevice(ScannerSettings(str(path)), report), report, clock)


@contextmanager
def listening(path: Path, heard: Heard, states: Heard | None = None) -> Iterator[ScannerReader]:
    # On a clock that stands still: a rest of this machine between two characters is no silence of the scanner.
    scanner = serial_scanner(path, ScanReporter(heard, states or Heard(), lambda: 0.0), lambda: 0.0)
    scanner.start()
    yield scanner
    scanner.stop(PATIENCE_S)
    assert not [thread for thread in threading.enumerate() if thread.name == "scanner"]


def hears(simulator: ScannerSimulator, heard: Heard, code: str) -> None:
    """The code comes through; sent again until the adapter has the port open (opening throws away what came before)."""
    deadline = monotonic() + PATIENCE_S
    while True:
        simulator.scan(code)
        try:
            heard.wait(lambda told: told[-1:] == [code], 0.1)
            return
        except AssertionError:
            assert monotonic() < deadline, heard.told


def test_codes_come_through_in_order(simulator: ScannerSimulator, tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path / "scanner", heard):
        hears(simulator, heard, "START")
        del heard.told[:]
        simulator.command("burst Y1P04412J 6901234567892")
        simulator.command("scan ]C1010690123456789210ABC\x1d21X")
        simulator.send(b"LF\n")
        simulator.send(b"BOTH\r\n")
        simulator.send(b"\r\r\n\n")
        simulator.send(b"TAB\t\r\n")
        simulator.scan("x" * MAX_NAMED_LENGTH)
        heard.wait(lambda told: len(told) == 7)
    assert heard.told == [
        "Y1P04412J",
        "6901234567892",
        "]C1010690123456789210ABC\x1d21X",
        "LF",
        "BOTH",
        "TAB",
        "x" * MAX_NAMED_LENGTH,
    ]


def test_a_code_in_pieces_is_one_code(simulator: ScannerSimulator, tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path / "scanner", heard):
        hears(simulator, heard, "START")
        for byte in b"Y1P04412J\r":
            simulator.send(bytes([byte]))
        heard.wait(lambda told: told[-1] == "Y1P04412J")


@pytest.mark.parametrize(
    "line",
    [
        b"\x1b[31mred",
        b"a\x00b",
        b"\x16Paste",
        b"\x7f",
        "ئايگۈل".encode(),
        b"\xff\xfe",
        b"\x1c\x1e\x1f",
        b"x" * (MAX_NAMED_LENGTH + 1),
        b"x" * 3000,
    ],
)
def test_what_is_no_printable_code_is_refused_and_the_next_one_works(
    simulator: ScannerSimulator, tmp_path: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    with caplog.at_level(logging.WARNING), listening(tmp_path / "scanner", heard):
        hears(simulator, heard, "START")
        del heard.told[:]
        simulator.send(line + b"\r")
        simulator.scan("NEXT")
        heard.wait(lambda told: len(told) == 1)
    assert heard.told == ["NEXT"]
    assert "was refused" in caplog.text
    assert caplog.text[:-1].replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("pieces", "expected", "dropped"),
    [
        ([(0, b"SF13850"), (4, b"SF1385012345678\r"), (3, b"Y1P04412J\r")], ["Y1P04412J"], 1),
        ([(0, b"SF13850"), (60.1, b"12345678\r"), (0, b"Y1P04412J\r")], ["Y1P04412J"], 1),
        ([(0, b"SF13850"), (0.9, b"123"), (0.9, b"45678\r")], ["SF1385012345678"], 0),
        ([(9, b"A\r"), (9, b"B"), (0, b"C\r")], ["A", "BC"], 0),
    ],
)
def test_half_a_code_is_never_a_code(
    pieces: list[tuple[float, bytes]], expected: list[str], dropped: int, caplog: pytest.LogCaptureFixture
) -> None:
    heard, now = Heard(), 0.0
    device = SerialDevice(ScannerSettings("x"), ScanReporter(heard, clock=lambda: now))
    with caplog.at_level(logging.WARNING):
        for silent_s, piece in pieces:
            now += silent_s
            device.on_reads([piece], now)
    assert heard.told == expected
    refused = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert refused == ["a scan was refused: more than 1 s passed between two characters"] * dropped
    assert "SF1385" not in caplog.text


def test_a_listener_that_takes_its_time_is_no_silence(simulator: ScannerSimulator, tmp_path: Path) -> None:
    heard, states, now = Heard(), Heard(), [0.0]

    def slow(text: str) -> None:
        heard(text)
        if text == "FIRST":
            simulator.send(b"OND\r")
        now[0] += 5

    scanner = serial_scanner(tmp_path / "scanner", ScanReporter(slow, states, lambda: now[0]), lambda: now[0])
    scanner.start()
    states.wait(lambda told: told == ["ok"])
    simulator.send(b"FIRST\rSEC")
    heard.wait(lambda told: told == ["FIRST", "SECOND"])
    scanner.stop(PATIENCE_S)


def test_a_cable_pulled_and_put_back(
    simulator: ScannerSimulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard, states = Heard(), Heard()
    with caplog.at_level(logging.WARNING), listening(tmp_path / "scanner", heard, states):
        for number in range(3):
            hears(simulator, heard, f"CODE{number}")
            simulator.unplug()
            simulator.scan("NOBODY HEARS THIS")
            states.wait(lambda told, number=number: told.count("scanner_missing") == number + 1)
            simulator.plug()
        hears(simulator, heard, "LAST")
    assert states.told == ["ok", "scanner_missing"] * 3 + ["ok"]
    assert "NOBODY HEARS THIS" not in heard.told


def test_half_a_code_before_the_cable_went_does_not_begin_the_next(simulator: ScannerSimulator, tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path / "scanner", heard):
        hears(simulator, heard, "START")
        simulator.send(b"HALF")
        simulator.unplug()
        simulator.plug()
        hears(simulator, heard, "WHOLE")
    assert set(heard.told) == {"START", "WHOLE"}


def test_a_scanner_that_is_not_there_is_complained_of_once_and_found_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    tries = threading.Semaphore(0)

    class Counted(SerialDevice):
        def open(self) -> int:
            tries.release()
            return super().open()

    report = ScanReporter(heard)
    scanner = ScannerReader(Counted(ScannerSettings(str(tmp_path / "scanner")), report), report)
    with caplog.at_level(logging.WARNING):
        scanner.start()
        for _ in range(5):
            assert tries.acquire(timeout=PATIENCE_S)
    assert len([record for record in caplog.records if "is not there" in record.message]) == 1
    with ScannerSimulator(tmp_path / "scanner") as simulator:
        hears(simulator, heard, "FOUND")
    scanner.stop(PATIENCE_S)


def test_the_same_code_again_is_one_scan(simulator: ScannerSimulator, tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path / "scanner", heard):
        hears(simulator, heard, "START")
        simulator.command("burst A A")
        simulator.command("burst A B")
        heard.wait(lambda told: told[-1] == "B")
    assert heard.told[-2:] == ["A", "B"]
    assert heard.told.count("A") == 1


def test_a_listener_that_raises_loses_no_later_scan(simulator: ScannerSimulator, tmp_path: Path) -> None:
    heard = Heard()

    def listener(text: str) -> None:
        heard(text)
        if text == "BAD":
            raise RuntimeError("the desk is gone")

    scanner = serial_scanner(tmp_path / "scanner", ScanReporter(listener))
    scanner.start()
    hears(simulator, heard, "START")
    simulator.command("burst BAD GOOD")
    heard.wait(lambda told: told[-2:] == ["BAD", "GOOD"])
    scanner.stop(PATIENCE_S)


def test_stop_is_quick_at_any_moment(simulator: ScannerSimulator, tmp_path: Path) -> None:
    for path in (tmp_path / "scanner", tmp_path / "none"):
        for _ in range(10):
            scanner = serial_scanner(path, ScanReporter(lambda text: None))
            scanner.start()
            began = monotonic()
            scanner.stop(PATIENCE_S)
            scanner.stop(PATIENCE_S)
            assert monotonic() - began < PATIENCE_S, "a read waits longer than that"
    serial_scanner("x", ScanReporter(lambda text: None)).stop()


@pytest.mark.parametrize(
    ("port", "baud", "words"),
    [("", 9600, "port must name"), ("a\0b", 9600, "port must name"), ("x", 0, "300 to 230400"), ("x", 10**6, "300 to")],
)
def test_wrong_settings_name_the_field(port: str, baud: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ScannerSettings(port, baud=baud)
