"""Who can type, read from a tree laid out like /sys/class/input."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.devices.scanner.keyboards import FULL_KEYBOARD, DeviceList, InputDevice, key_bits, second_keyboards
from kiosk.simulators.scanner.typing import kernel_words

KEYBOARD = key_bits("1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe", 64)
"""``capabilities/key`` of an ordinary USB keyboard, as a 64-bit kernel prints it."""
POWER_BUTTON = key_bits("8000 10000000000000 0", 64)
TOUCH_SCREEN = key_bits("400 0 0 0 0 0", 64)


def node(folder: Path, name: str, keys: int, phys: str = "", product: str = "0001") -> None:
    about = folder / name / "device"
    (about / "capabilities").mkdir(parents=True)
    (about / "id").mkdir()
    (about / "capabilities" / "key").write_text(kernel_words(keys) + "\n")
    (about / "phys").write_text(phys + "\n")
    (about / "id" / "vendor").write_text("05e0\n")
    (about / "id" / "product").write_text(product + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mice").mkdir()
    (tmp_path / "input3").mkdir()
    node(tmp_path, "event0", POWER_BUTTON, "gpio-keys/input0")
    node(tmp_path, "event1", TOUCH_SCREEN, "usb-1.1/input0")
    node(tmp_path, "event2", KEYBOARD, "usb-1.2/input0")
    return tmp_path


def test_recorded_capabilities() -> None:
    assert InputDevice("event1", "", KEYBOARD).is_keyboard
    assert not InputDevice("event1", "", POWER_BUTTON).is_keyboard
    assert not InputDevice("event1", "", TOUCH_SCREEN).is_keyboard
    assert key_bits("10000 7 ff9f207a c14057ff febeffdf ffefffff ffffffff fffffffe", 32) == KEYBOARD
    assert key_bits(kernel_words(KEYBOARD)) == KEYBOARD
    assert key_bits(kernel_words(0)) == 0


def second(folder: Path, scanner: str = "event2") -> list[str]:
    return [device.node for device in second_keyboards(DeviceList().read(folder), scanner)]


def test_the_scanner_alone(folder: Path) -> None:
    assert second(folder) == []


def test_a_keyboard_comes_and_goes(folder: Path) -> None:
    node(folder, "event3", KEYBOARD, "usb-1.3/input0")
    assert second(folder) == ["event3"]
    (folder / "event3").rename(folder / "gone")
    assert second(folder) == []


def test_a_second_node_of_the_same_scanner_is_the_scanner(folder: Path) -> None:
    node(folder, "event3", KEYBOARD, "usb-1.2/input1")
    assert second(folder) == []


def test_the_same_port_behind_another_name_is_not(folder: Path) -> None:
    node(folder, "event3", KEYBOARD, "usb-1.2/input1", product="0002")
    node(folder, "event4", KEYBOARD, "usb-1.20/input0")
    assert second(folder) == ["event3", "event4"]


def test_a_keyboard_without_a_place_such_as_a_virtual_one(folder: Path) -> None:
    node(folder, "event3", KEYBOARD)
    assert second(folder) == ["event3"]
    assert second(folder, scanner="event3") == ["event2"]


def test_a_scanner_that_is_not_in_the_list_vouches_for_nobody(folder: Path) -> None:
    assert second(folder, scanner="event9") == ["event2"]


def test_a_node_that_is_half_gone_is_gone(folder: Path) -> None:
    node(folder, "event3", KEYBOARD, "usb-1.3/input0")
    (folder / "event3" / "device" / "phys").unlink()
    assert second(folder) == []


def test_without_a_list_nobody_is_believed(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        DeviceList().read(tmp_path / "nowhere")
    (folder / "event2" / "device" / "capabilities" / "key").write_text("no hex")
    with pytest.raises(ValueError, match="no"):
        DeviceList().read(folder)


@pytest.mark.parametrize("missing", [16, 25, 30, 38, 44, 50, 28])
def test_a_keyboard_has_every_letter_and_enter(missing: int) -> None:
    assert InputDevice("event1", "", FULL_KEYBOARD).is_keyboard
    assert not InputDevice("event1", "", FULL_KEYBOARD & ~(1 << missing)).is_keyboard


def test_a_list_that_is_looked_at_often_sees_every_plug_and_every_change_of_a_plug(tmp_path: Path) -> None:
    listed = DeviceList()
    node(tmp_path, "event0", POWER_BUTTON)
    node(tmp_path, "event1", KEYBOARD, "usb-1/input0")
    before = listed.read(tmp_path)
    assert listed.read(tmp_path) == before == DeviceList().read(tmp_path)
    (tmp_path / "event1").rename(tmp_path / "pulled")
    assert [device.node for device in listed.read(tmp_path)] == ["event0"]
    (tmp_path / "event0").rename(tmp_path / "pulled too")
    node(tmp_path, "event0", KEYBOARD, "usb-2/input0")  # another device under the name of one that is gone
    (device,) = listed.read(tmp_path)
    assert device.is_keyboard
    assert (device,) == DeviceList().read(tmp_path)
