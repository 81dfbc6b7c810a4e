from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from kiosk.devices.ports import PrintNotStarted
from kiosk.devices.printer import serial as printer_serial
from kiosk.devices.printer import stream as printer_stream
from kiosk.devices.printer.ports import ChannelBroken, ChannelTimeout
from kiosk.devices.printer.serial import DtrChannel, SerialChannel, SerialLine, SerialPrinter
from tests.devices.printer.test_stream_file import DEADLINE_S, JOB, Device, nothing


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setattr(printer_stream, "ANSWER_S", DEADLINE_S)
    with Device() as opened:
        yield opened


def test_a_printer_on_a_serial_line_is_asked_and_prints_like_any_other(device: Device) -> None:
    for flow in ("rtscts", "xonxoff", "none"):
        printer = SerialPrinter(device.path, SerialLine(115_200, flow), "tspl")
        assert printer.status(DEADLINE_S).ready is True
        device.job = b""
        printer.print(JOB, DEADLINE_S, nothing)
        assert device.job == JOB
    device.status = 0x04
    with pytest.raises(PrintNotStarted, match="out of paper"):
        printer.print(JOB, DEADLINE_S, pytest.fail)


def test_what_is_no_serial_port_gets_no_byte(subtests: pytest.Subtests) -> None:
    for path in ["/dev/serial/by-id/nothing-there", "/dev/null"]:
        with (
            subtests.test(path=path),
            pytest.raises(PrintNotStarted, match=r"cannot be reached at .*: check its power and cable"),
        ):
            SerialPrinter(path, SerialLine(), "tspl").print(JOB, 1.0, pytest.fail)


class Clock:
    """Time passes while the channel sleeps, and never else."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Line:
    """A port of pyserial: its queue empties by one piece a look, DSR goes as told."""

    fd: int
    takes: list[bool] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    broken: bool = False
    thrown_away: int = 0
    closed: int = 0

    @property
    def dsr(self) -> bool:
        if self.broken:
            raise OSError(5, "Input/output error")
        return self.takes.pop(0) if self.takes else True

    @property
    def out_waiting(self) -> int:
        if self.broken:
            raise OSError(5, "Input/output error")
        return self.queued.pop(0) if self.queued else 0

    def fileno(self) -> int:
        return self.fd

    def reset_output_buffer(self) -> None:
        self.thrown_away += 1

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    clock = Clock()
    monkeypatch.setattr(printer_serial, "monotonic", clock)
    monkeypatch.setattr(printer_serial, "sleep", clock.sleep)
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_printer_that_lowers_dtr_is_waited_for_and_gets_small_pieces(pipe: tuple[int, int]) -> None:
    line = Line(pipe[1], takes=[False, False, True], queued=[60, 0])
    channel = DtrChannel(line)
    assert channel.send(memoryview(JOB), 1.0) == 64
    assert os.read(pipe[0], 4096) == JOB[:64]
    assert line.takes == []


def test_a_printer_that_never_takes_more_ends_with_the_deadline(pipe: tuple[int, int]) -> None:
    with pytest.raises(ChannelTimeout):
        DtrChannel(Line(pipe[1], takes=[False] * 1000)).send(memoryview(JOB), 1.0)
    with pytest.raises(ChannelTimeout):
        SerialChannel(Line(pipe[1], queued=[7] * 1000)).flush(1.0)


def test_a_port_that_is_pulled_out_is_broken_and_closed_without_its_queue(pipe: tuple[int, int]) -> None:
    line = Line(pipe[1], broken=True)
    for act in (lambda: DtrChannel(line).send(memoryview(JOB), 1.0), lambda: SerialChannel(line).flush(1.0)):
        with pytest.raises(ChannelBroken, match="Input/output"):
            act()
    SerialChannel(line).close()
    assert (line.thrown_away, line.closed) == (1, 1)


def test_a_slow_line_has_the_time_of_its_bits() -> None:
    """19 kB at 9600 baud are 20 s of line; a job may take them and half as many more, beside its paper."""
    assert SerialPrinter("/dev/x", SerialLine(9600), "cpcl")._wire_s(19_200) == pytest.approx(30.0)
