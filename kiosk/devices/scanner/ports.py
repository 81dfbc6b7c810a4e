"""What a scanner's thread needs of a device, and the devices of the machine they run on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kiosk.devices.scanner.keyboards import InputDevice


class ScannerDevice(Protocol):
    """One kind of scanner behind a descriptor. All is called in the scanner's thread."""

    @property
    def path(self) -> Path:
        """What a technician calls it by."""

    @property
    def read_bytes(self) -> int:
        """How much one read may bring."""

    def open(self) -> int:
        """Return a non-blocking descriptor of nothing but such a device. Raises OSError."""

    def begin(self, descriptor: int) -> None:
        """Begin to read an opened, silent device. Raises OSError or ValueError for what must not be read."""

    def on_reads(self, reads: Sequence[bytes], waited_s: float) -> None:
        """Take what was waiting at one moment, read by read; ``waited_s`` grows by the seconds of silence alone."""

    def idle(self) -> None: ...


class InputSystem(Protocol):
    def open(self, path: Path) -> int:
        """Return a non-blocking descriptor whose events reach no other program; raises OSError."""

    def devices(self, path: Path) -> tuple[InputDevice, ...]:
        """Return all input devices; raises OSError or ValueError."""


class HidSystem(Protocol):
    """Where the reports of a HID device come from, one a read."""

    def open(self, path: Path) -> int:
        """Return a non-blocking descriptor that no second reader gets; raises OSError."""

    def descriptor(self, path: Path, opened: int) -> bytes:
        """Return the device's own description of its reports; raises OSError."""
