"""What is loaded before the station starts, so that every device it may open is known by then."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = (ROOT / "firmware_config/modules/kiosk.conf").read_text(encoding="ascii").splitlines()
LOADED = {row for row in MODULES if not row.startswith("#")}
UNIT = (ROOT / "systemd/kiosk-station.service").read_text(encoding="utf-8")

BRINGS = {"char-gpiochip": set[str](), "char-ttyAMA": set[str](), "char-hidraw": {"hid", "usbhid"}}
"""What brings a device that has no number of its own; nothing where it is built into the kernel."""


def test_a_device_without_a_number_of_its_own_is_known_when_the_station_starts() -> None:
    """A name that systemd does not know yet when it starts the unit is refused until the next start."""
    allowed = re.findall(r"^DeviceAllow=(char-[A-Za-z_]\S*)", UNIT, re.MULTILINE)
    assert set(allowed) == set(BRINGS)
    assert set[str]().union(*BRINGS.values()) <= LOADED
    assert re.search(r"^After=.*\bsystemd-modules-load\.service\b", UNIT, re.MULTILINE)


def test_no_module_is_named_twice() -> None:
    assert len(LOADED) == len([row for row in MODULES if not row.startswith("#")])
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in LOADED)
