"""The network of a machine as the station sees it, and its Wi-Fi as the helper does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from kiosk.devices.network.settings import NetworkSettings


@dataclass(frozen=True, slots=True)
class NetworkLink:
    """A network card; ``address`` is "" where it has none."""

    name: str
    is_wifi: bool
    address: str


MAX_NAME: Final = 32  # IEEE 802.11: bytes of the name of a network
PASSPHRASE: Final = re.compile(r"[ -~]{8,63}")
WifiSecurity = Literal["open", "psk", "wep", "8021x", "hotspot"]  # As iwd has it


@dataclass(frozen=True, slots=True)
class WifiNetwork:
    """``strength`` is 1 (too weak) to 4; ``known``: this machine has joined it, and joins it again by itself."""

    name: str
    security: WifiSecurity
    strength: int
    known: bool = False
    connected: bool = False

    @property
    def key(self) -> str:
        """This network in a form, and in an address."""
        return f"{self.security} {self.name}"

    @property
    def strength_word(self) -> str:
        """How well it is heard, as texts have it."""
        return "connected" if self.connected else str(self.strength)

    @property
    def needs_no_password(self) -> bool:
        """Whether it is joined without a password being typed."""
        return self.security == "open" or self.known


NEEDS_PASSWORD: Final = ("network_needs_password", "network_wrong_password")  # Refusals after which one is typed


def split_key(key: str) -> tuple[str, str]:
    """Split a ``WifiNetwork.key`` into name and security; a malformed key names a network that does not exist."""
    security, _, name = key.partition(" ")
    return name[:MAX_NAME], security[:MAX_NAME]


class Wifi(Protocol):
    """The Wi-Fi of this machine. Every call may take a minute. Raises Refused ``network_…``."""

    def networks(self, *, scan: bool) -> tuple[WifiNetwork, ...]:
        """Return the networks in reach, strongest first; without ``scan`` as they were seen last."""

    def join(self, name: str, security: str, password: str) -> None:
        """Join a network. ``password`` is "" for an open network, and for a known one."""

    def forget(self, name: str, security: str) -> None: ...


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What the helper has set and seen last. ``host`` is the name of this machine."""

    host: str
    settings: NetworkSettings = field(default_factory=NetworkSettings)
    wifi: tuple[WifiNetwork, ...] = ()


class Network(Protocol):
    """The network of this machine, which a root helper changes. A call that changes or searches may take a minute, and
    raises Refused ``network_…``, OSError.
    """

    def state(self) -> NetworkState | None:
        """Return the state; None on a machine whose network is not set by the station."""

    def links(self) -> tuple[NetworkLink, ...]: ...

    def search(self) -> NetworkState: ...

    def join(self, name: str, security: str, password: str) -> NetworkState: ...

    def forget(self, name: str, security: str) -> NetworkState: ...

    def apply(self, settings: NetworkSettings) -> NetworkState: ...
