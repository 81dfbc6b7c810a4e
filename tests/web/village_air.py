"""A machine with a cable and a radio, and networks around it, for those who look at the pages."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from kiosk.base.refused import Refused
from kiosk.devices.network.ports import Network, NetworkLink, NetworkState, WifiNetwork
from kiosk.devices.network.settings import NetworkSettings

PASSWORD = "Apricot trees 7"
LONG_NAME = "W" * 32


class VillageAir(Network):
    def __init__(self) -> None:
        self.settings, self.refusal, self.passwords = NetworkSettings(), "", list[str]()
        self.managed = True
        self.wifi = (
            WifiNetwork("يېزا بازىرى", "open", 4, known=True),
            WifiNetwork(LONG_NAME, "psk", 3),
            WifiNetwork("Bazar", "psk", 2),
            WifiNetwork("office", "8021x", 1),
        )

    def state(self) -> NetworkState | None:
        return NetworkState("station-s0147", self.settings, self.wifi) if self.managed else None

    def links(self) -> tuple[NetworkLink, ...]:
        return NetworkLink("eth0", False, "192.168.1.20"), NetworkLink("wlan0", True, "")

    def search(self) -> NetworkState:
        return self._now()

    def join(self, name: str, security: str, password: str) -> NetworkState:
        self.passwords.append(password)
        row = next(one for one in self.wifi if (one.name, one.security) == (name, security))
        if row.security == "psk" and not row.known and password != PASSWORD:
            raise Refused("network_wrong_password" if password else "network_needs_password")
        joined = replace(row, known=True, connected=True)
        self._now()
        self.wifi = tuple(joined if one is row else replace(one, connected=False) for one in self.wifi)
        return self._now()

    def forget(self, name: str, security: str) -> NetworkState:
        self.wifi = tuple(replace(one, known=False, connected=False) if one.name == name else one for one in self.wifi)
        return self._now()

    def apply(self, settings: NetworkSettings) -> NetworkState:
        self.settings = msgspec.convert(msgspec.to_builtins(settings), NetworkSettings)
        return self._now()

    def _now(self) -> NetworkState:
        state = self.state()
        if self.refusal or state is None:
            raise Refused(self.refusal or "network_unmanaged")
        return state
