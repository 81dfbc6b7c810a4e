"""A scale with a serial line: on a port of this computer, or behind a device server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from kiosk.devices.ports import ScaleListener
from kiosk.devices.scale_address import Address, Way, parse_address
from kiosk.devices.scale_live import TIMING, Indicator, LiveScale, Timing
from kiosk.devices.scale_port import LinePort, ScalePort
from kiosk.protocols.scales.protocol import Carrier, LineSettings


class SerialScale(LiveScale):
    """``port`` is a ``/dev/serial/by-id`` path, ``tcp://ADDRESS:PORT`` or ``rfc2217://ADDRESS:PORT``.

    Raises UnknownProtocol, BadParameter or ValueError at once.
    """

    def __init__(
        self,
        port: str,
        protocol: str,
        params: Mapping[str, str],
        line: LineSettings,
        listener: ScaleListener,
        clock: Callable[[], float] = time.monotonic,
        timing: Timing = TIMING,
        poll_s: float | None = None,
        step_g: int | None = None,
        unit: str | None = None,
    ) -> None:
        indicator = Indicator(port, protocol, dict(params), poll_s, step_g, unit)
        address = parse_address(port, Carrier.SERIAL)
        super().__init__(indicator, lambda: open_line(address, line), listener, clock, timing)


def open_line(address: Address, line: LineSettings) -> LinePort:
    """Open the line; a device server may still have to answer. Raises OSError, termios.error or ValueError."""
    if address.way is Way.TCP:
        from kiosk.devices.scale_tcp import TcpPort

        return TcpPort(address.host, address.port)
    if address.way is Way.RFC2217:
        from kiosk.devices.scale_rfc2217 import Rfc2217Port

        return Rfc2217Port(address.host, address.port, line)
    return ScalePort(address.path, line)
