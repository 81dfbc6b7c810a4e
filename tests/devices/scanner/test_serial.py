"""The real scanner adapter against a pseudo-terminal: codes come through, nothing else does, and it comes back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from kiosk.devices.scanner import serial as scanner_serial
from kiosk.devices.scanner.report import MAX_SCAN, ScanReporter
from kiosk.devices.scanner.serial import SerialScanner
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.simulators.scanner.simulator import ScannerSimulator
from tests.station.hardware import Heard

PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_serial, "RETRY_S", 0.02)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[ScannerSimulator]:
    with ScannerSimulator(tmp_path / "scanner") as simulator:
        yield simulator


@contextmanager
def listening(path: Path, heard: Heard, states: Heard | None = None) -> Iterator[SerialScanner]:
    # On a clock that stands still: a rest of this machine between two characters is no silence of the scanner.
    scanner = SerialScanner(
        ScannerSettings(str(path)), ScanReporter(heard, states or Heard(), lambda: 0.0), clock=lambda: 0.0
    )
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
        simulator.scan("x" * MAX_SCAN)
        heard.wait(lambda told: len(told) == 7)
    assert heard.told == [
        "Y1P04412J",
        "6901234567892",
        "]C1010690123456789210ABC\x1d21X",
        "LF",
        "BOTH",
        "TAB",
        "x" * MAX_SCAN,
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
        b"x" * (MAX_SCAN + 1),
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


class ScriptedPort:
    """Bytes with the silence before each piece, on a clock of its own; pulled out at the end."""

    timeout = 60.0

    def __init__(self, *pieces: tuple[float, bytes]) -> None:
        self._pieces = list(pieces)
        self._waiting = b""
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def __call__(self, *_: object, **__: object) -> ScriptedPort:
        return self

    def __enter__(self) -> ScriptedPort:
        return self

    def __exit__(self, *_: object) -> None:
        """Stays as it is."""

    @property
    def in_waiting(self) -> int:
        return len(self._waiting)

    def read(self, count: int) -> bytes:
        if self.timeout < 1:  # is there anything left of before?
            return b""
        if count and not self._waiting:
            if not self._pieces:
                raise OSError("pulled out")
            silent_s, self._waiting = self._pieces.pop(0)
            self.now += silent_s
        data, self._waiting = self._waiting[:count], self._waiting[count:]
        return data

    def cancel_read(self) -> None:
        """Never waits."""


@pytest.mark.parametrize(
    ("pieces", "expected", "dropped"),
    [
        ([(0, b"SF13850"), (4, b"SF1385012345678\r"), (3, b"Y1P04412J\r")], ["Y1P04412J"], 1),
        ([(0, b"SF13850"), (60, b""), (0.1, b"12345678\r"), (0, b"Y1P04412J\r")], ["Y1P04412J"], 1),
        ([(0, b"SF13850"), (0.9, b"123"), (0.9, b"45678\r")], ["SF1385012345678"], 0),
        ([(9, b"A\r"), (9, b"B"), (0, b"C\r")], ["A", "BC"], 0),
    ],
)
def test_half_a_code_is_never_a_code(
    pieces: list[tuple[float, bytes]],
    expected: list[str],
    dropped: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard, states = Heard(), Heard()
    port = ScriptedPort(*pieces)
    monkeypatch.setattr(scanner_serial.serial, "Serial", port)
    scanner = SerialScanner(ScannerSettings("x"), ScanReporter(heard, states, port.clock), clock=port.clock)
    with caplog.at_level(logging.WARNING):
        scanner.start()
        states.wait(lambda told: "scanner_missing" in told)
        scanner.stop(PATIENCE_S)
    assert heard.told == expected
    refused = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert refused == ["a scan was refused: more than 1 s passed between two characters"] * dropped
    assert "SF1385" not in caplog.text


def test_a_listener_that_takes_its_time_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    port = ScriptedPort((0, b"FIRST\rSEC"), (0, b"OND\r"))

    def slow(text: str) -> None:
        told.append(text)
        port.now += 5

    states = Heard()
    monkeypatch.setattr(scanner_serial.serial, "Serial", port)
    scanner = SerialScanner(ScannerSettings("x"), ScanReporter(slow, states, port.clock), clock=port.clock)
    scanner.start()
    states.wait(lambda told: "scanner_missing" in told)
    scanner.stop(PATIENCE_S)
    assert told == ["FIRST", "SECOND"]


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

    class Counted(SerialScanner):
        def _report_missing(self, error: Exception) -> None:
            super()._report_missing(error)
            tries.release()

    scanner = Counted(ScannerSettings(str(tmp_path / "scanner")), ScanReporter(heard))
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

    scanner = SerialScanner(ScannerSettings(str(tmp_path / "scanner")), ScanReporter(listener))
    scanner.start()
    hears(simulator, heard, "START")
    simulator.command("burst BAD GOOD")
    heard.wait(lambda told: told[-2:] == ["BAD", "GOOD"])
    scanner.stop(PATIENCE_S)


def test_stop_is_quick_at_any_moment(simulator: ScannerSimulator, tmp_path: Path) -> None:
    for path in (tmp_path / "scanner", tmp_path / "none"):
        for _ in range(10):
            scanner = SerialScanner(ScannerSettings(str(path)), ScanReporter(lambda text: None))
            scanner.start()
            began = monotonic()
            scanner.stop(PATIENCE_S)
            scanner.stop(PATIENCE_S)
            assert monotonic() - began < PATIENCE_S, "a read waits longer than that"
    SerialScanner(ScannerSettings("x"), ScanReporter(lambda text: None)).stop()


@pytest.mark.parametrize(
    ("port", "baud", "words"),
    [("", 9600, "port must name"), ("a\0b", 9600, "port must name"), ("x", 0, "300 to 230400"), ("x", 10**6, "300 to")],
)
def test_wrong_settings_name_the_field(port: str, baud: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ScannerSettings(port, baud=baud)
