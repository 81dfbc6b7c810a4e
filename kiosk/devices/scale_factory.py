"""The adapter of a scale, whichever way it is connected."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.devices.ports import ScaleListener
from kiosk.devices.scale_address import Way, parse_address
from kiosk.devices.scale_hx711 import Hx711Port, Pins
from kiosk.devices.scale_live import TIMING, Indicator, LiveScale, Timing
from kiosk.devices.scale_port import LinePort
from kiosk.devices.scale_serial import SerialScale
from kiosk.devices.scale_settings import ScaleSettings
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.protocol import Carrier, LineSettings

PinsOf = Callable[[str], Pins]
"""Makes the pins of ``gpio:PATH``, simulated outside this process: in the demo and in trials only."""


def make_scale(settings: ScaleSettings, listener: ScaleListener, simulated: PinsOf | None = None) -> LiveScale:
    """The adapter for the settings' port and format."""
    indicator = Indicator(
        settings.port, settings.protocol, settings.params, settings.poll_s, settings.e_g, settings.unit
    )
    return open_scale(indicator, settings.line, listener, simulated)


def open_scale(
    indicator: Indicator,
    line: LineSettings,
    listener: ScaleListener,
    simulated: PinsOf | None = None,
    timing: Timing = TIMING,
) -> LiveScale:
    """The adapter for a port that nobody has set up yet; raises ValueError when port and format do not fit."""
    carrier = registry.get(indicator.protocol).carrier
    if carrier is Carrier.SERIAL:
        return SerialScale(
            indicator.where,
            indicator.protocol,
            indicator.params,
            line,
            listener,
            timing=timing,
            poll_s=indicator.poll_s,
            step_g=indicator.step_g,
            unit=indicator.unit,
        )
    opener = _hid(indicator.where) if carrier is Carrier.HID else _gpio(indicator.where, simulated)
    return LiveScale(indicator, opener, listener, timing=timing)


def _hid(port: str) -> Callable[[], LinePort]:
    from kiosk.devices.scale_hid import HidPort

    path = parse_address(port, Carrier.HID).path
    return lambda: HidPort(path)


def _gpio(port: str, simulated: PinsOf | None) -> Callable[[], LinePort]:
    address = parse_address(port, Carrier.GPIO)
    if address.way is Way.SIMULATED_PINS:
        if simulated is None:
            raise ValueError(f"port {port!r}: simulated pins are there in the demo and in trials only")
        return lambda: Hx711Port(simulated(address.path))

    def opened() -> LinePort:
        from kiosk.devices.scale_pins import GpiozeroPins

        return Hx711Port(GpiozeroPins(address.data_pin, address.clock_pin), address.gain)

    return opened
