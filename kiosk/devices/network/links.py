"""The links of this machine and their addresses as the kernel has them now; nothing is sent."""

from __future__ import annotations

import fcntl
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from kiosk.devices.network.ports import NetworkLink

LINKS: Final = Path("/sys/class/net")
_SIOCGIFADDR: Final = 0x8915  # netdevice(7)
_ADDRESS: Final = slice(20, 24)
_MAX_NAME: Final = 15


def present_links(links: Path = LINKS) -> tuple[NetworkLink, ...]:
    """Return the links of hardware, wired ones first."""
    names = sorted(path.name for path in links.iterdir() if (path / "device").exists()) if links.is_dir() else []
    found = [NetworkLink(name, (links / name / "phy80211").exists(), _address(name)) for name in names]
    return tuple(sorted(found, key=lambda link: link.is_wifi))


def _address(name: str) -> str:
    """Return the IPv4 address; "" without one."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = name.encode()[:_MAX_NAME].ljust(256, b"\0")
        return socket.inet_ntoa(fcntl.ioctl(probe, _SIOCGIFADDR, request)[_ADDRESS])
    return ""
