"""The simulated HID POS scanner: its reports, its description, and a cable that can be pulled."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.protocols.barcodes.hid_pos import read_descriptor
from kiosk.simulators.scanner.hid_pos import DESCRIPTOR, HidPosScannerSimulator, reports
from kiosk.simulators.shared.faults import BadFaultWord


def test_reports_are_those_of_the_manual() -> None:
    """A QR of 60 bytes comes as 56 with "more", and 4."""
    first, second = reports(b"]Q0" + bytes(range(0x30, 0x30 + 60)))
    assert first == b"\x02\x38]Q0" + bytes(range(0x30, 0x30 + 56)) + b"\0\0\x01"
    assert second == b"\x02\x04]Q0" + bytes(range(0x30 + 56, 0x30 + 60)) + bytes(54) + b"\0"
    assert list(reports(b"")) == [b"\x02" + bytes(63)]


@pytest.mark.parametrize("text", ["scan", "beep", "keyboard 123", "", "burst"])
def test_other_words_are_refused(tmp_path: Path, text: str) -> None:
    with HidPosScannerSimulator(tmp_path / "scanner") as simulator, pytest.raises(BadFaultWord):
        simulator.command(text)


def test_the_node_and_its_description_go_with_the_cable(tmp_path: Path) -> None:
    path = tmp_path / "scanner"
    with HidPosScannerSimulator(path) as simulator:
        assert path.is_socket()
        assert read_descriptor((tmp_path / "scanner.descriptor").read_bytes()) == read_descriptor(DESCRIPTOR)
        simulator.plug()
        simulator.unplug()
        simulator.unplug()
        assert list(tmp_path.iterdir()) == []
        simulator.scan("lost")
        simulator.plug()
    assert list(tmp_path.iterdir()) == []
    simulator.close()


def test_a_stale_node_is_replaced_and_a_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "scanner"
    stale = HidPosScannerSimulator(path)
    HidPosScannerSimulator(path).close()
    stale.close()
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        HidPosScannerSimulator(path)
    assert path.read_text() == "mine"
