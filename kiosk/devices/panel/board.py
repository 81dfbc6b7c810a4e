"""The panel's pins through gpiozero, the one room it has. Imported only where a panel is set up."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import PinFactory

logger = logging.getLogger(__name__)

OUTPUTS = ("ready", "busy", "fault", "buzzer")
BUTTONS = ("ok", "help")

_FACTORIES = {
    "lgpio": ("gpiozero.pins.lgpio", "LGPIOFactory"),
    "rpigpio": ("gpiozero.pins.rpigpio", "RPiGPIOFactory"),
    "native": ("gpiozero.pins.native", "NativeFactory"),
}
# lgpio works on every Raspberry Pi, RPi.GPIO up to the Pi 4. gpiozero calls its native factory experimental.
_AUTO = ("lgpio", "rpigpio")


class PanelNotFitted(Exception):
    """The text says what is missing."""


def pin_factory(settings: PanelSettings, simulated: PinFactory | None) -> Any:
    """gpiozero's way to the pins; raises NotFitted with everything that was tried."""
    if settings.factory == "simulated":
        if simulated is None:
            raise PanelNotFitted("a simulated panel is there in the demo only")
        return simulated()
    tried = []
    for name in _AUTO if settings.factory == "auto" else (settings.factory,):
        module, kind = _FACTORIES[name]
        try:
            return getattr(importlib.import_module(module), kind)()
        except Exception as error:  # each library has errors of its own
            tried.append(f"{name}: {error}")
    raise PanelNotFitted(f"no way to the pins ({'; '.join(tried)})")


class PanelBoard:
    """The pins of one panel. ``on_edge`` gets each change of a button from a thread of gpiozero."""

    def __init__(self, settings: PanelSettings, factory: Any, on_edge: Callable[[str, bool], None]) -> None:
        """Take the pins; raises what gpiozero raises, with none of them taken."""
        self._factory = factory
        self._outputs: dict[str, Any] = {}
        self._buttons: dict[str, Any] = {}
        try:
            if not any(getattr(settings, name) is not None for name in (*OUTPUTS, *BUTTONS)):
                raise PanelNotFitted("the section names no pin")
            self._take(settings, on_edge)
        except BaseException:
            self.close()
            raise

    def _take(self, settings: PanelSettings, on_edge: Callable[[str, bool], None]) -> None:
        from gpiozero import DigitalInputDevice, DigitalOutputDevice

        for name in OUTPUTS:
            pin = getattr(settings, name)
            if pin is not None:
                self._outputs[name] = DigitalOutputDevice(pin, pin_factory=self._factory)
        for name in BUTTONS:
            pin = getattr(settings, name)
            if pin is not None:
                button = DigitalInputDevice(pin, pull_up=True, pin_factory=self._factory)
                self._buttons[name] = button
                button.when_activated = partial(on_edge, name, True)
                button.when_deactivated = partial(on_edge, name, False)

    @property
    def buttons(self) -> tuple[str, ...]:
        return tuple(self._buttons)

    def is_pressed(self, button: str) -> bool:
        """Whether a button's contact is closed at this moment."""
        return bool(self._buttons[button].is_active)

    def switch(self, output: str, on: bool) -> None:
        """Set a lamp or the buzzer; nothing happens for one that is not fitted."""
        device = self._outputs.get(output)
        if device is not None and bool(device.value) != on:
            device.value = int(on)

    def close(self) -> None:
        """Everything off, the pins free again; a pin that cannot be closed keeps no other from it."""
        for device in self._outputs.values():
            with suppress(Exception):
                device.off()  # a pin that is only let go may keep its level
        for device in (*self._outputs.values(), *self._buttons.values(), self._factory):
            with suppress(Exception):
                device.close()
