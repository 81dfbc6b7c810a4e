"""Opens a serial line, on this computer or behind a device server."""

from __future__ import annotations

from kiosk.devices.scale.line.address import Address, AddressKind
from kiosk.devices.scale.line.ports import LinePort
from kiosk.devices.scale.line.serial_port import SerialPort
from kiosk.protocols.scales.shared.protocol import LineSettings


def open_line(address: Address, line: LineSettings) -> LinePort:
    """Open the line; a device server may still have to answer. Raises OSError, termios.error or ValueError."""
    if address.kind is AddressKind.TCP:
        from kiosk.devices.scale.line.tcp import TcpPort

        return TcpPort(address.host, address.port)
    if address.kind is AddressKind.RFC2217:
        from kiosk.devices.scale.line.rfc2217 import Rfc2217Port

        return Rfc2217Port(address.host, address.port, line)
    return SerialPort(address.path, line)
