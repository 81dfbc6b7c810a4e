"""Lamps, buttons and buzzer beside the screen, as the station sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from kiosk.devices.panel_settings import PanelSettings

OnButton = Callable[[str, str], None]
"""Gets the button, "ok" or "help", and "press" or "hold"; called from the panel's own thread, must not block."""

PinFactory = Callable[[], Any]
"""Makes a gpiozero pin factory."""


class Panel(Protocol):
    """Every call returns at once and is welcome at any time, fitted or not, started or not."""

    @property
    def fitted(self) -> bool:
        """Whether there is a panel and its pins could be had."""

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 2.0) -> None:
        """All lamps off, the pins given back."""

    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        """What the lamps say from now on. Ready and busy are steady; fault blinks, so that nobody needs its color."""

    def buzz(self, pattern: str) -> None:
        """Sound "ok", "attention" or "error" after what is sounding; raises ValueError for another word."""


class NoPanel:
    """Stands where none is set up."""

    fitted = False

    def start(self) -> None:
        """Nothing to start."""

    def stop(self, timeout_s: float = 2.0) -> None:
        """Nothing to stop."""

    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        """Nobody sees it."""

    def buzz(self, pattern: str) -> None:
        """Nobody hears it."""


def make_panel(settings: PanelSettings | None, on_button: OnButton, pins: PinFactory | None = None) -> Panel:
    """The panel of a station; ``pins`` is asked instead of gpiozero's own factories when ``factory = "simulated"``."""
    if settings is None:
        return NoPanel()
    from kiosk.devices.panel_gpio import GpioPanel

    return GpioPanel(settings, on_button, pins)
