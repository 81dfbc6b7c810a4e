"""What Debian's udev makes of scales, printers, scanners, keyboards and touch panels under the shipped rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "firmware_config/udev").glob("*.rules"))
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


def test_udev_finds_no_fault_in_the_rules() -> None:
    """The group is there only where the station is installed; tests/systemd looks at that."""
    done = subprocess.run(
        ["udevadm", "verify", "--resolve-names=never", *map(str, RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(RULES) == 5


@dataclass(frozen=True)
class Plugged:
    kind: str
    vendor: str
    board: str = "pc"
    port: str = "2"
    serial: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    number: str = "1"
    """Of a partition."""


def seen(device: Plugged) -> str:
    helper = [sys.executable, "-P", str(ROOT / "tests/firmware/fake_sysfs.py"), json.dumps(asdict(device))]
    done = subprocess.run([*AS_ROOT, *helper], capture_output=True, text=True, check=True)
    assert "DEVNAME=" in done.stdout, done.stdout
    return done.stdout


def names(report: str) -> set[str]:
    return {line.strip() for line in report.splitlines() if line.strip().startswith("/dev/kiosk/")}


CH340, TSC, EPSON, HONEYWELL, DYMO, NOBODY = "1a86", "1203", "04b8", "0c2e", "0922", "abcd"
BY_KIND = [
    (Plugged("tty", CH340), "scale"),
    (Plugged("tty", HONEYWELL), "scanner"),
    (Plugged("printer", TSC), "label-printer"),
    (Plugged("printer", EPSON), "receipt-printer"),
    (Plugged("keyboard", HONEYWELL), "scanner"),
    (Plugged("hidraw", DYMO), "scale"),
    (Plugged("hidraw", HONEYWELL), "scanner"),
]
BY_PORT = [
    (Plugged("tty", CH340, "pi3", "1.2"), "scale"),
    (Plugged("tty", CH340, "pi3", "1.1.2"), "scale"),
    (Plugged("tty", CH340, "pi4", "1.1"), "scale"),
    (Plugged("tty", CH340, "pi5", "1"), "scale"),
    (Plugged("tty", NOBODY, "pi4", "1.2"), "scanner"),
    (Plugged("keyboard", NOBODY, "pi4", "1.2"), "scanner"),
    (Plugged("hidraw", NOBODY, "pi4", "1.2"), "scanner"),
    (Plugged("printer", NOBODY, "pi4", "1.3"), "label-printer"),
    (Plugged("printer", NOBODY, "pi4", "1.4"), "receipt-printer"),
    (Plugged("printer", NOBODY, "pi3", "1.5"), "receipt-printer"),
]


def test_a_device_is_named_by_what_it_is(subtests: pytest.Subtests) -> None:
    for device, name in BY_KIND:
        with subtests.test(device=device, name=name):
            report = seen(device)
            assert names(report) == {f"/dev/kiosk/{name}"}
            assert "priority=0" in report


def test_the_socket_names_it_more_strongly(subtests: pytest.Subtests) -> None:
    for device, name in BY_PORT:
        with subtests.test(device=device, name=name):
            report = seen(device)
            assert f"/dev/kiosk/{name}" in names(report)
            assert "priority=50" in report


def test_a_stranger_gets_no_name(subtests: pytest.Subtests) -> None:
    for device in [
        Plugged("tty", NOBODY),
        Plugged("printer", NOBODY),
        Plugged("tty", NOBODY, "pi4", "1.3"),  # a serial adapter in the socket of the label printer
        Plugged("printer", NOBODY, "pi4", "1.1"),  # a printer in the socket of the scale
        Plugged("keyboard", NOBODY),
        Plugged("hidraw", NOBODY),
        Plugged("keyboard's hidraw", HONEYWELL),  # a scanner in keyboard mode has one, too
        Plugged("keyboard's hidraw", NOBODY, "pi4", "1.2"),
        Plugged("hidraw", NOBODY, "pi4", "1.3"),  # in the socket of the label printer
        Plugged("touch", NOBODY),
    ]:
        with subtests.test(device=device):
            assert names(seen(device)) == set()


def test_a_serial_number_is_stronger_than_a_socket() -> None:
    """The example of docs/box.md, as it stands there."""
    text = (ROOT / "docs/box.md").read_text(encoding="utf-8")
    rule = next(line for line in text.splitlines() if "ID_SERIAL_SHORT" in line)
    local = {"75-kiosk-local.rules": rule + "\n"}
    report = seen(Plugged("tty", "0403", "pi4", "1.2", "A10K7QLM", local))
    assert "/dev/kiosk/scale" in names(report)
    assert "priority=100" in report


def test_no_keyboard_reaches_the_compositor(subtests: pytest.Subtests) -> None:
    for vendor in [HONEYWELL, NOBODY]:
        with subtests.test(vendor=vendor):
            report = seen(Plugged("keyboard", vendor))
            assert "ID_INPUT_KEYBOARD=1" in report
            assert "LIBINPUT_IGNORE_DEVICE=1" in report


def test_a_touch_panel_does() -> None:
    report = seen(Plugged("touch", NOBODY))
    assert "ID_INPUT_TOUCHSCREEN=1" in report
    assert "LIBINPUT_IGNORE_DEVICE" not in report


ON_USB = 'SUBSYSTEM=="block", ENV{ID_BUS}="usb"\n'
BRIDGE = 'SUBSYSTEM=="block", ENV{ID_BUS}="ata", ENV{ID_USB_DRIVER}="uas"\n'
WITH_TABLE = ON_USB + 'SUBSYSTEM=="block", ENV{ID_PART_TABLE_TYPE}="dos"\n'
SATA = 'SUBSYSTEM=="block", ENV{ID_BUS}="ata"\n'


def test_a_medium_on_usb_is_looked_at_partition_by_partition(subtests: pytest.Subtests) -> None:
    for kind, found, unit in [
        ("partition", WITH_TABLE, "kiosk-media@sda1.service"),  # it inherits the word for its table
        ("partition", BRIDGE, "kiosk-media@sda1.service"),
        ("disk", ON_USB, "kiosk-media@sda.service"),
        ("disk", WITH_TABLE, ""),
        ("partition", SATA, ""),
    ]:
        with subtests.test(kind=kind, found=found, unit=unit):
            report = seen(Plugged(kind, NOBODY, rules={"61-found.rules": found}))
            assert (f"SYSTEMD_WANTS={unit}" in report) == bool(unit), report
            assert ("kiosk-media@" in report) == bool(unit)


def test_only_a_scanner_may_be_read_by_the_station(subtests: pytest.Subtests) -> None:
    for vendor, group in [(HONEYWELL, "kiosk"), (NOBODY, "input")]:
        with subtests.test(vendor=vendor, group=group):
            assert f"Device node group:\n  {group} " in seen(Plugged("keyboard", vendor))


def test_a_screen_that_comes_starts_the_browser_and_nothing_else_does() -> None:
    """A driver of graphics may be later than the boot, which passed the browser by."""
    assert "SYSTEMD_WANTS=kiosk-browser.service" in seen(Plugged("screen", NOBODY))
    assert "kiosk-browser" not in seen(Plugged("touch", NOBODY))
