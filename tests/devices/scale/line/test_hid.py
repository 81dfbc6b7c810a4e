"""A USB HID scale, simulated by a file that gives one report a read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from kiosk.app.shared.adapters import open_scale
from kiosk.devices.ports import LinkState
from kiosk.devices.scale.line import hid as scale_hid
from kiosk.devices.scale.line.hid import HidPort
from kiosk.devices.scale.line.ports import BacklogDiscarded, PortDisconnected
from kiosk.devices.scale.line.serial_port import open_error_text
from kiosk.devices.scale.live import Timing
from kiosk.devices.scale.settings import Indicator
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.simulators.scale.packets import ReportLine
from kiosk.simulators.scale.simulator import ScaleSimulator
from tests.devices.scale.listener import PATIENCE_S, Listener


@contextmanager
def _watched(port: str) -> Iterator[Listener]:
    listener = Listener()
    timing = Timing(stale_s=0.3, retry_first_s=0.02, retry_max_s=0.05)
    scale = open_scale(Indicator(port, "usb_hid_scale"), LineSettings(), listener, timing=timing)
    scale.start()
    try:
        yield listener
    finally:
        scale.stop(PATIENCE_S)


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[ReportLine]:
    line = ReportLine(tmp_path / "hidraw")
    line.plug()
    yield line
    line.close()


@contextmanager
def _opened(line: ReportLine) -> Iterator[HidPort]:
    port = HidPort(line.path)
    try:
        yield port
    finally:
        port.close()


def test_a_report_is_a_packet_and_the_first_after_opening_is_dropped(reports: ReportLine) -> None:
    with _opened(reports) as port:
        for report in (b"\x03\x04\x03\xfd\x01\x00", b"\x03\x04\x03\xfd\x02\x00", b"\x03\x04\x03\xfd\x03\x00"):
            reports.write(report)
        assert port.drain() == [b"\x03\x04\x03\xfd\x02\x00", b"\x03\x04\x03\xfd\x03\x00"]
        assert port.drain() == []


def test_a_backlog_is_thrown_away(reports: ReportLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_hid, "_BACKLOG_REPORTS", 5)  # the pipe keeps fewer than hidraw's 64
    with _opened(reports) as port:
        reports.write(b"first")
        assert port.drain() == []
        for _ in range(8):
            reports.write(b"old")
        with pytest.raises(BacklogDiscarded):
            port.drain()
        reports.write(b"new")
        assert port.drain() == [b"new"]


def test_a_second_reader_is_refused(reports: ReportLine) -> None:
    with _opened(reports), pytest.raises(BlockingIOError) as refused:
        HidPort(reports.path)
    assert "Another program uses" in open_error_text(reports.path, refused.value)


def test_pulled_out_it_is_gone(reports: ReportLine) -> None:
    with _opened(reports) as port:
        assert port.is_present()
        reports.unplug()
        assert not port.is_present()
        with pytest.raises(PortDisconnected):
            port.drain()
        with pytest.raises(PortDisconnected):
            port.write(b"\x02\x01")
        reports.plug()


def test_an_output_report_is_one_write(tmp_path: Path) -> None:
    """A device node that takes reports and gives none: a pipe whose other end the test holds."""
    path = tmp_path / "hidraw"
    os.mkfifo(path)
    port = HidPort(str(path))
    other = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    port.write(b"\x02\x01")
    assert os.read(other, 64) == b"\x02\x01"
    os.close(other)
    port.close()


def test_half_a_report_is_never_completed_by_the_next(tmp_path: Path) -> None:
    with (
        ScaleSimulator("usb_hid_scale", tmp_path / "scale", hz=50, settle_s=0) as simulator,
        _watched(simulator.path) as listener,
    ):
        simulator.command("put 2.480kg")
        assert listener.until(lambda: Decimal("2.480") in listener.weights())
        for _ in range(5):
            simulator.command("cut")
            count = len(listener.readings)
            assert listener.until(lambda count=count: len(listener.readings) > count + 1)  # type: ignore[misc]
        assert set(listener.weights()) <= {0, Decimal("2.480")}


def test_asleep_and_awake_again(tmp_path: Path) -> None:
    with (
        ScaleSimulator("usb_hid_scale", tmp_path / "scale", hz=50) as simulator,
        _watched(simulator.path) as listener,
    ):
        assert listener.until_count(listener.readings, 1)
        simulator.command("unplug")
        assert listener.until_count(listener.expired, 1)
        assert listener.until_state(LinkState.MISSING)
        count = len(listener.readings)
        simulator.command("replug")
        assert listener.until(lambda: len(listener.readings) > count)


def test_without_the_right_to_read_it_says_what_to_look_at() -> None:
    text = open_error_text("/dev/hidraw0", PermissionError(13, "Permission denied"))
    assert text == (
        "No right to open the scale's port /dev/hidraw0: add this user to the group kiosk, and look at the udev rule."
    )


def test_a_link_or_file_in_the_simulators_place_is_left_alone(tmp_path: Path) -> None:
    taken = tmp_path / "scale"
    taken.write_text("precious")
    with pytest.raises(FileExistsError, match="not a simulated scale"):
        ScaleSimulator("usb_hid_scale", taken).start()
    assert taken.read_text() == "precious"


def test_a_simulator_without_a_place_cleans_up_after_itself() -> None:
    with ScaleSimulator("usb_hid_scale", hz=0) as simulator:
        path = Path(simulator.path)
        assert path.is_fifo()
    assert not path.parent.exists()
