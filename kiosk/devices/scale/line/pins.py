"""The two pins of an HX711 through gpiozero. Imported only where a converter is set up."""

from __future__ import annotations

import importlib
import time
from contextlib import suppress
from functools import partial
from typing import Any

# lgpio works on every Raspberry Pi, RPi.GPIO up to the Pi 4.
_FACTORIES = (("gpiozero.pins.lgpio", "LGPIOFactory"), ("gpiozero.pins.rpigpio", "RPiGPIOFactory"))


class PinsMissing(OSError):
    """The text says what is missing and what to do."""


class GpiozeroPins:
    """DOUT and SCK by BCM number. Raises PinsMissing."""

    def __init__(self, data_pin: int, clock_pin: int, factory: Any = None) -> None:
        self._own = _factory() if factory is None else None
        self._devices: list[Any] = []
        try:
            self._data, self._clock = self._take(data_pin, clock_pin, factory or self._own)
        except Exception as error:
            self.close()
            raise PinsMissing(f"GPIO{data_pin} and GPIO{clock_pin} cannot be used: {error}") from error

    def _take(self, data_pin: int, clock_pin: int, factory: Any) -> tuple[Any, Any]:
        from gpiozero import InputDevice, OutputDevice

        for made in (
            partial(InputDevice, data_pin, pull_up=None, active_state=True),
            partial(OutputDevice, clock_pin, initial_value=False),
        ):
            self._devices.append(made(pin_factory=factory))
        data, clock = self._devices
        return data.pin, clock.pin  # the bare pins: 25 pulses in a row have to be quick

    def data(self) -> bool:
        return bool(self._data.state)

    def clock(self, high: bool) -> None:
        self._clock.state = int(high)

    def now_ns(self) -> int:
        return time.perf_counter_ns()

    def close(self) -> None:
        for device in (*self._devices, self._own):
            with suppress(Exception):
                device.close()


def _factory() -> Any:
    tried = []
    for module, kind in _FACTORIES:
        try:
            return getattr(importlib.import_module(module), kind)()
        except Exception as error:  # each library has errors of its own
            tried.append(f"{module.rpartition('.')[2]}: {error}")
    raise PinsMissing(
        f"there is no way to the pins ({'; '.join(tried)}): install station-kiosk[panel] and python3-lgpio"
    )
