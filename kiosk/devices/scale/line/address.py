"""Where a scale is, as one text in the settings: a device file, a device server, or two pins.

::

    /dev/serial/by-id/usb-...         serial port; of a USB HID scale its /dev/hidraw file or a link to it
    tcp://192.168.1.60:4001           bytes as they are: a serial device server in raw mode, or an indicator's own port
    rfc2217://192.168.1.60:4001       the same with the line set from here: baud, data bits, parity, stop bits
    gpio:5,6  or  gpio:5,6,64         an HX711: DOUT, SCK as BCM numbers, and the gain (128, 64, 32)
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum

from kiosk.protocols.scales.shared.protocol import Transport


class AddressKind(StrEnum):
    """How the bytes come here."""

    FILE = "file"
    TCP = "tcp"
    RFC2217 = "rfc2217"
    GPIO = "gpio"
    SIMULATED_PINS = "simulated_pins"


_CARRIED_BY = {
    Transport.SERIAL: (AddressKind.FILE, AddressKind.TCP, AddressKind.RFC2217),
    Transport.HID: (AddressKind.FILE,),
    Transport.GPIO: (AddressKind.GPIO, AddressKind.SIMULATED_PINS),
}
_EXAMPLES = {
    Transport.SERIAL: "a device like /dev/serial/by-id/..., tcp://ADDRESS:PORT or rfc2217://ADDRESS:PORT",
    Transport.HID: "a device like /dev/hidraw0 or a link to one",
    Transport.GPIO: "two pins like gpio:5,6 (DOUT, SCK, and the gain 128, 64 or 32 when it is not 128)",
}
_URL = re.compile(r"(?P<way>[a-z0-9]+)://(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^:/\[\]]+):(?P<port>[0-9]{1,5})/?")
_PINS = re.compile(r"gpio:([0-9]{1,2}),([0-9]{1,2})(?:,(128|64|32))?")
_MAX_PIN = 27  # GPIO0 to GPIO27 are on the header of every Raspberry Pi since the B+


@dataclass(frozen=True, slots=True)
class Address:
    """A port text taken apart: ``path`` for files and simulated pins, ``host`` and ``port`` for a device server."""

    text: str
    kind: AddressKind
    path: str = ""
    host: str = ""
    port: int = 0
    data_pin: int = 0
    clock_pin: int = 0
    gain: int = 128


def parse_address(text: str, transport: Transport) -> Address:
    """Parse the address of a scale whose format needs this transport; raises ValueError with what is allowed.

    A device server is named by its IP address: a name lookup may take half a minute, and the thread that watches a
    scale never waits. ``localhost`` is 127.0.0.1.
    """
    if not text or "\0" in text:
        raise ValueError(f"port must name {_EXAMPLES[transport]}")
    address = _parse(text)
    if address.kind not in _CARRIED_BY[transport]:
        raise ValueError(f"port {text!r} does not fit this format: it must name {_EXAMPLES[transport]}")
    return address


def _parse(text: str) -> Address:
    if text.startswith("gpio:/"):
        return Address(text, AddressKind.SIMULATED_PINS, path=text.removeprefix("gpio:"))
    if text.startswith("gpio:"):
        match = _PINS.fullmatch(text)
        data, clock = (int(match[1]), int(match[2])) if match else (0, 0)
        if match is None or data == clock or max(data, clock) > _MAX_PIN:
            raise ValueError(f"port {text!r} must be gpio:DOUT,SCK with two BCM numbers from 0 to {_MAX_PIN}")
        return Address(text, AddressKind.GPIO, data_pin=data, clock_pin=clock, gain=int(match[3] or 128))
    if "://" in text:
        return _server(text)
    return Address(text, AddressKind.FILE, path=text)


def _server(text: str) -> Address:
    match = _URL.fullmatch(text)
    if (
        match is None
        or match["way"] not in (AddressKind.TCP, AddressKind.RFC2217)
        or not 1 <= int(match["port"]) <= 65_535
    ):
        raise ValueError(f"port {text!r} must be tcp://ADDRESS:PORT or rfc2217://ADDRESS:PORT")
    host = "127.0.0.1" if match["host"] == "localhost" else match["host"].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"port {text!r} must name the device server by its IP address, not by a name") from None
    return Address(text, AddressKind(match["way"]), host=host, port=int(match["port"]))
