"""What the keyboard scanner needs of the machine it runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from kiosk.devices.scanner.keyboards import InputDevice


class InputSystem(Protocol):
    """Where key events come from."""

    def open(self, path: Path) -> int:
        """A non-blocking descriptor whose events reach nobody else; raises OSError."""

    def devices(self, path: Path) -> tuple[InputDevice, ...]:
        """All input devices there are; raises OSError or ValueError."""
