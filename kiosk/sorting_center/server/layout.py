"""The places of everything on a county's server, below one root."""

from __future__ import annotations

from pathlib import Path
from typing import Final

USER: Final = "sorting-center"
COMMAND: Final = "/usr/bin/sorting-center"
SITES: Final = ("pages", "photos", "storefront")
PORTS: Final = {"pages": 8443, "photos": 8843, "storefront": 443}
LOCAL_BROKER_PORT, BROKER_PORT = 1883, 8883
PAGES_PORT, STOREFRONT_PORT = 8090, 8100  # On loopback, behind nginx
SOCKET: Final = "/run/sorting-center/photos.sock"
BROKER_CREDENTIAL: Final = "sorting-center.broker-password"
DROP_IN: Final = "/usr/share/sorting-center/mosquitto/mosquitto.conf"


class ServerLayout:
    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        etc, mosquitto = root / "etc/sorting-center", root / "etc/mosquitto"
        self.settings, self.answers, self.authority, self.tls = (
            etc / "settings.toml",
            etc / "answers.toml",
            etc / "authority",
            etc / "tls",
        )
        self.authority_certificate, self.authority_key = (
            self.authority / "authority.crt",
            self.authority / "authority.key",
        )
        self.servers_certificate, self.servers_key = self.authority / "servers.crt", self.authority / "servers.key"
        self.kit_key, self.kit_public = self.authority / "kit.key", self.authority / "kit.pub"
        self.configuration_key = self.tls / "configuration.key"  # Its certificate, .crt, beside it
        self.wifi_password = self.authority / "wifi-password"
        self.exported = self.authority / "exported"
        self.broker_folder, self.broker_link = mosquitto / "sorting-center", mosquitto / "conf.d/sorting-center.conf"
        self.broker_clients = root / "var/lib/mosquitto/dynamic-security.json"
        self.broker_password = root / "etc/credstore" / BROKER_CREDENTIAL
        self.pgpass = root / "etc/credstore/sorting-center.pgpass"
        self.sites = root / "etc/nginx/sites-enabled"
        self.data = root / "var/lib/sorting-center"
        self.backup = self.data / "backup.json"

    def pairs(self) -> list[tuple[Path, Path]]:
        """Return certificate and key of each program that speaks TLS: one certificate serves them all."""
        places = [self.tls / site for site in SITES] + [self.broker_folder / "server"]
        return [(place.with_name(f"{place.name}.crt"), place.with_name(f"{place.name}.key")) for place in places]

    def sealed_on_stick(self) -> list[Path]:
        return [self.authority_certificate, self.authority_key, self.kit_key]

    def copies_of_authority(self) -> list[Path]:
        """Return the copies for programs that check the certificates of stations: nginx and the broker."""
        return [self.tls / "photos-ca.crt", self.broker_folder / "ca.crt"]
