"""What a technician may set of this machine's network, and the files in which systemd finds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Interface
from typing import Final, Literal

import msgspec

LinkKind = Literal["wired", "wifi"]
# The files of the image that these settings are laid beside, and how a link ranks: a cable is used before Wi-Fi.
NETWORK_FILES: Final[Mapping[LinkKind, tuple[str, int]]] = {
    "wired": ("50-kiosk.network", 100),
    "wifi": ("60-kiosk-wifi.network", 600),
}
_PREFIXES: Final = range(8, 31)
_USUAL_PREFIX: Final = "24"
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*\Z")


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``link`` has the fixed ``address`` (192.168.1.20/24, or with a mask) with its ``gateway`` and ``dns``, which is
    the gateway where it is "". Every other link takes the address that its network gives. ``time_server`` is a name or
    an address; "" for the one that the network, or Debian, names.

    Raises ValueError with the name of the field that cannot be.
    """

    link: Literal["", "wired", "wifi"] = ""
    address: str = ""
    gateway: str = ""
    dns: str = ""
    time_server: str = ""

    def __post_init__(self) -> None:
        if self.time_server and not _HOST.match(self.time_server):
            raise ValueError("time_server")
        if not self.link:
            if self.address or self.gateway or self.dns:
                raise ValueError("link")
            return
        own = self.interface
        if own.network.prefixlen not in _PREFIXES or not _is_host(own.ip) or not _is_inside(own.ip, own):
            raise ValueError("address")
        gateway = _address(self.gateway, "gateway")
        if gateway == own.ip or not _is_inside(gateway, own):
            raise ValueError("gateway")
        if self.dns and not _is_host(_address(self.dns, "dns")):
            raise ValueError("dns")

    @property
    def interface(self) -> IPv4Interface:
        """Raises ValueError."""
        text = self.address if "/" in self.address else f"{self.address}/{_USUAL_PREFIX}"
        try:
            return IPv4Interface(text)
        except ValueError:
            raise ValueError("address") from None

    def drop_ins(self) -> dict[str, str]:
        """Return every file these settings may have below /run/systemd with its text: "" for one to be absent."""
        files = {
            f"network/{file}.d/50-kiosk-fixed.conf": self._fixed(metric) if link == self.link else ""
            for link, (file, metric) in NETWORK_FILES.items()
        }
        files["timesyncd.conf.d/50-kiosk.conf"] = f"[Time]\nNTP={self.time_server}\n" if self.time_server else ""
        return files

    def _fixed(self, metric: int) -> str:
        return (
            f"[Network]\nDHCP=no\nAddress={self.interface.with_prefixlen}\nDNS={self.dns or self.gateway}\n\n"
            f"[Route]\nGateway={self.gateway}\nMetric={metric}\n"
        )


def _address(text: str, field: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise ValueError(field) from None


def _is_host(address: IPv4Address) -> bool:
    return not (address.is_loopback or address.is_multicast or address.is_unspecified or address.is_reserved)


def _is_inside(address: IPv4Address, own: IPv4Interface) -> bool:
    """Return whether it is the address of one machine in this network."""
    network = own.network
    return address in network and address not in (network.network_address, network.broadcast_address)
