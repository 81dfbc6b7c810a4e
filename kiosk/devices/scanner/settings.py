"""What a technician sets for the scanner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """``kind`` is ``serial`` (a scanner in USB-CDC or RS-232 mode, the better choice) or ``evdev`` (a keyboard wedge).

    ``port`` names the device: for ``serial`` a /dev/serial/by-id name, for ``evdev`` a /dev/input/by-id name that ends
    in ``-event-kbd``. ``baud`` matters on RS-232 only.

    Raises ValueError with the field and what is allowed.
    """

    port: str
    kind: Literal["serial", "evdev"] = "serial"
    baud: int = 9600

    def __post_init__(self) -> None:
        if not self.port or "\0" in self.port:
            raise ValueError("port must name a device like /dev/serial/by-id/...")
        if not 300 <= self.baud <= 230_400:
            raise ValueError(f"baud {self.baud} must be 300 to 230400")
