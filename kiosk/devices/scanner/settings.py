"""What a technician sets for the scanner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ScannerKind = Literal["serial", "evdev", "hid_pos", "camera"]


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """``kind`` is ``serial`` (a scanner in USB-CDC or RS-232 mode), ``hid_pos`` (USB HID POS), ``evdev`` (a keyboard
    wedge) or ``camera`` (no scanner: the station's camera reads codes).

    ``port`` names the device: for ``serial`` a /dev/serial/by-id name, for ``hid_pos`` a name of the udev rules below
    /dev/kiosk, for ``evdev`` a /dev/input/by-id name that ends in ``-event-kbd``; for ``camera`` it is left out.
    ``baud`` matters on RS-232 only.

    Raises ValueError with the field and what is allowed.
    """

    port: str = ""
    kind: ScannerKind = "serial"
    baud: int = 9600

    def __post_init__(self) -> None:
        if self.kind == "camera":
            if self.port:
                raise ValueError("port must be left out: the camera is the one of [camera]")
        elif not self.port or "\0" in self.port:
            raise ValueError("port must name a device like /dev/serial/by-id/...")
        if not 300 <= self.baud <= 230_400:
            raise ValueError(f"baud {self.baud} must be 300 to 230400")
