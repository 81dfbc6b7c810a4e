"""One printer on the network, which a box lets its station reach beside 127.0.0.1.

The station requests an address; a root helper judges it and opens the connection (kiosk/app/shared/printer_address.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final

import msgspec

from kiosk.base.json_reader import reader
from kiosk.base.root_requests import REQUESTS, MessageFile
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.store.database.persistence import unit_properties

logger = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# RFC 1918 section 3, and unique local addresses of RFC 4193 section 3.1. All else is loopback, link-local, multicast,
# documentation or the internet.
PRIVATE: Final[tuple[Network, ...]] = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
MAX_REQUEST_BYTES: Final = 46  # Of an IPv6 address as text, with its line's end
STATION_UNIT: Final = "kiosk-station.service"


class AddressRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``address`` as ``parse`` takes it."""

    address: str


_read_request: Final = reader(msgspec.json.Decoder(AddressRequest))


def request_file(data: Path) -> MessageFile[AddressRequest]:
    return MessageFile(data / REQUESTS / "printer-address.json", _read_request)


def parse(text: str) -> Address:
    """Parse the private address of a host, in its one canonical spelling. Raises ValueError."""
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError("it is no IP address like 192.168.1.50") from None
    if "%" in text:
        raise ValueError("it names a network card of this machine (%), which no printer has")
    if str(address) != text:
        raise ValueError(f"write {address}")
    if not any(address in network for network in PRIVATE if network.version == address.version):
        raise ValueError("it is no private address (10…, 172.16… to 172.31…, 192.168…, fd…)")
    if isinstance(address, IPv4Address) and address.packed[-1] in (0, 255):
        raise ValueError("it names a network or everybody in it (ends in 0 or 255), no printer")
    return address


def parse_line(content: bytes) -> Address:
    """Parse one address and the end of its line, and nothing else. Raises ValueError."""
    if len(content) > MAX_REQUEST_BYTES or not content.endswith(b"\n") or not content.isascii():
        raise ValueError("it is not one line with one address")
    return parse(content[:-1].decode("ascii"))


def host_of(settings: PrinterSettings) -> str:
    """Return the printer's host on the network; "" for one on a cable or on this machine."""
    if settings.kind not in ("tcp", "ipp"):
        return ""
    host = settings.endpoint[0] if settings.kind == "tcp" else settings.ipp_address.host
    if host == "localhost":
        return ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return "" if address.is_loopback else str(address)


def reachable_networks() -> tuple[Network, ...] | None:
    """Ask systemd which networks the unit of the station may reach; None when it may reach all."""
    properties = unit_properties("IPAddressAllow,IPAddressDeny", STATION_UNIT)
    if not properties.get("IPAddressDeny"):
        return None
    return tuple(ip_network(word, strict=False) for word in properties.get("IPAddressAllow", "").split())


def is_reachable(host: str, networks: Sequence[Network] | None) -> bool:
    """Return whether the host is reachable; False for a name where access is limited: only addresses can be allowed."""
    if not host or networks is None:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks if network.version == address.version)


def request_access(host: str, data: Path) -> None:
    """Ask the root helper to let the station reach it; it restarts the station. Raises ValueError, OSError."""
    address = parse(host)
    request_file(data).write(AddressRequest(str(address)))
    logger.info("asked to be let reach the printer at %s", address)
