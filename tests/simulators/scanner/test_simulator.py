"""The simulated scanner: fault words, a cable that can be pulled, and no harm when nobody listens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kiosk.simulators.scanner.simulator import ScannerSimulator
from kiosk.simulators.shared.faults import BadFaultWord


def read(path: Path, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY)
    try:
        data = b""
        while len(data) < size:
            data += os.read(descriptor, size - len(data))
        return data
    finally:
        os.close(descriptor)


def test_words_become_codes_with_a_carriage_return(tmp_path: Path) -> None:
    with ScannerSimulator(tmp_path / "scanner") as simulator:
        simulator.command("scan two words")
        simulator.command("burst A B")
        assert read(tmp_path / "scanner", 14) == b"two words\rA\rB\r"


@pytest.mark.parametrize("text", ["scan", "beep", "keyboard 123", "", "burst"])
def test_other_words_are_refused(tmp_path: Path, text: str) -> None:
    with ScannerSimulator(tmp_path / "scanner") as simulator, pytest.raises(BadFaultWord):
        simulator.command(text)


def test_the_link_goes_with_the_cable_and_comes_back(tmp_path: Path) -> None:
    link = tmp_path / "scanner"
    with ScannerSimulator(link) as simulator:
        assert link.is_symlink()
        simulator.unplug()
        assert not link.is_symlink()
        simulator.scan("lost")
        simulator.plug()
        simulator.scan("heard")
        assert read(link, 6) == b"heard\r"
    assert not link.is_symlink()
    simulator.close()


def test_a_stale_link_is_replaced_and_a_file_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "scanner"
    link.symlink_to(tmp_path / "gone")
    ScannerSimulator(link).close()
    link.write_text("mine")
    with pytest.raises(FileExistsError):
        ScannerSimulator(link)
    assert link.read_text() == "mine"


def test_scans_nobody_reads_do_not_fill_up_or_block(tmp_path: Path) -> None:
    with ScannerSimulator(tmp_path / "scanner") as simulator:
        for number in range(20_000):
            simulator.scan(f"{number:010d}")
        descriptor = os.open(tmp_path / "scanner", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        data = b""
        while not data.endswith(b"0000019999\r"):
            data += os.read(descriptor, 4096)
        os.close(descriptor)
