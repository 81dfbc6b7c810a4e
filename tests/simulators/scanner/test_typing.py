"""The simulated keyboard scanner: what lies in its pipes and in its list, and what happens when nobody reads."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from kiosk.devices.scanner.keyboards import DeviceList, second_keyboards
from kiosk.devices.scanner.keys import NATIVE, KeyDecoder, TypedScan
from kiosk.simulators.scanner.typing import TypingScannerSimulator, typed
from kiosk.simulators.shared.faults import BadFaultWord


def read(path: Path) -> list[TypedScan]:
    """Everything that lies in a pipe."""
    descriptor, decoder = os.open(path, os.O_RDONLY | os.O_NONBLOCK), KeyDecoder()
    found: list[TypedScan] = []
    try:
        while True:
            try:
                found += decoder.feed(os.read(descriptor, NATIVE.size * 170), 0.0)
            except BlockingIOError:
                return found
    finally:
        os.close(descriptor)


def listed(link: Path) -> list[str]:
    return [device.node for device in DeviceList().read(link.resolve().parent / "class")]


def test_words_become_key_events(tmp_path: Path) -> None:
    with TypingScannerSimulator(tmp_path / "scanner") as simulator:
        simulator.command("scan two Words")
        simulator.command("burst A b")
        assert read(tmp_path / "scanner") == [TypedScan("two Words"), TypedScan("A"), TypedScan("b")]


@pytest.mark.parametrize("text", ["scan", "beep", "", "burst", "scan ئايگۈل", "keyboard ئايگۈل", "scan \x1f"])
def test_other_words_are_refused(tmp_path: Path, text: str) -> None:
    with TypingScannerSimulator(tmp_path / "scanner") as simulator:
        with pytest.raises(BadFaultWord):
            simulator.command(text)
        assert simulator.keyboard is None
        assert read(tmp_path / "scanner") == []


def test_a_control_character_is_ctrl_with_a_key() -> None:
    assert KeyDecoder().feed(typed("a\x1db"), 0.0) == [TypedScan("a\x1db")]
    (found,) = KeyDecoder().feed(typed("a\x0fb"), 0.0)
    assert found.refused


def test_a_second_keyboard_types_elsewhere_and_is_taken_away(tmp_path: Path) -> None:
    link = tmp_path / "scanner"
    with TypingScannerSimulator(link, keyboard_s=60) as simulator:
        assert listed(link) == ["event7"]
        simulator.command("keyboard rm -rf")
        assert simulator.keyboard is not None
        assert [
            device.node for device in second_keyboards(DeviceList().read(link.resolve().parent / "class"), "event7")
        ] == ["event8"]
        assert read(simulator.keyboard) == [TypedScan("rm -rf")]
        assert read(link) == []
        simulator.command("keyboard again")
        simulator.take_keyboard()
        assert listed(link) == ["event7"]
        assert simulator.keyboard is None


def test_after_a_while_the_keyboard_goes_by_itself(tmp_path: Path) -> None:
    with TypingScannerSimulator(tmp_path / "scanner", keyboard_s=0.01) as simulator:
        simulator.command("keyboard x")
        timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
        for timer in timers:
            timer.join(30)
        assert simulator.keyboard is None


def test_the_link_goes_with_the_cable_and_comes_back(tmp_path: Path) -> None:
    link = tmp_path / "scanner"
    with TypingScannerSimulator(link) as simulator:
        assert link.is_symlink()
        simulator.unplug()
        simulator.unplug()
        assert not link.is_symlink()
        simulator.scan("lost")
        simulator.plug()
        simulator.scan("heard")
        assert read(link) == [TypedScan("heard")]
    assert list(tmp_path.iterdir()) == []
    simulator.close()


def test_a_stale_link_is_replaced_and_a_file_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "scanner"
    link.symlink_to(tmp_path / "gone")
    TypingScannerSimulator(link).close()
    link.write_text("mine")
    with pytest.raises(FileExistsError):
        TypingScannerSimulator(link)
    assert link.read_text() == "mine"


def test_scans_nobody_reads_do_not_fill_up_or_block(tmp_path: Path) -> None:
    with TypingScannerSimulator(tmp_path / "scanner") as simulator:
        for number in range(3000):
            simulator.scan(f"{number:010d}")
        assert read(tmp_path / "scanner")[-1] == TypedScan("0000002999")
