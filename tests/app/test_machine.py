"""What is listed as plugged in: names that stay, each device once."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from kiosk.app import machine as app_machine
from kiosk.app.machine import ThisMachine
from kiosk.devices.ports import PrintNotStarted
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.first_start.settings import decimals
from kiosk.simulators.scanner.hid_pos import DESCRIPTOR
from kiosk.station.papers.network_printer import request_file


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    for name in ("serial/by-id", "serial/by-path", "v4l/by-id", "input/by-id", "usb"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_nothing_was_ever_plugged_in(tmp_path: Path) -> None:
    machine = ThisMachine(dev=tmp_path / "no", keys=(tmp_path / "nothing",))
    assert machine.serial_ports() == machine.keyboards() == machine.printers() == machine.cameras() == ()
    assert machine.hid_scanners() == ()
    assert machine.key_files(".crt") == ()


def test_a_port_is_listed_once_by_id_or_by_the_socket(dev: Path) -> None:
    for name in ("ttyUSB0", "ttyUSB1"):
        (dev / name).write_bytes(b"")
    (dev / "serial/by-id/usb-Scale_A1").symlink_to(dev / "ttyUSB0")
    (dev / "serial/by-path/usb-0:1").symlink_to(dev / "ttyUSB0")
    (dev / "serial/by-path/usb-0:2").symlink_to(dev / "ttyUSB1")
    (dev / "serial/by-path/usb-0:3").symlink_to(dev / "pulled")
    ports = ThisMachine(dev=dev).serial_ports()
    assert ports == (str(dev / "serial/by-id/usb-Scale_A1"), str(dev / "serial/by-path/usb-0:2"))


def test_keyboards_printers_and_cameras_by_their_names(dev: Path) -> None:
    for name in (
        "input/by-id/usb-A-event-kbd",
        "input/by-id/usb-A-event-mouse",
        "usb/lp0",
        "usb/hiddev0",
        "v4l/by-id/usb-C-video-index0",
        "v4l/by-id/usb-C-video-index1",
    ):
        (dev / name).write_bytes(b"")
    machine = ThisMachine(dev=dev)
    assert machine.keyboards() == (str(dev / "input/by-id/usb-A-event-kbd"),)
    assert machine.printers() == (str(dev / "usb/lp0"),)
    assert machine.cameras() == (("file", str(dev / "v4l/by-id/usb-C-video-index0")),)


def test_a_scanner_in_hid_pos_mode_is_known_by_what_it_says_of_itself(dev: Path) -> None:
    (dev / "kiosk").mkdir()
    for node, name, about in (
        ("hidraw0", "scale", b"\x05\x8d"),
        ("hidraw1", "scanner", DESCRIPTOR),
        ("ttyUSB0", "x", b""),
    ):
        (dev / node).write_bytes(b"")
        (dev / "kiosk" / name).symlink_to(dev / node)
        if node.startswith("hidraw"):
            device = dev / "sys/class/hidraw" / node / "device"
            device.mkdir(parents=True)
            (device / "report_descriptor").write_bytes(about)
    assert ThisMachine(dev=dev, sys=dev / "sys").hid_scanners() == (str(dev / "kiosk/scanner"),)


def test_a_camera_that_is_a_device_is_one(dev: Path) -> None:
    (dev / "v4l/by-id/usb-C-video-index0").symlink_to("/dev/null")
    assert ThisMachine(dev=dev).cameras() == (("v4l2", str(dev / "v4l/by-id/usb-C-video-index0")),)


def test_a_camera_at_the_connector_of_the_board_is_the_receiver_that_the_kernel_lists(dev: Path) -> None:
    for title, cameras in (
        ("unicam-image\n", (("rpicam", "0"),)),
        ("rp1-cfe-csi2_ch0\n", (("rpicam", "0"),)),
        ("bcm2835-isp-output0\n", ()),
    ):
        name = dev / "sys/class/video4linux/video0/name"
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(title)
        assert ThisMachine(dev=dev, sys=dev / "sys").cameras() == cameras
    assert ThisMachine(dev=dev, sys=dev / "nothing").cameras() == ()


@pytest.mark.parametrize(
    ("e_g", "shown"), [(1, 3), (2, 3), (5, 3), (10, 2), (20, 2), (50, 2), (100, 1), (1000, 0), (2000, 0)]
)
def test_decimals_of_a_scale(e_g: int, shown: int) -> None:
    assert decimals(e_g) == shown


def test_a_box_asks_to_be_let_reach_a_printer_before_it_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start is run by the unit that may reach loopback alone."""
    loopback = ip_network("127.0.0.0/8")
    monkeypatch.setattr(app_machine, "reachable_networks", lambda: (loopback,))
    box = ThisMachine(data=tmp_path)
    with pytest.raises(PrintNotStarted, match="print again then"):
        box.printer(PrinterSettings("tcp", "192.168.1.50:9100", "tspl"))
    message = request_file(tmp_path).read()
    assert message is not None
    assert message.body.address == "192.168.1.50"
    with pytest.raises(PrintNotStarted, match="no private address"):
        box.printer(PrinterSettings("tcp", "8.8.8.8:9100", "tspl"))
    monkeypatch.setattr(app_machine, "reachable_networks", lambda: (loopback, ip_network("192.168.1.50/32")))
    for address in ("192.168.1.50:9100", "127.0.0.1:9100"):
        assert box.printer(PrinterSettings("tcp", address, "tspl")).language == "tspl"
