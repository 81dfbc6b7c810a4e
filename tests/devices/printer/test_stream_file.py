from __future__ import annotations

import os
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.ports import PrinterFault, PrintNotStarted
from kiosk.devices.printer import stream as printer_stream
from kiosk.devices.printer.stream import FilePrinter

QUERY = b"\x1b!?"
JOB = b"SIZE 60 mm,40 mm\r\nPRINT 1,1\r\n" * 500
DEADLINE_S = 60.0
"""The other end may rest for seconds on a loaded machine."""


def nothing() -> None:
    return


def test_a_plain_file_takes_every_job_whole(tmp_path: Path) -> None:
    path = tmp_path / "printer"
    path.touch()
    printer = FilePrinter(path, "tspl")
    assert printer.proof == "write"
    assert printer.status(1.0).flags == (PrinterFault.UNKNOWN,)
    printer.print(JOB, 5.0, nothing)
    printer.print(JOB, 5.0, nothing)
    assert path.read_bytes() == JOB + JOB


def test_a_missing_device_is_never_created(tmp_path: Path) -> None:
    path = tmp_path / "lp0"
    printer = FilePrinter(path, "tspl")
    with pytest.raises(PrintNotStarted, match=r"lp0 \(No such file or directory\): check its power and cable"):
        printer.print(JOB, 1.0, pytest.fail)
    assert printer.status(1.0).ready is None
    assert not path.exists()


def test_a_plain_file_in_the_place_of_a_device_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "lp0"
    printer = FilePrinter(path, "tspl")
    path.touch()
    with pytest.raises(PrintNotStarted, match="not a device file"):
        printer.print(JOB, 1.0, pytest.fail)
    assert path.read_bytes() == b""


def test_a_pipe_that_nobody_reads_is_no_printer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(PrintNotStarted, match="cannot be reached"):
        FilePrinter(path, "tspl").print(JOB, 1.0, pytest.fail)


class Device:
    """A character device like /dev/usb/lp0: a pseudo-terminal with a printer at its other end."""

    def __init__(self) -> None:
        self._far, self._near = os.openpty()
        tty.setraw(self._far)
        tty.setraw(self._near)
        self.path = os.ttyname(self._near)
        self.job = b""
        self.status = 0x00
        self._busy_answers = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Device:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._near)
        self._thread.join()
        os.close(self._far)

    def _serve(self) -> None:
        kept = b""
        while data := self._read():
            asked = (kept + data).count(QUERY)
            data = (kept + data).replace(QUERY, b"")
            kept = next((QUERY[:size] for size in (2, 1) if data.endswith(QUERY[:size])), b"")  # cut by the terminal
            if data.removesuffix(kept):
                self.job += data.removesuffix(kept)
                self._busy_answers = 2
            for _ in range(asked):
                os.write(self._far, bytes((self.status or 0x20 * (self._busy_answers > 0),)))
                self._busy_answers -= 1

    def _read(self) -> bytes:
        try:
            return os.read(self._far, 4096)
        except OSError:  # a pseudo-terminal says EIO when its last user is gone
            return b""


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setattr(printer_stream, "ANSWER_S", DEADLINE_S)
    with Device() as opened:
        yield opened


def test_a_device_file_is_asked_for_its_status_like_a_network_printer(device: Device) -> None:
    printer = FilePrinter(device.path, "tspl")
    assert printer.proof == "status"
    assert printer.status(DEADLINE_S).ready is True
    printer.print(JOB, DEADLINE_S, nothing)
    assert device.job == JOB
    device.status = 0x04
    with pytest.raises(PrintNotStarted, match="out of paper"):
        printer.print(JOB, DEADLINE_S, pytest.fail)
    assert device.job == JOB
