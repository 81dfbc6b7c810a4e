"""An HX711 converter on two pins, read by the station itself.

A conversion is ready when DOUT is low. 24 pulses on SCK bring its bits, most significant first; 25, 26 or 27 pulses in
all choose input and gain of the next conversion: A/128, B/32, A/64 (HX711 data sheet, "Serial Interface" and table 3).
SCK high for more than 60 µs switches the converter off, and one pulse stretched by the scheduler shifts the bits: a
read with SCK high for more than 50 µs is thrown away, and with it the next one, which a restarted converter makes at
gain 128 whatever was requested. The remaining ones pass a median of three, since 1-5 % of samples are still wrong.
Never for trade: the converter is no verified indicator.
"""

from __future__ import annotations

import importlib
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from kiosk.devices.scale.line.ports import Pins, PortDisconnected

BITS = 24
GAIN_PULSES = {128: 1, 32: 2, 64: 3}
HIGH_LIMIT_NS = 50_000
# Between checks of DOUT, and after a conversion: the usual board makes one every 100 ms. Of a board that makes 80 a
# second every seventh is taken, which is enough.
_POLL_INTERVAL_S, _REST_S = 0.02, 0.08


class Hx711Port:
    """The port of a converter: hands on three bytes for each conversion, the median of the last ``window``."""

    opening = False
    wants_write = False

    def __init__(self, pins: Pins, gain: int = 128, window: int = 3) -> None:
        if window not in (3, 4, 5):
            raise ValueError(f"a median of {window} conversions: 3 to 5 are possible")
        self._pins = pins
        self._pulses = BITS + GAIN_PULSES[gain]
        self._recent: deque[int] = deque(maxlen=window)
        self._wrong_gain = True
        self._poll_interval_s = _POLL_INTERVAL_S
        self.stretched = 0  # Reads thrown away because a pulse was too long

    @property
    def poll_interval_s(self) -> float | None:
        return self._poll_interval_s

    def fileno(self) -> int:
        return -1

    def drain(self) -> list[bytes]:
        try:
            value = self._read_conversion()
        except Exception as error:  # each pin library has its own errors
            raise PortDisconnected(str(error)) from error
        if value is None:
            return []
        self._recent.append(value)
        if len(self._recent) < (self._recent.maxlen or 0):
            return []
        middle = sorted(self._recent)[len(self._recent) // 2]
        return [middle.to_bytes(3, "big", signed=True)]

    def _read_conversion(self) -> int | None:
        """Return the signed value of a conversion; None when it is not ready or was not read in time."""
        ready = not self._pins.data()
        self._poll_interval_s = _REST_S if ready else _POLL_INTERVAL_S
        if not ready:
            return None
        bits = max_high_ns = 0
        for pulse in range(self._pulses):
            started_ns = self._pins.now_ns()
            self._pins.clock(True)
            if pulse < BITS:
                bits = bits << 1 | self._pins.data()
            self._pins.clock(False)
            max_high_ns = max(max_high_ns, self._pins.now_ns() - started_ns)
        wrong_gain, self._wrong_gain = self._wrong_gain, max_high_ns > HIGH_LIMIT_NS
        if self._wrong_gain:
            self.stretched += 1
        if wrong_gain or self._wrong_gain:
            return None
        return bits - (bits >> (BITS - 1) << BITS)

    def write(self, data: bytes) -> None:
        raise PortDisconnected("a converter takes no commands")

    def discard(self) -> None:
        self._recent.clear()

    def is_present(self) -> bool:
        return True

    def close(self) -> None:
        with suppress(Exception):
            self._pins.close()


# lgpio works on every Raspberry Pi, RPi.GPIO up to the Pi 4.
_FACTORIES = (("gpiozero.pins.lgpio", "LGPIOFactory"), ("gpiozero.pins.rpigpio", "RPiGPIOFactory"))


class GpiozeroPins:
    """DOUT and SCK by BCM number. Raises OSError."""

    def __init__(self, data_pin: int, clock_pin: int, factory: Any = None) -> None:
        self._own = _factory() if factory is None else None
        self._devices: list[Any] = []
        try:
            self._data, self._clock = self._take(data_pin, clock_pin, factory or self._own)
        except Exception as error:
            self.close()
            raise OSError(f"GPIO{data_pin} and GPIO{clock_pin} cannot be used: {error}") from error

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
        except Exception as error:  # each library has its own errors
            tried.append(f"{module.rpartition('.')[2]}: {error}")
    raise OSError(f"there is no way to the pins ({'; '.join(tried)}): install station-kiosk[panel] and python3-lgpio")
